"""The rules of `multi_prompt` (Oxen docs, Kling O3 Pro walkthrough: multi_prompt, Duration Constraints)."""

from __future__ import annotations

from typing import Any

from .models import Shots
from .words import duration_words, one_of


def shots_problem(shots: Any, limits: Shots) -> str | None:
    """What is wrong with a list of shots, in the hub's words."""
    if not isinstance(shots, list):
        return "Input should be a valid list"
    for shot in shots:
        words = _shot_problem(shot, limits)
        if words:
            return words
    total = sum(shot.get("duration", limits.default_seconds) for shot in shots)
    if total > limits.most_seconds:
        return f"Total shot duration ({total}s) exceeds maximum allowed ({limits.most_seconds}s)."
    if total < limits.least_seconds:
        return duration_words(total, limits.default_seconds)
    return None


def single_length_problem(seconds: Any, limits: Shots) -> str | None:
    """The same limits for `duration` beside a single `prompt`."""
    if _is_one_shot(seconds, limits):
        return duration_words(seconds, limits.default_seconds) if seconds < limits.least_seconds else None
    return _lengths(limits)


def _shot_problem(shot: Any, limits: Shots) -> str | None:
    if not isinstance(shot, dict):
        return "Input should be a valid dictionary"
    prompt = shot.get("prompt")
    if prompt is None:
        return "Field required"
    if not isinstance(prompt, str):
        return "Input should be a valid string"
    if len(prompt) > limits.most_characters:
        return f"String should have at most {limits.most_characters} characters"
    if not _is_one_shot(shot.get("duration", limits.default_seconds), limits):
        return _lengths(limits)
    return None


def _is_one_shot(seconds: Any, limits: Shots) -> bool:
    return isinstance(seconds, int) and not isinstance(seconds, bool) and 1 <= seconds <= limits.most_seconds


def _lengths(limits: Shots) -> str:
    return one_of([str(seconds) for seconds in range(1, limits.most_seconds + 1)])
