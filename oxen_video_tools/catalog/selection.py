"""Which model makes a video when the request names none: by what it must take, then by what it offers."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from . import schema
from .dimensions import lines, ratio, same_ratio, same_resolution
from .findings import listing
from .model_info import MEDIA, has_place, slots_for
from .pricing import per_second

if TYPE_CHECKING:
    from ..request import VideoRequest
    from .catalog import ModelList
    from .model_info import ModelInfo


FALLBACK = "kling-video-v2-6-pro-text-to-video"  # the model of Oxen's own example (Oxen docs, video generation)
_BY_WEIGHT = ("input_video", "input_audio", "input_image", "end_image", "start_image", "multi_prompt")


@dataclass(frozen=True)
class Choice:
    """asked: whether the request itself named the model."""

    model_id: str
    reason: str
    asked: bool


def choose(request: VideoRequest, models: ModelList, default: str | None = None) -> Choice:
    """The model asked for; else `default`, where it takes what the request has; else one by need, with the reason."""
    if request.model:
        return Choice(request.model, "asked for", asked=True)
    lacks = ""
    if default:
        lack = alternatives(models.known(default), request)
        if not lack:
            return Choice(default, "the default model (OXEN_VIDEO_MODEL)", asked=False)
        lacks = f"; the default model, {default}, {lack}"
    if not request.prompt and not request.multi_prompt:
        return _without_a_prompt(request, models)
    fitting = [info for info in models.values() if not alternatives(info, request)]
    need = next((word for word in _BY_WEIGHT if getattr(request, word)), "text")
    what = listing(_media(request), "and") or ("several shots" if request.multi_prompt else "text alone")
    if not fitting:
        return Choice(default or FALLBACK, f"no model listed takes {what} together", asked=False)
    liked = schema.choices(need) + (schema.choices("text") if need == "multi_prompt" else [])
    best = min(fitting, key=lambda info: _rank(info, request, liked))
    offers = _offered(best, request)
    return Choice(best.id, f"chosen for {what}{offers}{lacks}", asked=False)


def _without_a_prompt(request: VideoRequest, models: ModelList) -> Choice:
    """Only upscalers and the like go without words, and which of them is meant nobody can guess."""
    need = next((word for word in _BY_WEIGHT if getattr(request, word)), "text")
    usual = next((name for name in schema.choices(need) if name in models), FALLBACK)
    return Choice(usual, "there is no prompt; a model that goes without one has to be named", asked=False)


def _media(request: VideoRequest) -> list[str]:
    return [word for word in MEDIA if getattr(request, word)]


def alternatives(info: ModelInfo, request: VideoRequest) -> str:
    """Why a model can't make this at all; empty where it can."""
    media = _media(request)
    for word in media:
        if not has_place(info, word):
            return f"takes no {word}"
    if (request.prompt or request.multi_prompt) and not info.takes("text"):
        return "takes no prompt"
    if not request.prompt and not request.multi_prompt and info.needs_prompt:
        return "needs a prompt"
    given = {slot.name for word in media for slot in slots_for(info, word)[:1]} | set(request.model_parameters)
    for slot in info.slots:
        if slot.required and slot.name not in given:
            return f"needs {slot.name}"
    if request.input_image and _room(info) < len(request.input_image):
        return f"takes {_room(info)} reference pictures at most"
    return ""


def _room(info: ModelInfo) -> int:
    """How many pictures `input_image` may hold."""
    slots = slots_for(info, "input_image")
    return sum(slot.most or 100 for slot in slots if slot.role == slots[0].role) if slots else 0


def _rank(info: ModelInfo, request: VideoRequest, liked: Sequence[str]) -> tuple[object, ...]:
    """Fewer wishes left open first, then what Oxen's pages put forward, then the cheaper."""
    place = liked.index(info.id) if info.id in liked else len(liked)
    rate = per_second(info)
    return _open_wishes(info, request), place, Decimal(1000) if rate is None else rate, info.id


