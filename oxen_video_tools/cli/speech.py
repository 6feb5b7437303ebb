"""What agents are told, in the words of the command line: its commands and options instead of tools and arguments."""

from __future__ import annotations

import re

COMMANDS = {
    "plan_video": "plan",
    "generate_video": "generate",
    "get_video": "get",
    "list_videos": "list",
    "cancel_video": "cancel",
    "find_video_models": "models",
    "inspect_video": "inspect",
    "save_video": "save",
}
SENTENCES = {
    "Correct the arguments and call again.": "Correct it and run the command again.",
    "Ask the user to add credits at oxen.ai; do not retry before.": "Add credits at oxen.ai.",
    "or ask the user for a higher limit": "or raise the limit",
    "The hub did not answer. Try again in a minute.": "Try again in a minute.",
    "Spending is paused. A person allows it again with `oxen-video resume`.": "Allow it again: oxen-video resume",
    "Do not submit it again unless the user asks for it.": "",
}
_TOOL = re.compile(r"\b(" + "|".join(COMMANDS) + r")\b")


def for_people(text: str) -> str:
    """The same, as somebody at a terminal can do it."""
    for said, meant in SENTENCES.items():
        text = text.replace(said, meant)
    text = _TOOL.sub(lambda found: f"oxen-video {COMMANDS[found[1]]}", text)
    text = re.sub(r"\btake=(\d+)", r"--take \1", text)
    return re.sub(r"\bmax_cost_usd(?:=(?=\d))?", "--max-cost ", text).replace("--max-cost  ", "--max-cost ").strip()
