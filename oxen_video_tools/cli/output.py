"""How answers look in a terminal: bars while waiting, tables for lists, plain lines for pipes.

Where the output is not a terminal, a URL or a path stands alone on its line, unwrapped, so that a script can take it.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from rich.console import Console
from rich.markup import escape

from ..redaction import visible
from ..studio.display import dollars as dollars
from ..studio.results import iso

if TYPE_CHECKING:
    from rich.progress import TaskID
    from rich.text import Text

    from ..studio import results
    from ..studio.plan import Plan


# What agents are told, in the words of the command line: its commands and options instead of tools and arguments.

COMMANDS = {
    "plan_video": "plan",
    "make_stills": "stills",
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


def in_command_words(text: str) -> str:
    """The same, as somebody at a terminal can do it."""
    for said, meant in SENTENCES.items():
        text = text.replace(said, meant)
    text = _TOOL.sub(lambda found: f"oxen-video {COMMANDS[found[1]]}", text)
    text = re.sub(r"\btake=(\d+)", r"--take \1", text)
    return re.sub(r"\bmax_cost_usd(?:=(?=\d))?", "--max-cost ", text).replace("--max-cost  ", "--max-cost ").strip()


UNWRITTEN = 7  # exit status: the answer could not be written


class Screen(Console):
    """A terminal on which words from elsewhere can do nothing but be read."""

    def render_str(self, text: str, **how: Any) -> Text:
        return super().render_str(visible(text), **how)

    def print(self, *objects: Any, **how: Any) -> None:
        """As rich prints; where nothing can be written any more, the program ends."""
        try:
            super().print(*objects, **how)
        except OSError as error:
            _stop_writing(error)


def _stop_writing(error: OSError) -> NoReturn:
    """End the program: quietly where the reader has seen enough (`oxen-video list | head -1`), else with the reason."""
    for stream in (sys.stdout, sys.stderr):  # what is left in them is written nowhere, so that the exit is quiet
        with suppress(OSError, ValueError, AttributeError):
            if stream is sys.stdout or isinstance(error, BrokenPipeError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    if isinstance(error, BrokenPipeError):
        raise SystemExit(0) from None
    with suppress(OSError):
        sys.stderr.write(f"The answer can't be written: {error.strerror}. What was made is there: oxen-video list\n")
    raise SystemExit(UNWRITTEN) from None


out = Screen(highlight=False)
err = Screen(stderr=True, highlight=False)
for _screen in (out, err):  # words are wrapped for a person, and never for a pipe
    _screen.soft_wrap = not _screen.is_terminal


def say(text: str = "") -> None:
    """A line for a person, on the standard output."""
    out.print(text)


def line(text: object) -> None:
    """A value for a person or a script: alone on its line, never wrapped, never styled."""
    try:
        sys.stdout.write(f"{visible(str(text))}\n")
        sys.stdout.flush()
    except OSError as error:
        _stop_writing(error)


def as_json(value: Any) -> None:
    """A value for a program."""
    unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    line(json.dumps(plain(value), indent=2, ensure_ascii=not unicode))


def plain(value: Any) -> Any:
    """A dataclass as plain JSON values; a Decimal as a number, a path as text."""
    if is_dataclass(value) and not isinstance(value, type):
        facts = {one.name: getattr(value, one.name) for one in fields(value)}
        if "url" in facts and hasattr(value, "expires_at"):
            facts["expires_at"] = value.expires_at
        return {name: plain(fact) for name, fact in facts.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, bytes):
        return None  # a picture: shown, not printed
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return iso(value)
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def cost(video: results.Video) -> str:
    """What a video cost, and whether that is an estimate."""
    return dollars(video.cost_usd) + (" (estimate)" if video.cost_is == "estimate" else "")


def show_video(video: results.Video) -> None:
    """One video: what it is, then its link and file, each on a line of its own."""
    colour = {"succeeded": "green", "failed": "red", "cancelled": "yellow"}.get(video.status, "cyan")
    if video.choice:
        say(f"[yellow]note[/] {escape(video.choice)}")
    say(f"[{colour}]{video.status}[/] {escape(video.generation_id)}  {escape(video.model or '')}  {cost(video)}")
    if video.reused:
        say("This is the video you already asked for; nothing new was paid. Another version: --take 2")
    elif video.reason.startswith("chosen"):
        say(f"[dim]model[/] {escape(video.reason)}")
    if video.means and not video.reused:
        say(f"[dim]means[/] {escape(video.means)}")
    for warning in video.warnings[bool(video.choice) :]:
        say(f"[yellow]note[/] {escape(in_command_words(warning))}")
    if video.error:
        say(f"[red]{escape(video.error)}[/]")
    for take in video.takes:
        say(f"  {take.status} {escape(take.generation_id)}")
    for shot in video.shots:
        again = f" take {shot.take}" if (shot.take or 1) > 1 else ""
        paid = "reused" if shot.reused else dollars(shot.cost_usd) if shot.cost_usd is not None else ""
        say(f"  shot {shot.shot}{again} {shot.status} {escape(shot.generation_id)} {paid}".rstrip())
    if video.url:
        line(video.url)
    if video.file:
        line(video.file)


def show_videos(videos: Sequence[results.Video]) -> None:
    """Each video, newest first: what it is and cost, and its first words; tab-separated lines where nobody looks (id,
    status, kind, model, US dollars, when, words, link).
    """
    if not out.is_terminal:
        for video in videos:
            when = iso(video.created) if video.created else ""
            amount = "" if video.cost_usd is None else f"{video.cost_usd:f}"
            facts = [video.generation_id, video.status, video.kind, video.model or "", amount, when]
            line("\t".join([*facts, _first_words(video.words, 80), video.url or ""]))
        return
    for video in videos:
        when = video.created.astimezone().strftime("%d %b %H:%M") if video.created else ""
        colour = {"succeeded": "green", "failed": "red", "cancelled": "yellow"}.get(video.status, "cyan")
        say(f"[bold]{escape(video.generation_id)}[/]  [{colour}]{video.status}[/]")
        say("  " + ", ".join(filter(None, [video.kind, when, cost(video), escape(video.model or "")])))
        if video.words:
            say(f"  [dim]{escape(_first_words(video.words, max(20, out.width - 4)))}[/]")


def _first_words(words: str, longest: int) -> str:
    words = " ".join(words.split())
    return words if len(words) <= longest else f"{words[: longest - 1]}…"


def show_plan(plan: Plan) -> None:
    """What would be sent, in how many jobs, for how much, and what is wrong."""
    if plan.choice:
        say(f"[yellow]note[/] {escape(plan.choice)}")
    say(f"[bold]{escape(plan.model)}[/]  {escape(plan.reason)}")
    if plan.means:
        say(f"[dim]means[/] {escape(plan.means)}")
    for picture in plan.pictures:
        amount = "paid already" if picture.already else dollars(picture.price_usd)
        say(f"{picture.kind} {escape(picture.name)}: {escape(picture.model)}  {amount}")
    for number, job in enumerate(plan.jobs, 1):
        clip = plan.clips[number - 1] if number <= len(plan.clips) else None
        there = "" if clip is None else " paid already" if clip.already else " stopped" if clip.stopped else ""
        say(f"job {number}: {job.seconds or '?'} s{there}  {escape(json.dumps(job.body, ensure_ascii=False))}")
    due = plan.due or plan.price
    say(f"price: {escape(due.text)}" + (f" (of {dollars(plan.total_usd)} in all)" if due != plan.price else ""))
    for warning in plan.warnings[bool(plan.choice) :]:
        say(f"[yellow]note[/] {escape(warning)}")
    for problem in plan.problems:
        say(f"[red]problem[/] {escape(problem)}")


def show_preview(plan: Plan, *, as_json_too: bool = False) -> None:
    """The plan, its animatic's contact sheet and, alone on the last line, its path."""
    preview = getattr(plan, "preview", None)
    if as_json_too:
        as_json(plan_as_json(plan) | {"preview": plain(preview)})
        return
    show_plan(plan)
    if preview is not None:
        show_picture(getattr(plan, "sheet", None))
        line(preview)


