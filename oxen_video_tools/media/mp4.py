"""Whether an MP4 arrived whole, told from its boxes alone (ISO/IEC 14496-12). Needs no decoder.

Half a file whose index comes first opens in every player, claims its full length and ends early without a word. Its
boxes don't lie: the last one reaches beyond the end of the file, and so do the chunk offsets.
"""

from __future__ import annotations

import math
import struct
import sys
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import InputUnreadable, Internal
from ..files import atomic_file, content_type

MOST_BOXES = 200_000  # of the outermost level: a fragment each second makes two
CODECS = {
    **dict.fromkeys(("avc1", "avc3"), "h264"),
    **dict.fromkeys(("hvc1", "hev1"), "hevc"),
    **{"av01": "av1", "vp09": "vp9", "vp08": "vp8", "mp4v": "mpeg4", "mp4a": "aac", "Opus": "opus", "fLaC": "flac"},
}
MOST_INDEX = 64 << 20  # bytes of a `moov` that are read


@dataclass(frozen=True)
class Track:
    """kind: "vide", "soun" or another handler type.  width, height: square pixels, before rotation.

    samples: how many, where the index counts them.
    """

    kind: str
    codec: str | None = None  # as FFmpeg calls it: "h264", "aac"; else its four letters
    width: int = 0
    height: int = 0
    rotation: int = 0  # degrees clockwise that a player turns the picture
    mirrored: bool = False  # left for right, before it is turned
    samples: int = 0
    sample_bytes: int = 0
    reaches: int = 0  # the furthest byte that a sample needs


