"""A model in one line, and a model in full: what `find_video_models` answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from . import documented
from .fitting import shown
from .pricing import dollars, per_image, per_second
from .words import MEDIA, OF_THE_HUB, has_place, slots_for, word_for

if TYPE_CHECKING:
    from .known import Known
    from .schema import Parameter
    from .slots import Slot

WIDTH = 120  # characters of a line


def line(known: Known) -> str:
    """The id, then what matters most, as far as 120 characters reach."""
    text = known.id
    for part in _parts(known):
        separator = ": " if text == known.id else ", "
        if part and len(text) + len(separator) + len(part) <= WIDTH:
            text += separator + part
    return text


def _parts(known: Known) -> Iterator[str]:
    yield price(known)
    takes = [*(["text"] if known.takes("text") else []), *(word for word in MEDIA if has_place(known, word))]
    needed = {word_for(slot) for slot in known.slots if slot.required}
    if "start_image" in needed or "start_image" in takes:
        takes = [word for word in takes if word != "input_image" or _takes_references(known)]
    yield "+".join(f"{word}!" if word in needed else word for word in takes)
    yield lengths(known)
    if known.sound:
        yield "sound"
    if known.multi_shot:
        yield "multi-shot"
    yield " ".join(known.frame.resolutions)
    yield " ".join(known.frame.ratios)


def _takes_references(known: Known) -> bool:
    return slots_for(known, "input_image")[0].role in ("reference", "keyframes")


def price(known: Known) -> str:
    """The lowest price in a few characters."""
    pricing, rate = known.pricing, per_second(known)
    if rate is not None:
        several = pricing is not None and (pricing.cost_per_second_by_resolution or pricing.cost_per_second_high_res)
        return f"{'from ' if several else ''}{dollars(rate)}/s"
    each = per_image(known)
    if pricing is not None and each is not None:
        return f"{'from ' if pricing.cost_per_image_grid else ''}{dollars(each)} each"
    return "price unknown"


def lengths(known: Known) -> str:
    """`5 or 10 s`, `3–15 s`, or nothing."""
    length = known.length
    if length is None:
        return ""
    choices = length.choices
    if choices and (len(choices) <= 3 or choices[-1] - choices[0] != len(choices) - 1):
        return f"{'/'.join(f'{one:g}' for one in choices)} s"
    least, most = length.span()
    if most is None:
        return f"{least:g} s or more" if least and least >= 1 else ""
    return f"{least:g}–{most:g} s" if least and least >= 1 else f"up to {most:g} s"


def detail(known: Known) -> dict[str, Any]:
    """Everything that is needed to call it. Media are named by the words of the request."""
    told: dict[str, Any] = {
        "model": known.id,
        "name": known.name,
        "about": known.about,
        "price": _rates(known),
        "prompt": "required" if known.needs_prompt else "optional" if known.takes("text") else "not taken",
        "media": {slot.name: _medium(slot) for slot in known.slots},
        "duration": _duration(known),
        "aspect_ratio": list(known.frame.ratios) or ("any, by width and height" if known.frame.in_pixels else None),
        "resolution": list(known.frame.resolutions) or None,
        "sound": {"always": "always", "on request": "generate_audio", None: None}[known.sound],
        "multi_prompt": _shots(known),
        "model_parameters": {one.name: _told(one) for one in _own_parameters(known)},
        "rules": [" ".join(_rule(rule.told)) for rule in known.rules],
        "source": known.page.get("source"),
        "checked_against": "the live schema" if known.schema_is_live else "the bundled schema: it may have changed",
    }
    if not known.listed:
        told["listed"] = False
    return {key: value for key, value in told.items() if value not in (None, {}, [], "")}


def _rates(known: Known) -> str:
    pricing = known.pricing
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


def _medium(slot: Slot) -> str:
    word = word_for(slot)
    most = f", up to {slot.most}" if slot.many and slot.most else ", several" if slot.many else ""
    by = word if word in MEDIA else "model_parameters"
    return f"{slot.kind}, {slot.role.replace('_', ' ')}{most}; by {by}{'; required' if slot.required else ''}"


def _duration(known: Known) -> str | None:
    length = known.length
    if length is None:
        return None
    default = f", default {length.default} s" if isinstance(length.default, (int, float)) else ""
    free = ", or left to the model" if length.auto is not None else ""
    return f"{lengths(known)}{default}{free}" or "seconds"


def _shots(known: Known) -> str | None:
    several = known.multi_shot
    if several is None:
        supposed = documented.supposed(known.id)
        return "a sister model takes it; not confirmed for this one, so shots become a film" if supposed else None
    most = f", {several.least:g} to {several.most:g} s in all" if several.most else ""
    return f"shots of {several.shot_least:g} to {several.shot_most:g} s{most}, {several.characters} characters each"


def _own_parameters(known: Known) -> Iterator[Parameter]:
    """Those that only `model_parameters` reaches."""
    frame = known.frame
    common = [frame.aspect, frame.resolution, frame.sizes, frame.width, frame.height, known.audio_flag]
    reached = {one.name for one in common if one is not None} | {slot.name for slot in known.slots}
    reached |= {"prompt", "negative_prompt", "seed", *OF_THE_HUB}
    reached |= {known.length.name} if known.length else set()
    reached |= {known.multi_shot.name} if known.multi_shot else set()
    return (one for one in known.parameters.values() if one.name not in reached)


def _told(parameter: Parameter) -> str:
    least, most = parameter.span
    what = shown(parameter.enum) if parameter.enum else " or ".join(parameter.types) or "any"
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
