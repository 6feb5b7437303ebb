"""Where the media of a request go: each to the slot that means the same.

`input_image` holds references. It fills a required picture first where nothing else does (an image-to-video model calls
its first frame so), then reference slots, then keyframes, a free first frame, and elements.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .draft import Addressed
from .words import AT_THE_HUB, BESIDE_PICTURES, slots_for

if TYPE_CHECKING:
    from ..request import VideoRequest
    from .draft import Draft
    from .slots import Slot

Medium = tuple[str, int, str]  # the request's word, its number there, the reference


def place(draft: Draft, request: VideoRequest) -> None:
    """Write the request's media into the body."""
    start = [("start_image", 1, request.start_image)] if request.start_image else []
    end = [("end_image", 1, request.end_image)] if request.end_image else []
    pictures = [("input_image", number, one) for number, one in enumerate(request.input_image, 1)]
    _frames(draft, start, pictures, end)
    for word, reference in (("input_video", request.input_video), ("input_audio", request.input_audio)):
        if reference:
            _single(draft, (word, 1, reference))


def _frames(draft: Draft, start: list[Medium], pictures: list[Medium], end: list[Medium]) -> None:
    keyframes = draft.known.slot("image", "keyframes")
    strip: tuple[list[Medium], list[Medium]] = ([], [])
    for media, role, at in ((start, "first_frame", 0), (end, "last_frame", 1)):
        for medium in media:
            slot = draft.known.slot("image", role)
            if slot is not None:
                _fill(draft, slot, [medium])
            elif keyframes is not None:
                strip[at].append(medium)
            else:
                _nowhere(draft, medium)
    pictures = _references(draft, pictures)
    if keyframes is not None and (strip[0] or strip[1] or pictures):
        if strip[1] and not strip[0] and not pictures:
            text = f"end_image alone: in {draft.known.id} a single picture starts the video. Give start_image too."
            draft.findings.problem(text, certain=draft.known.schema_is_live)
        _fill(draft, keyframes, [*strip[0], *pictures, *strip[1]])


def _references(draft: Draft, pictures: list[Medium]) -> list[Medium]:
    """Place references; answers those that become keyframes."""
    if not pictures:
        return []
    count = len(pictures)
    used = {*draft.body, *draft.loose}
    free = [slot for slot in slots_for(draft.known, "input_image") if slot.name not in used]
    if not free:
        said = [slot for slot in slots_for(draft.known, "input_image") if slot.name in draft.loose]
        if said and said[0].role == "keyframes":
            return pictures
        if said:
            _fill(draft, said[0], _taken(said[0], pictures))
        else:
            _no_references(draft, pictures)
        return []
    for slot in _in_turn(free):
        if not pictures:
            return []
        if slot.role == "keyframes":
            return pictures
        taken = _taken(slot, pictures)
        _fill(draft, slot, taken)
        pictures = pictures[len(taken) :]
        if slot.role not in ("reference", "first_frame") or not _more(slot, pictures, free):
            break
    if pictures:
        takes = f"{count - len(pictures)} picture{'s' * (count - len(pictures) != 1)}"
        text = f"input_image holds {count} pictures, {draft.known.id} takes {takes}. Leave {len(pictures)} out."
        draft.findings.problem(text, certain=draft.known.schema_is_live)
    return []


def _taken(slot: Slot, pictures: list[Medium]) -> list[Medium]:
    return pictures if slot.many else pictures[:1]


def _in_turn(free: list[Slot]) -> list[Slot]:
    """A required single picture is filled before anything else."""
    needed = [slot for slot in free if slot.required and not slot.many]
    return needed + [slot for slot in free if slot not in needed]


def _more(slot: Slot, left: Sequence[Medium], free: Sequence[Slot]) -> bool:
    """Whether what is left goes on to a list of references; never to a first frame behind references."""
    return bool(left) and slot.required and any(one.role == "reference" and one is not slot for one in free)


def _single(draft: Draft, medium: Medium) -> None:
    slots = slots_for(draft.known, medium[0])
    if slots:
        _fill(draft, slots[0], [medium])
    else:
        _nowhere(draft, medium)


def _fill(draft: Draft, slot: Slot, media: Sequence[Medium]) -> None:
    items: list[Any] = [reference if slot.item is None else {slot.item: reference} for _, _, reference in media]
    word = media[0][0] if len({medium[0] for medium in media}) == 1 else "input_image"
    draft.put(slot.name, items if slot.many else items[0], word, "…")
    for index, (of, number, _) in enumerate(media):
        draft.addressed.append(Addressed(of, number, slot, index))
    if not _confirmed(slot):
        text = f"How {slot.name} holds a link is not documented; each is sent as {{{slot.item!r}: …}}."
        draft.findings.warning(text)


def _confirmed(slot: Slot) -> bool:
    """Whether a schema of the model's own says what an item looks like; `x-source` marks one taken from another's."""
    items = slot.parameter.items
    return slot.shape_is_told and (items is None or "x-source" not in items.spec)


def _nowhere(draft: Draft, medium: Medium) -> None:
    word, _, reference = medium
    beside = word == "start_image" and bool(draft.request.input_image)
    draft.nowhere(word, reference, BESIDE_PICTURES if beside else AT_THE_HUB.get(word))


def _no_references(draft: Draft, pictures: Sequence[Medium]) -> None:
    links = [reference for _, _, reference in pictures]
    if "input_image" in draft.body:  # the only picture that it takes is the first frame already
        text = f"{draft.known.id} takes no reference pictures beside start_image: leave input_image out."
        draft.findings.problem(text, certain=draft.known.schema_is_live)
        return
    draft.nowhere("input_image", links[0] if len(links) == 1 else links)
