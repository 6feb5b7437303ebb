"""What a file is, by its first bytes: a name or a Content-Type may say anything."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["video", "image", "audio"]
ENOUGH = 64  # bytes

_AT_START: tuple[tuple[bytes, Kind, str], ...] = (
    (b"\x1aE\xdf\xa3", "video", "video/webm"),
    (b"\x89PNG\r\n\x1a\n", "image", "image/png"),
    (b"\xff\xd8\xff", "image", "image/jpeg"),
    (b"GIF87a", "image", "image/gif"),
    (b"GIF89a", "image", "image/gif"),
    (b"II*\x00", "image", "image/tiff"),
    (b"MM\x00*", "image", "image/tiff"),
    (b"ID3", "audio", "audio/mpeg"),
    (b"OggS", "audio", "audio/ogg"),
    (b"fLaC", "audio", "audio/flac"),
)
_RIFF: dict[bytes, tuple[Kind, str]] = {
    b"WEBP": ("image", "image/webp"),
    b"WAVE": ("audio", "audio/wav"),
    b"AVI ": ("video", "video/x-msvideo"),
}
_MP3_FRAMES = (b"\xff\xfb", b"\xff\xfa", b"\xff\xf3", b"\xff\xf2", b"\xff\xe3")  # MPEG 1, 2 and 2.5, layer III, no tag
_AAC_FRAMES = (b"\xff\xf1", b"\xff\xf9")
_STILLS = frozenset({b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1"})


def media_kind(start: bytes) -> tuple[Kind, str] | None:
    """Kind and media type of a file that begins with `start`, None where it is no media that is known."""
    if start[4:8] == b"ftyp":
        return _iso_media(start[8:12])
    if start[4:8] in (b"moov", b"mdat", b"wide", b"free") and len(start) >= 8:
        return "video", "video/quicktime"
    if start[:4] == b"RIFF":
        return _RIFF.get(start[8:12])
    for magic, kind, media_type in _AT_START:
        if start.startswith(magic):
            return kind, media_type
    if start[:2] in _MP3_FRAMES:
        return "audio", "audio/mpeg"
    if start[:2] in _AAC_FRAMES:
        return "audio", "audio/aac"
    return None


def _iso_media(brand: bytes) -> tuple[Kind, str]:
    if brand in _STILLS:
        return "image", "image/avif" if brand.startswith(b"avi") else "image/heic"
    if brand in (b"M4A ", b"M4B "):
        return "audio", "audio/mp4"
    return "video", "video/quicktime" if brand == b"qt  " else "video/mp4"


# What a file is, by its first bytes: names and content types that a stranger gave prove nothing.

HEAD_BYTES = 64  # bytes that `content_type` wants to see

_VIDEO_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp", b"pnot"})
_STARTS = (
    (b"\x1aE\xdf\xa3", "video/webm"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"ID3", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "audio/ogg"),
)
_RIFF_TYPES = {b"WAVE": "audio/wav", b"WEBP": "image/webp", b"AVI ": "video/x-msvideo"}
_BRANDS = {b"qt  ": "video/quicktime", b"M4A ": "audio/mp4", b"M4B ": "audio/mp4"}
_PICTURE_BRANDS = {b"avif": "image/avif", b"avis": "image/avif", b"heic": "image/heic", b"heix": "image/heic"}
_PICTURE_BRANDS |= {b"mif1": "image/heic", b"msf1": "image/heic", b"hevc": "image/heic"}


def content_type(head: bytes) -> str | None:
    """The media type that the first bytes of a file prove, or None where they prove none."""
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF":
        return _RIFF_TYPES.get(head[8:12])
    if head[4:8] in _VIDEO_BOXES:
        brand = head[8:12]
        return _PICTURE_BRANDS.get(brand) or _BRANDS.get(brand) or "video/mp4"
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        layer = head[1] & 0x06
        return "audio/mpeg" if layer else "audio/aac"
    return None


def content_type_of(path: Path | str) -> str | None:
    """`content_type` of the file at `path`. Raises OSError."""
    with Path(path).open("rb") as file:
        return content_type(file.read(HEAD_BYTES))


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
