"""One model as this package knows it: the hub's record, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..hub.records import Pricing, VideoModel


@dataclass(frozen=True)
class Known:
    """A model and its facts.

    listed: whether it stands in the list at hand.  live: whether that list is the hub's own, read lately.
    schema: its parameters.  schema_live: whether they are the hub's own words, so that a misfit is certain.
    """

    model: VideoModel
    listed: bool = True
    live: bool = False
    schema: Mapping[str, Any] | None = field(default=None, repr=False)
    schema_live: bool = False

    @property
    def id(self) -> str:
        return self.model.id

    @cached_property
    def properties(self) -> Mapping[str, Any]:
        """Every parameter's schema, by its name."""
        found = (self.schema or {}).get("properties")
        return found if isinstance(found, dict) else {}

    @property
    def pricing(self) -> Pricing | None:
        """Its rates; only the live list is believed."""
        return self.model.pricing if self.live else None
