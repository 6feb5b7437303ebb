"""Choose a model for a request that names none: first by the inputs it must accept, then by what it offers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import isclose
from typing import TYPE_CHECKING, Any

from . import schema
from .cast import holding
from .describe import describe_lengths
from .dimensions import nearest_ratios, ratio, same_ratio, same_resolution
from .findings import listing
from .model_info import MEDIA, has_place, slots_for
from .pricing import Price, dollars, estimate, per_image, per_second, total
from .translate import translate
from .validate import neighbours

if TYPE_CHECKING:
    from ..request import VideoRequest
    from .catalog import ModelList
    from .model_info import ModelInfo


# The purpose of a model that does more than make a video of a prompt or pictures: upscale, lip_sync, extend, …
#
# The hub's records don't state it. It is read from the model's id and parameters, and from `documented.json`
# (purposes), which also gives the order of preference.

PURPOSES = ("upscale", "lip_sync", "extend", "retake", "reframe", "edit", "motion_control", "cut_out", "depth")

_SAID_purposes: Mapping[str, str] = {
    **{one: one for one in PURPOSES},
    **dict.fromkeys(("upscaler", "upscaling", "enhance", "super_resolution"), "upscale"),
    **dict.fromkeys(("lipsync", "talking", "talking_head", "avatar", "lip_syncing", "dub", "dubbing"), "lip_sync"),
    **dict.fromkeys(("extension", "continue", "lengthen", "extend_video"), "extend"),
    **dict.fromkeys(("re_take", "replace_part"), "retake"),
    **dict.fromkeys(("outpaint", "change_shape", "re_frame"), "reframe"),
    **dict.fromkeys(("edit_video", "video_edit", "editing", "restyle", "video_to_video", "v2v"), "edit"),
    **dict.fromkeys(("motion", "motion_transfer", "control", "pose"), "motion_control"),
    **dict.fromkeys(("cutout", "segment", "segmentation", "mask", "matting", "background_removal"), "cut_out"),
    **dict.fromkeys(("depth_map", "depth_maps"), "depth"),
}
_IN_IDS: Mapping[str, re.Pattern[str]] = {
    "upscale": re.compile(r"upscal|enhanc|super-?res"),
    "lip_sync": re.compile(r"lip-?sync|audio-to-video|talking|avatar"),
    "extend": re.compile(r"exten[ds]|continu"),
    "retake": re.compile(r"retake|re-take"),
    "reframe": re.compile(r"reframe|outpaint"),
    "edit": re.compile(r"(video-)?edit\b|edit-video|video-to-video|v2v"),
    "motion_control": re.compile(r"motion-control|motion-transfer|union-control|animate"),
    "cut_out": re.compile(r"^sam-|segment|matting|background-remov|cut-?out"),
    "depth": re.compile(r"depth"),
}


def purpose(said: str) -> str | None:
    """The purpose that a text names: "lip sync" → "lip_sync". None if it names none."""
    return _SAID_purposes.get(re.sub(r"[\s-]+", "_", said.strip().lower()))


def purposes(info: ModelInfo) -> tuple[str, ...]:
    """The purposes of a model; empty for one that makes videos of a prompt or pictures."""
    told = schema.purposes()
    ids = info.id.lower()
    found = []
    for one in PURPOSES:
        data, named = info.id in told[one], _IN_IDS[one].search(ids) is not None
        if data or (named and not _is_documented(info.id) and _FITS[one](info)):
            found.append(one)
    return tuple(found)


def serving(models: ModelList, wanted: str) -> list[str]:
    """Ids of the listed models for a purpose: the documented ones in their order, then the others by price."""
    told: Sequence[str] = schema.purposes()[wanted]
    able = [info for info in models.values() if wanted in purposes(info)]

    def order(info: ModelInfo) -> tuple[object, ...]:
        rate = per_second(info)
        return told.index(info.id) if info.id in told else len(told), rate is None, rate or 0, info.id

    return [info.id for info in sorted(able, key=order)]


# A request asks for a purpose in its prompt: "upscale this to 4k". A verb counts only if it begins the prompt or has
# the input as its object; elsewhere it describes what the video shows.


def _orders(verbs: str, otherwise: str = r"(?!)") -> re.Pattern[str]:
    polite = r"^\W*(?:(?:please|kindly|can you|could you|now|just)\s+)*"
    its = r"(?:this|that|it|the|my|our|these)"
    return re.compile(rf"{polite}(?:{verbs})\b|\b(?:{verbs})\s+{its}\b|{otherwise}", re.I)


_MAKE = r"\b(?:make|turn|convert)\s+(?:this|that|it|(?:the|my|our)(?:\s+\w+){1,3})\s+(?:in)?(?:to\s+)?"
_ASKED_BY: Mapping[str, re.Pattern[str]] = {
    "upscale": _orders(r"up-?scale|enhance|sharpen|up-?res", rf"{_MAKE}(?:4k|2k|8k|uhd|1080p|full hd|sharper)\b"),
    "depth": re.compile(r"\bdepth[- ]?maps?\b", re.I),
    "cut_out": _orders(r"cut ?out|isolate|segment|rotoscope|matte", r"\bremove (?:the|its) background\b"),
    "motion_control": re.compile(
        r"\b(?:copy|transfer|apply|follow|mimic|use)\b.{0,40}\b(?:motion|movements?|moves|dance|choreography)\b", re.I
    ),
    "lip_sync": _orders(r"lip-?\s?sync|dub"),
    "extend": _orders(r"extend|lengthen|prolong|continue", rf"{_MAKE}longer\b"),
    "retake": _orders(r"re-?take|redo|reshoot"),
    "reframe": _orders(
        r"reframe|outpaint", rf"{_MAKE}(?:vertical|horizontal|square|portrait|landscape|upright|\d+:\d+)\b"
    ),
    "edit": _orders(r"edit|restyle|recolou?r|replace|remove|change|swap"),
}
# For each purpose: which argument its prompt may contain the value of, and how to find that value.
_LINES_SAID = re.compile(r"\b([248]k|uhd|(?:720|1080|1440|2160)p|full hd)\b", re.I)
_SHAPE_SAID = re.compile(r"\b(\d{1,2}:\d{1,2}|vertical|portrait|upright|horizontal|landscape|square)\b", re.I)
_SECONDS_SAID = re.compile(r"\b(\d{1,3}(?:\.\d+)?)\s*(?:s|sec|seconds?)\b", re.I)
_SAID_IN_WORDS: Mapping[str, tuple[str, re.Pattern[str]]] = {
    **dict.fromkeys(("upscale", "depth"), ("resolution", _LINES_SAID)),
    "reframe": ("aspect_ratio", _SHAPE_SAID),
    "extend": ("duration", _SECONDS_SAID),
}
_CALLED = dict.fromkeys(("vertical", "portrait", "upright"), "9:16") | dict.fromkeys(("uhd", "2160p"), "4k")
_CALLED |= dict.fromkeys(("horizontal", "landscape"), "16:9") | {"square": "1:1", "full hd": "1080p"}


def purpose_of(request: VideoRequest) -> str | None:
    """The purpose that a request asks for with its video or sound; None if it asks for a new video."""
    if request.multi_prompt or not (request.input_video or request.input_audio):
        return None
    if not request.prompt:
        other = any(getattr(request, word) for word in MEDIA if word != "input_video")
        if other or not request.input_video:
            return None
        return "upscale" if request.resolution else "reframe" if request.aspect_ratio else None
    for one, pattern in _ASKED_BY.items():
        if pattern.search(request.prompt) and (request.input_audio if one == "lip_sync" else request.input_video):
            return one
    return None


def for_purpose(request: VideoRequest, wanted: str, info: ModelInfo) -> tuple[VideoRequest, list[str]]:
    """The request as a model for this purpose takes it, and warnings.

    A resolution, an aspect ratio or a duration that only the prompt mentions is moved to its argument. A model that
    takes no prompt gets none: the prompt was needed to choose it.
    """
    words, update = request.prompt or "", dict[str, object]()
    word, pattern = _SAID_IN_WORDS.get(wanted, ("prompt", _LINES_SAID))
    if not getattr(request, word) and (found := pattern.search(words)):
        value = found[1].lower()
        update[word] = float(value) if word == "duration" else _CALLED.get(value, value)
    if not words or info.takes("text"):
        return request.model_copy(update=update), []
    dropped = f"{info.id} takes no prompt: your words chose it and are not sent."
    return request.model_copy(update=update | {"prompt": None}), [dropped]


def _by_purpose(request: VideoRequest, models: ModelList, default: str | None) -> Choice | None:
    """The best model for the purpose of the request; None if it has no purpose, or if no model for it accepts the other
    arguments.
    """
    if (wanted := purpose_of(request)) is None:
        return None
    able = []
    for place, model_id in enumerate(serving(models, wanted)):
        asked, _ = for_purpose(request, wanted, models[model_id])
        if not alternatives(models[model_id], asked):
            unpriced = known_cost(models[model_id]) is None
            able.append((model_id != default, unpriced, _open_wishes(models[model_id], asked), place, model_id))
    if not able:
        return None
    reason = f"chosen for {wanted.replace('_', ' ')} of {listing(_media(request), 'and')}"
    return Choice(min(able)[-1], reason, asked=False, purpose=wanted)


def _is_documented(model_id: str) -> bool:
    """Whether `documented.json` describes this model. If it does and names no purpose, the model has none."""
    return bool(schema.page(model_id))


def _works_on_a_video(info: ModelInfo) -> bool:
    return not info.slots or any(one.kind == "video" for one in info.slots)


def _hears(info: ModelInfo) -> bool:
    return not info.slots or any(one.kind == "audio" for one in info.slots)


_FITS: Mapping[str, Callable[[ModelInfo], bool]] = dict.fromkeys(PURPOSES, _works_on_a_video) | {"lip_sync": _hears}


FALLBACK = "kling-video-v2-6-pro-text-to-video"  # the model of Oxen's own example (Oxen docs, video generation)
_BY_WEIGHT = ("input_video", "input_audio", "input_image", "end_image", "start_image", "multi_prompt")


@dataclass(frozen=True)
class Choice:
    """A model, and why it was chosen.

    reason: in words, for the answer.
    asked: whether the request named the model.
    warning: the price compared with the usual model's, if a wish or a cast led to another one.
    purpose: of the request, if the model was chosen for it.
    problem: why no model could be chosen.
    """

    model_id: str
    reason: str
    asked: bool
    warning: str = ""
    purpose: str = ""
    problem: str = ""


def choose(request: VideoRequest, models: ModelList, default: str | None = None) -> Choice:
    """The model that the request names; else `default`, if it accepts the request's inputs; else the usual model.

    A wish that the usual model can't fulfil (7 s, 21:9, a seed) leads to the cheapest model that can; the choice then
    states the price. A value that no model lists changes nothing. A model of unknown price is never chosen while the
    list has prices.
    """
    if request.model:
        meant = models.meant(request.model, request)
        if meant is None or meant == request.model:
            return Choice(request.model, "asked for", asked=True)
        return Choice(meant, "asked for", asked=True, warning=f"model {request.model[:60]} was read as {meant}.")
    served = _by_purpose(request, models, default)
    if served is not None:
        return served
    if len(request.multi_prompt) == 1 and not request.prompt:  # one shot is a prompt, and costs what a prompt costs
        shot = request.multi_prompt[0]
        words: dict[str, Any] = {
            "prompt": shot.prompt,
            "multi_prompt": [],
            "duration": shot.duration or request.duration,
        }
        request = request.model_copy(update=words)
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
    priced = [info for info in fitting if known_cost(info) is not None]
    if not priced and any(known_cost(info) is not None for info in models.values()):
        names = listing(info.id for info in fitting[:3])
        return Choice(
            fitting[0].id,
            f"no model of known price takes {what}",
            asked=False,
            problem=f"No model of known price takes {what}: name one, such as {names}, and ask what it may cost.",
        )
    fitting = priced or fitting  # a list may name no prices at all
    liked = schema.choices(need) + (schema.choices("text") if need == "multi_prompt" else [])
    if request.cast or request.stills or request.level:
        best = min(fitting, key=lambda info: _rank(info, request, liked))
        if request.cast:
            what = f"{what} with a cast of {len(request.cast)}, held by {_held_by(best, request)}"
        warning = _dearer(best, fitting, request)
        return Choice(best.id, f"chosen for {what}{_offered(best, request)}{lacks}", asked=False, warning=warning)
    by_id = {info.id: info for info in fitting}
    usual = next((by_id[name] for name in liked if name in by_id), None)
    wishes = [one for one in _wishes(request, fitting) if any(one.met(info) for info in fitting)]
    best = _best(fitting, wishes, usual, request)
    warning = _dearer_reference(best, request, models)
    if usual is not None and best is not usual:
        warning = _moved(best, usual, [one for one in wishes if not one.met(usual) and one.met(best)], request)
    return Choice(best.id, f"chosen for {what}{_offered(best, request)}{lacks}", asked=False, warning=warning)


def over_every_length(request: VideoRequest, models: ModelList) -> str:
    """What to do about a shot that is longer than any model can make; empty if one can make it."""
    asked = [request.duration] if not request.multi_prompt else [shot.duration for shot in request.multi_prompt]
    wanted = max((one for one in asked if one), default=0)
    ends = []
    for info in models.values():
        if alternatives(info, request) or info.length is None:
            continue
        if most := info.length.span()[1]:
            if wanted <= most:
                return ""
            ends.append((most, info))
    if not ends:
        return ""
    most = max(one for one, _ in ends)
    longest = [info for one, info in ends if one == most]
    cheapest = min(longest, key=lambda info: (known_cost(info) or Decimal(1000), info.id))
    way = "split it into several" if request.multi_prompt else "give the shots in multi_prompt"
    return (
        f"No model makes {wanted:g} s in one shot; the longest is {most:g} s ({cheapest.id}). For more, {way}; with "
        "continuous=true they become one long take."
    )


# Wishes: what a request asks for beyond the inputs that a model must accept. If the usual model can't fulfil them, the
# cheapest one that can is taken.


@dataclass(frozen=True)
class _Wish:
    """One wish of a request.

    word: the argument.
    said: for people, "7 s".
    met: whether a model can fulfil it.
    """

    word: str
    said: str
    met: Callable[[ModelInfo], bool]


def _wishes(request: VideoRequest, models: Sequence[ModelInfo] = ()) -> list[_Wish]:
    """The wishes of a request.

    models: the candidates. An aspect ratio that none of them lists is no reason to take a model that accepts any width
    and height.
    """
    found: list[_Wish] = []

    def wish(word: str, said: str, met: Callable[[ModelInfo], bool]) -> None:
        if getattr(request, word) not in (None, "", [], False):
            found.append(_Wish(word, said, met))

    shape, high = request.aspect_ratio or "", request.resolution or ""
    length = request.duration
    if length is not None and not request.multi_prompt:
        wish("duration", f"{length:g} s", lambda info: info.length is not None and info.length.offers(length))
    lengths = [shot.duration for shot in request.multi_prompt if shot.duration]
    several = f"shots of {listing([f'{one:g}' for one in dict.fromkeys(lengths)], 'and')} s"
    wish(
        "multi_prompt", several if lengths else "several shots", lambda info: not _open_lengths_of_shots(info, request)
    )
    listed = not (shape and models) or any(_lists_ratio(info, shape) for info in models)
    wish("aspect_ratio", shape, lambda info: (listed and info.frame.in_pixels) or _lists_ratio(info, shape))
    wish("resolution", high, lambda info: same_resolution(high, info.frame.resolutions) is not None)
    wish("generate_audio", "sound", lambda info: info.sound is not None)
    wish("negative_prompt", "negative_prompt", lambda info: has_place(info, "negative_prompt"))
    wish("seed", "seed", lambda info: has_place(info, "seed"))
    wish("input_image", "reference pictures", _takes_references)
    wish("start_image", "a first frame", lambda info: info.slot("image", "first_frame", "keyframes") is not None)
    return found


def _lists_ratio(info: ModelInfo, shape: str) -> bool:
    """Whether a model offers exactly this aspect ratio; "landscape" means 16:9 only."""
    same = same_ratio(shape, info.frame.ratios)
    return same is not None and (ratio(shape) is None or isclose(ratio(same) or 0, ratio(shape) or 1, rel_tol=0.01))


def _open_lengths_of_shots(info: ModelInfo, request: VideoRequest) -> bool:
    """Whether a shot has a duration that this model can't make."""
    if info.multi_shot is not None and not request.stills:
        return False
    lengths = [shot.duration for shot in request.multi_prompt if shot.duration]
    return any(info.length is None or not info.length.offers(seconds) for seconds in lengths)


