"""Which model makes a video when the request names none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .models import Models

if TYPE_CHECKING:
    from ..request import VideoRequest


@dataclass(frozen=True)
class Choice:
    """asked: whether the request itself named the model."""

    model_id: str
    reason: str
    asked: bool


def choose(request: VideoRequest, models: Models, default: str | None = None) -> Choice:
    """The model asked for, else `default`, else one by need."""
    if request.model:
        return Choice(request.model, "asked for", asked=True)
    if default:
        return Choice(default, "the default model (OXEN_VIDEO_MODEL)", asked=False)
    return Choice("kling-video-v2-6-pro-text-to-video", "the model of Oxen's own example", asked=False)
