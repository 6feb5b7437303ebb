"""What each model accepts and costs: pure functions over data. The only I/O is the list, handed in as `fetch`."""

from __future__ import annotations

from .body_builder import MediaPlace
from .catalog import Catalog, ModelList
from .model_info import ModelInfo
from .pricing import Price, estimate
from .selection import Choice, choose
from .translate import Translation, put_urls, translate
from .validate import check, unsuitable_media

__all__ = [
    "Catalog",
    "Choice",
    "MediaPlace",
    "ModelInfo",
    "ModelList",
    "Price",
    "Translation",
    "check",
    "choose",
    "estimate",
    "put_urls",
    "translate",
    "unsuitable_media",
]
