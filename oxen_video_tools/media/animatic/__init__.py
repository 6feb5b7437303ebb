"""A request → a free preview film: a card of pictograms for each shot, or a camera move over the user's own picture.

It says which subjects were understood, how large they are in the frame, which move, which light, how long and which
words; what was not understood is not drawn. It does not claim to show what a model will make, and carries a mark that
says so in every frame.

    card, photo         the two kinds of picture             camera   how they move
    backdrop, sprites   what a card is made of               slate    number, slug line, caption, times
    film                draw, encode, write                  worker   the same in a process of its own

Which words are understood, and how: `understanding`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from ..probe import PACKAGES, require_media_extra
from .film import Segment, in_bounds

__all__ = ["Segment", "in_bounds", "render"]

OnProgress = Callable[[float], None]


def render(
    shots: Sequence[Segment],
    path: Path | str,
    *,
    size: tuple[int, int] = (1280, 720),
    fps: int = 24,
    seed: int = 0,
    audio: bool = False,
    mark: str = "ANIMATIC PREVIEW",
    on_progress: OnProgress | None = None,
) -> Path:
    """Writes an H.264 MP4 (index first) of `shots` to `path`, which appears only when it is whole.

    size: width and height in pixels, made even.  seed: the same seed draws the same film.  audio: adds a quiet bed.
    mark: small words that stand in every frame.  on_progress: called with 0 to 1, in rising order, in this thread; what
    it raises ends the rendering. Drawn and encoded in a process of its own, so that nothing stays behind in this one.
    Raises InvalidRequest for what is out of bounds, InputUnreadable for an image that can't be read, NotInstalled.
    """
    width, height = in_bounds(shots, size, fps)
    with require_media_extra():  # the worker loads them, not this process
        for name in PACKAGES:
            if find_spec(name) is None:
                raise ModuleNotFoundError(name=name)
    from .worker import in_worker

    asked = {"width": width, "height": height, "fps": fps, "seed": seed, "audio": audio, "mark": mark}
    return in_worker(shots, Path(path), asked, on_progress or _untold)


def _untold(fraction: float) -> None:
    """Nobody wants to hear."""
    del fraction
