"""Oxen's HTTP API on this machine: no key, no cost, and faults on request.

Written from Oxen's documentation and without any code of the client, so that it can find the client's mistakes: it
reads the bundled model list as a file, checks requests with `jsonschema-rs`, and renders its videos with `media`.
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
