"""The bounds of everything that reads media. A hostile file can cost no more than this."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """bytes of a file; pixels of one picture; seconds of a video; frames decoded by one call; streams of a file."""

    bytes: int = 2 << 30
    pixels: int = 8192 * 4320
    seconds: float = 3600.0
    frames: int = 220_000
    streams: int = 16


LIMITS = Limits()
