"""What the words of a shot say: which pictograms stand for its subjects, and its size, move, place, light and weather.

Pure, deterministic, and without the media extra: what a preview draws, and what a plan says of it in JSON.

    languages    which language a prompt is in, the forms of its words      vocabulary  words of film, place and light
    pictograms   which pictogram a word stands for                          direction   a prompt → all of it
"""

from __future__ import annotations

from .direction import Direction, direct, direct_all
from .pictograms import Pictogram

__all__ = ["Direction", "Pictogram", "direct", "direct_all"]
