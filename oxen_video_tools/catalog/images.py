"""Pictures: one vocabulary → the body that an image model takes, the route it goes by, and which model to take.

The price of a picture depends on its quality and size, and some defaults are expensive (gpt-image-2 without `quality`
costs thirty times its cheapest picture). So every parameter that the price depends on is always written into the body:
as requested, else by the level. Parameters are found by the schema; no model is known here by its id.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from ..request import VideoRequest
from . import schema
from .body_builder import Addressed, BodyBuilder, renumber_references
from .cast import address, place
from .catalog import image_snapshot
from .dimensions import is_free, nearest_ratios, ratio, same_ratio, same_word
from .pricing import dollars, estimate
from .selection import Choice
from .translate import Translation, media_places, take_parameters
from .validate import NO_PROMPT, check

if TYPE_CHECKING:
    from ..request import ImageRequest, Member
    from .catalog import ModelList
    from .model_info import ModelInfo
    from .schema import MediaParameter, Parameter

FALLBACK = "bytedance-seedream-5-pro"
_COMMON = ("prompt", "input_image", "negative_prompt", "seed", "num_generations", "target_namespace")
_PICTURES = ("reference", "first_frame", "source", "keyframes", "elements")
_SHAPES = ("aspect_ratio", "ratio", "image_size", "size")
_SIZES = ("resolution", "size", "image_size")
_QUALITIES = ("quality", "output_quality", "rendering_speed", "image_size")

# From fast and cheap to slow and good, as the models say it.
_RANKS: Mapping[str, float] = {
    "low": 0,
    "turbo": 0,
    "optimize_for_speed": 0,
    "medium": 1,
    "standard": 1,
    "balanced": 1,
    "high": 2,
    "quality": 2,
    "optimize_for_quality": 2,
    "xhigh": 3,
    "max": 4,
}
_QUALITY_OF = {"draft": "low", "standard": "medium", "best": "high"}
_SIZE_OF = {"draft": "1K", "standard": "2K", "best": "2K"}
# Thousands of pixels on the longer side, or millions of pixels in all: close enough to say which size is meant.
_EDGES: Mapping[str, float] = {
    **{"512": 0.5, "0.5 mp": 0.5, "720p": 1.3, "768sq": 0.8, "1k": 1, "1 mp": 1, "1080p": 2, "2k": 2, "2 mp": 2},
    **{"3k": 3, "1440p": 2.5, "2160p": 4, "4k": 4, "4 mp": 4, "8k": 8},
}


def translate_image(
    request: ImageRequest, info: ModelInfo, *, models: ModelList | None = None, cast: Sequence[Member] = ()
) -> Translation:
    """The body that says to this image model what the request says.

    models: the image models, where to look for some that have a place for what this one has none for.
    cast: members whom the prompt names get their pictures and addresses, as in a video.
    """
    words: dict[str, Any] = {name: getattr(request, name) for name in _COMMON}
    draft = BodyBuilder(info, VideoRequest(**words), models)
    take_parameters(draft, request.model_parameters)
    _pictures(draft, request.input_image)
    prompt = _shape(draft, request.aspect_ratio, request.prompt)
    if prompt and info.takes("text"):
        draft.put("prompt", prompt, "prompt", prompt)
    elif prompt:
        draft.unsupported("prompt", prompt)
    elif info.needs_prompt:
        draft.findings.problem("prompt: say what the picture shows.", certain=info.schema_is_live)
    for word in ("negative_prompt", "seed"):
        value = getattr(request, word)
        if value is not None and word in info.parameters:
            draft.put(word, value, word, value)
        elif value is not None:
            draft.unsupported(word, value)
    _what_it_costs(draft, request)
    if request.num_generations is not None:
        draft.body["num_generations"] = request.num_generations
    if request.target_namespace:
        draft.body["target_namespace"] = request.target_namespace
    members = place(draft, cast) if cast else None
    draft.body |= draft.passthrough
    renumber_references(draft)
    held = address(members) if members else ()
    found = check(draft.body, info, said=draft.said, passthrough=draft.passthrough).found
    draft.findings.add(*(one for one in found if one.text != NO_PROMPT))
    names = dict.fromkeys(["prompt", *info.parameters, *draft.body])
    body = {"model": info.id} | {name: draft.body[name] for name in names if name in draft.body}
    return Translation(body, draft.findings.problems, draft.findings.warnings, tuple(media_places(body, info)), held)


def picture_slot(info: ModelInfo) -> MediaParameter | None:
    """Where an image model takes the pictures it keeps to or changes; None where it takes none.

    Pictures that only lend their style, and masks, are something else.
    """
    slots = [one for one in info.slots if one.kind == "image" and "style" not in one.name]
    return next((one for role in _PICTURES for one in slots if one.role == role), None)


def image_route(body: Mapping[str, Any], info: ModelInfo) -> Literal["generate", "edit"]:
    """`images/edit` for a body with pictures in it, else `images/generate`.

    A live model whose endpoint is `images/edit` is always asked there. That it says `images/generate` means nothing:
    models that only edit say it, too.
    """
    endpoint = (info.model.endpoint or "").rstrip("/")
    if info.live and endpoint.endswith("images/edit"):
        return "edit"
    slot = picture_slot(info)
    return "edit" if body.get(slot.name if slot else "input_image") else "generate"


def _pictures(draft: BodyBuilder, pictures: Sequence[str]) -> None:
    if not pictures:
        return
    slot = picture_slot(draft.info)
    if slot is None:
        draft.unsupported("input_image", list(pictures))
        return
    most = slot.most
    if most is not None and len(pictures) > most:
        takes = f"{most} picture{'s' * (most != 1)}"
        text = f"input_image holds {len(pictures)} pictures, {draft.info.id} takes {takes}. Leave some out."
        draft.findings.problem(text, certain=draft.info.schema_is_live)
        pictures = pictures[:most]
    items: list[Any] = [one if slot.item is None else {slot.item: one} for one in pictures]
    draft.put(slot.name, items if slot.many else items[0], "input_image", "…")
    draft.addressed += [Addressed("input_image", number, slot, number - 1) for number in range(1, len(pictures) + 1)]


def _shape(draft: BodyBuilder, wanted: str | None, prompt: str | None) -> str | None:
    """Say the aspect ratio; answers the prompt, which says it where the model has no word for it."""
    slot = picture_slot(draft.info)
    if wanted and slot is not None and slot.role == "source":
        draft.findings.warning(f"{draft.info.id} keeps the shape of its picture: aspect_ratio={wanted} is left out.")
        return prompt
    if not wanted:
        return prompt
    parameter = _parameter(draft.info, _SHAPES, lambda value: ratio(value) is not None or is_free(value))
    if parameter is None:
        if prompt and draft.info.has_schema:
            draft.findings.warning(f"{draft.info.id} has no word for aspect_ratio: the prompt asks for {wanted}.")
            return f"{prompt.rstrip()} Aspect ratio {wanted}."
        draft.unsupported("aspect_ratio", wanted)
        return prompt
    same = same_ratio(wanted, parameter.enum)
    if same is None and parameter.enum and ratio(wanted) is not None and not parameter.certain:
        same = nearest_ratios(wanted, [one for one in parameter.enum if ratio(one) is not None])[0]
        draft.findings.warning(f"aspect_ratio={wanted}: {draft.info.id} offers {same}, which is sent.")
    draft.put(parameter.name, wanted if same is None else same, "aspect_ratio", wanted)
    return prompt


def _what_it_costs(draft: BodyBuilder, request: ImageRequest) -> None:
    """Size, quality, and whatever else the price hangs on: always in the body."""
    info, level = draft.info, request.level or "standard"
    priced = set(_priced(info))
    size = _parameter(info, _SIZES, lambda value: _edge(value) is not None)
    if request.resolution and size is None:
        _leave_to_the_model(draft, "resolution", request.resolution)
    elif size is not None and (request.resolution or size.name in priced):
        draft.put(size.name, _sized(size, request.resolution, level), "resolution", request.resolution or level)
    quality = _parameter(info, _QUALITIES, lambda value: _rank(value) is not None)
    if request.quality and quality is None:
        _leave_to_the_model(draft, "quality", request.quality)
    elif quality is not None and (request.quality or quality.name in priced):
        draft.put(quality.name, _ranked(quality, request.quality, level), "quality", request.quality or level)
    for name in priced:
        parameter = info.parameters.get(name)
        if parameter is not None and parameter.default is not None and name not in draft.body:
            draft.body.setdefault(name, parameter.default)


def _leave_to_the_model(draft: BodyBuilder, word: str, value: str) -> None:
    """A wish that the model has no parameter for does not stop a picture: it is left out, with a warning."""
    if not draft.info.has_schema:
        draft.unsupported(word, value)
    elif word not in draft.passthrough:
        draft.findings.warning(f"{draft.info.id} has no {word}: {word}={value} is left out.")


def _priced(info: ModelInfo) -> Iterator[str]:
    """Parameters that the price hangs on: by the live grid, by a page, and `quality` wherever there is one."""
    if "quality" in info.parameters:
        yield "quality"
    for rule in info.rules:
        if rule.told["rule"] == "affects_price":
            yield from (name for name in rule.told.get("fields", ()) if name in info.parameters)
    grid = info.pricing.cost_per_image_grid if info.pricing else {}
    keys = {*grid, *(size for row in grid.values() for size in row)} if grid else set()
    for parameter in info.parameters.values():
        if keys & {str(value).lower() for value in parameter.enum}:
            yield parameter.name


def _parameter(info: ModelInfo, names: Sequence[str], means: Any) -> Parameter | None:
    """The first of these parameters whose values mean such a thing; one without values is taken by its name."""
    for name in names:
        parameter = info.parameters.get(name)
        if parameter is None or parameter.is_list or "string" not in (parameter.types or ("string",)):
            continue
        if any(means(value) for value in parameter.enum) or (not parameter.enum and name == names[0]):
            return parameter
    return None


def _edge(value: object) -> float | None:
    return _EDGES.get(value.strip().lower()) if isinstance(value, str) else None


def _rank(value: object) -> float | None:
    return _RANKS.get(value.strip().lower()) if isinstance(value, str) else None


def _sized(parameter: Parameter, wanted: str | None, level: str) -> Any:
    same = same_word(wanted, parameter.enum) if wanted else None
    if same is not None or not parameter.enum:
        return same or wanted or _SIZE_OF[level]
    edge = _edge(wanted or _SIZE_OF[level])
    info = [one for one in parameter.enum if _edge(one) is not None]
    if edge is None or not info:
        return wanted or parameter.default
    nearest = min(info, key=lambda one: (abs((_edge(one) or 0) - edge), _edge(one)))
    return nearest if wanted is None or _edge(nearest) == edge else wanted


def _ranked(parameter: Parameter, wanted: str | None, level: str) -> Any:
    same = same_word(wanted, parameter.enum) if wanted else None
    if same is not None or not parameter.enum:
        return same or wanted or _QUALITY_OF[level]
    rank = _rank(wanted or _QUALITY_OF[level])
    info = [one for one in parameter.enum if _rank(one) is not None]
    if rank is None or not info:
        return wanted or parameter.default
    return min(info, key=lambda one: (abs((_rank(one) or 0) - rank), _rank(one)))


# -- which model ---------------------------------------------------------------------------------------------------


def choose_image(request: ImageRequest, models: ModelList, default: str | None = None) -> Choice:
    """The image model asked for; else one by level, by what it must take, and by the live prices.

    models: the image models.
    default: taken where it can make this. `draft` takes the cheapest of known price; `standard` and `best` take the
    first of known price in the order of `documented.json`, which at `best` puts models first whose pages claim to keep
    a character.
    """
    if request.model:
        return Choice(request.model, "asked for", asked=True)
    if default and not lacks(models.known(default), request):
        return Choice(default, "the default image model", asked=False)
    level = request.level or "standard"
    able = [info for info in models.values() if not lacks(info, request)]
    if not able:
        return Choice(default or FALLBACK, "no image model listed takes this", asked=False)
    liked = schema.image_choices(level)
    prices = {info.id: _price(request, info) for info in able}

    def rank(info: ModelInfo) -> tuple[object, ...]:
        price = prices[info.id]
        place = liked.index(info.id) if info.id in liked else len(liked)
        weak = bool(request.input_image) and keeps_a_character(info) in ("weak", "style_only")
        claims = level == "best" and keeps_a_character(info) != "claimed"
        cost = price if price is not None else Decimal(1000)
        order = (cost, place) if level == "draft" else (place, claims, cost)
        return (price is None, weak, *order, info.id)

    best = min(able, key=rank)
    return Choice(best.id, _reason(best, request, prices), asked=False)


def lacks(info: ModelInfo, request: ImageRequest) -> str:
    """Why an image model can't make this; empty where it can."""
    count, slot = len(request.input_image), picture_slot(info)
    if request.prompt and not info.takes("text"):
        return "takes no prompt"
    if not request.prompt and info.needs_prompt:
        return "needs a prompt"
    if count and slot is None:
        return "takes no pictures"
    if slot is not None and count > (slot.most or 100):
        return f"takes {slot.most} picture{'s' * (slot.most != 1)} at most"
    if slot is not None and slot.required and not count:
        return "needs a picture"
    if slot is not None and slot.role == "source" and request.prompt:
        return "changes a picture without drawing anew"
    return ""


def keeps_a_character(info: ModelInfo) -> str:
    """What its page says of keeping a character: "claimed", "partly", "weak", "style_only" or "not_said"."""
    spare = image_snapshot().get(info.id)
    told = info.model.raw.get("identity") or (spare.raw.get("identity") if spare else None)
    return told if isinstance(told, str) else "not_said"


def _price(request: ImageRequest, info: ModelInfo) -> Decimal | None:
    price = estimate(translate_image(request, info).body, info)
    return price.usd if price.is_known else None


def _reason(best: ModelInfo, request: ImageRequest, prices: Mapping[str, Decimal | None]) -> str:
    what = f"{len(request.input_image)} reference pictures" if request.input_image else "a picture from words"
    reason = f"chosen for {what} at level {request.level or 'standard'}"
    price = prices[best.id]
    told = {name: one for name, one in prices.items() if one is not None}
    if price is None:
        return f"{reason}; its price is unknown"
    cheapest = min(told, key=lambda name: (told[name], name))
    beside = f"; the cheapest that can, {cheapest}, is {dollars(told[cheapest])}" if told[cheapest] < price else ""
    return f"{reason}: {dollars(price)}{beside}"