def show_inspections(
    found: Mapping[int, Any], jpeg: bytes, *, sheet: Path | None = None, as_json_too: bool = False
) -> None:
    """What was found, then the contact sheet as a picture where the terminal can. sheet: where it was written."""
    if as_json_too:
        told = [{name: value for name, value in plain(one).items() if name != "sheet"} for one in found.values()]
        as_json((told[0] if len(told) == 1 else {"videos": told}) | {"sheet": plain(sheet)})
        return
    for place, seen in found.items():
        if len(found) > 1:
            say(f"[bold]{place}[/]")
        _show_inspection(seen)
    show_picture(jpeg)
    if sheet is not None:
        line(sheet)


def _show_inspection(seen: Any) -> None:
    sound = seen.audio_codec or "no sound"
    say(f"[bold]length[/]  {seconds(seen.duration)}")
    rate = f"{seen.fps:g} frames a second, " if seen.fps else ""
    say(f"[bold]picture[/]  {seen.width}x{seen.height}, {rate}{seen.video_codec}, {sound}")
    say(f"[bold]file[/]  {seen.size / 1e6:.1f} MB, {'whole' if seen.complete else 'cut short'}")
    if seen.loudness is not None:
        say(f"[bold]loudness[/]  {seen.loudness:.1f} LUFS")
    if seen.cuts:
        say(f"[bold]cuts at[/]  {', '.join(map(seconds, seen.cuts))}")
    for name in ("black", "frozen"):
        for begin, end in getattr(seen, name):
            say(f"[bold]{name}[/]  {seconds(begin)} to {seconds(end)}")
    for warning in seen.warnings:
        say(f"[yellow]note[/] {escape(in_command_words(warning))}")


