"""Real clips, made for the tests: small, exact and different where a test needs them to be."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

AUDIO_RATE = 48_000


def clip(
    path: Path,
    seconds: float = 2.0,
    *,
    size: tuple[int, int] = (320, 180),
    fps: int | Fraction = 24,
    tone: float | None = 440.0,
    grey: int | None = None,
    codec: str = "libx264",
    audio_rate: int = AUDIO_RATE,
    layout: str = "stereo",
    faststart: bool = True,
    options: dict[str, str] | None = None,
    metadata: dict[str, str] | None = None,
) -> Path:
    """A clip whose picture moves (a square travels over a gradient), with a tone unless `tone` is None.

    grey: a flat picture of this luma instead.
    """
    flags = {"movflags": "+faststart"} if faststart else {}
    with av.open(str(path), "w", format="mp4" if path.suffix == ".mp4" else None, options=flags) as out:
        out.metadata.update(metadata or {})
        video = out.add_stream(codec, rate=fps, options={"preset": "ultrafast", "g": "24"} | (options or {}))
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        sound = out.add_stream("aac", rate=audio_rate, layout=layout) if tone is not None else None
        for n in range(round(seconds * fps)):
            frame = av.VideoFrame.from_ndarray(picture(size, n, grey), format="rgb24")
            frame.pts, frame.time_base = n, 1 / Fraction(fps)
            out.mux(video.encode(frame))
        out.mux(video.encode())
        if sound is not None:
            for frame in wave(seconds, tone or 0.0, audio_rate, layout):
                out.mux(sound.encode(frame))
            out.mux(sound.encode())
    return path


def picture(size: tuple[int, int], n: int, grey: int | None = None) -> np.ndarray:
    width, height = size
    if grey is not None:
        return np.full((height, width, 3), grey, np.uint8)
    x = np.linspace(20, 200, width, dtype=np.uint8)
    image = np.repeat(np.tile(x, (height, 1))[..., None], 3, 2)
    side = height // 4
    left = n * 5 % (width - side)
    image[side : 2 * side, left : left + side] = (250, 120, 20)
    return image


def wave(seconds: float, tone: float, rate: int = AUDIO_RATE, layout: str = "stereo", level: float = 0.25):
    channels = av.AudioLayout(layout).nb_channels
    total = round(seconds * rate)
    for start in range(0, total, 1024):
        t = np.arange(start, min(start + 1024, total)) / rate
        samples = np.tile((level * np.sin(2 * np.pi * tone * t)).astype(np.float32), (channels, 1))
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        yield frame


def decoded(path: Path) -> list[av.VideoFrame]:
    """Every picture of a file, in order."""
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def sound_seconds(path: Path) -> float:
    """The length of the decoded sound."""
    with av.open(str(path)) as container:
        return sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))
