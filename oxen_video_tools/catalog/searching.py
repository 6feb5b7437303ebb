"""Models by words ("kling", "cheap", "anime") and by what they must take, make or cost ("start_image", "10 s")."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from . import documented
from .pricing import per_second
from .shapes import lines, ratio, same_ratio, same_resolution
from .words import has_place

if TYPE_CHECKING:
    from .known import Known
    from .models import Models

Need = Callable[["Known"], bool]

_LENGTH = re.compile(r"(\d+(?:\.\d+)?)\s*(?:s|sec|secs|seconds?)", re.I)
_PRICE = re.compile(r"(?:under|below|at most|max|<=?|≤)\s*\$?\s*(\d*\.?\d+)\s*(?:\$|usd)?\s*(?:/|per)?\s*s?\w*", re.I)
_CHEAP = frozenset({"cheap", "cheapest", "inexpensive", "affordable"})
_SAID: dict[str, str] = {
    **dict.fromkeys(("text", "prompt"), "prompt"),
    **dict.fromkeys(("start_image", "first_frame", "image_to_video", "i2v"), "start_image"),
    **dict.fromkeys(("end_image", "last_frame"), "end_image"),
    **dict.fromkeys(("input_image", "image", "reference", "references", "reference_images"), "input_image"),
    **dict.fromkeys(("input_video", "video", "video_edit", "video_to_video"), "input_video"),
    **dict.fromkeys(("input_audio", "audio_in"), "input_audio"),
    **dict.fromkeys(("audio", "sound", "generate_audio", "audio_out"), "generate_audio"),
    **dict.fromkeys(("multi_shot", "multi_prompt", "multishot"), "multi_prompt"),
    **{word: word for word in ("negative_prompt", "seed", "aspect_ratio", "resolution", "duration")},
}


def need(said: str) -> Need | None:
    """A need as a test; None where the words say none."""
    said = said.strip()
    word = _SAID.get(re.sub(r"[\s-]+", "_", said.lower()))
    if word is not None:
        return lambda known: _takes(known, word)
    length, price = _LENGTH.fullmatch(said), _PRICE.fullmatch(said)
    if length:
        return lambda known: known.length is not None and known.length.offers(float(length[1]))
    if price:
        return lambda known: (rate := per_second(known)) is not None and rate <= Decimal(price[1])
    if lines(said) is not None:
        return lambda known: same_resolution(said, known.frame.resolutions) is not None
    if ratio(said) is not None:
        return lambda known: known.frame.in_pixels or same_ratio(said, known.frame.ratios) is not None
    return None


def _takes(known: Known, word: str) -> bool:
    if word == "prompt":
        return not any(slot.required for slot in known.slots) and has_place(known, word)
    return has_place(known, word)


def found(models: Models, query: str | None, needs: Sequence[str]) -> list[Known]:
    """The models that meet every need, best first. A need that nobody understands counts as words to look for."""
    tests = [need(one) for one in needs]
    words = (query or "").lower().split()
    words += [word for said, test in zip(needs, tests, strict=True) if test is None for word in said.lower().split()]
    cheap = bool(_CHEAP & set(words))
    words = [word for word in words if word not in _CHEAP]
    fitting = [known for known in models.values() if all(test(known) for test in tests if test is not None)]
    scored = [(_score(known, words), known) for known in fitting]
    kept = [(score, known) for score, known in scored if score or not words]
    liked = [one for said in needs for one in documented.choices(_SAID.get(said.strip().lower(), ""))]
    liked = liked or documented.choices("text")

    def order(one: tuple[int, Known]) -> tuple[object, ...]:
        score, known = one
        rate = per_second(known)
        price = rate if rate is not None else Decimal(1000)
        place = liked.index(known.id) if known.id in liked else len(liked)
        return (price, -score, place, known.id) if cheap else (-score, place, price, known.id)

    return [known for _, known in sorted(kept, key=order)]


def _score(known: Known, words: Sequence[str]) -> int:
    """More for a word in the id than in the name, and more there than in the description."""
    model_id, name, about = known.id.lower(), known.name.lower(), known.about.lower()
    return sum(100 + 10 * (word in model_id) + 5 * (word in name) for word in words if _in(word, model_id, name, about))


def _in(word: str, *texts: str) -> bool:
    return any(word in text for text in texts)
