"""plan, preview, generate, get, list, cancel, inspect, save."""

from __future__ import annotations

import sys
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from ..catalog.describe import describe_line, describe_model
from ..errors import InputUnreadable, OxenError
from ..request import VideoRequest
from ..studio import AsyncStudio
from ..studio.results import Question, Saved, Video
from ..tools.calls import STATES, bare
from . import output
from . import output as cli_output
from .app import STILL_RUNNING, InSandbox, Json, command
from .request_options import asks_for_video

Wait = Annotated[float | None, typer.Option(min=0, help="Seconds to wait; 0 answers at once with the id.")]
Out = Annotated[Path | None, typer.Option("--output", "-o", help="Save it to this file.")]
Ids = Annotated[list[str], typer.Argument(help="Ids that generate or list gave.")]
Open = Annotated[bool, typer.Option("--open", help="Show it in this machine's own viewer.")]
LONG = 900.0  # seconds


@command()
@asks_for_video
async def plan(request: VideoRequest, json: Json = False, sandbox: InSandbox = False) -> int:
    """What would be sent, in how many jobs, for how much, and what is wrong with it. Free."""
    async with AsyncStudio.open(sandbox=sandbox) as studio:
        planned = await studio.plan(request)
    if json:
        cli_output.as_json(cli_output.plan_as_json(planned))
    else:
        cli_output.show_plan(planned)
    return 2 if planned.problems else 0


@command()
@asks_for_video
async def preview(request: VideoRequest, open_: Open = False, json: Json = False, sandbox: InSandbox = False) -> None:
    """Draw a free animatic on this machine: shots, lengths, camera moves. Nothing is sent."""
    async with AsyncStudio.open(sandbox=sandbox) as studio:
        planned = await studio.plan(request, animatic=True)
    cli_output.show_preview(planned, as_json_too=json)
    if open_:
        typer.launch(str(getattr(planned, "preview", "")))


@command()
@asks_for_video
async def generate(
    request: VideoRequest,
    take: Annotated[int, typer.Option(help="The same request and take is the same video; 2 is another.")] = 1,
    max_cost: Annotated[float | None, typer.Option(min=0, help="Refuse to spend more US dollars than this.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Spend without asking.")] = False,
    wait: Wait = None,
    output: Out = None,
    repository: Annotated[str | None, typer.Option(help="Keep it in this Oxen repository: namespace/name.")] = None,
    json: Json = False,
    sandbox: InSandbox = False,
) -> int:
    """Make a video: submit once, wait with a progress bar, print the link."""
    async with AsyncStudio.open(sandbox=sandbox) as studio:
        with cli_output.bars(quiet=json) as report:
            video = await studio.generate(
                request,
                take=take,
                max_cost_usd=None if max_cost is None else Decimal(str(max_cost)),
                wait_seconds=_patience(studio, wait),
                approve=(lambda _: True) if yes else _ask,
                on_progress=report,
                repository=repository,
            )
        return await _finish(studio, video, output, json=json)


@command()
@asks_for_video
async def stills(
    request: VideoRequest,
    image_model: Annotated[str | None, typer.Option(help="An image model. Chosen by --level if left out.")] = None,
    quality: Annotated[str | None, typer.Option(help="low, medium or high; follows --level.")] = None,
    max_cost: Annotated[float | None, typer.Option(min=0, help="Refuse to spend more US dollars than this.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Spend without asking.")] = False,
    wait: Wait = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Save the sheet as this JPEG.")] = None,
    open_: Open = False,
    json: Json = False,
    sandbox: InSandbox = False,
) -> int:
    """The first picture of each shot, numbered on one sheet: cents, before motion costs dollars."""
    async with AsyncStudio.open(sandbox=sandbox) as studio:
        made = await studio.stills(
            request,
            image_model=image_model,
            quality=quality,
            max_cost_usd=None if max_cost is None else Decimal(str(max_cost)),
            wait_seconds=_patience(studio, wait),
            approve=(lambda _: True) if yes else _ask,
        )
    sheet = _sheet(made.sheet, output, wanted=open_) if made.sheet else None
    cli_output.show_stills(made, sheet=sheet, as_json_too=json)
    if open_ and sheet:
        typer.launch(str(sheet))
    if not made.is_terminal:
        return STILL_RUNNING
    return 0 if all(one.video.status == "succeeded" for one in made.stills) else 1


