"""The `media` extra: PyAV, numpy and Pillow, loaded by the first call that needs them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import NotInstalled

PACKAGES = ("av", "numpy", "PIL")


@contextmanager
def media_extra() -> Iterator[None]:
    """Around imports that need the extra: its absence becomes `NotInstalled`, with the words that install it."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in PACKAGES:
            raise
        raise NotInstalled(
            f"This needs the media extra ({error.name} is missing).", fix="pip install 'oxen-video-tools[media]'"
        ) from error
