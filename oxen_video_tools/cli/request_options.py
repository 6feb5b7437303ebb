"""The options that `plan`, `preview` and `generate` share, written once, and how they become a request."""

from __future__ import annotations

import functools
import inspect
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer
from rich.markup import escape

from .. import storyboard
from ..errors import InputUnreadable, InvalidRequest, NotFound, invalid_arguments
from ..request import VideoRequest
from . import output


def _options(
    prompt: Annotated[
        str | None,
        typer.Argument(help="The video in words; or a storyboard file (.md .txt .yaml .json .csv); or - to read one."),
    ] = None,
    shot: Annotated[list[str] | None, typer.Option(help='A shot, as "words" or "words (5s)". Repeat it.')] = None,
    model: Annotated[str | None, typer.Option(help="A model's id: oxen-video models. Chosen if left out.")] = None,
    duration: Annotated[float | None, typer.Option(help="Seconds, with a prompt.")] = None,
    aspect_ratio: Annotated[str | None, typer.Option(help="16:9, 9:16, 1:1, …")] = None,
    resolution: Annotated[str | None, typer.Option(help="720p, 1080p, …")] = None,
    input_image: Annotated[
        list[str] | None, typer.Option("--image", help="Reference image: path, https URL or video id. Repeat it.")
    ] = None,
    start_image: Annotated[str | None, typer.Option(help="First frame.")] = None,
    end_image: Annotated[str | None, typer.Option(help="Last frame.")] = None,
    input_videos: Annotated[list[str] | None, typer.Option("--video", help="Source video. Repeat it.")] = None,
    input_audios: Annotated[list[str] | None, typer.Option("--audio", help="Source audio. Repeat it.")] = None,
    cast: Annotated[
        list[str] | None,
        typer.Option("--cast", help='Who looks the same in every shot: a kept name, or "NAME=look". Repeat it.'),
    ] = None,
    stills: Annotated[bool | None, typer.Option("--stills", help="Begin each shot with its still.")] = None,
    level: Annotated[str | None, typer.Option(help="draft, standard or best, where no model is named.")] = None,
    generate_audio: Annotated[
        bool | None, typer.Option("--sound/--silent", help="Make sound, where the model can.")
    ] = None,
    negative_prompt: Annotated[str | None, typer.Option(help="What to avoid.")] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, similar result.")] = None,
    num_generations: Annotated[
        int | None, typer.Option("--versions", "-n", help="Versions to make, 1 to 4; each is paid.")
    ] = None,
    target_namespace: Annotated[str | None, typer.Option("--namespace", help="Where it is kept; who pays.")] = None,
    parameter: Annotated[
        list[str] | None, typer.Option("--set", help="A parameter of the model's own, NAME=VALUE. Repeat it.")
    ] = None,
) -> VideoRequest:
    """The request. What is given as an option wins over the storyboard."""
    words = {name: value for name, value in locals().items() if name not in ("prompt", "shot", "parameter", "cast")}
    found = _read(prompt)
    if shot:
        found.pop("prompt", None)
        found["multi_prompt"] = [storyboard.read_shot(text) for text in shot]
        if prompt and not (prompt == "-" or _is_file(prompt)):
            found["prompt"] = prompt  # both: the plan says in the hub's words why that can't be
    if cast:
        found["cast"] = [_member(text) for text in cast]
    if parameter:
        found["model_parameters"] = dict(_parameter(text) for text in parameter)
    return _checked(found | {name: value for name, value in words.items() if value not in (None, [])})


def asks_for_video(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the options of a request; it receives them as its first argument, a `VideoRequest`."""
    shared, own = (inspect.signature(one, eval_str=True).parameters for one in (_options, function))
    rest = [parameter for name, parameter in own.items() if name != "request"]

    @functools.wraps(function)
    def run(**given: Any) -> Any:
        return function(_options(**{name: given.pop(name) for name in shared}), **given)

    run.__signature__ = inspect.Signature([*shared.values(), *rest])  # type: ignore[attr-defined]  # typer reads it
    hints = get_type_hints(_options, include_extras=True) | get_type_hints(function, include_extras=True)
    run.__annotations__ = {name: hint for name, hint in hints.items() if name not in ("request", "return")}
    return run


def _checked(words: dict[str, Any]) -> VideoRequest:
    """A request from its words; what does not fit is said in our own words."""
    from pydantic import ValidationError

    try:
        return VideoRequest.model_validate(words)
    except ValidationError as error:
        raise invalid_arguments(error) from None


def _read(prompt: str | None) -> dict[str, Any]:
    if prompt == "-":
        return _as_read(storyboard.read(_decoded(sys.stdin.buffer.read(storyboard.MAX_BYTES + 1), "on standard input")))
    if prompt and _is_file(prompt):
        return _as_read(storyboard.read(_text_of(Path(prompt)), Path(prompt).suffix))
    return {"prompt": prompt} if prompt else {}


def _as_read(board: storyboard.Storyboard) -> dict[str, Any]:
    """The words of the request; the shots are shown as they were read, before anything is paid for."""
    shots = board.request.get("multi_prompt", [])
    for line in storyboard.describe(shots):
        output.err.print(escape(line), style="dim")
    if board.left_out:
        output.err.print(escape("left out: " + "; ".join(board.left_out)), style="dim")
    return board.request


def _is_file(prompt: str) -> bool:
    return prompt.lower().endswith(storyboard.SUFFIXES) and not re.search(r"\s", prompt)


def _text_of(path: Path) -> str:
    try:
        written = path.read_bytes()
    except OSError as error:
        raise NotFound(f"The storyboard {path} can't be read: {error.strerror}.", fix="Check the path.") from None
    return _decoded(written, str(path))


def _decoded(written: bytes, where: str) -> str:
    if len(written) > storyboard.MAX_BYTES:
        raise InvalidRequest("The storyboard is over 1 MB.", fix="Split it.")
    try:
        return written.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise InputUnreadable(f"The storyboard {where} is no UTF-8 text.", fix="Save it as UTF-8.") from None


def _member(text: str) -> dict[str, str]:
    name, equals, look = text.partition("=")
    return {"name": name.strip()} | ({"look": look.strip()} if equals and look.strip() else {})


def _parameter(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise InvalidRequest(f"--set takes NAME=VALUE, not {text!r}.")
    try:
        return name.strip(), json.loads(value)
    except ValueError:
        return name.strip(), value
