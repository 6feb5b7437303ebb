"""Where the media of a body stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .draft import MediaPlace, Path
from .slots import holds_a_link
from .words import AT_THE_HUB, BESIDE_PICTURES, ROLES

if TYPE_CHECKING:
    from .known import Known

# The hub's own words for media, for models whose schema nobody knows (Oxen docs, video generation: Request Parameters).
_WORDS = {word: kind for word, (kind, _) in ROLES.items()} | dict.fromkeys(
    (*AT_THE_HUB.values(), BESIDE_PICTURES), "image"
)


def places(body: Mapping[str, Any], known: Known) -> Iterator[MediaPlace]:
    """Every medium of a body, in the order of the schema."""
    told = set()
    for slot in known.slots:
        told.add(slot.name)
        for path, reference in _references(body.get(slot.name), (slot.name,)):
            yield MediaPlace(path, slot.kind, slot.role, reference, slot.parameter.limits)
    for word, kind in _WORDS.items():
        if word not in told and word not in known.parameters:
            for path, reference in _references(body.get(word), (word,)):
                yield MediaPlace(path, kind, "unknown", reference)


def _references(value: Any, here: Path) -> Iterator[tuple[Path, str]]:
    """Links in a value; inside an object only those whose key says that it is one."""
    if isinstance(value, str) and value:
        yield here, value
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _references(item, (*here, index))
    elif isinstance(value, dict):
        for key, item in value.items():
            if isinstance(key, str) and (holds_a_link(key) or isinstance(item, (list, dict))):
                yield from _references(item, (*here, key))
