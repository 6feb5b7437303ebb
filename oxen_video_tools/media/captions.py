"""Captions of a film: read from SRT or WebVTT, kept as a track that players switch on, or burnt into the picture."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest
from .probe import require_media_extra

MOST_TEXT = 1 << 20  # characters
MOST_CUES = 10_000
LINES = 3
Cue = tuple[float, float, str]  # from, to (seconds of the film), words
_MILLI = Fraction(1, 1000)
# What FFmpeg's encoder of MP4 text asks for before it says how its text looks.
_STYLE = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, \
StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


def read_captions(text: str) -> list[Cue]:
    """The captions in SRT or WebVTT, in order. Raises InvalidRequest for text that is neither, NotInstalled."""
    with require_media_extra():
        import pysubs2
    fix = 'Give SRT or WebVTT, such as "1\\n00:00:00,000 --> 00:00:02,000\\nHello".'
    if len(text) > MOST_TEXT:
        raise InvalidRequest(f"The captions are longer than {MOST_TEXT} characters.", fix=fix)
    form = "vtt" if text.lstrip("\ufeff \r\n").startswith("WEBVTT") else "srt"
    try:
        read = pysubs2.SSAFile.from_string(text, format_=form)
    except Exception:  # it raises whatever its readers do
        raise InvalidRequest("The captions can't be read.", fix=fix) from None
    cues = [(one.start / 1000, one.end / 1000, one.plaintext.strip()) for one in read if one.end > one.start >= 0]
    found = sorted(cue for cue in cues if cue[2])[:MOST_CUES]
    if not found:
        raise InvalidRequest("The captions hold no line with a time and words.", fix=fix)
    return found


class CaptionTrack:
    """A track of text in an open MP4. Players show it where it is switched on."""

    def __init__(self, out: Any, cues: Sequence[Cue]) -> None:
        self._out, self._cues = out, cues
        self._stream = out.add_stream("mov_text")
        self._stream.codec_context.subtitle_header = _STYLE
        self._stream.time_base = _MILLI

    def close(self, seconds: float) -> None:
        """Write every line that begins within the film; none overlaps the next, and none outlives the film."""
        import av

        for place, (begin, end, words) in enumerate(self._cues):
            following = self._cues[place + 1][0] if place + 1 < len(self._cues) else seconds
            until = min(end, following, seconds)
            if begin >= until:
                continue
            said = words.encode()[:65_535]
            packet = av.Packet(struct.pack(">H", len(said)) + said)
            packet.stream, packet.time_base = self._stream, _MILLI
            packet.pts = packet.dts = round(begin * 1000)
            packet.duration = max(1, round((until - begin) * 1000))
            self._out.mux(packet)


class Burner:
    """Draws captions into pictures (4:2:0), light with a dark edge, at the foot of the frame."""

    def __init__(self, cues: Sequence[Cue], width: int, height: int) -> None:
        self._cues, self._size = cues, (width, height)
        self._next = 0

    def draw(self, planes: Sequence[npt.NDArray[np.uint8]], seconds: float) -> None:
        """Draw what is said at `seconds` into the planes. Called with times that rise."""
        while self._next < len(self._cues) and self._cues[self._next][1] <= seconds:
            self._next += 1
        if self._next == len(self._cues) or self._cues[self._next][0] > seconds:
            return
        top, ink, edge = _plate(self._cues[self._next][2], *self._size)
        rows, columns = ink.shape
        luma = planes[0][top : top + rows, :columns]
        luma[:] = (luma * (1 - edge) * (1 - ink) + 235 * ink + 16 * edge * (1 - ink)).astype(np.uint8)
        half = np.maximum(ink, edge)[::2, ::2]
        for plane in planes[1:]:
            part = plane[top // 2 : top // 2 + half.shape[0], : half.shape[1]]
            part[:] = (part * (1 - half) + 128 * half).astype(np.uint8)


Mask = npt.NDArray[np.float32]


@lru_cache(maxsize=8)
def _plate(words: str, width: int, height: int) -> tuple[int, Mask, Mask]:
    """The row where the captions begin, and how much of each pixel is letter and edge."""
    from PIL import Image, ImageDraw, ImageFilter

    from .text import draw_line, line_width, lines

    size = max(12, round(min(width, height) * 0.06))
    step, margin = round(size * 1.3), round(height * 0.05)
    said = [line for part in words.splitlines() for line in lines(part, size, width * 0.9, LINES)][:LINES]
    tall = (step * len(said) + size + 1) // 2 * 2
    top = max(0, height - margin - tall) // 2 * 2
    tall = min(tall, (height - top) // 2 * 2)
    image = Image.new("L", (width // 2 * 2, tall), 0)
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(said):
        draw_line(draw, ((width - line_width(line, size)) / 2, size + number * step), line, size, 255)
    wide = image.filter(ImageFilter.MaxFilter(2 * max(1, size // 14) + 1))
    ink, edge = (np.asarray(one, np.float32) / np.float32(255) for one in (image, wide))
    return top, ink.astype(np.float32), edge.astype(np.float32)
