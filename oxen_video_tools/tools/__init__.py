"""Every agent tool, once. `TABLE` holds them in the order in which an agent sees them: that of `handlers`."""

from __future__ import annotations

from . import handlers
from .tool import Call, Reply, ToolSpec, hidden

__all__ = ["TABLE", "Call", "Reply", "ToolSpec", "hidden"]

TABLE: dict[str, ToolSpec] = {spec.name: spec for spec in vars(handlers).values() if isinstance(spec, ToolSpec)}