def _takes_references(info: ModelInfo) -> bool:
    slots = slots_for(info, "input_image")
    return bool(slots) and slots[0].role in ("reference", "keyframes")


_MADE_FOR_MEDIA = re.compile(r"(image|video|audio)-to-video|reference|i2v|r2v|control|edit|extend|retake|reframe", re.I)


def _best(
    fitting: Sequence[ModelInfo], wishes: Sequence[_Wish], usual: ModelInfo | None, request: VideoRequest
) -> ModelInfo:
    """The usual model if it fulfils every wish, or if none does; else the cheapest that does.

    A model whose name says image-to-video is taken last for a prompt without media: nothing confirms that it works.
    """

    without_media = not _media(request)

    def left(info: ModelInfo) -> int:
        needless = any(slot.role == "source" and slot.required for slot in info.slots) and not request.input_video
        other = info is not usual and without_media and bool(_MADE_FOR_MEDIA.search(info.id))
        return sum(not one.met(info) for one in wishes) + needless + other

    fewest = min(map(left, fitting))
    whole = any(all(one.met(info) for one in wishes) for info in fitting)
    if usual is not None and (left(usual) == fewest or not whole):
        return usual
    able = [info for info in fitting if left(info) == fewest]

    def order(info: ModelInfo) -> tuple[object, ...]:
        price, rate = price_of(request, info), known_cost(info)
        dollars_ = Decimal(0) if price is None else price.usd
        return price is None, dollars_, rate is None, rate or Decimal(0), len(info.slots), info.id

    return min(able, key=order)


