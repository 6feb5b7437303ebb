"""Words of film, place, light and weather in twelve languages, read from `film_words.txt`."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from .languages import LETTER, UNSPACED

WORDS = Path(__file__).with_name("film_words.txt")


@dataclass(frozen=True)
class Row:
    """code: what it means.  label: how the slate says it.  words: a pattern for each language."""

    code: str
    label: str
    words: dict[str, re.Pattern[str]] = field(default_factory=dict)

    def spans(self, text: str, language: str) -> list[tuple[int, int]]:
        """Where it is said. Film words are often English, whatever the prompt's language."""
        patterns = dict.fromkeys((self.words.get(language), self.words.get("en") if self.is_of_film else None))
        return [found.span() for pattern in patterns if pattern for found in pattern.finditer(text)]

    is_of_film: bool = False


@cache
def vocabulary() -> dict[str, tuple[Row, ...]]:
    """Rows by kind: size, move, place, light, weather. The more exact stand first."""
    found: dict[str, list[Row]] = defaultdict(list)
    for line in WORDS.read_text("utf-8").splitlines():
        if line.startswith("["):
            kind, code, label = line[1:-1].split(" ", 2)
            found[kind].append(Row(code, label, is_of_film=kind in ("size", "move")))
            row = found[kind][-1]
        elif line and not line.startswith("#"):
            language, _, words = line.partition(" ")
            bounds = ("", "") if language in UNSPACED else (rf"(?<![{LETTER}-])", rf"(?![{LETTER}])")
            if language == "ko":
                bounds = (rf"(?<![{LETTER}])", "")
            row.words[language] = re.compile(f"{bounds[0]}(?:{words}){bounds[1]}", re.I)
    return {kind: tuple(rows) for kind, rows in found.items()}