def _open_wishes(info: ModelInfo, request: VideoRequest) -> int:
    """How much of the request this model leaves undone."""
    frame = info.frame
    wishes = [
        bool(request.aspect_ratio)
        and not frame.in_pixels
        and same_ratio(request.aspect_ratio or "", frame.ratios) is None,
        bool(request.resolution) and same_resolution(request.resolution or "", frame.resolutions) is None,
        bool(request.generate_audio) and info.sound is None,
        bool(request.negative_prompt) and not has_place(info, "negative_prompt"),
        request.seed is not None and not has_place(info, "seed"),
        bool(request.input_image) and slots_for(info, "input_image")[0].role not in ("reference", "keyframes"),
        any(slot.role == "source" and slot.required for slot in info.slots) and not request.input_video,
        bool(request.start_image) and bool(request.input_image) and info.slot("image", "first_frame") is None,
    ]
    return sum(wishes) + _open_lengths(info, request)


def _open_lengths(info: ModelInfo, request: VideoRequest) -> int:
    if request.multi_prompt:
        if info.multi_shot is not None:
            return 0
        lengths = [shot.duration for shot in request.multi_prompt if shot.duration]
        return 1 + any(info.length is None or not info.length.offers(seconds) for seconds in lengths)
    if request.duration is None:
        return 0
    return int(info.length is None or not info.length.offers(request.duration))


def _offered(info: ModelInfo, request: VideoRequest) -> str:
    """What else speaks for it."""
    offers = []
    if request.multi_prompt and info.multi_shot is not None:
        offers.append("several shots in one job")
    if request.duration and info.length is not None and info.length.offers(request.duration):
        offers.append(f"{request.duration:g} s")
    if request.resolution and same_resolution(request.resolution, info.frame.resolutions) is not None:
        offers.append(request.resolution)
    return f"; it makes {listing(offers, 'and')}" if offers else ""


# Models by words ("kling", "cheap", "anime") and by what they must take, make or cost ("start_image", "10 s").

Need = Callable[["ModelInfo"], bool]

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
        return lambda info: _takes(info, word)
    length, price = _LENGTH.fullmatch(said), _PRICE.fullmatch(said)
    if length:
        return lambda info: info.length is not None and info.length.offers(float(length[1]))
    if price:
        return lambda info: (rate := per_second(info)) is not None and rate <= Decimal(price[1])
    if lines(said) is not None:
        return lambda info: same_resolution(said, info.frame.resolutions) is not None
    if ratio(said) is not None:
        return lambda info: info.frame.in_pixels or same_ratio(said, info.frame.ratios) is not None
    return None


def _takes(info: ModelInfo, word: str) -> bool:
    if word == "prompt":
        return not any(slot.required for slot in info.slots) and has_place(info, word)
    return has_place(info, word)


def search_models(models: ModelList, query: str | None, needs: Sequence[str]) -> list[ModelInfo]:
    """The models that meet every need, best first. A need that nobody understands counts as words to look for."""
    tests = [need(one) for one in needs]
    words = (query or "").lower().split()
    words += [word for said, test in zip(needs, tests, strict=True) if test is None for word in said.lower().split()]
    cheap = bool(_CHEAP & set(words))
    words = [word for word in words if word not in _CHEAP]
    fitting = [info for info in models.values() if all(test(info) for test in tests if test is not None)]
    scored = [(_score(info, words), info) for info in fitting]
    kept = [(score, info) for score, info in scored if score or not words]
    liked = [one for said in needs for one in schema.choices(_SAID.get(said.strip().lower(), ""))]
    liked = liked or schema.choices("text")

    def order(one: tuple[int, ModelInfo]) -> tuple[object, ...]:
        score, info = one
        rate = per_second(info)
        price = rate if rate is not None else Decimal(1000)
        place = liked.index(info.id) if info.id in liked else len(liked)
        return (price, -score, place, info.id) if cheap else (-score, place, price, info.id)

    return [info for _, info in sorted(kept, key=order)]


def _score(info: ModelInfo, words: Sequence[str]) -> int:
    """More for a word in the id than in the name, and more there than in the description."""
    model_id, name, about = info.id.lower(), info.name.lower(), info.about.lower()
    return sum(100 + 10 * (word in model_id) + 5 * (word in name) for word in words if _in(word, model_id, name, about))


def _in(word: str, *texts: str) -> bool:
    return any(word in text for text in texts)
