"""A prompt's words → what its card shows. Pure and deterministic; what is not said stays open."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from .pictograms import Match, Pictogram, Row, by_character, dictionary, language_of, plain, vocabulary

READ = 4000  # characters of a prompt that are looked at
MOST = 5  # pictograms of a shot
INSIDE = frozenset({"room", "studio"})

# Land, sea, sky and weather: shown as a subject only where the words name no other.
SCENERY = frozenset("🏜⛰🏔🗻🏖🏝🏞🌊🌲🌳🌴🌿🏙🌃🌆🌇🌅🌄🌌🌁🌉☀🌞🌝🌚🌙🌕🌑🌛🌜⭐🌟✨❄☃⛄🌧🌨⛈🌩🌫☁⛅🌤🌥🌦🌬🌀🌈⚡💧💦🏘🛣🛤♨💨")
SKY = frozenset("🌙🌕🌝🌑☀🌞🌈⭐")  # of it, what is shown in the sky beside a subject
DOING = frozenset("🏃🚶🏊🧍🧎🛌🤸")  # often a verb of something else that is named: the fox runs
OF_PLACES = {"city": "🏙", "beach": "🏖", "sea": "🌊", "forest": "🌲", "desert": "🏜", "mountain": "⛰", "space": "🌌"}
OF_WEATHER = {"rain": "🌧", "snow": "🌨", "fog": "🌫", "thunder": "⛈"}
DARK = frozenset({"night", "neon"})

COLOURS = {
    "red": (226, 70, 60), "orange": (238, 134, 52), "yellow": (250, 210, 84), "golden": (236, 190, 96),
    "green": (104, 182, 104), "blue": (86, 142, 232), "purple": (158, 116, 220), "violet": (158, 126, 226),
    "pink": (244, 146, 182), "white": (246, 247, 250), "silver": (198, 206, 216), "grey": (150, 158, 168),
    "gray": (150, 158, 168), "black": (64, 67, 78), "brown": (160, 108, 76), "turquoise": (82, 196, 196),
}  # fmt: skip

_NOT_THERE = re.compile(  # terms of lenses, negation, and what is only compared with
    r"\b(?:depth of field|field of view)\b"
    r"|\b(?:no|without(?: any)?|never|not (?:a|any)|devoid of|free of)\s+(?:\w+[- ]){0,1}?\w+"
    r"(?:\s+(?:or|and|nor)\s+\w+)?|\b(?:like|as) an?\s+(?:\w+ )?\w+"
    r"|\b(?:ohne|keine?[nrms]?|sin|ning[uú]n\w*|sans|aucune?|sem|nenhuma?|без|senza|zonder|geen|bez|utan)\s+\w+"
    r"|\b(?:wie|como|comme|come|als) (?:eine?|una?|um|uma|une|een|un)\s+\w+"
    r"|没有.{1,3}|\w{1,4}の(?:い)?ない|\S+ 없는",
    re.I,
)
_SPOKEN = re.compile('“[^”]*”|„[^“”]*[“”]|«[^»]*»|「[^」]*」|『[^』]*』|"[^"]*"')

#: A thing that tells the place and has no pictogram: the sea is no stand-in for a lighthouse.
_WITHOUT_PICTOGRAM = re.compile(
    r"lighthouse|leuchtt[uü]rm|phares?\b|\bfar(?:os?|i|ol|óis)\b|vuurtoren|\bfyr(?:en|ar)?\b|latarni|deniz feneri"
    r"|mercusuar|маяк|灯塔|灯台|燈塔|등대|منار|प्रकाशस्तंभ"
)


@dataclass(frozen=True)
class Direction:
    """What a shot's words say.

    pictograms: at most five, the subject first.
    size, move, place, light: codes, "" where the words name none, and the slate's words for them.
    weather: codes.
    sky: a sun or moon that is named.
    colour: of the subject, where the words give one.
    slug: "EXT. COAST — DUSK".
    language: of the words.
    seed: of everything in the drawing that is left to chance.
    """

    prompt: str
    pictograms: tuple[Pictogram, ...] = ()
    size: str = ""
    size_label: str = ""
    move: str = ""
    move_label: str = ""
    place: str = ""
    place_label: str = ""
    light: str = ""
    light_label: str = ""
    weather: tuple[str, ...] = ()
    sky: Pictogram | None = None
    colour: tuple[int, int, int] | None = None
    slug: str = ""
    language: str = "en"
    seed: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; None where the words say nothing."""
        return {
            "pictograms": [{"character": one.character, "name": one.name} for one in self.pictograms],
            "size": self.size_label.lower() or None,
            "move": self.move_label.lower() or None,
            "place": self.place_label.lower() or None,
            "light": self.light_label.lower() or None,
            "weather": list(self.weather),
        }