def price_of(request: VideoRequest, info: ModelInfo) -> Price | None:
    """The price of this request with this model; None if it is not wholly known, or if the model can't make it."""
    parts = [request]
    if request.multi_prompt and info.multi_shot is None:
        alone: dict[str, Any] = {"multi_prompt": [], "num_generations": None}
        parts = [
            request.model_copy(update=alone | {"prompt": shot.prompt, "duration": shot.duration})
            for shot in request.multi_prompt
        ]
    spoken = [translate(part, info, defaults=True) for part in parts]
    price = total(estimate(one.body, info) for one in spoken)
    return None if not price.is_known or any(one.problems for one in spoken) else price


def _at_most(price: Price) -> str:
    assert price.usd is not None
    return f"{'at most ' if price.text.startswith('at most') else ''}{dollars(price.usd)}"


def _moved(best: ModelInfo, usual: ModelInfo, wishes: Sequence[_Wish], request: VideoRequest) -> str:
    """The price of a wish: with the model that fulfils it, and of the nearest that the usual model makes."""
    if not wishes:
        return ""
    several = len(wishes) > 1 or wishes[0].word in ("multi_prompt", "input_image")
    price = price_of(request, best)
    cost = "" if price is None else f": {_at_most(price)}"
    begins = f"{listing([one.said for one in wishes], 'and')} need{'' if several else 's'} {best.id}{cost}"
    return f"{begins}; {usual.id} {_nearest_with(usual, wishes, request)}."