@command()
async def get(ids: Ids, wait: Wait = 0, output: Out = None, json: Json = False, sandbox: InSandbox = False) -> int:
    """How videos stand, with fresh links."""
    async with AsyncStudio.open(sandbox=sandbox) as studio:
        with cli_output.bars(quiet=json) as report:
            videos = await studio.get_many(ids, wait_seconds=_patience(studio, wait), on_progress=report)
        if len(videos) == 1:
            return await _finish(studio, videos[0], output, json=json)
    if json:
        cli_output.as_json(videos)
    else:
        for video in videos:
            cli_output.show_video(video)
    return 0


@command(name="list")
async def list_(
    status: Annotated[str | None, typer.Option(help="queued, processing, succeeded, failed or cancelled.")] = None,
    model: Annotated[str | None, typer.Option(help="Only of this model id.")] = None,
    since: Annotated[str | None, typer.Option(help='"today", "24 h" or a date.')] = None,
    mine: Annotated[bool, typer.Option("--mine", help="Only what was paid for from here.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many at most.")] = 10,
    json: Json = False,
    sandbox: InSandbox = False,
) -> None:
    """What is running or finished, newest first."""
    status = STATES.get(bare(status), status) or None if status else None
    async with AsyncStudio.open(sandbox=sandbox) as studio:
        videos = await studio.list(status=status, model=model, since=since, mine=mine, limit=limit)
    if json:
        cli_output.as_json(videos)
    elif videos:
        cli_output.show_videos(videos)
    else:
        given = {"--status": status, "--model": model, "--since": since, "--mine": "" if mine else None}
        named = " ".join(f"{name} {value}".strip() for name, value in given.items() if value is not None)
        cli_output.err.print(f"No video matches {escape(named)}." if named else "No videos yet.")


@command()
async def cancel(
    generation_ids: Annotated[list[str], typer.Argument(help='Ids, or "all" for everything that runs.')],
    json: Json = False,
    sandbox: InSandbox = False,
) -> None:
    """Stop queued or running videos; says what became of each."""
    async with AsyncStudio.open(sandbox=sandbox) as studio:
        found = await studio.cancel_many(generation_ids)
    if json:
        cli_output.as_json(found)
        return
    for one in found:
        charged = "" if one.charged_usd is None else f", charged ${one.charged_usd:f}"
        cli_output.line(f"{one.generation_id}\t{one.error or f'was {one.was}, now {one.now}'}{charged}")
    if not found:
        cli_output.err.print("Nothing was running.")


@command()
async def inspect(
    videos: Annotated[list[str], typer.Argument(help="Files, ids or https URLs; several are compared.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Save the contact sheet as this JPEG.")] = None,
    open_: Open = False,
    json: Json = False,
    sandbox: InSandbox = False,
) -> None:
    """Look at a video: length, size, cuts, black or frozen stretches, loudness, and a contact sheet."""
    async with AsyncStudio.open(sandbox=sandbox) as studio:
        if len(videos) == 1:
            seen = await studio.inspect(videos[0])
            found, jpeg = {1: seen}, seen.sheet
        else:
            compared = await studio.compare(videos)
            found, jpeg = dict(compared.seen), compared.sheet
            for number, error in compared.unread.items():
                cli_output.err.print(escape(f"{number}: {error.message}"))
    sheet = _sheet(jpeg, output, wanted=open_)
    cli_output.show_inspections(found, jpeg, sheet=sheet, as_json_too=json)
    if open_ and sheet:
        typer.launch(str(sheet))


@command()
async def save(
    videos: Annotated[list[str], typer.Argument(help="Ids, files or https URLs, in the order they are joined.")],
    output: Out = None,
    transition: Annotated[str | None, typer.Option(help="cut or fade, between clips.")] = None,
    fade_seconds: Annotated[float | None, typer.Option(help="Length of a fade; 0.5 if left out.")] = None,
    music: Annotated[str | None, typer.Option(help="A sound file or a video, laid under all of it.")] = None,
    sound: Annotated[str | None, typer.Option(help="Of the clips: keep or mute.")] = None,
    captions: Annotated[Path | None, typer.Option(help="An SRT or WebVTT file, as a track.")] = None,
    burn: Annotated[bool, typer.Option("--burn", help="Draw the captions into the picture.")] = False,
    trim: Annotated[tuple[float, float] | None, typer.Option(help="From and to: seconds of the whole.")] = None,
    upload: Annotated[bool, typer.Option("--upload", help="Also put it into your account, for a link.")] = False,
    json: Json = False,
    sandbox: InSandbox = False,
) -> None:
    """One or more clips to one verified file."""
    how: dict[str, Any] = {"transition": transition, "fade_seconds": fade_seconds, "music": music, "sound": sound}
    how |= {"captions": captions, "burn": burn, "trim": trim, "upload": upload}
    async with AsyncStudio.open(sandbox=sandbox) as studio:
        with cli_output.bars(quiet=json) as report:
            saved = await studio.save(videos, filename=_place(output), **how, on_progress=report)
    if json:
        cli_output.as_json(saved)
    else:
        cli_output.show_saved(saved)