def direct_all(prompts: Sequence[str], seed: int = 0) -> list[Direction]:
    """Each shot by its own words alone, as a model will get them."""
    return [direct(prompt, index, seed) for index, prompt in enumerate(prompts)]


def direct(prompt: str, index: int = 0, seed: int = 0) -> Direction:
    """index: of the shot, from 0."""
    text = _blanked(_NOT_THERE, plain(prompt[:READ]))
    language = language_of(text)
    size, move = (_first(kind, text, language) for kind in ("size", "move"))
    place, light = _place(text, language), _first("light", text, language)
    weather = tuple(row.code for row in vocabulary()["weather"] if row.spans(text, language))
    found = Direction(
        prompt,
        *((), *_said(size), *_said(move), *_said(place), *_said(light)),
        weather=weather,
        language=language,
        seed=_seed(prompt, index, seed),
    )
    named_things = _named(text, language)
    subjects = _subjects(named_things, language)
    named = tuple(dict.fromkeys(match.pictogram for match in subjects if match.pictogram))[:MOST]
    if not named and not _WITHOUT_PICTOGRAM.search(text):
        named = _of_place(found)
    found = replace(found, pictograms=named, colour=_colour(text, subjects))
    sky = (match.pictogram for match in named_things if match.pictogram and match.pictogram.character in SKY)
    found = replace(found, sky=next(sky, None))
    return replace(found, slug=_slug(found, index, subjects[0].word if named and subjects else ""))


def _blanked(pattern: re.Pattern[str], text: str) -> str:
    return pattern.sub(lambda found: " " * len(found.group()), text)


def _seed(prompt: str, index: int, seed: int) -> int:
    digest = hashlib.sha256(f"{seed}|{index}|{prompt}".encode("utf-8", "replace")).digest()
    return int.from_bytes(digest[:8], "big")


def _said(row: Row | None) -> tuple[str, str]:
    return (row.code, row.label) if row else ("", "")


def _first(kind: str, text: str, language: str) -> Row | None:
    """The first row that any of its words stands for: exact rows come before general ones."""
    return next((row for row in vocabulary()[kind] if row.spans(text, language)), None)


def _place(text: str, language: str) -> Row | None:
    """Where it plays: what most words speak for; of equals, what is named first. Sky and snow give way to others."""
    ranked = []
    for n, row in enumerate(vocabulary()["place"]):
        spans = row.spans(text, language)
        if spans:
            general = row.code in ("sky", "snow")
            ranked.append(((general, -len({text[a:b] for a, b in spans}), spans[0][0], n), row))
    return min(ranked, key=lambda pair: pair[0])[1] if ranked else None


def _named(text: str, language: str) -> list[Match]:
    """What is named, in order, but for what is spoken and for words of film and weather."""
    text = _blanked(_SPOKEN, text)
    claimed = [span for kind in ("size", "move", "light", "weather") for row in vocabulary()[kind]
               for span in row.spans(text, language)]  # fmt: skip
    return [
        match
        for match in dictionary(language).matches(text)
        if match.pictogram and not any(start <= match.start and match.end <= end for start, end in claimed)
    ]


def _subjects(found: list[Match], language: str) -> list[Match]:
    """Scenery, and what often is a verb, only where nothing else is named."""
    for lesser in (SCENERY, DOING if language != "en" else frozenset()):
        found = [match for match in found if match.pictogram and match.pictogram.character not in lesser] or found
    return found


def _of_place(found: Direction) -> tuple[Pictogram, ...]:
    character = OF_PLACES.get(found.place, "")
    if found.place == "city" and found.light in DARK:
        character = "🌃"
    return (by_character()[character],) if character else ()


def _colour(text: str, subjects: Sequence[Match]) -> tuple[int, int, int] | None:
    """A colour that stands right before the subject: "a small red balloon"."""
    before = re.findall(r"[a-z]+", text[: subjects[0].start])[-2:] if subjects else []
    return next((COLOURS[word] for word in reversed(before) if word in COLOURS), None)


def _slug(found: Direction, index: int, subject: str) -> str:
    """As a screenplay says it: inside or outside, where, when; only what is known. subject: the prompt's word."""
    where = found.place_label
    if where and found.place not in ("space", "sky"):
        where = f"{'INT.' if found.place in INSIDE else 'EXT.'} {where}"
    return " — ".join(part for part in (where or subject.upper(), found.light_label) if part) or f"SHOT {index + 1}"
