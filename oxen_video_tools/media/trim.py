"""A part of a clip: exactly, encoded anew; or copied, from the key frame at or before its beginning."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..errors import InvalidRequest
from .extra import media_extra
from .join import Joined
from .limits import LIMITS, Limits
from .output import mp4_output, written


def trim(
    path: Path | str, out: Path | str, start: float, end: float, *, exact: bool = True, limits: Limits = LIMITS
) -> Joined:
    """Writes what is shown from `start` to `end` (seconds) to `out`, an MP4 that appears only when it is whole.

    exact: to the frame, encoded anew. Otherwise the pictures are copied, beginning at the key frame before `start`.
    Raises InvalidRequest where there is nothing between the two, InputUnreadable, NotInstalled.
    """
    with media_extra():
        from .matching import clip_of, why_not_copied
    clip = clip_of(Path(path), limits)
    if not 0 <= start < min(end, clip.seconds):
        raise InvalidRequest(f"Nothing lies between {start:g} s and {end:g} s of a clip of {clip.seconds:.1f} s.")
    why = "it was cut to the frame" if exact else why_not_copied([clip])
    since = start if why else _key_frame_before(clip.path, start, limits)
    clip = replace(clip, since=since, until=end if end < clip.seconds else None)
    with written(Path(out)) as unfinished:
        from .blend import Blend, Format
        from .splice import Splice

        with mp4_output(unfinished) as film:
            size = clip.width // 2 * 2, clip.height // 2 * 2
            writer = (
                Blend(film, Format(*size, clip.rate), clip.has_sound) if why else Splice(film, False, clip.has_sound)
            )
            writer.add(clip, lambda _: None, limits)
            writer.close()
    return Joined(Path(out), writer.seconds, not why, not clip.has_sound, why)


def _key_frame_before(path: Path, seconds: float, limits: Limits) -> float:
    """When the key frame at or before `seconds` is shown."""
    from .container import opened, video_of

    with opened(path, limits) as container:
        video = video_of(container, limits)
        first = video.start_time or 0
        container.seek(first + round(seconds / video.time_base), stream=video, backward=True)
        packet = next((found for found in container.demux(video) if found.pts is not None), None)
        return float((packet.pts - first) * video.time_base) if packet is not None else 0.0
