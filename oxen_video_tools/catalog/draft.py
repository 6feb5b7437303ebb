"""A body while it is being written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .findings import Findings, listing

if TYPE_CHECKING:
    from ..request import VideoRequest
    from .known import Known
    from .models import Models
    from .slots import Slot

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class MediaPlace:
    """Where a medium stands in a body.

    path: keys and indexes into the body.  kind: "image", "video" or "audio".  role: "first_frame", "reference", …
    reference: as the request gave it: a URL, a local path, a generation id or a data URI.
    limits: what the model wants of the medium, for `limits.unfit`.
    """

    path: Path
    kind: str
    role: str
    reference: str = field(repr=False)
    limits: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Addressed:
    """A medium that a prompt may name: the number-th of this word in the request stands at `index` of `slot`."""

    word: str
    number: int
    slot: Slot
    index: int


@dataclass
class Draft:
    """loose: what came by way of `model_parameters`; it wins over what was translated.

    said: the request's word, and its value, for each field.  addressed: where each medium went.
    """

    known: Known
    request: VideoRequest
    models: Models | None = None
    body: dict[str, Any] = field(default_factory=dict)
    loose: dict[str, Any] = field(default_factory=dict)
    said: dict[str, tuple[str, object]] = field(default_factory=dict)
    findings: Findings = field(default_factory=Findings)
    addressed: list[Addressed] = field(default_factory=list)

    def put(self, name: str, value: Any, word: str, said: object) -> None:
        """Say something with a parameter of the model; `model_parameters` have said it already where they hold it."""
        self.said[name] = (word, said)
        if name in self.loose and self.loose[name] != value:
            self.findings.warning(f"{word} and model_parameters.{name} differ: {name} is taken.")
        self.body[name] = value

    def nowhere(self, word: str, value: object, name: str | None = None, why: str = "") -> None:
        """A word that the model has no place for: a problem where its live schema says so, else it passes.

        name: what the hub calls it, where that differs.  why: the reason, where there is a better one than none.
        """
        known = self.known
        self.said[name or word] = (word, value)
        if known.schema_is_live:
            others = self.models.instead_of(known, word, self.request) if self.models else []
            instead = f" Leave it out, or use {listing(others)}." if others else " Leave it out."
            self.findings.problem(f"{word} has no place in {known.id}{why}.{instead}")
            return
        self.body[name or word] = value
        if known.has_schema:
            called = f" as {name}" if name and name != word else ""
            self.findings.warning(f"{word} has no place in {known.id}, as far as is known here; it is sent{called}.")