def _nearest_with(usual: ModelInfo, wishes: Sequence[_Wish], request: VideoRequest) -> str:
    """What the usual model can make instead, and its price: "makes 5 or 10 s for $0.35 or $0.70"."""
    given: dict[str, Any] = dict.fromkeys(one.word for one in wishes if one.word != "multi_prompt")
    given |= {"input_image": []} if "input_image" in given else {}
    words = [one.word for one in wishes]
    makes, prices = [], []
    if "duration" in words and request.duration and usual.length is not None and usual.length.choices:
        near = neighbours(request.duration, usual.length.choices)
        prices = [price_of(request.model_copy(update=given | {"duration": one}), usual) for one in near]
        makes.append(f"{listing([f'{one:g}' for one in near])} s")
    else:
        prices = [price_of(request.model_copy(update=given), usual)]
        if "duration" in words and (lengths := describe_lengths(usual)):
            makes.append(lengths)
    if "aspect_ratio" in words and usual.frame.ratios:
        makes.append(listing(nearest_ratios(request.aspect_ratio or "", usual.frame.ratios)[:3]))
    if "resolution" in words and usual.frame.resolutions:
        makes.append(listing(usual.frame.resolutions[:3]))
    named = {"seed": "seed", "negative_prompt": "negative_prompt", "generate_audio": "sound"}
    lacks = [named[one] for one in words if one in named]
    text = f"makes {' and '.join(makes)}" if makes else ""
    text += f"{' and ' if text else ''}takes no {listing(lacks)}" if lacks else ""
    known = list(dict.fromkeys(_at_most(one) for one in prices if one is not None))
    cost = f" for {listing(known)}" if makes and known else f", and costs {listing(known)}" if known else ""
    return f"{text or 'does not make that'}{cost}"


