"""What a media file is: length, size, rate and codecs. Reads headers, decodes next to nothing."""

from __future__ import annotations

import errno
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av

from ..errors import InputUnreadable, NotInstalled
from ..files import HEAD_BYTES, content_type, content_type_of
from .mp4 import structure

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


# Opening a file that a stranger may have made: type by content, the demuxer forced, every size bounded.
#
# Left alone, FFmpeg guesses the format: a playlist named `clip.mp4` would read other files, and a picture of
# 16000 × 12000 pixels costs half a gigabyte before anybody has asked for a frame.

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
        if not context.is_open:  # slices as well as frames: both cores decode
            context.thread_type = "AUTO"
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
    """Its length as the file claims it, never more than the limit; 0 where it claims none."""
    if stream is not None and stream.duration and stream.time_base:
        claimed = float(stream.duration * stream.time_base)
    else:
        claimed = (container.duration or 0) / 1_000_000
    return min(max(claimed, 0.0), limits.seconds)


# The `media` extra: PyAV, numpy and Pillow, loaded by the first call that needs them.

PACKAGES = ("av", "numpy", "PIL")


@contextmanager
def require_media_extra() -> Iterator[None]:
    """Around imports that need the extra: its absence becomes `NotInstalled`, with the words that install it."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in PACKAGES:
            raise
        raise NotInstalled(
            f"This needs the media extra ({error.name} is missing).", fix="pip install 'oxen-video-tools[media]'"
        ) from error


@dataclass(frozen=True)
class Probe:
    """duration: seconds, as the file claims.  width, height: pixels as shown, rotation applied.  fps: frames a second.

    size: bytes.  rotation: degrees clockwise that a player turns the picture.  frames: where the index counts them.
    A sound file has no width, height, fps or video_codec.
    """

    duration: float
    width: int | None
    height: int | None
    fps: float | None
    video_codec: str | None
    audio_codec: str | None
    size: int
    container: str = ""
    pixel_format: str | None = None
    sample_rate: int | None = None
    channels: int | None = None
    frames: int | None = None
    rotation: int = 0

    @property
    def has_audio(self) -> bool:
        return self.audio_codec is not None


def probe(path: Path | str, *, limits: Limits = LIMITS) -> Probe:
    """Reads the headers of a video or sound file. Raises InputUnreadable, NotInstalled."""
    with require_media_extra():
        pass
    with open_container(path, limits) as container:
        video = video_of(container, limits) if container.streams.video else None
        audio = audio_of(container)
        if video is None and audio is None:
            raise unreadable_error(path, "it holds no video and no sound")
        return _described(Path(path), container, video, audio, seconds_of(container, video or audio, limits))


def _described(path: Path, container: Any, video: Any, audio: Any, duration: float) -> Probe:
    picture = video.codec_context if video is not None else None
    sound = audio.codec_context if audio is not None else None
    rotation = rotation_of(path) if picture else 0
    turned = rotation in (90, 270)
    rate = (video.average_rate or video.guessed_rate) if video is not None else None
    return Probe(
        duration=duration,
        width=(picture.height if turned else picture.width) if picture else None,
        height=(picture.width if turned else picture.height) if picture else None,
        fps=float(rate) if rate else None,
        video_codec=picture.name if picture else None,
        audio_codec=sound.name if sound else None,
        size=path.stat().st_size,
        container=container.format.name,
        pixel_format=picture.format.name
        if picture and picture.format
        else None,  # PyAV 17 dies over pix_fmt if unknown
        sample_rate=sound.sample_rate if sound else None,
        channels=sound.layout.nb_channels if sound else None,
        frames=(video.frames or None) if video is not None else None,
        rotation=rotation,
    )


def rotation_of(path: Path) -> int:
    """Degrees clockwise that a player turns the picture: 0, 90, 180 or 270."""
    track = structure(path).video
    return track.rotation if track and track.rotation in (90, 180, 270) else 0


# What a medium's limits speak of: bytes, pixels, seconds, frames a second. Reads headers only.


@dataclass(frozen=True)
class Measures:
    """size: bytes.  width, height: pixels as shown.  seconds, fps: of a video or sound. None where it isn't known."""

    size: int
    width: int | None = None
    height: int | None = None
    seconds: float | None = None
    fps: float | None = None


def measure(path: Path) -> Measures:
    """Of an image, a video or a sound; without the `media` extra only its size. Raises InputUnreadable, OSError."""
    size = path.stat().st_size
    try:
        if (content_type_of(path) or "").startswith("image/"):
            return Measures(size, *_sides(path))
        facts = probe(path)
    except NotInstalled:
        return Measures(size)
    return Measures(size, facts.width, facts.height, facts.duration, facts.fps)


def _sides(path: Path) -> tuple[int, int]:
    """Width and height of an image, upright."""
    try:
        from PIL import Image
    except ImportError as error:
        raise NotInstalled("Pictures can't be measured.") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                turned = image.getexif().get(0x0112, 1) >= 5  # orientation: by a quarter
                return (image.height, image.width) if turned else (image.width, image.height)
    except (ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputUnreadable(f"{path.name} can't be read as an image.") from error
