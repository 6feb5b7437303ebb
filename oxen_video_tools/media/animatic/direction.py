"""A prompt's words → how the shot is drawn. Pure and deterministic; what is not said stays open."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from . import vocabulary as v
from .palette import NAMED

READ = 4000  # characters of a prompt that are looked at


@dataclass(frozen=True)
class Direction:
    """What a shot's words say.

    size, move: codes; "" where the words name none, and then the drawing takes what suits it and the slate is silent.
    place, light, subject: codes or "". slug: "EXT. COAST — DUSK". count: figures. colour: a name, of the subject.
    motion: "rise", "fall", "travel" or "". seed: of everything in the drawing that is left to chance.
    """

    prompt: str
    size: str = ""
    size_label: str = ""
    move: str = ""
    move_label: str = ""
    place: str = ""
    place_label: str = ""
    light: str = ""
    light_label: str = ""
    weather: tuple[str, ...] = ()
    subject: str = ""
    subject_label: str = ""
    count: int = 1
    colour: str = ""
    motion: str = ""
    face: bool = False
    slug: str = ""
    seed: int = 0

    @property
    def framing(self) -> str:
        """The shot size that is drawn."""
        if self.size:
            return self.size
        alive = self.subject in ("person", "robot", "astronaut", "dog", "cat", "horse")
        return "FS" if alive and self.place not in ("coast", "desert", "mountain", "snow", "space") else "WS"

    @property
    def camera(self) -> str:
        """The move that is drawn; "drift" is a slow nothing in particular."""
        return self.move or ("aerial" if self.size == "AERIAL" else "drift")


def direct_all(prompts: Sequence[str], seed: int = 0) -> list[Direction]:
    """Each shot in turn. Where a shot names no place or light, it is the one before's: the story has not moved on."""
    found: list[Direction] = []
    for index, prompt in enumerate(prompts):
        found.append(direct(prompt, index, seed, found[-1] if found else None))
    return found


def direct(prompt: str, index: int = 0, seed: int = 0, before: Direction | None = None) -> Direction:
    """index: of the shot, from 0.  before: the shot before."""
    text = v.NOT_THERE.sub(" ", prompt[:READ])
    size, move = _first(v.SIZES, text), _first(v.MOVES, text)
    place, light, subject = _place(text), _first(v.TIMES, text), _subject(text)
    found = Direction(
        prompt,
        *_said(size),
        *_said(move),
        *_said(place),
        *_said(light),
        weather=tuple(row.code for row in v.WEATHERS if row.words.search(text)),
        subject=subject.code if subject else "",
        subject_label=subject.label if subject else "",
        count=_count(text, subject),
        colour=_colour(text, subject),
        motion=_motion(text),
        face=bool(v.FACES.search(text)),
        seed=_seed(prompt, index, seed),
    )
    if before is not None:
        found = _continued(found, before)
    return replace(found, slug=_slug(found, index))


def _seed(prompt: str, index: int, seed: int) -> int:
    digest = hashlib.sha256(f"{seed}|{index}|{prompt}".encode("utf-8", "replace")).digest()
    return int.from_bytes(digest[:8], "big")


def _said(row: v.Row | None) -> tuple[str, str]:
    return (row.code, row.label) if row else ("", "")


def _first(rows: Sequence[v.Row], text: str) -> v.Row | None:
    """The first row that any of its words stands for: exact rows come before general ones."""
    return next((row for row in rows if row.words.search(text)), None)


def _most(rows: Sequence[v.Row], text: str) -> v.Row | None:
    """The row that most words speak for; of equals, the one that is named first."""
    best: tuple[int, int] | None = None
    chosen = None
    for row in rows:
        hits = list(row.words.finditer(text))
        if hits:
            rank = (-len({hit.group().lower() for hit in hits}), hits[0].start())
            if best is None or rank < best:
                best, chosen = rank, row
    return chosen


def _place(text: str) -> v.Row | None:
    """Where it plays. "Sky" gives way to any place under it, and a word for outside to no room."""
    rows = [row for row in v.PLACES if row.code != "sky"]
    if v.OUTSIDE_WORDS.search(text):
        rows = [row for row in rows if row.code not in v.INSIDE]
    elif v.INSIDE_WORDS.search(text):
        inside = _most([row for row in rows if row.code in v.INSIDE], text)
        return inside or next(row for row in rows if row.code == "interior")
    return _most(rows, text) or _first([row for row in v.PLACES if row.code == "sky"], text)


def _subject(text: str) -> v.Row | None:
    """What it is about: what is named first. A longer name at the same place is the more exact one."""
    best: tuple[int, int] | None = None
    chosen = None
    for row in v.SUBJECTS:
        hit = row.words.search(text)
        if hit and (best is None or (hit.start(), -hit.end()) < best):
            best, chosen = (hit.start(), -hit.end()), row
    return chosen


def _count(text: str, subject: v.Row | None) -> int:
    if subject is None:
        return 1
    if v.TWO.search(text):
        return 2
    return 4 if v.MANY.search(text) else 1


def _colour(text: str, subject: v.Row | None) -> str:
    """A colour that stands right before the subject: "a small red balloon"."""
    if subject is None:
        return ""
    hit = subject.words.search(text)
    before = re.findall(r"[a-z]+", text[: hit.start()].lower())[-2:] if hit else []
    return next((word for word in reversed(before) if word in NAMED), "")


def _motion(text: str) -> str:
    for name, words in (("rise", v.RISING), ("fall", v.FALLING), ("travel", v.TRAVELLING)):
        if words.search(text):
            return name
    return ""


def _continued(found: Direction, before: Direction) -> Direction:
    if not found.place:
        found = replace(found, place=before.place, place_label=before.place_label)
    if not found.light:
        found = replace(found, light=before.light, light_label=before.light_label)
    return found


def _slug(found: Direction, index: int) -> str:
    """As a screenplay says it: inside or outside, where, when. Only what is known."""
    where = found.place_label
    if where and found.place not in ("space", "sky"):
        where = f"{'INT.' if found.place in v.INSIDE else 'EXT.'} {where}"
    parts = [part for part in (where or found.subject_label, found.light_label) if part]
    return " — ".join(parts) or f"SHOT {index + 1}"