def seconds(value: float | None) -> str:
    """A length or a moment."""
    return "unknown" if value is None else f"{value:.1f} s"


def show_picture(jpeg: bytes | None, columns: int = 96) -> None:
    """A JPEG drawn with half blocks in a terminal that has colours; nothing elsewhere."""
    if not jpeg or not out.is_terminal or out.color_system not in ("256", "truecolor"):
        return
    try:
        from PIL import Image
    except ModuleNotFoundError:
        return
    from io import BytesIO

    from rich.color import Color
    from rich.style import Style
    from rich.text import Text

    picture = Image.open(BytesIO(jpeg)).convert("RGB")
    width = min(columns, out.width)
    height = max(2, round(picture.height * width / picture.width / 2) * 2)
    pixels: Any = picture.resize((width, height)).load()
    text = Text()
    for y in range(0, height, 2):
        for x in range(width):
            upper, lower = (Color.from_rgb(*pixels[x, row]) for row in (y, y + 1))
            text.append("▀", Style(color=upper, bgcolor=lower))
        text.append("\n")
    out.print(text)


def show_saved(saved: results.Saved) -> None:
    """A file on disk, as probed; its path alone on the last line."""
    size = f"{saved.width}x{saved.height}" if saved.width else ""
    length = f"{saved.duration:.1f} s" if saved.duration is not None else ""
    say(f"saved {length} {size} {saved.codec or ''} {saved.size / 1e6:.1f} MB".replace("  ", " "))
    for warning in saved.warnings:
        say(f"[yellow]note[/] {escape(warning)}")
    if saved.url:
        line(saved.url)
    line(saved.file)


