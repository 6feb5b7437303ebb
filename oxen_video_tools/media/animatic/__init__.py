"""A request → a free preview film: a card of pictograms for each shot, or a camera move over the user's own picture.

It says which subjects were understood, how large they are in the frame, which move, which light, how long and which
words; what was not understood is not drawn. It does not claim to show what a model will make, and carries a mark that
says so in every frame.

    card, photo         the two kinds of picture             camera   how they move
    backdrop, sprites   what a card is made of               slate    number, slug line, caption, times
    film                draw, encode, write

Which words are understood, and how: `understanding`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..child_process import run_in_child
from ..probe import PACKAGES, require_media_extra
from .film import Segment, in_bounds

__all__ = ["LARGEST", "Segment", "drawing", "in_bounds", "render"]

LARGEST = 256 << 20  # bytes of a film
PATIENCE = 120.0, 4.0  # seconds that one may take, and how many more for each of its own

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
    words: bool = True,
    on_progress: OnProgress | None = None,
) -> Path:
    """Writes an H.264 MP4 (index first) of `shots` to `path`, which appears only when it is whole.

    size: width and height in pixels, made even.
    seed: the same seed draws the same film.
    audio: adds a quiet bed.
    mark: small words that stand in every frame.
    words: whether number, caption and times do, too.
    on_progress: called with 0 to 1, in rising order, in this thread; what it raises ends the rendering. Drawn and
    encoded in a process of its own, so that nothing stays behind in this one. Raises InvalidRequest for what is out of
    bounds, InputUnreadable for an image that can't be read, NotInstalled.
    """
    options, seconds = drawing(shots, Path(path), size=size, fps=fps, seed=seed, audio=audio, mark=mark)
    with require_media_extra():  # the process that draws loads them, not this one
        for name in PACKAGES:
            if find_spec(name) is None:
                raise ModuleNotFoundError(name=name)
    path = Path(path)
    try:
        run_in_child("draw", seconds=seconds, writes=LARGEST, on_progress=on_progress, words=words, **options)
    finally:
        path.with_name(f".{path.name}.part").unlink(missing_ok=True)  # of a process that was ended
    return path


def drawing(
    shots: Sequence[Segment], path: Path, *, size: tuple[int, int], fps: int, seed: int, audio: bool, mark: str
) -> tuple[dict[str, Any], float]:
    """What the process that draws is asked, in JSON values, and how many seconds it may take. Raises InvalidRequest."""
    width, height = in_bounds(shots, size, fps)
    segments = [asdict(shot) | {"image": str(shot.image.absolute()) if shot.image else None} for shot in shots]
    asked = {"shots": segments, "path": str(path.absolute()), "width": width, "height": height, "fps": fps}
    seconds = PATIENCE[0] + PATIENCE[1] * sum(shot.seconds for shot in shots)
    return asked | {"seed": seed, "audio": audio, "mark": mark}, seconds
