"""The price of a body in US dollars: an upper bound, and what could not be priced.

Rates come from the live list only (hub API, models: pricing). If the duration, the resolution or the sound is left to
the model, its most expensive value counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import ceil
from typing import TYPE_CHECKING, Any

from .dimensions import lines
from .rules import RuleContext, read_condition

if TYPE_CHECKING:
    from ..hub.records import Pricing
    from .model_info import ModelInfo

Body = Mapping[str, Any]
_COSTS = re.compile(r"\bcosts?\b|\bbilled\b|\bexpensive\b|\bper-second rate\b|\bpricing\b", re.I)
_COSTS_THE_SAME = re.compile(r"\b(same|either way|regardless|no extra)\b", re.I)
_HIGH_LINES = 1080
_READ = frozenset(
    (
        "method",
        "currency",
        "cost_per_second",
        "cost_per_second_by_resolution",
        "cost_per_second_with_audio",
        "cost_per_second_high_res",
        "cost_per_image",
        "cost_per_image_grid",
        "cost_per_credit",
    )
)
DEFAULT_SHOT = 5  # seconds, Oxen docs: a shot's default


@dataclass(frozen=True)
class Price:
    """A price, as an upper bound.

    usd: US dollars; None if unknown.
    unpriced: what could not be priced and may cost more.
    text: one line for a person.
    """

    usd: Decimal | None
    unpriced: tuple[str, ...]
    text: str

    @property
    def is_known(self) -> bool:
        """Whether everything could be priced."""
        return self.usd is not None and not self.unpriced


@dataclass(frozen=True)
class Seconds:
    """The duration that is billed, in seconds.

    value: at most; None if nothing bounds it.
    said: where it comes from, if the body does not state it.
    measured: it is the exact duration of the input, not a bound.
    """

    value: float | None
    said: str = ""
    measured: bool = False

    @property
    def certain(self) -> float | None:
        """The duration if it is exact; None if it is only a bound."""
        return self.value if self.measured or not self.said else None


ABSURD = Decimal(10) ** 9  # US dollars: a higher price comes from a nonsensical duration or number


def estimate(body: Body, info: ModelInfo, lengths: Mapping[str, float] | None = None) -> Price:
    """The price of one body, for all of its `num_generations`.

    lengths: seconds of input videos and sounds, by their reference in the body.
    """
    pricing = info.pricing
    if pricing is None:
        why = "the list names no price for it" if info.live else "prices stand in the live list, and it was not read"
        return Price(None, ("the whole price",), f"unknown: {why}")
    count = body.get("num_generations", 1)
    count = count if isinstance(count, int) and count > 0 else 1
    one = _one(body, info, pricing, lengths or {})
    unpriced = (*one.unpriced, *_blind_to(body, info, pricing))
    if one.usd is None:
        return Price(None, unpriced or ("the whole price",), f"unknown: {one.how}")
    amount = one.usd * count
    if amount >= ABSURD:
        return Price(None, unpriced or ("the whole price",), "unknown: no such length or number can be priced")
    times = f"{count} × " if count > 1 else ""
    bound = "at most " if one.is_bound else ""
    more = f", and more for {' and '.join(unpriced)}" if unpriced else ""
    return Price(amount, unpriced, f"{bound}{dollars(amount)} ({times}{one.how}){more}")


def total(prices: Iterable[Price]) -> Price:
    """The sum of several prices."""
    prices = list(prices)
    if len(prices) == 1:
        return prices[0]
    unpriced = tuple(dict.fromkeys(part for price in prices for part in price.unpriced))
    amounts = [price.usd for price in prices if price.usd is not None]
    if not amounts:
        return Price(None, unpriced or ("the whole price",), prices[0].text if prices else "unknown: nothing to price")
    usd = sum(amounts, Decimal(0))
    bound = "at most " if any(price.text.startswith("at most") for price in prices) else ""
    more = f", and more for {' and '.join(unpriced)}" if unpriced else ""
    return Price(usd, unpriced, f"{bound}{dollars(usd)} for {len(prices)} clips{more}")


def dollars(amount: Decimal) -> str:
    """An amount for people: in cents, with more digits only for smaller amounts."""
    if amount >= 1 or amount == amount.quantize(Decimal("0.01")):
        return f"${amount:.2f}"
    return f"${amount.quantize(Decimal('0.0001')).normalize():f}"


def per_second(info: ModelInfo) -> Decimal | None:
    """The lowest price of a second; None if unknown."""
    pricing = info.pricing
    if pricing is None:
        return None
    rates = [pricing.cost_per_second, *pricing.cost_per_second_by_resolution.values()]
    return min((rate for rate in rates if rate is not None), default=None)


@dataclass(frozen=True)
class _One:
    """The price of one generation.

    how: the calculation in words, or why there is no price.
    is_bound: it may cost less.
    """

    usd: Decimal | None
    how: str
    unpriced: tuple[str, ...] = ()
    is_bound: bool = False


def _one(body: Body, info: ModelInfo, pricing: Pricing, lengths: Mapping[str, float]) -> _One:
    """The price of one generation, by the billing method of the model."""
    if pricing.method == "per_provider_credit":
        each = f", {dollars(pricing.cost_per_credit)} each" if pricing.cost_per_credit is not None else ""
        what = f"it is billed by the provider's credits{each}, and nothing says how many it takes"
        return _One(None, what, ("the provider's credits",))
    by_image = pricing.cost_per_image is not None or bool(pricing.cost_per_image_grid)
    if pricing.method == "per_image" or (by_image and not _rates(pricing)):
        return _by_the_image(body, info, pricing)
    if pricing.method in ("time", "token"):
        what = "computing time" if pricing.method == "time" else "tokens"
        return _One(None, f"it is billed by {what}", (what,))
    if pricing.method not in (None, "per_video_output_second", "per_audio_output_second"):
        return _One(None, f"nobody here knows the method {pricing.method}", (f"method {pricing.method}",))
    return _by_the_second(body, info, pricing, lengths)


def _by_the_image(body: Body, info: ModelInfo, pricing: Pricing) -> _One:
    """The price of pictures, from the grid of qualities and sizes if there is one.

    What the body leaves open counts as the most expensive.
    """
    several = body.get("num_images", 1)  # all are billed, though only the first is answered
    count = several if isinstance(several, int) and several > 1 else 1
    if not pricing.cost_per_image_grid:
        if pricing.cost_per_image is None:
            return _One(None, "no price for a result", ("the whole price",))
        return _One(pricing.cost_per_image * count, f"{dollars(pricing.cost_per_image)} for a result")
    grid = pricing.cost_per_image_grid
    sizes = _said(body, info, {size for row in grid.values() for size in row}, "resolution")
    qualities = _said(body, info, set(grid), "quality")
    rows = [row for quality, row in grid.items() if quality in qualities] if len(grid) > 1 else list(grid.values())
    exact = bool(rows)
    rows = rows or list(grid.values())
    prices = [price for row in rows for size, price in row.items() if size in sizes]
    exact = exact and bool(prices)
    prices = prices or [price for row in rows for price in row.values()]
    usd = max(prices)
    note = "" if exact else ", the dearest quality and size"
    return _One(usd * count, f"{dollars(usd)} for a result{note}", is_bound=not exact)


def _said(body: Body, info: ModelInfo, keys: set[str], usual: str) -> set[str]:
    """The values that a body, or the model's default, gives to the parameter of a grid.

    keys: the values that the grid has a price for.
    usual: the usual name of the parameter.
    """
    names = [usual] if usual in info.parameters or usual in body else []
    names = names or [one.name for one in info.parameters.values() if keys & {str(value).lower() for value in one.enum}]
    defaults = {name: info.parameters[name].default for name in names if name in info.parameters}
    return {str(body.get(name, defaults.get(name))).lower() for name in names}


def per_image(info: ModelInfo) -> Decimal | None:
    """The lowest price of a picture; None if unknown."""
    pricing = info.pricing
    if pricing is None:
        return None
    grid = [price for row in pricing.cost_per_image_grid.values() for price in row.values()]
    return min(grid, default=pricing.cost_per_image)


def _by_the_second(body: Body, info: ModelInfo, pricing: Pricing, lengths: Mapping[str, float]) -> _One:
    rate, kind = _rate(body, info, pricing)
    seconds = billed_seconds(body, info, lengths)
    if rate is None:
        return _One(None, "no rate for these settings", ("the rate of these settings",))
    if seconds.value is None:
        return _One(None, f"{dollars(rate)}/s, and nothing says how long it will be", ("the length of the result",))
    notes = ", ".join(note for note in (seconds.said, kind) if note)
    billed = ceil(seconds.value) if seconds.measured else seconds.value  # a part of a second may be billed as a whole
    how = f"{billed:g} s at {dollars(rate)}/s" + (f"; {notes}" if notes else "")
    return _One(rate * Decimal(str(billed)), how, is_bound=bool(notes))


def _rates(pricing: Pricing) -> list[Decimal]:
    rates = [pricing.cost_per_second, pricing.cost_per_second_with_audio, pricing.cost_per_second_high_res]
    return [rate for rate in [*rates, *pricing.cost_per_second_by_resolution.values()] if rate is not None]


def _rate(body: Body, info: ModelInfo, pricing: Pricing) -> tuple[Decimal | None, str]:
    """US dollars per second, and a note if it is the most expensive of several rates."""
    base, note = _rate_of_picture(body, info, pricing)
    loud = pricing.cost_per_second_with_audio
    if loud is None or sounds(body, info) is False:
        return base, note
    quiet = pricing.cost_per_second
    if base is None or quiet is None:
        return max(loud, base or loud), note
    extra = max(loud - quiet, Decimal(0))
    return max(loud, base + extra), note


def _rate_of_picture(body: Body, info: ModelInfo, pricing: Pricing) -> tuple[Decimal | None, str]:
    table = pricing.cost_per_second_by_resolution
    parameter = info.frame.resolution
    said = body.get(parameter.name, parameter.default) if parameter else None
    word = said.lower() if isinstance(said, str) else None
    if table:
        same = [rate for key, rate in table.items() if key == word or (lines(word) and lines(key) == lines(word))]
        if same:
            return same[0], ""
        dearest = max([*table.values(), *([pricing.cost_per_second] if pricing.cost_per_second else [])])
        return dearest, "the dearest resolution" if len(set(table.values())) > 1 else ""
    high = pricing.cost_per_second_high_res
    if high is None:
        return pricing.cost_per_second, ""
    if pricing.cost_per_second is None:
        return high, ""
    told = lines(word)
    if word is None or (told is None and word not in ("standard", "low", "medium", "high")):
        return max(high, pricing.cost_per_second), "the dearest resolution"
    return (high if word == "high" or (told or 0) >= _HIGH_LINES else pricing.cost_per_second), ""


def sounds(body: Body, info: ModelInfo) -> bool | None:
    """Whether the result has sound; None if unknown."""
    flag = info.audio_flag
    if flag is None:
        return True if info.sound == "always" else None if info.sound is None and not info.has_schema else False
    said = body.get(flag.name, flag.default)
    return said if isinstance(said, bool) else None


def billed_seconds(body: Body, info: ModelInfo, lengths: Mapping[str, float] | None = None) -> Seconds:
    """The duration of the result, or an upper bound. lengths: as for `estimate`."""
    lengths = lengths or {}
    several = info.multi_shot
    shots = body.get(several.name if several else "multi_prompt")
    if isinstance(shots, list) and shots:
        key = several.duration if several else "duration"
        return Seconds(sum(_shot_seconds(shot, key) for shot in shots))
    length = info.length
    if length is None or follows_its_input(body, info):
        return _of_the_input(body, info, lengths)
    read = length.read(body[length.name], body) if length.name in body else length.default
    if isinstance(read, (int, float)):
        return Seconds(read)
    most = length.span(body)[1]
    if most is None:
        return _of_the_input(body, info, lengths)
    return Seconds(
        most, f"the model decides the length, up to {most:g} s" if read else f"no length said, up to {most:g} s"
    )


def _shot_seconds(shot: Any, key: str) -> float:
    told = shot.get(key, DEFAULT_SHOT) if isinstance(shot, dict) else DEFAULT_SHOT
    return told if isinstance(told, (int, float)) and not isinstance(told, bool) else DEFAULT_SHOT


def follows_its_input(body: Body, info: ModelInfo) -> bool:
    """Whether the result is as long as its input: a rule ignores the duration here, or a flag ties it to the sound."""
    length = info.length
    case = RuleContext(info, body, {})
    for rule in info.rules:
        told = rule.told
        if (
            told["rule"] == "ignored_when"
            and length
            and told.get("field") == length.name
            and read_condition(told, case).holds
        ):
            return True
    flag = info.parameters.get("match_audio_length")
    return flag is not None and body.get(flag.name, flag.default) is True


def _of_the_input(body: Body, info: ModelInfo, lengths: Mapping[str, float]) -> Seconds:
    """The duration of a result that is as long as its input: exact if known, else the documented maximum."""
    for slot in info.slots:
        source = body.get(slot.name) if slot.role in ("source", "driving_audio") else None
        if isinstance(source, str) and source in lengths:
            return Seconds(lengths[source], "as long as its input", measured=True)
    for slot in info.slots:
        if body.get(slot.name) and slot.role in ("source", "driving_audio", "reference"):
            limits = slot.parameter.limits
            most = limits.get("output_cap_seconds") or (limits.get("media_seconds") or [None, None])[1]
            if most is not None:
                return Seconds(most, f"as long as its input, up to {most:g} s")
    return Seconds(None)


def _blind_to(body: Body, info: ModelInfo, pricing: Pricing) -> Iterator[str]:
    """What may cost more, at an unknown rate: unknown rates, and settings whose description mentions cost."""
    for key in pricing.raw:
        if key not in _READ and re.search(r"cost|price|rate|fee", key, re.I) and pricing.raw[key] not in (None, 0, "0"):
            yield key
    covered = _covered(info, pricing)
    for name, value in body.items():
        parameter = info.parameters.get(name)
        if parameter is None or name in covered or value in (None, False, parameter.default):
            continue
        if _COSTS.search(parameter.description) and not _COSTS_THE_SAME.search(parameter.description):
            yield name


def _covered(info: ModelInfo, pricing: Pricing) -> Sequence[str]:
    """Parameters whose effect on the price is covered by the rates."""
    covered = [info.length.name] if info.length else []
    if pricing.cost_per_image_grid:
        rows = pricing.cost_per_image_grid
        told = {*rows, *(size for row in rows.values() for size in row)}
        covered += [one.name for one in info.parameters.values() if told & {str(value).lower() for value in one.enum}]
    if info.frame.resolution and (pricing.cost_per_second_by_resolution or pricing.cost_per_second_high_res):
        covered.append(info.frame.resolution.name)
    if info.audio_flag and pricing.cost_per_second_with_audio is not None:
        covered.append(info.audio_flag.name)
    return covered
