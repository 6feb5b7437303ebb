"""One parameter of a model's JSON schema, whatever form the schema gives it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

_COMBINED = ("anyOf", "oneOf", "allOf")
Json = Any


@dataclass(frozen=True)
class Parameter:
    """A parameter as its schema describes it.

    spec: its schema; alternatives (`anyOf` with null and the like) are laid together.
    required: whether the model needs it.  certain: whether the schema is the hub's own, read live.
    """

    name: str
    spec: Mapping[str, Any] = field(repr=False)
    required: bool = False
    certain: bool = False

    @classmethod
    def of(cls, name: str, spec: object, *, required: bool = False, certain: bool = False) -> Parameter:
        """A parameter; a schema that is no object says nothing."""
        return cls(name, _flat(spec if isinstance(spec, dict) else {}), required, certain)

    @cached_property
    def types(self) -> tuple[str, ...]:
        """JSON types without "null"; empty where the schema names none."""
        told = self.spec.get("type")
        types = [told] if isinstance(told, str) else told if isinstance(told, list) else []
        return tuple(one for one in types if isinstance(one, str) and one != "null")

    @cached_property
    def nullable(self) -> bool:
        told = self.spec.get("type")
        return self.spec.get("nullable") is True or (isinstance(told, list) and "null" in told)

    @cached_property
    def enum(self) -> tuple[Json, ...]:
        """The values it may have; empty where any goes."""
        if "const" in self.spec:
            return (self.spec["const"],)
        told = self.spec.get("enum")
        return tuple(one for one in told if one is not None) if isinstance(told, list) else ()

    @cached_property
    def span(self) -> tuple[float | None, float | None]:
        """Least and greatest number."""
        return _number(self.spec.get("minimum")), _number(self.spec.get("maximum"))

    @property
    def default(self) -> Json:
        """The value it has when nobody says one; None where there is none."""
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
        """What its list holds."""
        told = self.spec.get("items")
        return Parameter.of(self.name, told, certain=self.certain) if isinstance(told, dict) else None

    @property
    def description(self) -> str:
        told = self.spec.get("description") or self.spec.get("title")
        return told if isinstance(told, str) else ""

    @cached_property
    def limits(self) -> Mapping[str, Any]:
        """`x-limits`: numbers that Oxen's pages state in prose."""
        told = self.spec.get("x-limits")
        return told if isinstance(told, dict) else {}


def _number(value: object) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _flat(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """A schema whose alternatives are laid together: types and enums joined, the rest from the first that says it."""
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
