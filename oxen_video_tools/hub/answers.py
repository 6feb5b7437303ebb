"""What the blocking routes answer, in every form that has been seen."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from . import values


@dataclass(frozen=True)
class ResultVideo:
    """A video of the blocking route: a link, or the bytes themselves."""

    url: str | None = field(default=None, repr=False)
    data: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class ResultImage:
    """A picture of the blocking routes: a link, or the bytes themselves."""

    url: str | None = field(default=None, repr=False)
    data: bytes | None = field(default=None, repr=False)


Result = TypeVar("Result", ResultVideo, ResultImage)


@dataclass(frozen=True)
class Answer:
    """What `videos/generate`, `images/generate` and `images/edit` answer. created: Unix seconds."""

    model: str | None
    created: float | None
    videos: tuple[ResultVideo, ...]
    images: tuple[ResultImage, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def parse(cls, raw: Any, *, base_url: str = "") -> Answer:
        """Every form of the answer; `videos` and `images` are empty where it holds none that can be read."""
        answer = values.mapping(raw)
        pictures = values.mappings(answer.get("images"))
        if not pictures and answer.get("image_url") and not answer.get("error"):
            pictures = [{"url": answer["image_url"]}]
        clips = values.mappings(answer.get("videos")) or values.mappings(answer.get("data"))
        if not clips and not pictures and not answer.get("error"):  # an error's `url` may lead to an explanation
            clips = [answer]
        return cls(
            model=values.name(values.first(answer.get("model"), answer.get("model_name"))),
            created=values.unix(answer.get("created")),
            videos=_results(ResultVideo, clips, base_url),
            images=_results(ResultImage, pictures, base_url),
            raw={key: value for key, value in answer.items() if key not in ("videos", "images", "data", "b64_json")},
        )


def _results(kind: type[Result], told: list[dict[str, Any]], base_url: str) -> tuple[Result, ...]:
    found = []
    for one in told:
        link = values.link(one, base_url)
        if link is not None and not link.startswith("data:"):
            found.append(kind(url=link))
            continue
        data = decoded(values.first(one.get("b64_json"), link))
        if data:
            found.append(kind(data=data))
    return tuple(found)


def decoded(inline: Any) -> bytes | None:
    """Base64, with or without a `data:video/mp4;base64,` prefix and line breaks; None where it is none."""
    if not isinstance(inline, str):
        return None
    if inline.startswith("data:"):
        inline = inline.partition(",")[2]
    packed = "".join(inline.split()) if any(mark in inline for mark in "\r\n ") else inline
    try:
        return base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
