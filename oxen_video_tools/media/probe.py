"""What a media file is: length, size, rate and codecs. Reads headers, decodes next to nothing."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputUnreadable, NotInstalled
from ..files import content_type_of
from .limits import LIMITS, Limits
from .mp4 import structure

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
        from .container import audio_of, open_container, seconds_of, unreadable_error, video_of
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
