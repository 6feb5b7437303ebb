"""Models by words ("kling", "cheap", "anime") and by what they must take, make, cost or be for ("10 s", "upscale").

Words rank, needs filter. Where no model meets every need, the answer names the need that failed and what comes
nearest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING

from . import schema
from .cast import holding
from .describe import describe_lengths
from .dimensions import lines, nearest_ratios, ratio, same_ratio, same_resolution
from .findings import listing
from .model_info import has_place
from .pricing import dollars, per_second

if TYPE_CHECKING:
    from .catalog import ModelList
    from .model_info import ModelInfo


from .selection import known_cost, purpose, purposes, serving

_LENGTH = re.compile(r"(\d+(?:\.\d+)?)\s*(?:s|sec|secs|seconds?)", re.I)
_PRICE = re.compile(
    r"(?:under|below|at most|max|<=?|≤)\s*\$?\s*(\d*\.?\d+)\s*(?:\$|usd)?\s*(?:/|per|a|each)?\s*\w*", re.I
)
_CHEAP = frozenset({"cheap", "cheapest", "inexpensive", "affordable"})
_SAID: dict[str, str] = {
    **dict.fromkeys(("text", "prompt"), "prompt"),
    **dict.fromkeys(("start_image", "first_frame", "image_to_video", "i2v"), "start_image"),
    **dict.fromkeys(("end_image", "last_frame"), "end_image"),
    **dict.fromkeys(("input_image", "image", "reference", "references", "reference_images"), "input_image"),
    **dict.fromkeys(("input_video", "video"), "input_video"),
    **dict.fromkeys(("input_audio", "audio_in"), "input_audio"),
    **dict.fromkeys(("audio", "sound", "generate_audio", "audio_out"), "generate_audio"),
    **{word: word for word in ("negative_prompt", "seed", "aspect_ratio", "resolution", "duration")},
}
_SHOTS = frozenset({"multi_shot", "multi_prompt", "multishot", "shots", "film", "several_shots"})
_CAST = frozenset({"cast", "character", "characters", "consistent_character", "same_person"})
FILMS = (
    "Every model makes films of several shots: those without shots of their own make a job of each, which are joined."
)


@dataclass(frozen=True)
class Need:
    """One need as a test.

    distance: how far a model that fails it is from it, for the nearest; None where that says nothing.
    said_of: what a model has instead.
    """

    said: str
    met: Callable[[ModelInfo], bool]
    distance: Callable[[ModelInfo], float] | None = None
    said_of: Callable[[ModelInfo], str] = lambda _: ""
    liked: tuple[str, ...] = ()


class Ranked(list["ModelInfo"]):
    """Models, best first. note: what to know of the search: a need that failed, or that films need nothing special."""

    note: str = ""


def need(said: str, models: ModelList | None = None) -> Need | None:
    """A need as a test; None where the words say none."""
    said = said.strip()
    folded = re.sub(r"[\s-]+", "_", said.lower())
    word, kind = _SAID.get(folded), purpose(said)
    length, price = _LENGTH.fullmatch(said), _PRICE.fullmatch(said)
    if kind is not None:
        liked = tuple(serving(models, kind)) if models is not None else tuple(schema.purposes()[kind])
        return Need(said, lambda info: kind in purposes(info), liked=liked)
    if word is not None:
        return Need(said, lambda info: _takes(info, word), liked=tuple(schema.choices(word)))
    if folded in _CAST:
        return Need(said, lambda info: holding(info).rank <= 1, lambda info: float(holding(info).rank))
    if length:
        return _of_length(said, float(length[1]))
    if price:
        most = Decimal(price[1])
        return Need(said, lambda info: (one := known_cost(info)) is not None and one <= most, _over(most), _told_cost)
    if lines(said) is not None:
        wanted = lines(said) or 0
        met = lambda info: same_resolution(said, info.frame.resolutions) is not None  # noqa: E731
        return Need(said, met, _far_from(wanted), lambda info: "/".join(info.frame.resolutions))
    if ratio(said) is not None:
        met = lambda info: info.frame.in_pixels or same_ratio(said, info.frame.ratios) is not None  # noqa: E731
        return Need(said, met, _shape_apart(said), lambda info: " ".join(info.frame.ratios))
    return None


def _of_length(said: str, seconds: float) -> Need:
    def apart(info: ModelInfo) -> float:
        length = info.length
        if length is None:
            return float("inf")
        ends = [one for one in (*length.choices, *length.span()) if one]
        return min((abs(one - seconds) for one in ends), default=float("inf"))

    return Need(said, lambda info: info.length is not None and info.length.offers(seconds), apart, describe_lengths)


def _takes(info: ModelInfo, word: str) -> bool:
    if word == "prompt":
        return not any(slot.required for slot in info.slots) and has_place(info, word)
    return has_place(info, word)


def _told_cost(info: ModelInfo) -> str:
    cost = known_cost(info)
    return "" if cost is None else f"{dollars(cost)}{'/s' if per_second(info) is not None else ' each'}"


def _over(most: Decimal) -> Callable[[ModelInfo], float]:
    return lambda info: float("inf") if (cost := known_cost(info)) is None else float(cost - most)


def _far_from(wanted: int) -> Callable[[ModelInfo], float]:
    def apart(info: ModelInfo) -> float:
        return min((abs((lines(one) or 0) - wanted) for one in info.frame.resolutions), default=float("inf"))

    return apart


def _shape_apart(said: str) -> Callable[[ModelInfo], float]:
    wanted = ratio(said) or 1.0

    def apart(info: ModelInfo) -> float:
        near = nearest_ratios(said, [one for one in info.frame.ratios if ratio(one)])
        return abs((ratio(near[0]) or 9) - wanted) if near else float("inf")

    return apart


def search_models(models: ModelList, query: str | None, needs: Sequence[str]) -> Ranked:
    """The models that meet every need, those first that the words name. A need that nobody understands counts as words.

    Where none meets them all: those that meet all but one, the nearest to it first, and a note that says so.
    """
    shots = [one for one in needs if re.sub(r"[\s-]+", "_", one.strip().lower()) in _SHOTS]
    tests = [(said, need(said, models)) for said in needs if said not in shots]
    words = (query or "").lower().split()
    words += [word for said, test in tests if test is None for word in said.lower().split()]
    pairs = [f"{one} {other}" for one, other in pairwise(words) if purpose(f"{one} {other}") is not None]
    words = [word for word in words if not any(word in pair.split() for pair in pairs)]
    meant = [
        one
        for one in (need(word, models) for word in (*pairs, *words))
        if one is not None and one.liked and purpose(one.said)
    ]
    cheap = bool(_CHEAP & set(words))
    words = [word for word in words if word not in _CHEAP]
    understood = [test for _, test in tests if test is not None]
    fitting = [info for info in models.values() if all(test.met(info) for test in understood)]
    notes = [FILMS] if shots else []
    failed: Need | None = None
    if not fitting and understood:
        failed, fitting = _nearest(models, understood)
        notes.insert(0, _told_failed(failed, fitting, understood))
    liked = [one for test in (*understood, *meant) for one in test.liked] or schema.choices("text")

    def order(info: ModelInfo) -> tuple[object, ...]:
        rate = known_cost(info)
        price = rate if rate is not None else Decimal(1000)
        place = liked.index(info.id) if info.id in liked else len(liked)
        apart = failed.distance(info) if failed is not None and failed.distance is not None else 0.0
        score, native = _score(info, words), bool(shots) and info.multi_shot is None
        by = (price, -score, place) if cheap else (-score, place, price)
        return (apart, native, *by, info.id)

    ranked = Ranked(sorted(fitting, key=order))
    named = [word for word in words if any(_score(info, [word]) for info in models.values())]
    unknown = [word for word in words if word not in named and purpose(word) is None]
    if unknown:
        told = f"No model is called or described as {listing([f'{chr(34)}{one}{chr(34)}' for one in unknown])}."
        notes.append(f"{told} These are ranked without.")
    ranked.note = " ".join(notes)
    return ranked


def _nearest(models: ModelList, needs: Sequence[Need]) -> tuple[Need, list[ModelInfo]]:
    """The need without which something fits, and what fits then; of several the one that leaves the most."""
    left = []
    for failing in needs:
        rest = [one for one in needs if one is not failing]
        fits = [info for info in models.values() if all(one.met(info) for one in rest)]
        if failing.distance is not None:
            fits = [info for info in fits if failing.distance(info) != float("inf")] or fits
        left.append((len(fits), failing, fits))
    most = max(left, key=lambda one: (one[0] > 0, one[1].distance is not None, one[0]))
    if most[0]:
        return most[1], most[2]
    alone = min(needs, key=lambda one: sum(one.met(info) for info in models.values()))
    return alone, [info for info in models.values() if any(one.met(info) for one in needs)]


def _told_failed(failed: Need, fitting: Iterable[ModelInfo], needs: Sequence[Need]) -> str:
    rest = listing([f'"{one.said}"' for one in needs if one is not failed], "and")
    beside = f" together with {rest}" if rest else ""
    told = f'No model meets "{failed.said}"{beside}.'
    if failed.distance is not None:
        apart, near = min(((failed.distance(info), info.id, info) for info in fitting), default=(0.0, "", None))[::2]
        has = failed.said_of(near) if near is not None and apart != float("inf") else ""
        told += f" The nearest: {near.id} ({has})." if near is not None and has else ""
    return f"{told} These meet the rest." if rest else told


def _score(info: ModelInfo, words: Sequence[str]) -> int:
    """More for a word in the id than in the name, and more there than in the description."""
    model_id, name, about = info.id.lower(), info.name.lower(), info.about.lower()
    return sum(100 + 10 * (word in model_id) + 5 * (word in name) for word in words if _in(word, model_id, name, about))


def _in(word: str, *texts: str) -> bool:
    return any(word in text for text in texts)
