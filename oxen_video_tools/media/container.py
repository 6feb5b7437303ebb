"""Opening a file that a stranger may have made: type by content, the demuxer forced, every size bounded.

Left alone, FFmpeg guesses the format: a playlist named `clip.mp4` would read other files, and a picture of
16000 × 12000 pixels costs half a gigabyte before anybody has asked for a frame.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from ..errors import InputUnreadable
from ..files import HEAD_BYTES, LIMITS, Limits, content_type

PYAV = int(av.__version__.partition(".")[0])

_LENIENT: dict[str, Any] = {"metadata_errors": "replace"} if PYAV < 19 else {}  # since 19 it always does
_DEMUXERS = {
    "video/mp4": "mov",
    "video/quicktime": "mov",
    "audio/mp4": "mov",
    "video/webm": "matroska",
    "video/x-msvideo": "avi",
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "audio/flac": "flac",
    "audio/ogg": "ogg",
    "audio/aac": "aac",
}
_THREADS = 4  # at most, to decode with: each wants memory of its own
_OF_WRITING = (errno.ENOENT, errno.EACCES, errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EFBIG)


@contextmanager
def open_container(path: Path | str, limits: Limits = LIMITS, decoding: bool = True) -> Iterator[Any]:
    """The file as PyAV's input container. Raises InputUnreadable for whatever is no readable video or sound.

    decoding: without it nothing can be decoded and opening takes a hundredth of the time: FFmpeg decodes the first
    picture only to learn what the index says already.
    """
    path = Path(path)
    demuxer = _demuxer(path, limits)
    options = {
        "protocol_whitelist": "file",
        "max_streams": str(limits.streams),
        "max_pixels": str(limits.pixels),
    }
    if not decoding and PYAV >= 17:  # before that a stream can't be copied from a file that is not decoded
        options["codec_whitelist"] = "none"
    if demuxer == "mov":
        options |= {"enable_drefs": "0", "use_absolute_path": "0"}
    try:
        container = av.open(str(path), "r", format=demuxer, options=options, **_LENIENT)
    except (av.error.FFmpegError, ValueError, MemoryError, OSError) as error:
        raise unreadable_error(path, error) from error
    try:
        yield container
    except av.error.FFmpegError as error:
        if isinstance(error, OSError) and error.errno in _OF_WRITING:
            raise  # this file is open: what is missing or full is the one that is being written
        raise unreadable_error(path, error) from error
    finally:
        container.close()


def unreadable_error(path: Path | str, why: object) -> InputUnreadable:
    """`why`: what FFmpeg said, or our own words."""
    text = str(getattr(why, "strerror", None) or why)
    return InputUnreadable(f"{Path(path).name} can't be read: {text}.")


def _demuxer(path: Path, limits: Limits) -> str:
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise unreadable_error(path, "it is no file")
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise unreadable_error(path, error) from error
    if size == 0:
        raise unreadable_error(path, "it is empty")
    if size > limits.bytes:
        raise unreadable_error(path, f"{size} bytes are more than the {limits.bytes} that are read")
    demuxer = _DEMUXERS.get(content_type(head) or "")
    if demuxer is None:
        raise unreadable_error(path, "by its first bytes it is no MP4, MOV, WebM or sound file")
    return demuxer


def video_of(container: Any, limits: Limits = LIMITS) -> Any:
    """The first video stream that can be decoded, within the limits. Raises InputUnreadable."""
    for stream in container.streams.video:
        context = stream.codec_context
        if context is None or not is_moving(stream):
            continue
        width, height = context.width, context.height
        if not width or not height or width * height > limits.pixels:
            raise unreadable_error(container.name, f"its picture of {width} × {height} pixels is not usable")
        if not context.is_open:  # slices as well as frames
            context.thread_type, context.thread_count = "AUTO", min(_THREADS, os.cpu_count() or 1)
        return stream
    raise unreadable_error(container.name, "it holds no video")


def audio_of(container: Any) -> Any | None:
    """The first audio stream that can be decoded, or None."""
    for stream in container.streams.audio:
        context = stream.codec_context
        if context is not None and context.sample_rate:
            return stream
    return None


def is_moving(stream: Any) -> bool:
    """Whether it is a video and not a cover picture."""
    return not stream.disposition & av.stream.Disposition.attached_pic


def seconds_of(container: Any, stream: Any, limits: Limits = LIMITS) -> float:
    """Its length as the file claims it, counted where it claims none (browsers and streams write so); never more than
    the limit, and 0 where nothing tells it.
    """
    if stream.duration and stream.time_base:
        claimed = float(stream.duration * stream.time_base)
    elif (container.start_time or 0) < 100_000:  # Matroska may mean its length or its end
        claimed = (container.duration or 0) / 1_000_000
    else:
        claimed = 0.0
    return min(claimed if claimed > 0 else _counted(container, stream, limits), limits.seconds)


def _counted(container: Any, stream: Any, limits: Limits) -> float:
    """From the first packet's time to the end of the last. The file is opened again, so that this one stays put."""
    begins, ends, step = None, Fraction(0), Fraction(0)
    with open_container(container.name, limits, decoding=False) as again:
        same = again.streams[stream.index]
        for _, packet in zip(range(limits.frames), again.demux(same), strict=False):
            if packet.pts is None:
                continue
            at = packet.pts * packet.time_base
            begins = at if begins is None else min(begins, at)
            if packet.duration:
                step = packet.duration * packet.time_base
            elif at > ends:
                step = at - ends
            ends = max(ends, at)
    return float(ends + step - begins) if begins is not None else 0.0
