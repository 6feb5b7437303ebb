"""What each model accepts and costs: pure functions over data. The only I/O is the list, handed in as `fetch`."""

from __future__ import annotations

from .catalog import Catalog
from .checks import check
from .choose import Choice, choose
from .dialect import MediaPlace, Translation, placed, translate
from .known import Known
from .limits import unfit
from .models import Models
from .pricing import Price, estimate

__all__ = [
    "Catalog",
    "Choice",
    "Known",
    "MediaPlace",
    "Models",
    "Price",
    "Translation",
    "check",
    "choose",
    "estimate",
    "placed",
    "translate",
    "unfit",
]
