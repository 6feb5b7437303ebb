"""Neighbouring shots that differ in time of day, weather or place only because one of them says nothing.

A model sees each shot by itself: "rain" or "night" in the first shot is not known to the second. Only what is
missing is told; two shots that say different things are meant to differ.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

MOST_TOLD = 5
_KINDS: dict[str, str] = {
    "time of day": r"night|midnight|dusk|dawn|daylight|noon|midday|morning|afternoon|evening|sunset|sunrise|twilight"
    r"|golden hour|blue hour|moonlight|moonlit|sunny|overcast",
    "weather": r"rain|raining|rainy|rain-soaked|drizzle|snow|snowing|snowy|snowfall|fog|foggy|mist|misty|storm|stormy"
    r"|thunderstorm|blizzard|hail|windy",
    "place": r"beach|sea|ocean|harbou?r|forest|woods|jungle|desert|mountains?|meadow|field|river|lake|street|alley"
    r"|rooftop|bridge|station|subway|airport|office|kitchen|bedroom|bathroom|living room|bar|caf[eé]|restaurant|shop"
    r"|market|library|school|classroom|hospital|church|castle|temple|warehouse|factory|garage|garden|park|lighthouse"
    r"|village|farm|barn|spaceship|studio|theatre|stadium|corridor|hallway|tokyo|paris|london|new york|berlin|venice",
}
_WORDS = {kind: re.compile(rf"\b(?:{words})\b", re.I) for kind, words in _KINDS.items()}


def differences(prompts: Sequence[str], *, continuous: bool = False) -> list[str]:
    """A warning for each shot that leaves out what its neighbour says. continuous: the picture is carried over."""
    if continuous:
        return []
    found: list[str] = []
    for kind, words in _WORDS.items():
        said = [match[0].lower() if (match := words.search(prompt)) else None for prompt in prompts]
        for number, word in enumerate(said):
            if word is not None:
                continue
            near = [index for index in (number - 1, number + 1) if 0 <= index < len(said) and said[index] is not None]
            if near:
                found.append(
                    f'Shot {number + 1} names no {kind}, shot {near[0] + 1} says "{said[near[0]]}": '
                    "each shot is made by its own words. Repeat it where it holds, or put it into style."
                )
    return found[:MOST_TOLD]