def _dearer_reference(best: ModelInfo, request: VideoRequest, models: ModelList) -> str:
    """The price of a reference picture compared with the same picture as first frame; empty if it is not higher."""
    if len(request.input_image) != 1 or request.start_image or request.end_image or request.input_video:
        return ""
    as_frame = request.model_copy(update={"input_image": [], "start_image": request.input_image[0]})
    usual = next((models[one] for one in schema.choices("start_image") if one in models), None)
    if usual is None or alternatives(usual, as_frame):
        return ""
    price, cheaper = price_of(request, best), price_of(as_frame, usual)
    if price is None or cheaper is None or (cheaper.usd or 0) >= (price.usd or 0):
        return ""
    return (
        f"A reference (input_image) needs {best.id}: {_at_most(price)} instead of {_at_most(cheaper)}, what the "
        f"picture as first frame (start_image) costs with {usual.id}."
    )


def _without_a_prompt(request: VideoRequest, models: ModelList) -> Choice:
    """The choice for a request without a prompt. Upscalers and the like take none; which is meant can't be told."""
    need = next((word for word in _BY_WEIGHT if getattr(request, word)), "text")
    usual = next((name for name in schema.choices(need) if name in models), FALLBACK)
    return Choice(usual, "there is no prompt; a model that goes without one has to be named", asked=False)


