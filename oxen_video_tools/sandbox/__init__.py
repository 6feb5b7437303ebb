"""Oxen's HTTP API on this machine: no key, no cost, and faults on request.

Written from Oxen's documentation and from nothing of the client, so that it can be its judge: it reads the bundled
model list as a file, checks the wire's JSON with `jsonschema-rs`, and renders its videos with `media`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .server import Sandbox

__all__ = ["Sandbox"]


def __getattr__(name: str) -> Any:
    if name != "Sandbox":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from .server import Sandbox
    except ImportError as missing:
        from ..errors import NotInstalled

        raise NotInstalled(
            f"The sandbox needs {missing.name}, which is not installed.",
            fix="pip install 'oxen-video-tools[sandbox]'",
        ) from missing
    return Sandbox
