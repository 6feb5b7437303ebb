"""The sandbox's model list: the bundled one, read as a file, and models that only Oxen's pages mention."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

# What the sandbox charges. The rates are invented but plausible, and each says so in its `note`.
#
# Four rates stand on Oxen's page of the Kling O3 Pro model ("Other Kling Models", August 2026); those are marked
# so. Money is in US dollars.

INVENTED = "Invented by the sandbox: not Oxen's price."
DOCUMENTED = "From Oxen's documentation of August 2026."

_DOCUMENTED = {
    "kling-video-v2-6-pro-text-to-video": 0.07,
    "kling-video-v2-6-pro-image-to-video": 0.07,
    "kling-video-o3-pro-reference-to-video": 0.224,
    "kling-video-o3-pro-video-to-video-edit": 0.336,
    "kling-video-v3-pro-motion-control": 0.168,
}
_UNTOLD = frozenset({"sam-3-video", "luma-ray-v3-2-reframe", "my-custom-model"})  # the hub's pricing may be null too
_HIGH = ("1080", "1440", "2160", "2k", "4k", "high")
_STEPS = {"360": 0.5, "480": 0.6, "540": 0.7, "720": 1, "768": 1, "1080": 1.6, "1440": 2, "2160": 3, "2k": 2, "4k": 3}
_UNPRICED_RATE = Decimal("0.10")
_IMAGE = 0.03
_SIZES_OF_PICTURES = {"512": 0.5, "1k": 1, "2k": 2, "4k": 4}
_QUALITIES = {"low": 0.1, "medium": 1, "high": 4}
_BY_CREDIT = frozenset({"topazlabs-bloom-2-image", "topazlabs-wonder-3-5-image"})
_CREDITS = 2  # that a picture takes there; nothing says so beforehand


def pricing(model: Mapping[str, Any]) -> dict[str, Any] | None:
    """The `pricing` object of a model in the list; None for the few without a price."""
    name = model["id"]
    output = model["capabilities"]["output"]
    if name in _UNTOLD:
        return None
    if "text" in output:
        return {"method": "token", "input_cost_per_token": 3e-6, "output_cost_per_token": 1.5e-5, "note": INVENTED}
    if "image" in output:
        return _of_pictures(model)
    rate = _DOCUMENTED.get(name) or _invented_rate(name)
    told: dict[str, Any] = {
        "method": "time" if name.startswith("wan-ai-") else "per_video_output_second",
        "cost_per_second": rate,
        "note": DOCUMENTED if name in _DOCUMENTED else INVENTED,
    }
    if name not in _DOCUMENTED:
        told |= _finer(model, rate)
    return told


def _of_pictures(model: Mapping[str, Any]) -> dict[str, Any]:
    """By picture; by quality and size where the model has both; by the provider's credits for the few that are so."""
    name = model["id"]
    if name in _BY_CREDIT:
        return {"method": "per_provider_credit", "cost_per_credit": 0.08, "note": INVENTED}
    rate = (1 + hashlib.sha256(name.encode()).digest()[0] % 15) / 100  # 0.01 to 0.15 dollars
    told: dict[str, Any] = {"method": "per_image", "cost_per_image": rate, "note": INVENTED}
    properties = (model.get("request_schema") or {}).get("properties", {})
    sizes = {one: _SIZES_OF_PICTURES.get(str(one).lower()) for one in properties.get("resolution", {}).get("enum", [])}
    qualities = {one: _QUALITIES.get(str(one).lower()) for one in properties.get("quality", {}).get("enum", ["high"])}
    if len(sizes) > 2 and None not in (*sizes.values(), *qualities.values()):
        step = {"high": 1.0} if len(qualities) == 1 else qualities
        told["cost_per_image_grid"] = {
            quality: {size: round(rate * (step[quality] or 1) * (factor or 1), 4) for size, factor in sizes.items()}
            for quality in qualities
        }
        told["cost_per_image"] = None
    return told


def _invented_rate(name: str) -> float:
    """Between 0.05 and 0.30 dollars a second, always the same for the same model."""
    return (5 + hashlib.sha256(name.encode()).digest()[0] % 26) / 100


def _finer(model: Mapping[str, Any], rate: float) -> dict[str, Any]:
    """Rates by resolution and for sound, where the model has them."""
    properties = (model.get("request_schema") or {}).get("properties", {})
    resolutions = properties.get("resolution", {}).get("enum", [])
    steps = {value: step for value in resolutions if (step := _step(value)) is not None}
    finer: dict[str, Any] = {}
    if len(steps) > 2:
        finer["cost_per_second_by_resolution"] = {value: round(rate * step, 4) for value, step in steps.items()}
    elif any(_is_high(value) for value in resolutions):
        finer["cost_per_second_high_res"] = round(rate * 1.6, 4)
    if "generate_audio" in properties:
        finer["cost_per_second_with_audio"] = round(rate * 1.5, 4)
    return finer


def _step(resolution: str) -> float | None:
    return _STEPS.get(resolution.lower().removesuffix("p"))


def _is_high(resolution: object) -> bool:
    return str(resolution).lower().startswith(_HIGH)