def plan_as_json(plan: Plan) -> dict[str, Any]:
    """A plan for a program. shown: what a preview of each shot shows."""
    from ..studio.export import shown

    jobs = [{"model": job.model, "body": job.body, "seconds": job.seconds} for job in plan.jobs]
    clips = [plain(clip) for clip in plan.clips]
    return {
        "model": plan.model,
        "reason": plan.reason,
        "film": plan.film,
        "means": plan.means,
        "jobs": jobs,
        "clips": clips,
        "pictures": [plain(picture) for picture in plan.pictures],
        "price_usd": plan.price_usd,
        "total_usd": plan.total_usd,
        "price": (plan.due or plan.price).text,
        "problems": plan.problems,
        "warnings": plan.warnings,
        "shown": [shot.as_dict() for shot in shown(plan.request)],
    }


#: What is shown as being waited for: an interruption says how to find it again.
watched: dict[object, str] = {}


@contextmanager
def bars(*, quiet: bool = False) -> Iterator[Callable[[results.Progress], None]]:
    """A bar for each video, or for each shot of a film; short lines on stderr where there is no terminal."""
    if quiet or not err.is_terminal:
        yield _watching((lambda _: None) if quiet else _lines())
        return
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn  # only when there is something to wait for

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[words]}"))
    with Progress(*columns, console=err, transient=True) as progress:
        tasks: dict[object, TaskID] = {}

        def report(news: results.Progress) -> None:
            key = news.shot or news.generation_id
            if key not in tasks:
                name = f"shot {news.shot}" if news.shot else short(news.generation_id)
                tasks[key] = progress.add_task(name, total=1.0, words="")
            done = news.fraction if news.shot_fraction is None else news.shot_fraction
            words = news.text.removeprefix(f"shot {news.shot}/{news.shots} ")
            progress.update(tasks[key], completed=done, words=escape(words))

        yield _watching(report)


def _watching(report: Callable[[results.Progress], None]) -> Callable[[results.Progress], None]:
    """The same, and the ids are kept for whoever interrupts it."""

    def hear(news: results.Progress) -> None:
        if news.status in ("queued", "processing"):
            watched[news.shot or news.generation_id] = news.generation_id
        else:
            watched.pop(news.shot or news.generation_id, None)
        report(news)

    return hear


def short(name: str) -> str:
    """The beginning of an id; the name of a file or a link as it is."""
    return name[:8] if re.fullmatch(r"[\w-]{20,}", name) else re.split(r"[/\\]", name.partition("?")[0])[-1]


def _lines() -> Callable[[results.Progress], None]:
    """A line at each change of status, and otherwise one in ten seconds."""
    last: dict[object, tuple[str, float]] = {}

    def report(news: results.Progress) -> None:
        key, now = news.shot or news.generation_id, time.monotonic()
        status, when = last.get(key, ("", 0.0))
        if news.status != status or now - when >= 10:
            last[key] = (news.status, now)
            err.print(f"{short(news.generation_id)} {news.text}", markup=False)

    return report


def show_stills(made: Any, *, sheet: Path | None, as_json_too: bool) -> None:
    """Each still with its link, what all of it cost, and where the sheet lies."""
    if as_json_too:
        told = {
            "stills": [
                {
                    "shot": one.shot,
                    "status": one.video.status,
                    "generation_id": one.video.generation_id,
                    "take": one.take,
                    "url": one.video.url,
                    "error": one.video.error,
                }
                for one in made.stills
            ],
            "cost_usd": None if made.cost_usd is None else float(made.cost_usd),
            "cast": [{"name": one.name, "held_by": one.held_by} for one in made.cast],
            "sheet": str(sheet) if sheet else None,
            "warnings": list(made.warnings),
        }
        as_json(told)
        return
    for one in made.stills:
        line(f"{one.shot}\t{one.video.status}\t{one.video.url or one.video.error or one.video.generation_id}")
    if sheet:
        line(str(sheet))
    if made.cost_usd is not None:
        err.print(f"All of it: ${made.cost_usd:.2f}")
    for one in made.cast:
        err.print(escape(f"{one.name} is held by {one.held_by}."))
    for text in made.warnings:
        err.print(f"[yellow]{escape(text)}[/]")
