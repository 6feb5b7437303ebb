"""Which model makes a video when the request names none: by what it must take, then by what it offers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from . import documented
from .findings import listing
from .pricing import per_second
from .shapes import same_ratio, same_resolution
from .words import MEDIA, has_place, slots_for

if TYPE_CHECKING:
    from ..request import VideoRequest
    from .known import Known
    from .models import Models

FALLBACK = "kling-video-v2-6-pro-text-to-video"  # the model of Oxen's own example (Oxen docs, video generation)
_BY_WEIGHT = ("input_video", "input_audio", "input_image", "end_image", "start_image", "multi_prompt")


@dataclass(frozen=True)
class Choice:
    """asked: whether the request itself named the model."""

    model_id: str
    reason: str
    asked: bool


def choose(request: VideoRequest, models: Models, default: str | None = None) -> Choice:
    """The model asked for; else `default`, where it takes what the request has; else one by need, with the reason."""
    if request.model:
        return Choice(request.model, "asked for", asked=True)
    lacks = ""
    if default:
        lack = missing(models.known(default), request)
        if not lack:
            return Choice(default, "the default model (OXEN_VIDEO_MODEL)", asked=False)
        lacks = f"; the default model, {default}, {lack}"
    if not request.prompt and not request.multi_prompt:
        return _without_a_prompt(request, models)
    fitting = [known for known in models.values() if not missing(known, request)]
    need = next((word for word in _BY_WEIGHT if getattr(request, word)), "text")
    what = listing(_media(request), "and") or ("several shots" if request.multi_prompt else "text alone")
    if not fitting:
        return Choice(default or FALLBACK, f"no model listed takes {what} together", asked=False)
    liked = documented.choices(need) + (documented.choices("text") if need == "multi_prompt" else [])
    best = min(fitting, key=lambda known: _rank(known, request, liked))
    offers = _offered(best, request)
    return Choice(best.id, f"chosen for {what}{offers}{lacks}", asked=False)


def _without_a_prompt(request: VideoRequest, models: Models) -> Choice:
    """Only upscalers and the like go without words, and which of them is meant nobody can guess."""
    need = next((word for word in _BY_WEIGHT if getattr(request, word)), "text")
    usual = next((name for name in documented.choices(need) if name in models), FALLBACK)
    return Choice(usual, "there is no prompt; a model that goes without one has to be named", asked=False)


def _media(request: VideoRequest) -> list[str]:
    return [word for word in MEDIA if getattr(request, word)]


def missing(known: Known, request: VideoRequest) -> str:
    """Why a model can't make this at all; empty where it can."""
    media = _media(request)
    for word in media:
        if not has_place(known, word):
            return f"takes no {word}"
    if (request.prompt or request.multi_prompt) and not known.takes("text"):
        return "takes no prompt"
    if not request.prompt and not request.multi_prompt and known.needs_prompt:
        return "needs a prompt"
    given = {slot.name for word in media for slot in slots_for(known, word)[:1]} | set(request.model_parameters)
    for slot in known.slots:
        if slot.required and slot.name not in given:
            return f"needs {slot.name}"
    if request.input_image and _room(known) < len(request.input_image):
        return f"takes {_room(known)} reference pictures at most"
    return ""


def _room(known: Known) -> int:
    """How many pictures `input_image` may hold."""
    slots = slots_for(known, "input_image")
    return sum(slot.most or 100 for slot in slots if slot.role == slots[0].role) if slots else 0


def _rank(known: Known, request: VideoRequest, liked: Sequence[str]) -> tuple[object, ...]:
    """Fewer wishes left open first, then what Oxen's pages put forward, then the cheaper."""
    place = liked.index(known.id) if known.id in liked else len(liked)
    rate = per_second(known)
    return _open_wishes(known, request), place, Decimal(1000) if rate is None else rate, known.id


def _open_wishes(known: Known, request: VideoRequest) -> int:
    """How much of the request this model leaves undone."""
    frame = known.frame
    wishes = [
        bool(request.aspect_ratio)
        and not frame.in_pixels
        and same_ratio(request.aspect_ratio or "", frame.ratios) is None,
        bool(request.resolution) and same_resolution(request.resolution or "", frame.resolutions) is None,
        bool(request.generate_audio) and known.sound is None,
        bool(request.negative_prompt) and not has_place(known, "negative_prompt"),
        request.seed is not None and not has_place(known, "seed"),
        bool(request.input_image) and slots_for(known, "input_image")[0].role not in ("reference", "keyframes"),
        any(slot.role == "source" and slot.required for slot in known.slots) and not request.input_video,
        bool(request.start_image) and bool(request.input_image) and known.slot("image", "first_frame") is None,
    ]
    return sum(wishes) + _open_lengths(known, request)


def _open_lengths(known: Known, request: VideoRequest) -> int:
    if request.multi_prompt:
        if known.multi_shot is not None:
            return 0
        lengths = [shot.duration for shot in request.multi_prompt if shot.duration]
        return 1 + any(known.length is None or not known.length.offers(seconds) for seconds in lengths)
    if request.duration is None:
        return 0
    return int(known.length is None or not known.length.offers(request.duration))


def _offered(known: Known, request: VideoRequest) -> str:
    """What else speaks for it."""
    offers = []
    if request.multi_prompt and known.multi_shot is not None:
        offers.append("several shots in one job")
    if request.duration and known.length is not None and known.length.offers(request.duration):
        offers.append(f"{request.duration:g} s")
    if request.resolution and same_resolution(request.resolution, known.frame.resolutions) is not None:
        offers.append(request.resolution)
    return f"; it makes {listing(offers, 'and')}" if offers else ""
