"""A model in one line, and a model in full: what `find_video_models` answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from . import schema
from .model_info import MEDIA, OF_THE_HUB, has_place, slots_for, word_for
from .pricing import dollars, per_image, per_second
from .validate import show_value

if TYPE_CHECKING:
    from .model_info import ModelInfo
    from .schema import MediaParameter, Parameter

WIDTH = 120  # characters of a line


def describe_line(info: ModelInfo) -> str:
    """The id, then the most important facts, in at most 120 characters."""
    text = info.id
    for part in _parts(info):
        separator = ": " if text == info.id else ", "
        if part and len(text) + len(separator) + len(part) <= WIDTH:
            text += separator + part
    return text


def _parts(info: ModelInfo) -> Iterator[str]:
    yield describe_price(info)
    takes = [*(["text"] if info.takes("text") else []), *(word for word in MEDIA if has_place(info, word))]
    needed = {word_for(slot) for slot in info.slots if slot.required}
    if "start_image" in needed or "start_image" in takes:
        takes = [word for word in takes if word != "input_image" or _takes_references(info)]
    yield "+".join(f"{word}!" if word in needed else word for word in takes)
    yield describe_lengths(info)
    if info.sound:
        yield "sound"
    if info.multi_shot:
        yield "multi-shot"
    yield " ".join(info.frame.resolutions)
    yield " ".join(info.frame.ratios)


def _takes_references(info: ModelInfo) -> bool:
    return slots_for(info, "input_image")[0].role in ("reference", "keyframes")


def describe_price(info: ModelInfo) -> str:
    """The lowest price in a few characters."""
    pricing, rate = info.pricing, per_second(info)
    if rate is not None:
        several = pricing is not None and (pricing.cost_per_second_by_resolution or pricing.cost_per_second_high_res)
        return f"{'from ' if several else ''}{dollars(rate)}/s"
    each = per_image(info)
    if pricing is not None and each is not None:
        return f"{'from ' if pricing.cost_per_image_grid else ''}{dollars(each)} each"
    return "price unknown"


def describe_lengths(info: ModelInfo) -> str:
    """`5 or 10 s`, `3–15 s`, or nothing."""
    length = info.length
    if length is None:
        return ""
    choices = length.choices
    if choices and (len(choices) <= 3 or choices[-1] - choices[0] != len(choices) - 1):
        return f"{'/'.join(f'{one:g}' for one in choices)} s"
    least, most = length.span()
    if most is None:
        return f"{least:g} s or more" if least and least >= 1 else ""
    return f"{least:g}–{most:g} s" if least and least >= 1 else f"up to {most:g} s"


def describe_model(info: ModelInfo) -> dict[str, Any]:
    """Everything that is needed to call the model. Media are named by the request's arguments."""
    told: dict[str, Any] = {
        "model": info.id,
        "name": info.name,
        "about": info.about,
        "price": _rates(info),
        "prompt": "required" if info.needs_prompt else "optional" if info.takes("text") else "not taken",
        "media": {slot.name: _medium(slot) for slot in info.slots},
        "duration": _duration(info),
        "aspect_ratio": list(info.frame.ratios) or ("any, by width and height" if info.frame.in_pixels else None),
        "resolution": list(info.frame.resolutions) or None,
        "sound": {"always": "always", "on request": "generate_audio", None: None}[info.sound],
        "multi_prompt": _shots(info),
        "model_parameters": {one.name: _told(one) for one in _own_parameters(info)},
        "rules": [" ".join(_rule(rule.told)) for rule in info.rules],
        "source": info.page.get("source"),
        "checked_against": "the live schema" if info.schema_is_live else "the bundled schema: it may have changed",
    }
    if not info.listed:
        told["listed"] = False
    return {key: value for key, value in told.items() if value not in (None, {}, [], "")}


def _rates(info: ModelInfo) -> str:
    pricing = info.pricing
    if pricing is None:
        return "unknown"
    parts = []
    if pricing.cost_per_second is not None:
        parts.append(f"{dollars(pricing.cost_per_second)}/s")
    parts += [f"{key} {dollars(rate)}/s" for key, rate in pricing.cost_per_second_by_resolution.items()]
    if pricing.cost_per_second_with_audio is not None:
        parts.append(f"with sound {dollars(pricing.cost_per_second_with_audio)}/s")
    if pricing.cost_per_second_high_res is not None:
        parts.append(f"high resolution {dollars(pricing.cost_per_second_high_res)}/s")
    for quality, row in pricing.cost_per_image_grid.items():
        parts += [f"{quality} {size} {dollars(price)}" for size, price in row.items()]
    if pricing.cost_per_image is not None and not pricing.cost_per_image_grid:
        parts.append(f"{dollars(pricing.cost_per_image)} each")
    return ", ".join(parts) or f"by {pricing.method or 'an unknown method'}"


def _medium(slot: MediaParameter) -> str:
    word = word_for(slot)
    most = f", up to {slot.most}" if slot.many and slot.most else ", several" if slot.many else ""
    by = word if word in MEDIA else "model_parameters"
    return f"{slot.kind}, {slot.role.replace('_', ' ')}{most}; by {by}{'; required' if slot.required else ''}"


def _duration(info: ModelInfo) -> str | None:
    length = info.length
    if length is None:
        return None
    default = f", default {length.default} s" if isinstance(length.default, (int, float)) else ""
    free = ", or left to the model" if length.auto is not None else ""
    return f"{describe_lengths(info)}{default}{free}" or "seconds"


def _shots(info: ModelInfo) -> str | None:
    several = info.multi_shot
    if several is None:
        supposed = schema.supposed(info.id)
        return "a sister model takes it; not confirmed for this one, so shots become a film" if supposed else None
    most = f", {several.least:g} to {several.most:g} s in all" if several.most else ""
    return f"shots of {several.shot_least:g} to {several.shot_most:g} s{most}, {several.characters} characters each"


def _own_parameters(info: ModelInfo) -> Iterator[Parameter]:
    """Those that only `model_parameters` reaches."""
    frame = info.frame
    common = [frame.aspect, frame.resolution, frame.sizes, frame.width, frame.height, info.audio_flag]
    reached = {one.name for one in common if one is not None} | {slot.name for slot in info.slots}
    reached |= {"prompt", "negative_prompt", "seed", *OF_THE_HUB}
    reached |= {info.length.name} if info.length else set()
    reached |= {info.multi_shot.name} if info.multi_shot else set()
    return (one for one in info.parameters.values() if one.name not in reached)


def _told(parameter: Parameter) -> str:
    least, most = parameter.span
    what = show_value(parameter.enum) if parameter.enum else " or ".join(parameter.types) or "any"
    if least is not None or most is not None:
        what += f" {'' if least is None else f'{least:g}'}–{'' if most is None else f'{most:g}'}"
    default = f", default {parameter.default}" if parameter.default not in (None, "") else ""
    return f"{what}{default}{', required' if parameter.required else ''}"


def _rule(rule: Any) -> Iterator[str]:
    """A rule as its page states it."""
    for key, value in rule.items():
        if key in ("source", "confirmed"):
            continue
        text = value if isinstance(value, str) else str(value).replace("'", "")
        yield text.replace("_", " ") if key == "rule" else f"{key} {text}"