def cost(told: Mapping[str, Any] | None, body: Mapping[str, Any], seconds: float) -> Decimal:
    """What one generation of `seconds` costs."""
    if told is None:
        return _UNPRICED_RATE * Decimal(str(seconds))
    if told["method"] in ("per_image", "per_provider_credit"):
        return Decimal(str(_of_one_picture(told, body)))
    rate = told["cost_per_second"]
    resolution = body.get("resolution")
    by_resolution = {key.lower(): value for key, value in told.get("cost_per_second_by_resolution", {}).items()}
    if resolution is not None and str(resolution).lower() in by_resolution:
        rate = by_resolution[str(resolution).lower()]
    elif "cost_per_second_high_res" in told and _is_high(resolution):
        rate = told["cost_per_second_high_res"]
    if body.get("generate_audio") is True:
        rate = max(rate, told.get("cost_per_second_with_audio", rate))
    return (Decimal(str(rate)) * Decimal(str(seconds))).quantize(Decimal("0.0001"))


def _of_one_picture(told: Mapping[str, Any], body: Mapping[str, Any]) -> float:
    count = body.get("num_images", 1)
    count = count if isinstance(count, int) and count > 0 else 1
    if told["method"] == "per_provider_credit":
        return float(told["cost_per_credit"]) * _CREDITS * count
    grid = told.get("cost_per_image_grid")
    if not grid:
        return float(told["cost_per_image"]) * count
    row = (
        grid[body.get("quality")]
        if body.get("quality") in grid
        else max(grid.values(), key=lambda one: max(one.values()))
    )
    size = body.get("resolution")
    return float(row[size] if size in row else max(row.values())) * count


_SNAPSHOT = Path(__file__).parents[1] / "catalog" / "snapshot.json"
_OWN = Path(__file__).with_name("own_models.json")
_CREATED = 1_775_000_000  # Unix seconds; any day before the first job will do


@dataclass(frozen=True)
class Shots:
    """Limits of a model's `multi_prompt` (Oxen docs, Kling O3 Pro walkthrough: Duration Constraints). In seconds."""

    least_seconds: int
    most_seconds: int
    most_characters: int
    default_seconds: int


@dataclass(frozen=True)
class Model:
    """listed: the model object on the wire.  accepts: the schema that its parameters are checked against; None: any."""

    listed: Mapping[str, Any]
    accepts: Mapping[str, Any] | None
    shots: Shots | None = None

    @property
    def name(self) -> str:
        return str(self.listed["id"])

    @property
    def media_type(self) -> str | None:
        """What the queue makes with it: "video", "image", or None for a model of text."""
        return next((kind for kind in ("video", "image") if kind in self.listed["capabilities"]["output"]), None)

    @property
    def worked_on_freely(self) -> bool:
        """Whether a source video may be left out: with one, the model goes on from it at a length of its own."""
        media = (schema for schema in self.properties.values() if "x-media" in schema)
        required = (self.accepts or {}).get("required", ())
        sources = [one for one in media if one["x-media"].get("role") == "source"]
        named = [name for name, schema in self.properties.items() if schema in sources]
        return bool(named) and not any(name in required for name in named)

    @property
    def properties(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = (self.accepts or {}).get("properties", {})
        return found


def _listed(raw: Mapping[str, Any]) -> dict[str, Any]:
    """With every field that the documented model object has."""
    family = str(raw["id"]).split("-", 1)[0]
    return {
        "id": raw["id"],
        "object": "model",
        "created": _CREATED,
        "owned_by": "oxen",
        "display_name": raw["display_name"],
        "description": raw.get("description"),
        "summary": raw.get("summary"),
        "model_type": raw.get("model_type", "base"),
        "endpoint": raw["endpoint"],
        "capabilities": raw["capabilities"],
        "pricing": pricing(raw),
        "fine_tuning": None,
        "deployments": deepcopy(raw.get("deployments", [])),
        "developer": {"name": family.capitalize(), "logo": None},
        "source_model": None,
        "image_url": None,
        "released_at": None,
        "request_schema": raw["request_schema"],
    }


@lru_cache(maxsize=1)
def _read() -> tuple[tuple[Mapping[str, Any], Mapping[str, Any] | None, Shots | None], ...]:
    bundled = json.loads(_SNAPSHOT.read_text(encoding="utf-8"))["data"]
    own = json.loads(_OWN.read_text(encoding="utf-8"))["models"]
    return (
        *((raw, raw["request_schema"], None) for raw in bundled),
        *(
            (one["listed"], one.get("accepts", one["listed"]["request_schema"]), _shots(one.get("shots")))
            for one in own
        ),
    )


def _shots(raw: Mapping[str, int] | None) -> Shots | None:
    return Shots(**raw) if raw else None


def all_models() -> dict[str, Model]:
    """A fresh set, by name: a sandbox may activate and deactivate its own."""
    return {raw["id"]: Model(_listed(raw), accepts, shots) for raw, accepts, shots in _read()}


def search(models: Mapping[str, Model], words: str) -> list[Model]:
    """Models whose id or name holds every one of `words`."""
    wanted = words.lower().split()
    return [
        model
        for model in models.values()
        if all(word in f"{model.name} {model.listed['display_name']}".lower() for word in wanted)
    ]
