"""batch: hundreds of requests from a JSONL file, with a report."""

from __future__ import annotations

import html
import os
import sys
from collections.abc import Sequence
from decimal import Decimal
from itertools import count
from json import dumps
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from anyio import to_thread

from ..errors import NeedsApproval, NotFound, NotInstalled, OverBudget, OxenError
from ..studio import AsyncStudio, batch
from ..studio.display import picture_html, player_html
from . import output
from .app import InSandbox, Json, command
from .output import in_command_words


@command(name="batch")
async def batch_(
    file: Annotated[Path, typer.Argument(help="A request a line, as JSON in the API's own words.")],
    at_once: Annotated[int, typer.Option(min=1, max=500, help="Videos in the making at a time.")] = 8,
    max_cost: Annotated[float | None, typer.Option(min=0, help="Refuse if the whole may cost more US dollars.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Spend without asking.")] = False,
    report: Annotated[
        Path | None, typer.Option(help="Folder for report.json and report.html; beside the file.")
    ] = None,
    pictures: Annotated[bool, typer.Option(help="Contact sheets in the HTML page.")] = True,
    ray: Annotated[str | None, typer.Option(help="Spread it over the Ray cluster at this address.")] = None,
    json: Json = False,
    sandbox: InSandbox = False,
) -> int:
    """Make every line of a file. Run it again and it goes on: nothing is paid twice."""
    lines = batch.read(_lines(file))
    folder = report or file.with_suffix(".report")
    async with AsyncStudio.open(sandbox=sandbox) as studio:
        agreed = await _agree(studio, lines, max_cost, yes)
        done = await _run(studio, agreed, at_once, ray=ray, pictures=pictures, quiet=json)
        sheets = await _sheets(studio, done) if pictures else {}
    written = write_report(folder, done, sheets)
    if json:
        output.as_json(written)
    else:
        made, missed = written["succeeded"], written["failed"]
        for row in written["videos"]:
            if row["status"] != "succeeded":
                output.err.print(f"line {row['line']}: {in_command_words(row['error'] or row['status'])}", markup=False)
        output.say(f"{made} of {written['lines']} made, {missed} not, {output.dollars(written['cost_usd'])}")
        output.line(folder / "report.html")
    return 1 if written["failed"] else 0


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text("utf-8-sig").split("\n")  # a line of JSON may hold what splitlines() takes for an end
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise NotFound(f"{file} can't be read: {why}.", fix="Check the path.") from None


async def _agree(
    studio: AsyncStudio, lines: Sequence[batch.Line], max_cost: float | None, yes: bool
) -> Sequence[batch.Line]:
    """The lines, each with the sum that was agreed to. Raises OverBudget, NeedsApproval."""
    priced = await batch.price(studio, lines)
    total, unpriced = priced.total_usd, priced.unpriced
    words = f"{len(lines)} videos for at most {output.dollars(total)}" + (
        f", {len(unpriced)} of them without a known price" if unpriced else ""
    )
    if max_cost is not None and (total > Decimal(str(max_cost)) or unpriced):
        raise OverBudget(f"{words}: more than --max-cost {output.dollars(max_cost)}.")
    if yes or max_cost is not None:
        return priced.lines
    if not (sys.stdin.isatty() and typer.confirm(f"Make {words}?", err=True)):
        raise NeedsApproval(f"{words}.", fix="Add --yes, or --max-cost with a ceiling.")
    return priced.lines


async def _run(
    studio: AsyncStudio, lines: Sequence[batch.Line], at_once: int, *, ray: str | None, pictures: bool, quiet: bool
) -> list[batch.Done]:
    from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn

    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=output.err, disable=quiet or not output.err.is_terminal) as progress:
        task = progress.add_task("videos", total=len(lines))

        ended = count(1)

        def heard(one: batch.Done) -> None:
            progress.advance(task)
            if not (quiet or output.err.is_terminal):
                output.err.print(
                    f"line {one.line.number} {_row(one)['status']}, {next(ended)} of {len(lines)}", markup=False
                )

        if ray is None:
            return await batch.run(studio, lines, at_once=at_once, on_done=heard)
        from ..studio import batch as studio_batch

        ours = {name: value for name, value in os.environ.items() if name.startswith("OXEN_")}
        return await to_thread.run_sync(
            lambda: studio_batch.run_on_ray(ray, lines, ours, at_once=at_once, pictures=pictures, on_done=heard)
        )


async def _sheets(studio: AsyncStudio, done: Sequence[batch.Done]) -> dict[int, bytes]:
    """A contact sheet for each video that can be looked at."""
    sheets: dict[int, bytes] = {}
    for one in done:
        if one.sheet is not None:  # drawn where it was made
            sheets[one.line.number] = one.sheet
        if one.sheet is not None or one.video is None or not one.succeeded:
            continue
        try:
            sheets[one.line.number] = (await studio.inspect(one.video.generation_id)).sheet
        except NotInstalled:
            return {}
        except OxenError as error:
            output.err.print(f"no contact sheet for line {one.line.number}: {error.message}", markup=False)
    return sheets


