"""What a body may cost, in US dollars: an upper bound, and what could not be priced."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from .known import Known


@dataclass(frozen=True)
class Price:
    """usd: US dollars at most; None where unknown.  unpriced: what could not be priced.  text: one line for a person."""

    usd: Decimal | None
    unpriced: tuple[str, ...]
    text: str

    @property
    def is_known(self) -> bool:
        """Whether nothing was left unpriced."""
        return self.usd is not None and not self.unpriced


def estimate(body: Mapping[str, Any], known: Known) -> Price:
    """What one body may cost."""
    pricing = known.pricing
    if pricing is None or pricing.cost_per_second is None:
        return Price(None, ("the whole price",), "unknown")
    seconds = body.get("duration", 5)
    count = body.get("num_generations", 1)
    usd = pricing.cost_per_second * Decimal(str(seconds)) * count
    return Price(usd, (), f"${usd:.2f}")


def total(prices: Iterable[Price]) -> Price:
    """The price of several jobs."""
    prices = list(prices)
    if len(prices) == 1:
        return prices[0]
    unpriced = tuple(dict.fromkeys(part for price in prices for part in price.unpriced))
    amounts = [price.usd for price in prices if price.usd is not None]
    if not amounts:
        return Price(None, unpriced, "unknown")
    usd = sum(amounts, Decimal(0))
    return Price(usd, unpriced, f"${usd:.2f}")