def _sheet(jpeg: bytes, output: Path | None, *, wanted: bool) -> Path | None:
    """Where the contact sheet was written, if somebody wants it as a file."""
    if not jpeg or not (output or wanted):
        return None
    place = _place(output) or Path(tempfile.mkdtemp(prefix="oxen-video-"), "contact-sheet.jpg")
    try:
        place.write_bytes(jpeg)
    except OSError as error:
        raise InputUnreadable(f"{place} can't be written: {error.strerror}.", fix="Name another file.") from None
    return place


def _patience(studio: AsyncStudio, asked: float | None) -> float:
    if asked is not None:
        return asked
    return studio.settings.wait if studio.settings.wait is not None else LONG


def _ask(question: Question) -> bool:
    """At a terminal; elsewhere nobody is there to agree, and `--yes` says so beforehand."""
    try:
        return sys.stdin.isatty() and typer.confirm(question.text, err=True)
    except typer.Abort:
        return False


def _place(output: Path | None) -> Path | None:
    """A file named at the prompt lies where the person is, not in the folder for videos."""
    return None if output is None else output.expanduser().absolute()


async def _kept(studio: AsyncStudio, video: Video, output: Path, *, quiet: bool) -> Saved:
    """The file asked for; where it can't be written, the video is shown, and what it cost is not denied."""
    try:
        return await studio.save(video.generation_id, filename=_place(output))
    except OxenError as error:
        if not quiet:
            cli_output.show_video(video)
        error.generation_id = video.generation_id
        raise


async def _finish(studio: AsyncStudio, video: Video, output: Path | None, *, json: bool) -> int:
    """Print what there is; save it where asked; let the exit status say how it ended."""
    saved = await _kept(studio, video, output, quiet=json) if output and video.status == "succeeded" else None
    if json:
        cli_output.as_json(cli_output.plain(video) | ({"file": str(saved.file)} if saved else {}))
    else:
        cli_output.show_video(video)
        if saved:
            cli_output.show_saved(saved)
        elif video.url and studio.settings.sandbox:
            cli_output.err.print("This sandbox ends with the command, and so does the link. To keep the file:")
            cli_output.err.print(f"  oxen-video save {video.generation_id} -o video.mp4 --sandbox", soft_wrap=True)
    if video.is_terminal:
        return 0 if video.status == "succeeded" else 1
    where = " --sandbox" if studio.settings.sandbox else ""
    if video.shots:
        cli_output.err.print("Not finished. The same oxen-video generate goes on with it, and pays for nothing twice.")
    else:
        cli_output.err.print(
            f"Still running. Look again: oxen-video get {escape(video.generation_id)} --wait 900{where}"
        )
    return STILL_RUNNING


# models: what can be asked for, and what it costs.


@command()
async def models(
    query: Annotated[str | None, typer.Argument(help='Words such as "kling" or "cheap".')] = None,
    need: Annotated[
        list[str] | None, typer.Option("--need", help="start_image, audio, multi_shot, 10 s, … Repeat it.")
    ] = None,
    id: Annotated[str | None, typer.Option("--id", help="One exact id, for all its parameters.")] = None,
    json: Json = False,
    sandbox: InSandbox = False,
) -> None:
    """Models by words and needs, best first."""
    async with AsyncStudio.open(sandbox=sandbox) as studio:
        found = await studio.find_models(query, need or (), id)
    if note := getattr(found, "note", ""):
        output.err.print(escape(note))
    if json:
        output.as_json(
            describe_model(found[0]) if id else [{"id": model.id, "line": describe_line(model)} for model in found]
        )
    elif id:
        output.as_json(describe_model(found[0]))
    elif not found:
        output.err.print("No model fits. Ask with fewer words or needs: oxen-video models")
    elif not output.out.is_terminal:
        for model in found:
            output.line(f"{model.id}\t{_rest(describe_line(model))}")
    else:
        for model in found:
            output.say(f"[bold]{escape(model.id)}[/]")
            output.say(f"  {escape(_rest(describe_line(model)))}")


def _rest(line: str) -> str:
    """The line without the id that it begins with."""
    return line.partition(": ")[2]