def write_report(folder: Path, done: Sequence[batch.Done], sheets: dict[int, bytes]) -> dict[str, Any]:
    """`report.json` for programs and `report.html` for people; links stay out of both, for they expire."""
    rows = [_row(one) for one in done]
    summary: dict[str, Any] = {
        "lines": len(rows),
        "succeeded": sum(one.succeeded for one in done),
        "failed": sum(not one.succeeded for one in done),
        "cost_usd": float(_cost(done)),
        "paid_now_usd": float(_cost([one for one in done if one.video and not one.video.reused])),
        "paid_before_usd": float(_cost([one for one in done if one.video and one.video.reused])),
        "videos": rows,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(dumps(summary, indent=2, ensure_ascii=False), "utf-8")
    (folder / "report.html").write_text(_page(summary, rows, sheets, folder), "utf-8")
    return summary


def _cost(done: Sequence[batch.Done]) -> Decimal:
    """US dollars of all of them, as far as it is known."""
    return sum((one.video.cost_usd or Decimal(0) for one in done if one.video), Decimal(0))


def _row(one: batch.Done) -> dict[str, Any]:
    request = one.line.request
    words = request.prompt or " / ".join(shot.prompt for shot in request.multi_prompt)
    video = one.video
    return {
        "line": one.line.number,
        "take": one.line.take,
        "prompt": words,
        "status": video.status if video else "failed",
        "generation_id": video.generation_id if video else None,
        "model": video.model if video else request.model,
        "cost_usd": float(video.cost_usd) if video and video.cost_usd is not None else None,
        "cost_is": video.cost_is if video else None,
        "reused": bool(video and video.reused),
        "file": str(video.file) if video and video.file else None,
        "error": (video.error if video else None) or (one.error["message"] if one.error else None),
    }


STYLE = """
:root{color-scheme:light dark}body{font:16px system-ui;margin:2rem}h2{font-size:1rem;margin:.4rem 0}
main{display:grid;grid-template-columns:repeat(auto-fill,minmax(22rem,1fr));gap:1.5rem}
img,video{width:100%;border-radius:6px}p{margin:.2rem 0;overflow-wrap:anywhere;font-size:.85rem}
.failed,.cancelled{color:#c33}
""".replace("\n", "")


def _page(summary: dict[str, Any], rows: list[dict[str, Any]], sheets: dict[int, bytes], folder: Path) -> str:
    """One page that plays the saved files from where they lie. What did not succeed stands first."""
    ordered = sorted(rows, key=lambda row: (row["status"] == "succeeded", row["line"]))
    cards = "\n".join(_card(row, sheets.get(row["line"]), folder) for row in ordered)
    missed = f", {summary['failed']} not made" if summary["failed"] else ""
    paid = f"{output.dollars(summary['paid_now_usd'])} paid now, {output.dollars(summary['paid_before_usd'])} before"
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Batch report</title><style>{STYLE}</style>"
        f"<h1>{summary['succeeded']} of {summary['lines']} videos{missed}, {output.dollars(summary['cost_usd'])}</h1>\n"
        f"<p>{paid}</p>\n<main>\n{cards}\n</main></html>\n"
    )


def _card(row: dict[str, Any], sheet: bytes | None, folder: Path) -> str:
    status, model, prompt = (html.escape(row[name] or "") for name in ("status", "model", "prompt"))
    price = f" {output.dollars(row['cost_usd'])}" if row["cost_usd"] is not None else ""
    when = " (paid before)" if row["reused"] else ""
    told = f"<p>{html.escape(row['error'] or row['generation_id'] or '')}</p>"
    picture = picture_html(sheet, "jpeg", "contact sheet") if sheet else ""
    if row["file"]:
        address = _address(Path(row["file"]), folder)
        picture = player_html(address, sheet)
        told += f'<p><a href="{html.escape(address)}">{html.escape(Path(row["file"]).name)}</a></p>'
    elif row["status"] == "succeeded":
        told += f"<p><code>oxen-video save {html.escape(row['generation_id'])}</code></p>"
    return (
        f"<article>{picture}<h2>{row['line']}. {prompt[:200]}</h2>"
        f'<p><b class="{status}">{status}</b> {model}{price}{when}</p>{told}</article>'
    )


def _address(file: Path, folder: Path) -> str:
    """Of a file, for a page in this folder: both can be moved together."""
    try:
        return quote(Path(os.path.relpath(file, folder)).as_posix())
    except ValueError:  # on another drive
        return file.absolute().as_uri()
