"""What the blocking route answers, in every form that has been seen."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import values


@dataclass(frozen=True)
class ResultVideo:
    """A result of the blocking route: a link, or the bytes themselves."""

    url: str | None = field(default=None, repr=False)
    data: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Answer:
    """What `videos/generate` answers. created: Unix seconds."""

    model: str | None
    created: float | None
    videos: tuple[ResultVideo, ...]
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def parse(cls, raw: Any, *, base_url: str = "") -> Answer:
        """Every form of the answer; `videos` is empty where it holds none that can be read."""
        answer = values.mapping(raw)
        clips = values.mappings(answer.get("videos")) or values.mappings(answer.get("data"))
        if not clips and not answer.get("error"):  # an error's `url` may lead to an explanation
            clips = [answer]
        videos = [_result(clip, base_url) for clip in clips]
        return cls(
            model=values.name(values.first(answer.get("model"), answer.get("model_name"))),
            created=values.unix(answer.get("created")),
            videos=tuple(video for video in videos if video is not None),
            raw={key: value for key, value in answer.items() if key not in ("videos", "data", "b64_json")},
        )


def _result(clip: Mapping[str, Any], base_url: str) -> ResultVideo | None:
    link = values.link(clip, base_url)
    if link is not None and not link.startswith("data:"):
        return ResultVideo(url=link)
    data = decoded(values.first(clip.get("b64_json"), link))
    return ResultVideo(data=data) if data else None


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
