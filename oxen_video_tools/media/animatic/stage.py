"""One shot, ready to be drawn frame by frame: its picture, its weather and the bands behind the slate."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from av.video.reformatter import VideoReformatter

from . import glide, scene, zoom
from .canvas import Canvas
from .direction import Direction
from .photo import Photo
from .weather import Weather, weather_of

GLIDING, PHOTO, ZOOMING = 720, 540, 480  # pixels of the shorter side that are drawn; a larger film is scaled up
LATER = 10.0  # seconds that it has rained already


class Camera(Protocol):
    def draw(self, canvas: Canvas, progress: float, seconds: float) -> None:
        """progress: 0 to 1 over the shot, a little beyond while cuts fade."""


class Stage:
    """draw(canvas, n) draws frame n of the shot; n runs a little below 0 and beyond `frames` while cuts fade."""

    def __init__(self, size: tuple[int, int], direction: Direction, image: Path | None, frames: int, fps: int) -> None:
        self.frames, self.fps = frames, fps
        drawing = ZOOMING if direction.camera in zoom.AMOUNTS else GLIDING
        small = min(1.0, (PHOTO if image is not None else drawing) / min(size))
        drawn = (max(2, round(size[0] * small / 2) * 2), max(2, round(size[1] * small / 2) * 2))
        self.canvas = Canvas(*drawn) if small < 1 else None
        self.scaler = VideoReformatter()
        self.camera = _camera(direction, image, drawn, frames)
        kind = weather_of(direction) if image is None else ""
        chance = np.random.default_rng(direction.seed ^ 77)
        self.weather = Weather(kind, drawn, chance) if kind else None

    def draw(self, canvas: Canvas, n: int) -> None:
        drawn = self.canvas or canvas
        seconds = n / self.fps
        self.camera.draw(drawn, n / max(1, self.frames - 1), seconds)
        if self.weather is not None:
            self.weather.draw(drawn, seconds + LATER)
        if drawn is not canvas:
            canvas.enlarge(drawn, self.scaler)


def _camera(direction: Direction, image: Path | None, size: tuple[int, int], frames: int) -> Camera:
    move = direction.camera
    if image is not None:
        return Photo(image, size, move)
    if move in zoom.AMOUNTS:
        return zoom.Zoom(scene.draw(direction, size, zoom.SCALE, zoom.margin_of(move)), move)
    return glide.Glide(scene.draw(direction, size, 1.0, glide.margin_of(move)), move, frames)
