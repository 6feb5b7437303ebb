"""A storyboard, written as people write one, becomes a request.

Markdown or plain text: a shot a line. A list mark, a number or "Shot 3:" in front is dropped; a length stands at the
end as `(5s)`, `[5 s]` or `- 5s`. Headings, empty lines and `<!-- comments -->` are skipped. Lines such as `model: …` or
`aspect ratio: 9:16` before the first shot set the request's own words.

    aspect_ratio: 16:9
    1. Wide shot: a bird takes off from a branch (5s)
    2. Tracking shot: the bird soars through clouds (4s)

YAML or JSON: a list of shots (texts, or `prompt` and `duration`), or a mapping in the API's own words.
"""

from __future__ import annotations

import json
import re
from typing import Any

from ..errors import InvalidRequest, NotInstalled
from ..request import Shot, VideoRequest

_MARK = re.compile(r"^\s*(?:[-*+•]\s+|\d+[.)]\s+|shot\s+\d+\s*[:.)-]\s*)+", re.I)
_LENGTH = re.compile(r"\s*[-–—,]?\s*[(\[]?\s*(?P<seconds>\d+(?:\.\d+)?)\s*(?:s|sec|secs|seconds)\s*[)\]]?\s*$", re.I)
_SETTING = re.compile(r"^\s*(?P<name>[a-z][a-z _-]{2,24}?)\s*:\s+(?P<value>\S.*?)\s*$", re.I)
_COMMENT = re.compile(r"<!--.*?-->", re.S)
_DATA = re.compile(r"\{|\[\s*[\[\]{\"']")  # what begins like this is no prose: broken, it must not be paid for as words
_HEAD = re.compile(r"\A\s*---[ \t]*\n(?P<lines>(?:[ \t]*(?:\w+[ \t]*:.*)?\n)+)---[ \t]*$", re.M)
_WORDS = frozenset(VideoRequest.model_fields) - {"prompt", "multi_prompt"}
MAX_BYTES = 1_000_000


def read(text: str) -> dict[str, Any]:
    """The words of a request. Raises InvalidRequest when there is no shot in it."""
    if len(text) > MAX_BYTES:
        raise InvalidRequest("The storyboard is over 1 MB.", fix="Split it.")
    structured = _structured(text)
    words = _of_data(structured) if structured is not None else _of_lines(text)
    if not (words.get("multi_prompt") or words.get("prompt")):
        raise InvalidRequest("The storyboard holds no shot.", fix="Write one shot a line.")
    return words


def _structured(text: str) -> Any:
    """YAML or JSON, where the text plainly is one of them; None for lines of prose."""
    if _DATA.match(text.lstrip()):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            pass
    elif not re.search(r"^\s*(?:-\s+)?(?:prompt|multi_prompt|shots)\s*:", text, re.M):
        return None
    try:
        import yaml
    except ModuleNotFoundError:
        raise NotInstalled("A YAML storyboard needs PyYAML.", fix="pip install 'oxen-video-tools[cli]'") from None
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidRequest(f"The storyboard is no valid YAML or JSON: {error}") from None


def _of_data(data: Any) -> dict[str, Any]:
    if isinstance(data, list):
        return {"multi_prompt": _shots(data)}
    if not isinstance(data, dict):
        raise InvalidRequest("The storyboard must be a list of shots or a mapping.")
    words = {_word(str(name)): value for name, value in data.items()}
    shots = words.pop("shots", words.pop("multi_prompt", None))
    if shots is not None and not isinstance(shots, list):
        raise InvalidRequest("`shots` must be a list.")
    return words | ({} if shots is None else {"multi_prompt": _shots(shots)})


def _shots(items: list[Any]) -> list[dict[str, Any]]:
    return [_shot_of_data(number, item) for number, item in enumerate(items, 1)]


def _shot_of_data(number: int, item: Any) -> dict[str, Any]:
    if isinstance(item, str):
        return _shot_of_line(item)
    if isinstance(item, dict) and set(item) <= set(Shot.model_fields):
        return item
    raise InvalidRequest(
        f"Shot {number} of the storyboard is not understood.", fix='Write words, or "prompt" and "duration".'
    )


def _word(name: str) -> str:
    """`Aspect ratio` and `aspect-ratio` are `aspect_ratio`."""
    return re.sub(r"[ -]", "_", name.strip().lower())


def _of_lines(text: str) -> dict[str, Any]:
    words: dict[str, Any] = {}
    shots: list[dict[str, Any]] = []
    _check_head(text)
    for line in _COMMENT.sub("", text).splitlines():
        if not line.strip() or line.lstrip().startswith(("#", "---", "```")):
            continue
        setting = _SETTING.match(line)
        name = _word(setting["name"]) if setting else ""
        if setting and name in _WORDS and not shots:
            words[name] = setting["value"]
        else:
            shots.append(_shot_of_line(line))
    return words | {"multi_prompt": shots}


def _check_head(text: str) -> None:
    """Between two `---` at the top stand settings; one that a request has not would be paid for as a shot."""
    head = _HEAD.match(text)
    for line in head["lines"].splitlines() if head else ():
        name = line.partition(":")[0]
        if name.strip() and _word(name) not in _WORDS:
            raise InvalidRequest(
                f"`{name.strip()}` at the top of the storyboard is no word of a request.", fix="Drop it."
            )


def _shot_of_line(line: str) -> dict[str, Any]:
    line = _MARK.sub("", line.strip())
    length = _LENGTH.search(line)
    if length and length.start():
        seconds = float(length["seconds"])
        return {"prompt": line[: length.start()], "duration": int(seconds) if seconds.is_integer() else seconds}
    return {"prompt": line}
