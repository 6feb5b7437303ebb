"""The camera's way during a shot: how far it has turned, travelled and come closer."""

from __future__ import annotations

import math
from dataclasses import dataclass

ZOOMS = {"push_in": (1.0, 1.24), "pull_out": (1.24, 1.0), "aerial": (1.0, 1.14)}
WAYS = {  # of the frame's width or height, over a shot; positive: the picture goes left or up
    **{"pan_right": 0.17, "pan_left": -0.17, "track_right": 0.24, "track_left": -0.24},
    **{"tilt_down": 0.20, "tilt_up": -0.20, "orbit": 0.16, "drift": 0.03, "handheld": 0.0, "static": 0.0},
}
TURNS = ("pan", "tilt")
MOVES = (*ZOOMS, *WAYS)
BEYOND = 0.12  # of the way, that a shot goes on while it fades


@dataclass(frozen=True)
class View:
    """x, y: pixels that near things have gone left and up.  zoom: how much larger they are.  down: of the backdrop."""

    x: float = 0.0
    y: float = 0.0
    zoom: float = 1.0
    down: int = 0


@dataclass(frozen=True)
class Camera:
    """move: a code of `MOVES`.  size: of the frame, in pixels.  phase: of a hand's shaking, in radians."""

    move: str
    size: tuple[int, int]
    phase: float = 0.0

    @property
    def zooms(self) -> bool:
        return self.move in ZOOMS

    @property
    def tilts(self) -> bool:
        """Whether the backdrop moves as well."""
        return self.move.startswith("tilt") or self.move == "handheld"

    def hold(self, frames: int) -> int:
        """For how many frames of a shot one picture may stand: near things then go about a pixel and a half."""
        if self.move in ("static", "handheld"):
            return 12 if self.move == "static" else 2
        way = 0.09 * min(self.size) if self.zooms else abs(WAYS[self.move]) * max(self.size)
        return min(4, max(2, round(1.5 * frames / max(1.0, way))))

    def view(self, progress: float, seconds: float) -> View:
        """progress: 0 to 1 over the shot, a little beyond while cuts fade."""
        share = eased(progress)
        width, height = self.size
        if self.zooms:
            first, last = ZOOMS[self.move]
            return View(zoom=max(0.9, first + (last - first) * share))
        if self.move == "handheld":
            reach, one = min(self.size) * 0.010, self.phase
            x = reach * (math.sin(seconds * 1.9 + one) + 0.6 * math.sin(seconds * 4.3 + 2 * one))
            y = reach * 0.6 * (math.sin(seconds * 2.3 + 2 * one) + 0.5 * math.sin(seconds * 5.1))
            return View(x, y, down=round(y))
        way = WAYS[self.move] * (share - 0.5)
        if self.move.startswith("tilt"):
            return View(y=way * height, down=round(way * height))
        return View(x=way * width)

    def nearness(self, depth: float) -> float:
        """How far a thing goes against the nearest. depth: 0 far to 1 near. One that turns shifts all, one that
        travels the near ones; an orbit turns the far ones the other way."""
        if self.move.startswith(TURNS) or self.move == "handheld":
            return 1.0 if self.tilts else 0.6 + 0.4 * depth
        return depth - 0.85 if self.move == "orbit" else 0.1 + 0.9 * depth


def eased(share: float) -> float:
    """Nearly even, with softened ends; goes on beyond them a little."""
    share = min(1.0 + BEYOND, max(-BEYOND, share))
    inner = min(1.0, max(0.0, share))
    return share + 0.5 * (inner * inner * (3 - 2 * inner) - inner)
