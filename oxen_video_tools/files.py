"""Files: what one is, by its first bytes (a name or a Content-Type may say anything), and how one is written whole."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

Kind = Literal["video", "image", "audio"]
HEAD_BYTES = ENOUGH = 64  # bytes that `content_type` wants to see

_VIDEO_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp", b"pnot"})
_STARTS = (
    (b"\x1aE\xdf\xa3", "video/webm"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"ID3", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "audio/ogg"),
)
_RIFF_TYPES = {b"WAVE": "audio/wav", b"WEBP": "image/webp", b"AVI ": "video/x-msvideo"}
_BRANDS = {b"qt  ": "video/quicktime", b"M4A ": "audio/mp4", b"M4B ": "audio/mp4"}
_PICTURE_BRANDS = dict.fromkeys((b"avif", b"avis"), "image/avif")
_PICTURE_BRANDS |= dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"), "image/heic")
_PICTURE_BRANDS |= dict.fromkeys((b"mif1", b"mif2", b"msf1"), "image/heic")


def content_type(head: bytes) -> str | None:
    """The media type that the first bytes of a file prove, or None where they prove none."""
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF":
        return _RIFF_TYPES.get(head[8:12])
    if head[4:8] in _VIDEO_BOXES:
        if head[4:8] not in (b"ftyp", b"styp"):  # MP4 must begin with a brand, QuickTime need not
            return "video/quicktime"
        brand = head[8:12]
        return _PICTURE_BRANDS.get(brand) or _BRANDS.get(brand) or "video/mp4"
    if head[:2] == b"BM" and head[6:10] == bytes(4):  # text may begin so, too
        return "image/bmp"
    return _sound_without_header(head)


def _sound_without_header(head: bytes) -> str | None:
    """AAC in ADTS, or MPEG layer II or III, by the first frame's bits. Text in UTF-16 begins almost so."""
    if len(head) < 3 or head[0] != 0xFF:
        return None
    if head[1] & 0xF6 == 0xF0:
        return "audio/aac"
    layer, version, rates = head[1] & 0x06, head[1] & 0x18, head[2]
    fits = head[1] & 0xE0 == 0xE0 and layer in (0x02, 0x04) and version != 0x08
    return "audio/mpeg" if fits and rates & 0xF0 != 0xF0 and rates & 0x0C != 0x0C else None


def media_kind(start: bytes) -> tuple[Kind, str] | None:
    """Kind and media type of a file that begins with `start`, None where it is no media that is known."""
    kind = content_type(start)
    return (cast("Kind", kind.partition("/")[0]), kind) if kind else None


def content_type_of(path: Path | str) -> str | None:
    """`content_type` of the file at `path`. Raises OSError."""
    with Path(path).open("rb") as file:
        return content_type(file.read(HEAD_BYTES))


# Writing: a file that others may read is whole, or not there.


@contextmanager
def part_file(folder: Path, ending: str = "") -> Iterator[Path]:
    """A new hidden name in `folder` to write to. A file still under that name when the block ends is removed.

    ending: of the name, ".mp4" for a program that goes by it.
    """
    part = folder / f".{secrets.token_hex(8)}.part{ending}"
    try:
        yield part
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


@contextmanager
def atomic_file(path: Path, part: Path | None = None) -> Iterator[Path]:
    """A name beside `path` to write to. It becomes `path` if the block ends well, and is removed if it does not.

    part: that name, where whoever ends this process has to know it.
    Raises OSError, also for the renaming.
    """
    part = part or path.with_name(f".{secrets.token_hex(8)}.part{path.suffix}")
    try:
        yield part
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


# The bounds of everything that reads media. A hostile file can cost no more than this.


@dataclass(frozen=True)
class Limits:
    """bytes of a file; pixels of one picture; seconds of a video; frames decoded by one call; streams of a file."""

    bytes: int = 2 << 30
    pixels: int = 8192 * 4320
    seconds: float = 3600.0
    frames: int = 220_000
    streams: int = 16


LIMITS = Limits()
