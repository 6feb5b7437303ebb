"""The sentences of a failed job, word for word where Oxen's pages have them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

PREFIX = "Getting model response error: 422 - "

# Oxen docs, video generation: Errors
BOTH_PROMPTS = PREFIX + "Value error, Cannot provide both 'prompt' and 'multi_prompt'."
NEITHER_PROMPT = PREFIX + "Value error, Either 'prompt' or 'multi_prompt' must be provided."

# Oxen docs, async queue: Errors
COUNT = "num_generations must be an integer between 1 and 4"
TEXT_ONLY = ":unsupported_media_type"
NO_CREDITS = "Insufficient credits"

# Not on Oxen's pages; as other clients have seen it
NO_PROMPT_FOR_A_PICTURE = "Prompt cannot be empty"  # Oxen docs, image generation: Errors
UNREADABLE = PREFIX + "Failed to download the file. Please check if the URL is accessible and try again."
MODERATED = "DataInspectionFailed - Green net check failed for text (input): the content was refused."


def forbidden(url: str) -> str:
    """Oxen docs, image editing: Errors."""
    return f"{PREFIX}403 Client Error: Forbidden for url: {url}"


def refused(name: str, words: str) -> str:
    """A parameter that the model's server does not take."""
    return f"{PREFIX}{name}: {words}" if name else PREFIX + words


def one_of(values: Sequence[Any]) -> str:
    """ "Input should be '1', '2' or '3'" """
    shown = [f"'{value}'" if isinstance(value, str) else str(value) for value in values]
    return "Input should be " + " or ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))


def number(value: Any) -> Any:
    """A numeric string as its number; anything else as it is."""
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,9}(\.\d{1,9})?", value):
        return float(value) if "." in value else int(value)
    return value


def duration_words(value: object, better: object) -> str:
    """Oxen docs, Kling O3 Pro walkthrough: Duration Constraints."""
    return (
        f"duration value '{value}' is invalid. Try using duration='{better}' instead, "
        "as duration support may vary by model and mode."
    )