@dataclass(frozen=True)
class Structure:
    """What the boxes say. size: bytes. duration: seconds, None where only fragments know it."""

    size: int
    duration: float | None = None
    tracks: tuple[Track, ...] = ()
    faststart: bool = False
    fragmented: bool = False
    problems: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether the file is a whole MP4 with a video in it."""
        return not self.problems

    @property
    def has_audio(self) -> bool:
        return any(track.kind == "soun" for track in self.tracks)

    @property
    def video(self) -> Track | None:
        """The first video track."""
        return next((track for track in self.tracks if track.kind == "vide"), None)


def check(path: Path | str) -> Structure:
    """The structure of a whole MP4. Raises InputUnreadable, naming what is wrong, and OSError."""
    found = structure(path)
    if not found.complete:
        raise InputUnreadable(f"{Path(path).name} is not a whole MP4: {'; '.join(found.problems)}.")
    return found


def structure(path: Path | str) -> Structure:
    """The boxes of the file at `path`, whole or not. Raises OSError; never anything else, whatever the bytes."""
    with Path(path).open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        if size == 0:
            return Structure(0, problems=("the file is empty",))
        kind = content_type(file.read(64)) or ""
        if kind not in ("video/mp4", "video/quicktime"):
            return Structure(size, problems=(f"it is {kind or 'no media that is known'}, by its first bytes",))
        return _read(file, size)


@dataclass
class _Outermost:
    order: list[bytes] = field(default_factory=list)
    data: int = 0  # bytes of all `mdat`
    index: memoryview | None = None
    problems: list[str] = field(default_factory=list)


def _read(file: BinaryIO, size: int) -> Structure:
    seen = _outermost(file, size)
    problems = seen.problems
    if seen.index is None:
        if not problems:
            problems.append("it has no index (moov)")
        return Structure(size, problems=tuple(problems))
    try:
        duration, tracks, fragmented = _index(seen.index)
    except (struct.error, ValueError, IndexError, OverflowError):
        return Structure(size, problems=(*problems, "its index (moov) is damaged"))
    if not any(track.kind == "vide" for track in tracks):
        problems.append("it has no video track")
    if fragmented:
        if b"moof" not in seen.order and not any(track.samples for track in tracks):
            problems.append("it holds no samples")
    elif b"mdat" not in seen.order:
        problems.append("it has no media data (mdat)")
    elif any(track.reaches > size for track in tracks) or sum(t.sample_bytes for t in tracks) > seen.data:
        problems.append("samples lie beyond its end")
    order = seen.order
    faststart = b"mdat" not in order or order.index(b"moov") < order.index(b"mdat")
    return Structure(size, duration, tracks, faststart, fragmented, tuple(problems))


def _outermost(file: BinaryIO, size: int) -> _Outermost:
    """Walks the outermost boxes, which must end exactly where the file ends."""
    seen, at = _Outermost(), 0
    while at < size:
        file.seek(at)
        head = file.read(16)
        length, start = _length(head, size - at)
        if length < start or len(seen.order) >= MOST_BOXES:
            seen.problems.append(f"no box at byte {at}")
            break
        name = head[4:8]
        if at + length > size:
            seen.problems.append(f"it is cut off: {size} of at least {at + length} bytes")
            break
        seen.order.append(name)
        if name == b"mdat":
            seen.data += length - start
        if name == b"moov" and seen.index is None:
            if length > MOST_INDEX:
                seen.problems.append("its index (moov) is too large")
                break
            file.seek(at + start)
            seen.index = memoryview(file.read(length - start))
        at += length
    return seen


def _length(head: bytes, left: int) -> tuple[int, int]:
    """Bytes of the box that starts with `head`, and of its header; 0 when there is no box."""
    if len(head) < 8:
        return 0, 8
    short = int.from_bytes(head[:4], "big")
    if short == 1:
        return (int.from_bytes(head[8:16], "big") if len(head) >= 16 else 0), 16
    return (left if short == 0 else short), 8


def _inside(box: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    at = 0
    while at + 8 <= len(box):
        length, start = _length(bytes(box[at : at + 16]), len(box) - at)
        if length < start or at + length > len(box):
            raise ValueError("a box is larger than the one around it")
        yield bytes(box[at + 4 : at + 8]), box[at + start : at + length]
        at += length


def _child(box: memoryview, *names: bytes) -> memoryview | None:
    for name in names:
        found = next((body for kind, body in _inside(box) if kind == name), None)
        if found is None:
            return None
        box = found
    return box


def _index(moov: memoryview) -> tuple[float | None, tuple[Track, ...], bool]:
    duration: float | None = None
    scale = 1
    tracks: list[Track] = []
    fragmented, empty = False, []
    for name, body in _inside(moov):
        if name == b"mvhd":
            duration, scale = _seconds(body)
        elif name == b"trak" and len(tracks) < 64:
            tracks.append(_track(body))
            empty.append(_empty(body))
        elif name == b"mvex":
            fragmented = True
    if duration is not None and empty:
        duration = max(duration - min(empty) / scale, 0.0) or None
    return duration, tuple(tracks), fragmented


def _empty(trak: memoryview) -> int:
    """How long nothing is shown before a track begins, in units of the movie: its edit list begins with nothing."""
    edits = _child(trak, b"edts", b"elst")
    if edits is None or len(edits) < 20:
        return 0
    length, place = struct.unpack_from(">Qq" if edits[0] == 1 else ">Ii", edits, 8)
    return int(length) if place == -1 else 0


def _seconds(mvhd: memoryview) -> tuple[float | None, int]:
    """The length of the movie, where it is said, and how many of its units make a second."""
    scale, length = struct.unpack_from(">IQ", mvhd, 20) if mvhd[0] == 1 else struct.unpack_from(">II", mvhd, 12)
    unknown = 2**64 - 1 if mvhd[0] == 1 else 2**32 - 1
    return (length / scale if scale and 0 < length < unknown else None), scale or 1


def _track(trak: memoryview) -> Track:
    handler = _child(trak, b"mdia", b"hdlr")
    kind = bytes(handler[8:12]).decode("latin-1") if handler is not None else ""
    width = height = rotation = 0
    mirrored = False
    header = _child(trak, b"tkhd")
    if header is not None and len(header) >= 84:  # it ends with the matrix and the size, all in 16.16 fixed point
        a, b, _, c, d = struct.unpack_from(">iiiii", header, len(header) - 44)
        mirrored = a * d - b * c < 0
        rotation = round(math.degrees(math.atan2(-b, -a) if mirrored else math.atan2(b, a))) % 360
        width, height = (side >> 16 for side in struct.unpack(">II", header[-8:]))
    table = _child(trak, b"mdia", b"minf", b"stbl")
    samples, total, reaches = _samples(table) if table is not None else (0, 0, 0)
    codec = _codec(table) if table is not None else None
    if kind == "vide" and table is not None:
        width, height = _square(table) or (width, height)
    return Track(kind, codec, width, height, rotation, mirrored, samples, total, reaches)


def _codec(stbl: memoryview) -> str | None:
    described = _child(stbl, b"stsd")
    if described is None or len(described) < 16:
        return None
    letters = bytes(described[12:16]).decode("latin-1").strip()
    return CODECS.get(letters, letters if letters.isalnum() else None)


def _square(stbl: memoryview) -> tuple[int, int] | None:
    """The size that pictures have when their pixels are made square, where the file says of what shape they are."""
    described = _child(stbl, b"stsd")
    if described is None or len(described) < 8 + 86:
        return None
    entry = described[8 : 8 + int.from_bytes(described[8:12], "big")]
    try:
        shape = _child(entry[86:], b"pasp")
    except ValueError:  # QuickTime ends some entries with four bytes of nothing
        return None
    if shape is None or len(shape) < 8:
        return None
    (width, height), (across, down) = struct.unpack_from(">HH", entry, 32), struct.unpack_from(">II", shape)
    believable = width and height and down and 1 / 4 <= across / down <= 4
    return (round(width * across / down), height) if believable else None


def _samples(stbl: memoryview) -> tuple[int, int, int]:
    """How many samples, their bytes, and the furthest byte that they need."""
    sizes = _child(stbl, b"stsz")
    if sizes is None:
        return 0, 0, 0
    each, count = struct.unpack_from(">II", sizes, 4)
    listed = _numbers(sizes[12:], count, "I") if not each else None
    total = sum(listed) if listed is not None else each * count
    offsets = _offsets(stbl)
    if not count or not offsets:
        return count, total, 0
    runs = _child(stbl, b"stsc")
    last = 1
    if runs is not None and len(runs) >= 20:
        last = min(count, max(1, struct.unpack_from(">I", runs, len(runs) - 8)[0]))
    tail = sum(listed[-last:]) if listed is not None else each * last
    return count, total, max(max(offsets), offsets[-1] + tail)


def _offsets(stbl: memoryview) -> array[int]:
    for name, code in ((b"stco", "I"), (b"co64", "Q")):
        table = _child(stbl, name)
        if table is not None:
            return _numbers(table[8:], struct.unpack_from(">I", table, 4)[0], code)
    return array("I")


def _numbers(body: memoryview, count: int, code: str) -> array[int]:
    numbers = array(code)
    if count * numbers.itemsize > len(body):
        raise ValueError("a table is shorter than it says")
    numbers.frombytes(body[: count * numbers.itemsize])
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


# Writing a film: whole or not at all.


@contextmanager
def write_output(path: Path) -> Iterator[Path]:
    """A name beside `path` to write to; it becomes `path` at the end, or vanishes. Raises Internal for a full disk."""
    try:
        with atomic_file(path, path.with_name(f".{path.name}.part")) as unfinished:
            yield unfinished
    except OSError as error:
        raise Internal(
            f"{path.name} can't be written: {error.strerror or error}.",
            fix="Make room, or choose another folder.",
            charged="no",
        ) from error


@contextmanager
def mp4_output(path: Path) -> Iterator[Any]:
    """An MP4 with its index first, so that it plays while it loads.

    What FFmpeg refuses becomes InputUnreadable, for it comes from what was put in; a file that can't be written stays
    an OSError.
    """
    import av

    from .container import unreadable_error

    try:
        with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as out:
            yield out
    except av.error.FFmpegError as error:
        if isinstance(error, OSError):
            raise
        raise unreadable_error(path, error) from error
