"""The pictograms that a prompt's words stand for: Noto Emoji's outlines, found by Unicode's CLDR annotations.

Whole names count before keywords, long matches before short ones. What is not understood is left out.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path

from .languages import ARTICLES, LETTER, SMALL_WORDS, STEMMED, UNSPACED, forms, plain, stem

DATA = Path(__file__).with_name("pictograms.zip")
FIRST = 0xF0000  # the font's character for the first pictogram
LONGEST = 5  # words of a name
_WORD = re.compile(rf"[{LETTER}]+")
_BETWEEN = re.compile(r"[\s'-]*")
_COMPOUND = frozenset({"de", "nl", "sv", "ko"})  # "Meeresschildkröte" is a kind of "Schildkröte"
_LEAST_COMPOUND = {"ko": 2}


@dataclass(frozen=True)
class Pictogram:
    """character: as Unicode has it.  name: in English.  colour: red, green, blue.  glyph: its character in the font."""

    character: str
    name: str
    colour: tuple[int, int, int]
    glyph: str


@dataclass(frozen=True)
class Match:
    """Where in the text a pictogram is named. None: words that are known to name nothing that can be drawn."""

    start: int
    end: int
    word: str
    pictogram: Pictogram | None


@cache
def pictograms() -> tuple[Pictogram, ...]:
    raw = json.loads(read("pictograms.json"))
    colours = {name: (red, green, blue) for name, (red, green, blue) in raw["colours"].items()}
    return tuple(
        Pictogram(character, name, colours[colour], chr(FIRST + n))
        for n, (character, name, colour) in enumerate(raw["pictograms"])
    )


@cache
def by_character() -> dict[str, Pictogram]:
    return {one.character: one for one in pictograms()}


def read(name: str) -> bytes:
    """A part of the compiled data."""
    with zipfile.ZipFile(DATA) as archive:
        return archive.read(name)


class Dictionary:
    """The words of one language."""

    def __init__(self, language: str) -> None:
        raw = json.loads(read(f"words/{language}.json"))
        self.language = language
        self.words: dict[str, int] = {}
        for phrase, number in raw["words"].items():
            self.words[self._key(phrase)] = number
        self.articles = frozenset(self._key(phrase) for phrase in raw["articles"])
        self.stems: dict[str, str] = {}
        if language in STEMMED:
            for phrase in self.words:
                self.stems.setdefault(self._stems(phrase), phrase)
        self.longest = max(map(len, self.words)) if language in UNSPACED else 0

    def _key(self, phrase: str) -> str:
        phrase = plain(phrase)
        return phrase if self.language in UNSPACED else " ".join(_WORD.findall(phrase))

    def _stems(self, phrase: str) -> str:
        return " ".join(stem(word, self.language) for word in phrase.split())

    def matches(self, text: str) -> Iterator[Match]:
        """Each name in `text`, which is plain, from left to right; the longest at each place."""
        yield from self._inside(text) if self.language in UNSPACED else self._between(text)

    def _inside(self, text: str) -> Iterator[Match]:
        start = 0
        while start < len(text):
            for size in range(min(self.longest, len(text) - start), 0, -1):
                phrase = text[start : start + size]
                if phrase in self.words:
                    yield self._match(start, start + size, phrase)
                    start += size - 1
                    break
            start += 1

    def _between(self, text: str) -> Iterator[Match]:
        words = [(found.group(), found.start(), found.end()) for found in _WORD.finditer(text)]
        n = 0
        while n < len(words):
            for count in range(min(LONGEST, len(words) - n), 0, -1):
                part = words[n : n + count]
                if any(not _BETWEEN.fullmatch(text, one[2], two[1]) for one, two in pairwise(part)):
                    continue
                phrase = self._known([word for word, _, _ in part])
                if phrase is not None:
                    before = words[n - 1][0] if n else ""
                    found = self._match(part[0][1], part[-1][2], phrase)
                    if phrase in self.articles and before not in ARTICLES.get(self.language, frozenset()):
                        found = Match(found.start, found.end, phrase, None)
                    yield found
                    n += count - 1
                    break
            n += 1

    def _match(self, start: int, end: int, phrase: str) -> Match:
        number = self.words[phrase]
        return Match(start, end, phrase, pictograms()[number] if number >= 0 else None)

    def _known(self, words: list[str]) -> str | None:
        """The dictionary's own form of these words."""
        phrase = " ".join(words)
        if len(words) == 1 and phrase in SMALL_WORDS.get(self.language, ()):
            return None
        if phrase in self.words:
            return phrase
        *front, last = words
        for form in forms(last, self.language):
            if (found := " ".join([*front, form])) in self.words:
                return found
        if self.language in ("es", "fr", "pt", "it") and front:  # there every word of a name has its plural
            singular = " ".join(word.removesuffix("s") for word in words)
            if singular in self.words:
                return singular
        if self.stems and all(len(word) > 2 for word in words):
            return self.stems.get(self._stems(phrase))
        return self._compound(last) if not front and self.language in _COMPOUND else None

    def _compound(self, word: str) -> str | None:
        least = _LEAST_COMPOUND.get(self.language, 5)
        for form in (word, *forms(word, self.language)):
            for start in range(1, len(form) - least + 1):
                if form[start:] in self.words:
                    return form[start:]
        return None


@lru_cache(6)
def dictionary(language: str) -> Dictionary:
    return Dictionary(language)
