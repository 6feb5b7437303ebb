"""What a file is, by its first bytes: a name or a Content-Type may say anything."""

from __future__ import annotations

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


def sniffed(start: bytes) -> tuple[Kind, str] | None:
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
