"""What a model is for, where it does not simply make a video of words or pictures: upscale, lip_sync, extend, …

Read from ids and parameters, since the hub's records say nothing of it; what these don't tell is data
(`documented.json`: purposes), which also says whom to take first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from . import schema
from .pricing import per_second

if TYPE_CHECKING:
    from .catalog import ModelList
    from .model_info import ModelInfo

PURPOSES = ("upscale", "lip_sync", "extend", "retake", "reframe", "edit", "motion_control", "cut_out", "depth")

_SAID: Mapping[str, str] = {
    **{one: one for one in PURPOSES},
    **dict.fromkeys(("upscaler", "upscaling", "enhance", "super_resolution"), "upscale"),
    **dict.fromkeys(("lipsync", "talking", "lip_syncing", "dub"), "lip_sync"),
    **dict.fromkeys(("extension", "continue", "lengthen", "extend_video"), "extend"),
    **dict.fromkeys(("re_take", "replace_part"), "retake"),
    **dict.fromkeys(("outpaint", "change_shape", "re_frame"), "reframe"),
    **dict.fromkeys(("edit_video", "video_edit", "editing", "restyle", "video_to_video", "v2v"), "edit"),
    **dict.fromkeys(("motion", "motion_transfer", "control", "pose"), "motion_control"),
    **dict.fromkeys(("cutout", "segment", "segmentation", "mask", "matting", "background_removal"), "cut_out"),
    **dict.fromkeys(("depth_map", "depth_maps"), "depth"),
}
_IN_IDS: Mapping[str, re.Pattern[str]] = {
    "upscale": re.compile(r"upscal|enhanc|super-?res"),
    "lip_sync": re.compile(r"lip-?sync|audio-to-video|talking|avatar"),
    "extend": re.compile(r"exten[ds]|continu"),
    "retake": re.compile(r"retake|re-take"),
    "reframe": re.compile(r"reframe|outpaint"),
    "edit": re.compile(r"(video-)?edit\b|edit-video|video-to-video|v2v"),
    "motion_control": re.compile(r"motion-control|motion-transfer|union-control|animate"),
    "cut_out": re.compile(r"^sam-|segment|matting|background-remov|cut-?out"),
    "depth": re.compile(r"depth"),
}


def purpose(said: str) -> str | None:
    """The purpose that these words name: "lip sync" → "lip_sync"; None where they name none."""
    return _SAID.get(re.sub(r"[\s-]+", "_", said.strip().lower()))


def purposes(info: ModelInfo) -> tuple[str, ...]:
    """What a model is for; empty where it makes videos of words and pictures."""
    told = schema.purposes()
    ids = info.id.lower()
    found = []
    for one in PURPOSES:
        data, named = info.id in told[one], _IN_IDS[one].search(ids) is not None
        if data or (named and not _is_documented(info.id) and _FITS[one](info)):
            found.append(one)
    return tuple(found)


def serving(models: ModelList, wanted: str) -> list[str]:
    """Ids of the listed models for a purpose, the best first: what is documented, then the cheaper."""
    told: Sequence[str] = schema.purposes()[wanted]
    able = [info for info in models.values() if wanted in purposes(info)]

    def order(info: ModelInfo) -> tuple[object, ...]:
        rate = per_second(info)
        return told.index(info.id) if info.id in told else len(told), rate is None, rate or 0, info.id

    return [info.id for info in sorted(able, key=order)]


def _is_documented(model_id: str) -> bool:
    """Whether the data was made with this model in view; what it leaves out is no such model then."""
    return bool(schema.page(model_id))


def _works_on_a_video(info: ModelInfo) -> bool:
    return not info.slots or any(one.kind == "video" for one in info.slots)


def _hears(info: ModelInfo) -> bool:
    return not info.slots or any(one.kind == "audio" for one in info.slots)


_FITS: Mapping[str, Callable[[ModelInfo], bool]] = dict.fromkeys(PURPOSES, _works_on_a_video) | {"lip_sync": _hears}
