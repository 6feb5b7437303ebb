"""A model as the hub lists it: what goes in, what comes out, what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ..errors import HubUnavailable
from . import values


@dataclass(frozen=True)
class Pricing:
    """A model's rates in US dollars; keys of tables are in lower case.

    cost_per_image_grid: quality → size → US dollars.  cost_per_credit: for `per_provider_credit`; nothing says
    how many credits a result takes.
    """

    method: str | None = None
    cost_per_second: Decimal | None = None
    cost_per_second_by_resolution: Mapping[str, Decimal] = field(default_factory=dict)
    cost_per_second_with_audio: Decimal | None = None
    cost_per_second_high_res: Decimal | None = None
    cost_per_image: Decimal | None = None
    cost_per_image_grid: Mapping[str, Mapping[str, Decimal]] = field(default_factory=dict)
    cost_per_credit: Decimal | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def parse(cls, raw: Any) -> Pricing | None:
        """None where the model names no price."""
        told = values.mapping(raw)
        if not told:
            return None
        return cls(
            method=values.text(told.get("method")),
            cost_per_second=values.money(told.get("cost_per_second")),
            cost_per_second_by_resolution=values.moneys(told.get("cost_per_second_by_resolution")),
            cost_per_second_with_audio=values.money(told.get("cost_per_second_with_audio")),
            cost_per_second_high_res=values.money(told.get("cost_per_second_high_res")),
            cost_per_image=values.money(told.get("cost_per_image")),
            cost_per_image_grid=_grid(told.get("cost_per_image_grid")),
            cost_per_credit=values.money(told.get("cost_per_credit")),
            raw=told,
        )


def _grid(told: Any) -> Mapping[str, Mapping[str, Decimal]]:
    rows = ((quality.lower(), values.moneys(row)) for quality, row in values.mapping(told).items())
    return {quality: row for quality, row in rows if row}


@dataclass(frozen=True)
class VideoModel:
    """A model as the hub lists it, of videos or of images. inputs, outputs: "text", "image", "video", "audio"."""

    id: str
    name: str
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    pricing: Pricing | None = None
    request_schema: Mapping[str, Any] | None = field(default=None, repr=False)
    endpoint: str | None = None
    description: str | None = field(default=None, repr=False)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def makes_video(self) -> bool:
        """Whether it can be asked for a video. The endpoint decides where the capabilities are not told."""
        if self.outputs:
            return "video" in self.outputs
        return self._ends("videos/generate")

    @property
    def makes_image(self) -> bool:
        """Whether it can be asked for a picture. The endpoint decides where the capabilities are not told."""
        if self.outputs:
            return "image" in self.outputs
        return self._ends("images/generate") or self._ends("images/edit")

    def _ends(self, path: str) -> bool:
        return (self.endpoint or "").rstrip("/").endswith(path)

    @classmethod
    def parse(cls, raw: Any) -> VideoModel:
        """A model of the list, the search or the detail. Raises HubUnavailable where it has no id."""
        record = values.mapping(raw)
        record = values.mapping(record.get("model")) or record
        model_id = values.text(values.first(record.get("id"), record.get("name")))
        if model_id is None:
            raise HubUnavailable("The hub answered a model without an id.", retry=False)
        capabilities = values.mapping(record.get("capabilities"))
        return cls(
            id=model_id,
            name=values.text(record.get("display_name")) or values.text(record.get("name")) or model_id,
            inputs=tuple(word.lower() for word in values.texts(capabilities.get("input"))),
            outputs=tuple(word.lower() for word in values.texts(capabilities.get("output"))),
            pricing=Pricing.parse(record.get("pricing")),
            request_schema=values.mapping(record.get("request_schema"))
            or values.mapping(record.get("json_request_schema"))
            or None,
            endpoint=values.text(record.get("endpoint")),
            description=values.text(record.get("description")) or values.text(record.get("summary")),
            raw=record,
        )


def media_models(raw: Any) -> list[VideoModel]:
    """The models of a list that make videos or pictures, in either of its forms; entries without an id are left out.

    Raises HubUnavailable for what is no list.
    """
    answer = values.mapping(raw)
    listed = next((one for one in (raw, answer.get("data"), answer.get("models")) if isinstance(one, list)), None)
    if listed is None:
        raise HubUnavailable("The hub answered no list of models.", retry=False)
    named = (one for one in values.mappings(listed) if values.text(values.first(one.get("id"), one.get("name"))))
    return [model for model in map(VideoModel.parse, named) if model.makes_video or model.makes_image]