def _media(request: VideoRequest) -> list[str]:
    return [word for word in MEDIA if getattr(request, word)]


def alternatives(info: ModelInfo, request: VideoRequest) -> str:
    """Why a model can't make this request at all; empty if it can."""
    media = [word for word in MEDIA if getattr(request, word)]
    for word in media:
        if not has_place(info, word):
            return f"takes no {word}"
    if (request.prompt or request.multi_prompt) and not info.takes("text"):
        return "takes no prompt"
    if not request.prompt and not request.multi_prompt and info.needs_prompt:
        return "needs a prompt"
    if request.stills and info.slot("image", "first_frame", "keyframes") is None:
        return "takes no first frame"
    given = {slot.name for word in media for slot in slots_for(info, word)[:1]} | set(request.model_parameters)
    for slot in info.slots:
        if slot.required and slot.name not in given:
            # stills bring a first frame, and a cast brings reference pictures
            comes_later = request.stills if slot.role == "first_frame" else request.cast
            if not (slot.kind == "image" and comes_later):
                return f"needs {slot.name}"
    if request.input_image and _room(info) < len(request.input_image):
        return f"takes {_room(info)} reference pictures at most"
    for word, rest, things in (
        ("input_video", request.input_videos, "videos"),
        ("input_audio", request.input_audios, "sounds"),
    ):
        if not rest:
            continue
        room = max((slot.most or 100 for slot in slots_for(info, word)), default=0)
        if room < 1 + len(rest):
            return f"takes {room} {things if room != 1 else things[:-1]} at most"
    return ""


