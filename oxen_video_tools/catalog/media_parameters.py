"""Where a model takes media, and what for: read from names, types and descriptions.

`x-media` says it where a schema carries it. The hub's own schemas do not, so it is derived: the kind from the last word
that names a medium (`control_video_url` → video), the role from words in the name (`tail_image_url` → last frame), then
from the description, then from the form (a list holds references, a single picture is the first frame).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .schema import Parameter

Kind = Literal["image", "video", "audio"]

_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("image", "img", "picture", "photo", "frame", "keyframe", "element"), "image"),
    **dict.fromkeys(("video", "clip"), "video"),
    **dict.fromkeys(("audio", "sound", "music", "voice", "song"), "audio"),
}
_ROLES: dict[str, str] = {
    "element": "elements",
    "keyframe": "keyframes",
    "face": "reference_face",
    **dict.fromkeys(("tail", "last", "end", "final"), "last_frame"),
    **dict.fromkeys(("first", "start", "starting", "initial"), "first_frame"),
    **dict.fromkeys(("reference", "ref", "subject", "character", "style"), "reference"),
    **dict.fromkeys(("control", "pose", "depth"), "control"),
    "mask": "mask",
}
_NAMES_A_LINK = frozenset({"url", "urls", "uri", "uris"})


def holds_a_link(name: str) -> bool:
    """Whether a key inside an object names a link or a medium: `frontal_image_url`, `image`."""
    last = name.lower().split("_")[-1]
    return last in _NAMES_A_LINK or last.removesuffix("s") in _KINDS


_DESCRIBED = {
    "keyframes": re.compile(r"\bbecome frames\b|\bkeyframes?\b", re.I),
    "last_frame": re.compile(r"\b(last|final|end(ing)?)[- ](frame|image)\b(?! requires)", re.I),
    "first_frame": re.compile(r"\b(first|start(ing)?)[- ]frame\b|\bstart(ing)? image\b", re.I),
    "reference": re.compile(r"\breference images?\b", re.I),
}
SINGLE = {"image": "first_frame", "video": "source", "audio": "driving_audio"}


@dataclass(frozen=True)
class MediaParameter:
    """A parameter that takes media.

    role: "first_frame", "last_frame", "keyframes", "reference", "reference_face", "elements", "source", "control",
    "driving_audio" or "mask".  many: whether it is a list.  item: the key under which an item that is an object holds
    its link; None where an item is the link itself.
    """

    name: str
    kind: Kind
    role: str
    many: bool
    required: bool
    parameter: Parameter
    item: str | None = None

    @property
    def shape_is_told(self) -> bool:
        """Whether something says what an item of the list looks like."""
        items = self.parameter.items
        return self.item is None or (items is not None and bool(items.spec.get("properties")))

    @property
    def most(self) -> int | None:
        """How many it takes; None where nothing says so."""
        if not self.many:
            return 1
        told = [self.parameter.spec.get("maxItems"), self.parameter.limits.get("max_items")]
        counts = [one for one in told if isinstance(one, int)]
        return min(counts) if counts else None


def media_parameter(parameter: Parameter, items: Mapping[str, Any]) -> MediaParameter | None:
    """The slot that this parameter is, if it takes media. items: how list items hold their link, where documented."""
    told = parameter.spec.get("x-media")
    meant = (told["kind"], told["role"]) if isinstance(told, dict) and {"kind", "role"} <= told.keys() else None
    meant = meant or meaning(parameter)
    if meant is None:
        return None
    kind, role = meant
    item = _item(parameter, role, items)
    return MediaParameter(parameter.name, kind, role, parameter.is_list, parameter.required, parameter, item)


def meaning(parameter: Parameter) -> tuple[Kind, str] | None:
    """What it takes and what for, derived; None where it takes no media."""
    if not _may_hold_a_link(parameter):
        return None
    words = [word.removesuffix("s") for word in parameter.name.lower().split("_") if word not in _NAMES_A_LINK]
    kinds = [_KINDS[word] for word in words if word in _KINDS]
    if not kinds:
        return None
    kind = kinds[-1]
    for word, role in _ROLES.items():
        if word in words and (kind == "image" or role in ("reference", "reference_face", "control", "mask")):
            return kind, role
    said = {role: found.start() for role, of in _DESCRIBED.items() if (found := of.search(parameter.description))}
    if kind == "image" and said:
        return kind, min(said, key=said.__getitem__)
    return kind, "reference" if parameter.is_list else SINGLE[kind]


def _may_hold_a_link(parameter: Parameter) -> bool:
    if parameter.enum or parameter.spec.get("contentEncoding"):
        return False
    if parameter.is_list:
        items = parameter.items
        return items is None or not items.types or (bool({"string", "object"} & set(items.types)) and not items.enum)
    named = holds_a_link(parameter.name) or parameter.spec.get("format") in ("uri", "url")
    return named and (not parameter.types or "string" in parameter.types)


def _item(parameter: Parameter, role: str, documented: Mapping[str, Any]) -> str | None:
    """The key of the link inside an item that is an object."""
    items = parameter.items
    if items is None or "object" not in items.types or "string" in items.types:
        return None
    shape, required = items.spec.get("properties"), items.spec.get("required")
    keys: list[str] = list(shape) if isinstance(shape, dict) else []
    needed: list[str] = [key for key in required if key in keys] if isinstance(required, list) else []
    links = [key for key in [*needed, *keys] if holds_a_link(key)]
    if links:
        return links[0]
    told = documented.get(parameter.name)
    usual = "frontal_image_url" if role == "elements" else "url"  # Oxen docs, Kling O3 Pro walkthrough: elements
    return told if isinstance(told, str) else usual
