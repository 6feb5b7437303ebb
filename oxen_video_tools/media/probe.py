"""What a media file is: length, size, rate and codecs. Reads headers, decodes next to nothing."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputUnreadable, NotInstalled
from ..files import LIMITS, Limits, content_type_of
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
class Display:
    """How players show a video's pictures: pixels made square, then mirrored, then turned.

    mirrored: left for right.
    rotation: degrees clockwise, 0, 90, 180 or 270.
    pixel: a pixel's width over its height.
    hdr: "pq" or "hlg", how brightness is coded where white is not the brightest there is.
    """

    rotation: int = 0
    mirrored: bool = False
    pixel: float = 1.0
    hdr: str | None = None

    def shown(self, width: int, height: int) -> tuple[int, int]:
        """The size at which a picture of this size is shown, in square pixels."""
        return self.turned(max(1, round(width * self.pixel)), height)

    def turned(self, width: int, height: int) -> tuple[int, int]:
        """The same size lying or standing: the way from a picture before it is turned to it afterwards, and back."""
        return (height, width) if self.rotation in (90, 270) else (width, height)


AS_CODED = Display()


@dataclass(frozen=True)
class Probe:
    """duration: seconds; counted where the file claims none.  width, height: pixels as shown: square and upright.

    fps: frames a second.
    size: bytes.
    rotation, mirrored, pixel: as in `Display`.
    hdr: "pq" or "hlg".
    frames: where the index counts them. A sound file has no width, height, fps or video_codec.
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
    mirrored: bool = False
    pixel: float = 1.0
    hdr: str | None = None

    @property
    def display(self) -> Display:
        return Display(self.rotation, self.mirrored, self.pixel, self.hdr)

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
    display = display_of(path, video) if picture else AS_CODED
    width, height = display.shown(picture.width, picture.height) if picture else (None, None)
    rate = (video.average_rate or video.guessed_rate) if video is not None else None
    return Probe(
        duration=duration,
        width=width,
        height=height,
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
        rotation=display.rotation,
        mirrored=display.mirrored,
        pixel=display.pixel,
        hdr=display.hdr,
    )


HDR = {16: "pq", 18: "hlg"}  # by their numbers in ITU-T H.273


def display_of(path: Path, stream: Any) -> Display:
    """How players show the pictures of a stream. Only MP4 and MOV mirror and turn.

    Pixels more than four times as wide as high, or as high as wide, are taken for a mistake.
    """
    pixel = float(stream.sample_aspect_ratio or 1)
    pixel = pixel if 0.25 <= pixel <= 4 else 1.0
    hdr = HDR.get(int(stream.codec_context.color_trc or 0))
    track = structure(path).video
    if track is None or track.rotation % 90:
        return Display(pixel=pixel, hdr=hdr)
    return Display(track.rotation, track.mirrored, pixel, hdr)


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


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height of a picture, upright, every pixel decoded. Raises InputUnreadable, NotInstalled."""
    with require_media_extra():
        from PIL import Image
    try:
        with Image.open(path) as picture:
            picture.load()
            sideways = picture.getexif().get(0x0112, 1) >= 5  # orientation: turned by a quarter
            return (picture.height, picture.width) if sideways else (picture.width, picture.height)
    except Exception as error:  # Pillow raises whatever its decoders do
        raise InputUnreadable(f"The picture is damaged: {error}", charged="yes") from None


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