def _held_by(info: ModelInfo, request: VideoRequest) -> str:
    found = holding(info)
    if request.stills and found.best != "first frame":
        return f"stills and {found.best}" if found.beside_first_frame else "stills"
    return "stills" if request.stills else found.best


def _holds(info: ModelInfo, request: VideoRequest) -> int:
    """How well it keeps the cast and references consistent: 0 is best (`Holding.rank`)."""
    rank = holding(info).rank
    return min(rank, 2) if request.stills and rank != 0 else rank


def _dearer(best: ModelInfo, fitting: Sequence[ModelInfo], request: VideoRequest) -> str:
    """The price of consistency: of the chosen model, compared with the cheapest that can make the request."""
    rate = per_second(best)
    told = [(one, info.id) for info in fitting if (one := per_second(info)) is not None]
    if not (request.cast or request.input_image) or rate is None or not told or min(told)[0] >= rate:
        return ""
    cheapest, name = min(told)
    return (
        f"{best.id} was chosen because it holds together what is shown: {dollars(rate)}/s; the cheapest that can make "
        f"this, {name}, is {dollars(cheapest)}/s. Name a model to decide otherwise."
    )


def _room(info: ModelInfo) -> int:
    """How many pictures `input_image` may contain."""
    slots = slots_for(info, "input_image")
    return sum(slot.most or 100 for slot in slots if slot.role == slots[0].role) if slots else 0


def _rank(info: ModelInfo, request: VideoRequest, liked: Sequence[str]) -> tuple[object, ...]:
    """Sort key: fewest unfulfilled wishes, then the order of Oxen's pages, then the price."""
    rate = per_second(info)
    price = Decimal(1000) if rate is None else rate
    if request.cast or request.stills or request.level:
        level = request.level or "standard"
        liked = [] if level == "draft" else schema.cast_choices(level)
        holds = _holds(info, request) if request.cast or request.stills or request.input_image else 0
        place = liked.index(info.id) if info.id in liked and holds <= 1 else len(liked)
        # Of those that hold as well, one that makes the shots together, unless the level says what counts.
        several = _is_divided(info, request)
        order = (place, price, several) if request.level else (several, place, price)
        return _open_wishes(info, request), rate is None, holds, *order, info.id
    place = liked.index(info.id) if info.id in liked else len(liked)
    return _open_wishes(info, request), place, price, info.id


def _open_wishes(info: ModelInfo, request: VideoRequest) -> int:
    """How many wishes of the request this model does not fulfil."""
    unmet = sum(not one.met(info) for one in _wishes(request))
    needless = any(slot.role == "source" and slot.required for slot in info.slots) and not request.input_video
    return unmet + needless + (not request.cast and _is_divided(info, request))


def _is_divided(info: ModelInfo, request: VideoRequest) -> bool:
    """Whether it needs a job for each shot that another model could make together with others."""
    return bool(request.multi_prompt) and not request.stills and info.multi_shot is None


def _offered(info: ModelInfo, request: VideoRequest) -> str:
    """Which of the request's wishes it fulfils, as the end of a sentence."""
    offers = []
    if request.multi_prompt and info.multi_shot is not None and not request.stills:
        offers.append("several shots in one job")
    if request.duration and info.length is not None and info.length.offers(request.duration):
        offers.append(f"{request.duration:g} s")
    if request.resolution and same_resolution(request.resolution, info.frame.resolutions) is not None:
        offers.append(request.resolution)
    return f"; it makes {listing(offers, 'and')}" if offers else ""


def known_cost(info: ModelInfo) -> Decimal | None:
    rate = per_second(info)
    return rate if rate is not None else per_image(info)
