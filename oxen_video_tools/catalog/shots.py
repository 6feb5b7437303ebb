"""The rules of prompts and shots, in the hub's own sentences.

Oxen docs, video generation: Errors; Kling O3 Pro walkthrough: Duration Constraints. They are documented word for word,
so breaking one is certain.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from .findings import Finding, listing
from .multishot import MultiShot

BOTH_PROMPTS = "Cannot provide both 'prompt' and 'multi_prompt'."
NO_PROMPT = "Either 'prompt' or 'multi_prompt' must be provided."
DEFAULT_SECONDS = 5


def _one(prompt: str, seconds: float, limits: MultiShot) -> Iterator[str]:
    if not prompt.strip():
        yield "Field required (prompt)."
    if limits.characters and len(prompt) > limits.characters:
        yield f"its prompt has {len(prompt)} characters; use at most {limits.characters}."
    if not limits.shot_least <= seconds <= limits.shot_most or seconds != int(seconds):
        offered = [f"'{one}'" for one in range(int(limits.shot_least), int(limits.shot_most) + 1)]
        yield f"duration={seconds:g}: Input should be {listing(offered)}."


def _all(seconds: Sequence[float], limits: MultiShot) -> Iterator[str]:
    total = sum(seconds)
    if limits.most is not None and total > limits.most:
        yield f"Total shot duration ({total:g}s) exceeds maximum allowed ({limits.most:g}s)."
    if total < limits.least:
        yield (
            f"duration value '{total:g}' is invalid. Try using duration='{DEFAULT_SECONDS}' instead, as duration "
            f"support may vary by model and mode. The shots must be {limits.least:g} s or more in all."
        )
    if limits.count is not None and len(seconds) > limits.count:
        yield f"{len(seconds)} shots: use at most {limits.count}."


def told_shots(body: Any, limits: MultiShot) -> Iterator[Finding]:
    """What is wrong with the shots of a body, where anything may stand."""
    if not isinstance(body, list):
        yield Finding(f"{limits.name} must be a list of shots.", True, (limits.name,))
        return
    lengths = []
    for number, shot in enumerate(body, 1):
        prompt, seconds = _read(shot, limits)
        if prompt is None or seconds is None:
            yield Finding(f"Shot {number}: a prompt, and a duration in whole seconds.", True, (limits.name,))
            continue
        lengths.append(seconds)
        for text in _one(prompt, seconds, limits):
            yield Finding(f"Shot {number}: {text}", True, (limits.name,))
    if len(lengths) == len(body):
        for text in _all(lengths, limits):
            yield Finding(text, True, (limits.name,))


def _read(shot: Any, limits: MultiShot) -> tuple[str | None, float | None]:
    if not isinstance(shot, dict):
        return None, None
    prompt, seconds = shot.get(limits.prompt), shot.get(limits.duration, DEFAULT_SECONDS)
    number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    return prompt if isinstance(prompt, str) else None, seconds if number else None
