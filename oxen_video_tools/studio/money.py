"""Money in the ledger is whole micro-dollars, so that sums are exact in every database. Outside it is `Decimal` USD."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

MICRO = Decimal(1_000_000)


def micros(dollars: Decimal) -> int:
    """US dollars → micro-dollars, rounded up: a reservation never falls short of what it covers."""
    return int((dollars * MICRO).to_integral_value(ROUND_CEILING))


def dollars(micro: int) -> Decimal:
    """Micro-dollars → US dollars."""
    return Decimal(micro) / MICRO


def said(amount: Decimal) -> str:
    """As a person reads it: whole cents, more digits only where they matter, never rounded down to nothing."""
    cents = amount.quantize(Decimal("0.01"), ROUND_CEILING)
    return f"${cents:.2f}" if amount == cents or amount >= 1 else f"${amount.normalize():f}"
