"""What a file is, by its first bytes: names and content types that a stranger gave prove nothing."""

from __future__ import annotations

from pathlib import Path

ENOUGH = 64  # bytes that `content_type` wants to see

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
_RIFF = {b"WAVE": "audio/wav", b"WEBP": "image/webp", b"AVI ": "video/x-msvideo"}
_BRANDS = {b"qt  ": "video/quicktime", b"M4A ": "audio/mp4", b"M4B ": "audio/mp4"}
_PICTURE_BRANDS = {b"avif": "image/avif", b"avis": "image/avif", b"heic": "image/heic", b"heix": "image/heic"}
_PICTURE_BRANDS |= {b"mif1": "image/heic", b"msf1": "image/heic", b"hevc": "image/heic"}


def content_type(head: bytes) -> str | None:
    """The media type that the first bytes of a file prove, or None where they prove none."""
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12])
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
        return content_type(file.read(ENOUGH))
