"""`documented.json`: what Oxen's pages say and the schemas leave out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from importlib.resources import files
from typing import Any


@lru_cache(maxsize=1)
def pages() -> Mapping[str, Any]:
    """The whole file."""
    told: dict[str, Any] = json.loads(files(__package__).joinpath("documented.json").read_text("utf-8"))
    return told


def page(model_id: str) -> Mapping[str, Any]:
    """What is documented about this model; empty where nothing is."""
    told: Mapping[str, Any] = pages()["models"].get(model_id, {})
    return told


def supposed(model_id: str) -> Mapping[str, Any]:
    """Parameters that a sister model is documented to have, and that this one may have too: told, never acted on."""
    for family in pages()["families"]:
        if fnmatchcase(model_id, family["match"]) and not page(model_id).get("request_schema"):
            told: Mapping[str, Any] = family["request_schema"]["properties"]
            return told
    return {}


def image_choices(level: str) -> list[str]:
    """Image models to take at this level ("draft", "standard", "best"), best first."""
    told: list[str] = pages()["image_choices"].get(level, [])
    return told


def choices(need: str) -> list[str]:
    """Models to take for this need when a request names none, best first."""
    told: list[str] = pages()["choices"].get(need, [])
    return told
