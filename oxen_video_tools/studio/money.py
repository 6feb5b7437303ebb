"""Money in the ledger is whole micro-dollars, so that sums are exact in every database. Outside it is `Decimal` USD."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

from ..errors import InvalidRequest

MICRO = Decimal(1_000_000)
LARGEST = Decimal(10) ** 9  # US dollars


def micros(dollars: Decimal) -> int:
    """US dollars → micro-dollars, rounded up: a reservation never falls short of what it covers.

    Raises InvalidRequest for more than anybody pays, which no database could add up.
    """
    if not dollars < LARGEST:
        raise InvalidRequest(f"${dollars:.3g} is no amount: at most $1,000,000,000 is.", fix="Name a smaller sum.")
    return int((dollars * MICRO).to_integral_value(ROUND_CEILING))


def dollars(micro: int) -> Decimal:
    """Micro-dollars → US dollars."""
    return Decimal(micro) / MICRO


def said(amount: Decimal) -> str:
    """As a person reads it: whole cents, more digits only where they matter, never rounded down to nothing."""
    cents = amount.quantize(Decimal("0.01"), ROUND_CEILING)
    return f"${cents:.2f}" if amount == cents or amount >= 1 else f"${amount.normalize():f}"
