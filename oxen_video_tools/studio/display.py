"""Videos, plans and stills as HTML, for notebooks and for the report of a batch.

A page is kept and passed on, so it holds no signed link: what it shows is a saved file or a picture of its own. Words
of a request are escaped.
"""

from __future__ import annotations

import base64
import re
from decimal import Decimal
from functools import lru_cache
from html import escape, unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import OxenError
from ..redaction import redact

if TYPE_CHECKING:
    from .batch import Done
    from .plan import Plan
    from .results import Video
    from .stills import Stills

MOST_EMBEDDED = 8_000_000  # bytes of a file that a notebook holds
PICTURES = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png", ".webp": "webp", ".gif": "gif"}


def mime_bundle(page: str, poster: bytes | None = None) -> dict[str, str]:
    """The same for programs that show HTML, a picture, or words alone. page: HTML.  poster: a JPEG."""
    forms = {"text/plain": _words(page), "text/html": page}
    return forms | ({"image/jpeg": base64.b64encode(poster).decode()} if poster else {})


def _words(page: str) -> str:
    lines = re.sub(r"</(?:p|tr)>|<br>", "\n", re.sub(r"</td><td>", "  ", page))
    return unescape(re.sub(r"<[^>]*>", "", lines)).strip()


def poster_of(file: Path | None) -> bytes | None:
    """A few frames of a saved video on one JPEG; None for a picture, and where none can be drawn."""
    if file is None or not file.is_file() or file.suffix.lower() in PICTURES:
        return None
    return _sheet(file, file.stat().st_mtime_ns)


def dollars(amount: Decimal | float | None) -> str:
    """US dollars, with as many digits as they need."""
    if amount is None:
        return "unknown"
    amount = Decimal(str(amount))
    return f"${amount:.2f}" if amount >= Decimal("0.01") or amount == 0 else f"${amount:.4f}"


def picture_html(picture: bytes, kind: str, words: str) -> str:
    """A picture inside the page. kind: "jpeg", "png", …"""
    return f'<img style="max-width:100%" alt="{escape(words)}" src="{_data(picture, "image/" + kind)}">'


def player_html(source: str, poster: bytes | None) -> str:
    """A player.

    source: where the file lies, for the page.
    poster: a JPEG that stands there until it plays.
    """
    shown = f' poster="{_data(poster, "image/jpeg")}"' if poster else ""
    return f'<video controls preload="none" style="max-width:100%" src="{escape(source)}"{shown}></video>'


def video_html(video: Video) -> str:
    """A video, a film or a still: what it is, and the saved file itself, or how to get one."""
    facts = [video.status, video.generation_id, video.model or "", dollars(video.cost_usd)]
    if video.cost_is == "estimate":
        facts[-1] += " (estimate)"
    parts = [_line(", ".join(filter(None, facts)), video.words)]
    parts += [_line(f"error: {video.error}")] if video.error else []
    file = video.file if video.file and video.file.is_file() else None
    if file is not None:
        parts += [_file_html(file, video.words or "the video"), _line(str(file))]
    elif video.generation_id and not (video.is_terminal and video.status != "succeeded"):
        verb = "save" if video.status == "succeeded" else "get"
        parts.append(f"<p><code>studio.{verb}({escape(repr(video.generation_id))})</code></p>")
    parts += [
        _line(f"shot {shot.shot}: {shot.status} {shot.generation_id} {dollars(shot.cost_usd)}") for shot in video.shots
    ]
    return _whole(parts)


def plan_html(plan: Plan) -> str:
    """What would be sent and paid, and what is wrong; with the animatic, where one was drawn."""
    due = plan.due or plan.price
    parts = [_line(f"{plan.model}: {due.text}", plan.reason)]
    rows = [
        (one.name, one.model, "there already" if one.already else dollars(one.price_usd)) for one in plan.pictures
    ] + [(f"Job {number}", job.model, dollars(job.price.usd)) for number, job in enumerate(plan.jobs, 1)]
    cells = "".join(f"<tr>{''.join(f'<td>{escape(one)}</td>' for one in row)}</tr>" for row in rows)
    parts.append(f"<table>{cells}</table>")
    parts += [_line(f"{one.name} is held by {one.held_by}.") for one in plan.cast]
    parts += [_line(f"warning: {one}") for one in plan.warnings]
    parts += [_line(f"problem: {one}") for one in plan.problems]
    preview, sheet = getattr(plan, "preview", None), getattr(plan, "sheet", None)
    if preview is not None and preview.is_file():
        parts += [_file_html(preview, "animatic", sheet), _line(str(preview))]
    elif sheet:
        parts.append(picture_html(sheet, "jpeg", "animatic"))
    return _whole(parts)


def stills_html(stills: Stills) -> str:
    """The numbered sheet, and each still with its id."""
    parts = [_line(f"{len(stills.stills)} stills, {dollars(stills.cost_usd)} with the sheets of their cast")]
    if stills.sheet:
        parts.append(picture_html(stills.sheet, "jpeg", "Stills, numbered"))
    for one in stills.stills:
        told = one.video.error or one.video.generation_id
        parts.append(_line(f"shot {one.shot}, take {one.take}: {one.video.status} {told}"))
    if not stills.sheet:
        ids = [one.video.generation_id for one in stills.stills if one.video.status == "succeeded"]
        parts += [f"<p><code>studio.save({escape(repr(one))})</code></p>" for one in ids]
    parts += [_line(f"{one.name} is held by {one.held_by}.") for one in stills.cast]
    parts += [_line(f"warning: {one}") for one in stills.warnings]
    return _whole(parts)


def line_html(done: Done) -> str:
    """One line of a batch: its video, or why there is none."""
    title = _line(f"line {done.line.number}", done.line.request.prompt or "")
    if done.video is None:
        return _whole([title, _line(f"failed: {done.error['message']}" if done.error else "failed")])
    drawn = picture_html(done.sheet, "jpeg", "contact sheet") if done.sheet and not poster_of(done.video.file) else ""
    return _whole([title, drawn, video_html(done.video)])


def _file_html(file: Path, words: str, poster: bytes | None = None) -> str:
    """A picture as itself; a video as a player, or, where it is too large for a notebook, as its contact sheet."""
    small = file.stat().st_size <= MOST_EMBEDDED
    kind = PICTURES.get(file.suffix.lower())
    if kind:
        return picture_html(file.read_bytes(), kind, words) if small else ""
    poster = poster or poster_of(file)
    if small:
        return player_html(_data(file.read_bytes(), "video/webm" if file.suffix == ".webm" else "video/mp4"), poster)
    return picture_html(poster, "jpeg", words) if poster else ""


@lru_cache(maxsize=32)
def _sheet(file: Path, _changed: int) -> bytes | None:
    """A few frames of a video on one JPEG; None without the `media` extra, or where it can't be read."""
    try:
        from ..media.contact_sheet import contact_sheet

        return contact_sheet(file, frames=4)
    except (OxenError, ModuleNotFoundError):
        return None


def _data(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _line(words: str, more: str = "") -> str:
    words, more = escape(redact(words)), escape(redact(more))
    return f"<p>{words}{f'<br><small>{more}</small>' if more else ''}</p>"


def _whole(parts: list[Any]) -> str:
    return f'<div style="max-width:48rem">{"".join(parts)}</div>'
