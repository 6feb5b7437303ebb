"""The sandbox's model list: the bundled one, read as a file, and the models that only Oxen's pages know."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from .prices import pricing

_SNAPSHOT = Path(__file__).parents[1] / "catalog" / "snapshot.json"
_OWN = Path(__file__).with_name("own_models.json")
_CREATED = 1_775_000_000  # Unix seconds; any day before the first job will do


@dataclass(frozen=True)
class Shots:
    """Limits of a model's `multi_prompt` (Oxen docs, Kling O3 Pro walkthrough: Duration Constraints). In seconds."""

    least_seconds: int
    most_seconds: int
    most_characters: int
    default_seconds: int


@dataclass(frozen=True)
class Model:
    """listed: the model object on the wire.  accepts: the schema that its parameters are held against; None: any."""

    listed: Mapping[str, Any]
    accepts: Mapping[str, Any] | None
    shots: Shots | None = None

    @property
    def name(self) -> str:
        return str(self.listed["id"])

    @property
    def media_type(self) -> str | None:
        """What the queue makes with it: "video", "image", or None for a model of text."""
        return next((kind for kind in ("video", "image") if kind in self.listed["capabilities"]["output"]), None)

    @property
    def worked_on_freely(self) -> bool:
        """Whether a source video may be left out: with one, the model goes on from it at a length of its own."""
        media = (schema for schema in self.properties.values() if "x-media" in schema)
        required = (self.accepts or {}).get("required", ())
        sources = [one for one in media if one["x-media"].get("role") == "source"]
        named = [name for name, schema in self.properties.items() if schema in sources]
        return bool(named) and not any(name in required for name in named)

    @property
    def properties(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = (self.accepts or {}).get("properties", {})
        return found


def _listed(raw: Mapping[str, Any]) -> dict[str, Any]:
    """With every field that the documented model object has."""
    family = str(raw["id"]).split("-", 1)[0]
    return {
        "id": raw["id"],
        "object": "model",
        "created": _CREATED,
        "owned_by": "oxen",
        "display_name": raw["display_name"],
        "description": raw.get("description"),
        "summary": raw.get("summary"),
        "model_type": raw.get("model_type", "base"),
        "endpoint": raw["endpoint"],
        "capabilities": raw["capabilities"],
        "pricing": pricing(raw),
        "fine_tuning": None,
        "deployments": deepcopy(raw.get("deployments", [])),
        "developer": {"name": family.capitalize(), "logo": None},
        "source_model": None,
        "image_url": None,
        "released_at": None,
        "request_schema": raw["request_schema"],
    }


@lru_cache(maxsize=1)
def _read() -> tuple[tuple[Mapping[str, Any], Mapping[str, Any] | None, Shots | None], ...]:
    bundled = json.loads(_SNAPSHOT.read_text(encoding="utf-8"))["data"]
    own = json.loads(_OWN.read_text(encoding="utf-8"))["models"]
    return (
        *((raw, raw["request_schema"], None) for raw in bundled),
        *(
            (one["listed"], one.get("accepts", one["listed"]["request_schema"]), _shots(one.get("shots")))
            for one in own
        ),
    )


def _shots(raw: Mapping[str, int] | None) -> Shots | None:
    return Shots(**raw) if raw else None


def all_models() -> dict[str, Model]:
    """A fresh set, by name: a sandbox may activate and deactivate its own."""
    return {raw["id"]: Model(_listed(raw), accepts, shots) for raw, accepts, shots in _read()}


def search(models: Mapping[str, Model], words: str) -> list[Model]:
    """Models whose id or name holds every one of `words`."""
    wanted = words.lower().split()
    return [
        model
        for model in models.values()
        if all(word in f"{model.name} {model.listed['display_name']}".lower() for word in wanted)
    ]
