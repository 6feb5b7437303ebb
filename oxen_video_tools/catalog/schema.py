"""Parameters of models: read from JSON schemas of several forms, merged from three sources, with their media roles."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import Any, Literal

_COMBINED = ("anyOf", "oneOf", "allOf")
Json = Any


@dataclass(frozen=True)
class Parameter:
    """A parameter of a model.

    spec: its JSON schema, with alternatives (`anyOf` with null and the like) merged into one.
    required: the model needs it.
    certain: the schema comes from the hub's live list.
    """

    name: str
    spec: Mapping[str, Any] = field(repr=False)
    required: bool = False
    certain: bool = False

    @classmethod
    def of(cls, name: str, spec: object, *, required: bool = False, certain: bool = False) -> Parameter:
        """Read a parameter. A schema that is no object counts as empty."""
        return cls(name, _flat(spec if isinstance(spec, dict) else {}), required, certain)

    @cached_property
    def types(self) -> tuple[str, ...]:
        """JSON types without "null"; empty if the schema names none."""
        told = self.spec.get("type")
        types = [told] if isinstance(told, str) else told if isinstance(told, list) else []
        return tuple(one for one in types if isinstance(one, str) and one != "null")

    @cached_property
    def nullable(self) -> bool:
        told = self.spec.get("type")
        return self.spec.get("nullable") is True or (isinstance(told, list) and "null" in told)

    @cached_property
    def enum(self) -> tuple[Json, ...]:
        """The allowed values; empty if any value is allowed."""
        if "const" in self.spec:
            return (self.spec["const"],)
        told = self.spec.get("enum")
        return tuple(one for one in told if one is not None) if isinstance(told, list) else ()

    @cached_property
    def span(self) -> tuple[float | None, float | None]:
        """Minimum and maximum; None for one that is not stated."""
        return _number(self.spec.get("minimum")), _number(self.spec.get("maximum"))

    @property
    def default(self) -> Json:
        """The default value; None if there is none."""
        return self.spec.get("default")

    @property
    def is_list(self) -> bool:
        return "array" in self.types

    @property
    def is_flag(self) -> bool:
        return self.types == ("boolean",)

    @property
    def is_number(self) -> bool:
        return bool(self.types) and set(self.types) <= {"integer", "number"}

    @cached_property
    def items(self) -> Parameter | None:
        """The parameter of a list's items; None if it is no list, or nothing is stated."""
        told = self.spec.get("items")
        return Parameter.of(self.name, told, certain=self.certain) if isinstance(told, dict) else None

    @property
    def description(self) -> str:
        told = self.spec.get("description") or self.spec.get("title")
        return told if isinstance(told, str) else ""

    @cached_property
    def limits(self) -> Mapping[str, Any]:
        """`x-limits`: limits that Oxen's pages state in prose."""
        told = self.spec.get("x-limits")
        return told if isinstance(told, dict) else {}


def _number(value: object) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _flat(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """Merge the alternatives of a schema: types and enums are united, other keys come from the first that has them."""
    parts = [part for key in _COMBINED for part in _parts(spec, key)]
    if not parts:
        return spec
    flat = {key: value for key, value in spec.items() if key not in _COMBINED}
    parts = [dict(_flat(part)) for part in parts]
    for part in reversed(parts):
        flat = {key: value for key, value in part.items() if key not in ("type", "enum", "const")} | flat
    types = dict.fromkeys(one for part in [spec, *parts] for one in _listed(part.get("type")) if isinstance(one, str))
    if types:
        flat["type"] = list(types)
    told = [part for part in parts if part.get("type") != "null"]
    if told and all("enum" in part or "const" in part for part in told):
        flat.setdefault("enum", [one for part in told for one in part.get("enum", [part.get("const")])])
    return flat


def _parts(spec: Mapping[str, Any], key: str) -> Sequence[Mapping[str, Any]]:
    told = spec.get(key)
    return [part for part in told if isinstance(part, dict)] if isinstance(told, list) else []


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


# A model's parameters come from three sources: the live schema, the bundled one and Oxen's pages.
#
# The live schema wins. It often omits the purpose of a parameter and the limits that pages state in prose; these are
# taken from the other two and marked as such, because only the live schema is certain.

Schema = Mapping[str, Any]
_NOTES = ("x-media", "x-limits", "x-addressing", "description", "x-order")


@dataclass(frozen=True)
class Rule:
    """A rule between parameters.

    told: as its source writes it.
    certain: the live schema states it.
    """

    told: Mapping[str, Any]
    certain: bool


def merge_schemas(own: Schema | None, bundled: Schema | None, page: Schema, *, live: bool) -> Mapping[str, Parameter]:
    """All parameters by name, in the order of `x-order`.

    own: the schema of the record at hand.
    bundled: of the snapshot.
    page: what is documented.
    live: the record comes from the hub's live list.
    """
    schema = own if own is not None else bundled
    certain = live and own is not None
    needed = schema.get("required") if schema else None
    required = {name for name in needed if isinstance(name, str)} if isinstance(needed, list) else set()
    spare = _properties(bundled)
    documented = _properties(page.get("request_schema"))
    found: dict[str, Parameter] = {}
    for name, spec in _properties(schema).items():
        noted = _noted(spec, spare.get(name), documented.get(name), page.get("descriptions", {}).get(name))
        found[name] = Parameter.of(name, noted, required=name in required, certain=certain)
    for name, spec in documented.items():
        found.setdefault(name, Parameter.of(name, spec, certain="x-refused" in spec))  # the page has the hub's refusal
    return dict(sorted(found.items(), key=lambda one: _order(one[1])))


def rules(own: Schema | None, bundled: Schema | None, page: Schema, *, live: bool) -> tuple[Rule, ...]:
    """All rules, without duplicates. The arguments are those of `merge_schemas`."""
    certain = live and own is not None and "rules" in own
    told = list(_rules(own)) if own is not None and "rules" in own else list(_rules(bundled))
    found = [Rule(rule, certain) for rule in told]
    extra = [*_rules(page), *_rules(page.get("request_schema"))]
    return (*found, *(Rule(rule, False) for rule in extra if rule not in told))


def _properties(schema: Any) -> Mapping[str, Schema]:
    told = schema.get("properties") if isinstance(schema, dict) else None
    return {name: spec for name, spec in told.items() if isinstance(spec, dict)} if isinstance(told, dict) else {}


def _rules(schema: Any) -> Iterator[Mapping[str, Any]]:
    told = schema.get("rules") if isinstance(schema, dict) else None
    for rule in told if isinstance(told, list) else []:
        if isinstance(rule, dict) and isinstance(rule.get("rule"), str):
            yield rule


def _noted(spec: Schema, bundled: Schema | None, documented: Schema | None, description: str | None) -> Schema:
    """The parameter's schema, with missing notes filled in. Limits from other sources are marked as uncertain."""
    notes: dict[str, Any] = {}
    for other in (documented, bundled):
        if other is not None and _lists(other) == _lists(spec):
            notes |= {key: other[key] for key in _NOTES if key in other}
    if description:
        notes["description"] = description
    missing = {key: value for key, value in notes.items() if key not in spec}
    if "x-limits" in missing:
        missing["x-limits-from"] = "pages"
    items = _items(spec, documented, bundled)
    if items:
        missing["items"] = items
    return {**spec, **missing} if missing else spec


def _items(spec: Schema, *others: Schema | None) -> Schema | None:
    """The schema of a list's items, if only another source states it in full."""
    own = spec.get("items")
    if not isinstance(own, dict) or own.get("type") != "object" or own.get("properties"):
        return None
    fuller = (other["items"] for other in others if other and isinstance(other.get("items"), dict))
    return next((items for items in fuller if items.get("properties")), None)


def _lists(spec: Schema) -> bool:
    return "array" in str(spec.get("type")) or "items" in spec


def _order(parameter: Parameter) -> float:
    told = parameter.spec.get("x-order")
    return told if isinstance(told, (int, float)) and not isinstance(told, bool) else 1000


# `documented.json`: what Oxen's pages state and the schemas omit.


@lru_cache(maxsize=1)
def pages() -> Mapping[str, Any]:
    """The whole file."""
    told: dict[str, Any] = json.loads(files(__package__).joinpath("documented.json").read_text("utf-8"))
    return told


def page(model_id: str) -> Mapping[str, Any]:
    """What is documented about this model; may be empty."""
    told: Mapping[str, Any] = pages()["models"].get(model_id, {})
    return told


def supposed(model_id: str) -> Mapping[str, Any]:
    """Parameters documented for a related model, which this one may have too. For display only."""
    for family in pages()["families"]:
        if fnmatchcase(model_id, family["match"]) and not page(model_id).get("request_schema"):
            told: Mapping[str, Any] = family["request_schema"]["properties"]
            return told
    return {}


def image_choices(level: str) -> list[str]:
    """Image models to take at this level ("draft", "standard", "best"), best first."""
    told: list[str] = pages()["image_choices"].get(level, [])
    return told


def purposes() -> Mapping[str, list[str]]:
    """Models by purpose ("upscale", "retake", …), best first."""
    told: Mapping[str, list[str]] = pages()["purposes"]
    return told


def cast_choices(level: str) -> list[str]:
    """Models that keep a cast consistent by pictures, for this level, best first."""
    told: list[str] = pages()["cast_choices"].get(level, [])
    return told


def choices(need: str) -> list[str]:
    """Models for this need ("text", "start_image", …) when a request names none, best first."""
    told: list[str] = pages()["choices"].get(need, [])
    return told


# Which parameters take media, and in which role.
#
# A schema may state it in `x-media`. The hub's own schemas do not, so it is derived: the kind from the last word that
# names a medium (`control_video_url` → video); the role from words in the name (`tail_image_url` → last frame), then
# from the description, then from the type (a list takes references, a single picture is the first frame).

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

    kind: of the media.
    role: what they are for: "first_frame", "last_frame", "keyframes", "reference", "reference_face", "elements",
    "source", "control", "driving_audio" or "mask".
    many: it takes a list.
    required: the model needs it.
    parameter: as its schema describes it.
    item: the key of the link in an item that is an object; None if an item is the link itself.
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
        """Whether the form of a list's items is known."""
        items = self.parameter.items
        return self.item is None or (items is not None and bool(items.spec.get("properties")))

    @property
    def most(self) -> int | None:
        """How many media it takes; None if not stated."""
        if not self.many:
            return 1
        told = [self.parameter.spec.get("maxItems"), self.parameter.limits.get("max_items")]
        counts = [one for one in told if isinstance(one, int)]
        return min(counts) if counts else None


def media_parameter(parameter: Parameter, items: Mapping[str, Any]) -> MediaParameter | None:
    """A parameter as one that takes media; None if it takes none.

    items: the documented key of the link in a list's items, by the parameter's name.
    """
    told = parameter.spec.get("x-media")
    meant = (told["kind"], told["role"]) if isinstance(told, dict) and {"kind", "role"} <= told.keys() else None
    meant = meant or meaning(parameter)
    if meant is None:
        return None
    kind, role = meant
    item = _item(parameter, role, items)
    return MediaParameter(parameter.name, kind, role, parameter.is_list, parameter.required, parameter, item)


def meaning(parameter: Parameter) -> tuple[Kind, str] | None:
    """The kind and role of a parameter, derived from its schema; None if it takes no media."""
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
