"""Storyboards as people and language models write them: one reader for every shape.

Markdown or plain text (tables, lists, headings, bold headings, one shot a line), YAML, JSON, CSV and TSV become the
words of a `VideoRequest`. A line that is not certainly a shot never becomes one, because shots are paid for: structure
that is not understood is refused with its line, and what is no part of a video (a title, notes, tags) is named in
`left_out`.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .errors import InvalidRequest, NotInstalled
from .request import Shot, VideoRequest

if TYPE_CHECKING:
    from markdown_it.tree import SyntaxTreeNode

MAX_BYTES = 1_000_000
SUFFIXES = (".md", ".markdown", ".txt", ".yaml", ".yml", ".json", ".csv", ".tsv")

_REQUEST = frozenset(VideoRequest.model_fields) - {"prompt", "multi_prompt"}
_SHOT_WORDS = frozenset(Shot.model_fields) - {"prompt", "duration"}
#: Other names for the words of a request or a shot, as they stand in columns, keys and fields.
_ALIASES = {
    "prompt": """
        prompt shot_prompt video_prompt description shot_description visual visuals visual_description scene shot action
        text content what image picture panel beschreibung bild szene descripcion descripción 画面 描述 内容 提示词 説明
        내용
    """,
    "duration": """
        duration length time seconds secs sec s duration_s duration_seconds runtime timing dauer länge duracion duración
        durée durata 时长 秒数 長さ 길이 длительность المدة
    """,
    "number": """
        # no no. nr nr. number shot_number shot_no shot_# scene_number scene_no scene_# id index order nummer n n°
        编号 序号 番号
    """,
    "aspect_ratio": "aspect aspect_ratio ratio format frame_format seitenverhältnis",
    "model": "model modell model_id",
    "negative_prompt": "negative negative_prompt avoid",
    "start_image": "start_image first_frame start_frame",
    "end_image": "end_image last_frame end_frame",
    "input_image": "input_image reference_image reference_images references",
}
_NAMES = {alias: name for name, aliases in _ALIASES.items() for alias in aliases.split()}


def _set_of(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Columns and fields whose words belong to the picture; they are added to the shot's prompt.
_PICTURE = _set_of(
    """
    camera camera_movement camera_move camera_angle movement move angle shot_type shot_size type size framing lens
    focal_length lighting light style look mood tone location setting place time_of_day weather characters character
    subject props costume colour color kamera licht cámara caméra 镜头 机位 カメラ
    """
)
#: Words that are spoken or heard; models that make sound read them in the prompt.
_SPOKEN = _set_of("dialogue dialog audio sound sfx sound_effects voiceover voice_over vo narration speech music")
#: What people keep beside a storyboard; it is no part of the video.
_BESIDE = _set_of(
    """
    title name author date version project client genre logline synopsis summary tags keywords notes note comment
    comments status done ready total total_duration fps credits budget platform language transition titel autor notizen
    """
)
_NO_SHOTS = re.compile(
    r"^(?:notes?|characters?|cast|crew|credits|references?|music|audio|equipment|to-?do|schedule|budget|about|logline|synopsis"
    r"|summary|overview|style(?: guide)?|palette|mood ?board|technical.*|deliverables?)\b",
    re.I,
)
_SHOT_NAME = (
    r"(?:shot|scene|clip|frame|panel|beat|take|einstellung|szene|bild|plano|toma|escena|plan|scène|inquadratura|scena|cena"
    r"|кадр|сцена|план|镜头|分镜|场景|カット|シーン|장면|مشهد|لقطة|दृश्य|शॉट|sahne|plan)"
)
_HEADING = re.compile(rf"^\s*(?:{_SHOT_NAME}\s*#?\s*\d+|第\s*\d+\s*[镜幕场]|\d+(?=[.):\s]|$))\s*[.:)\-–—|]*\s*", re.I)
_UNITS = (
    r"(?:s|sec|secs|seconds?|sek|sekunden?|seg|segundos?|secondes?|secondi?|secondo|saniye|sn|сек|секунды?|секунд|с|秒钟|秒間|秒|초"
    r"|ثانية|ثوان[يٍ]?|ث|सेकंड|सेकेंड)\.?"
)
_NUMBER = r"\d+(?:[.,]\d+)?"
_LENGTH = re.compile(
    rf"\s*(?:[-–—,|]\s*|[(\[（［【]\s*)?(?<![\d:])(?P<seconds>{_NUMBER})\s*{_UNITS}\s*[)\]）］】]?\s*[.。]?\s*$", re.I
)
_ALONE = re.compile(rf"^\s*[~≈]?\s*(?P<seconds>{_NUMBER})\s*(?:{_UNITS})?\s*$", re.I)
_CLOCK = r"(?:\d{1,2}:)?\d{1,3}(?::\d{2})?(?:[.,]\d+)?"
_RANGE = re.compile(
    rf"[(\[（［【]?\s*(?P<start>{_CLOCK})\s*(?:{_UNITS})?\s*(?:-|–|—|→|to|bis|a|à|～|~|至)\s*(?P<end>{_CLOCK})\s*(?P<unit>{_UNITS})?\s*[)\]）］】]?",
    re.I,
)
_RATIO = re.compile(r"(?<!\d)(\d{1,2})\s*[:x×/]\s*(\d{1,2})(?!\d)")
_FIELD = re.compile(r"^\s*(?P<name>[^\W\d][\w /-]{0,28}?)\s*[:：]\s*(?P<value>\S.*?)\s*$")
_BOX = re.compile(r"^\s*\[[ xX✓]\]\s+")
_ENDED = re.compile(r"[.!?…。！？।؟:;)\]）】\"'”»]\s*$")
_YAML_KEY = re.compile(r"^\s*(?:-\s+)?(?:prompt|multi_prompt|shots|scenes|storyboard|description)\s*:", re.M)
_UNQUOTED = re.compile(r"^(?P<head>\s*(?:-\s+)?[\w ]+?:\s+)(?P<text>[^\s\"'\[{|>&*!#].*:\s.*?)\s*$")
_FRONT = re.compile(r"\A\s*---[ \t]*\n(?P<head>(?:[^\n]*\n)*?)---[ \t]*(?:\n|\Z)")


@dataclass
class Storyboard:
    """What was read."""

    #: The words of a `VideoRequest`; the shots stand under `multi_prompt`, a single plain line under `prompt`.
    request: dict[str, Any] = field(default_factory=dict)
    #: What is no part of the video, in words: "title: Lighthouse".
    left_out: list[str] = field(default_factory=list)


@dataclass
class _Entry:
    """A shot while it is read. line: where it stands, from 1."""

    line: int
    words: list[str] = field(default_factory=list)
    fields: dict[str, Any] = field(default_factory=dict)
    seconds: float | None = None
    is_plain: bool = False  # a line without number, mark or heading


def read(text: str, suffix: str = "") -> Storyboard:
    """The storyboard in `text`. suffix: of the file's name (".yaml", ".csv" …), where it has one.

    One plain line without any mark is a prompt, not a film of one shot. Raises InvalidRequest: no shot, or structure
    that is not understood, with its line. Raises NotInstalled without the `cli` extra for Markdown and YAML.
    """
    if len(text) > MAX_BYTES:
        raise InvalidRequest("The storyboard is over 1 MB.", fix="Split it.")
    suffix = suffix.lower()
    if suffix in (".csv", ".tsv"):
        board = _Reader().of_rows(_csv_rows(text, suffix))
    elif suffix in (".yaml", ".yml", ".json") or _looks_like_data(text):
        board = _Reader().of_data(_parse_data(text, suffix))
    else:
        board = _Reader().of_markdown(text)
    if not (board.request.get("multi_prompt") or board.request.get("prompt")):
        raise InvalidRequest("The storyboard holds no shot.", fix="Write one shot a line, such as: 1. A fox runs (5s)")
    return board


def read_shot(line: str) -> dict[str, Any]:
    """One shot from one line: "A fox runs (5s)" is `{"prompt": "A fox runs", "duration": 5}`."""
    entry = _Entry(1)
    _add_line(entry, _BOX.sub("", line.strip()))
    return _shot(entry)


# Data: YAML, JSON and tables.


def _looks_like_data(text: str) -> bool:
    start = text.lstrip()
    return bool(re.match(r"\{|\[\s*[\[\]{\"']", start)) or (
        not start.startswith("---\n") and bool(_YAML_KEY.search(text))
    )


def _parse_data(text: str, suffix: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        if suffix == ".json":
            raise InvalidRequest(f"The storyboard is no valid JSON: {error}") from None
    try:
        import yaml
    except ModuleNotFoundError:
        raise NotInstalled("A YAML storyboard needs PyYAML.", fix="pip install 'oxen-video-tools[cli]'") from None
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        quoted = "\n".join(_quote_colons(line) for line in text.split("\n"))
        try:
            if quoted != text:
                return yaml.safe_load(quoted)
        except (yaml.YAMLError, ValueError, RecursionError):
            pass
        where = getattr(error, "problem_mark", None)
        at = f" in line {where.line + 1}" if where else ""
        raise InvalidRequest(
            f"The storyboard is no valid YAML or JSON{at}: {getattr(error, 'problem', None) or type(error).__name__}.",
            fix='Put a text that holds a colon into quotes: - prompt: "Close-up: a fox"',
        ) from None


def _quote_colons(line: str) -> str:
    """`prompt: Close-up: a fox` is no YAML, but what people write; the text after the first colon is quoted."""
    found = _UNQUOTED.match(line)
    return found["head"] + json.dumps(found["text"], ensure_ascii=False) if found else line


def _csv_rows(text: str, suffix: str) -> list[tuple[int, list[str]]]:
    sample = text[:4096]
    delimiter = "\t" if suffix == ".tsv" else max(",;\t", key=sample.split("\n", 1)[0].count)
    rows = csv.reader(io.StringIO(text), delimiter=delimiter)
    try:
        return [(rows.line_num, row) for row in rows if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise InvalidRequest(f"The storyboard is no valid CSV: line {rows.line_num}: {error}.") from None


class _Reader:
    """Collects shots, settings and what is left out, from whichever shape."""

    def __init__(self) -> None:
        self.board = Storyboard()
        self.entries: list[_Entry] = []
        self.marked = False  # a shot stood in a list, a table or under a heading of its own

    # YAML, JSON

    def of_data(self, data: Any) -> Storyboard:
        if isinstance(data, str):
            return self.of_markdown(data)
        if isinstance(data, list):
            data = {"multi_prompt": data}
        if not isinstance(data, dict):
            raise InvalidRequest("The storyboard must be a list of shots or a mapping.")
        shots: Any = None
        for key, value in data.items():
            name = _word(str(key))
            if name in ("shots", "scenes", "multi_prompt", "storyboard", "panels", "clips", "frames") and isinstance(
                value, (list, dict)
            ):
                if isinstance(value, dict):
                    nested = _Reader().of_data(value)
                    self.board.request |= nested.request
                    self.board.left_out += nested.left_out
                    continue
                shots = value
            elif name == "prompt" or _NAMES.get(name) == "prompt":
                self.board.request["prompt"] = value
            else:
                self._set(name, value, f"`{key}`")
        if shots is not None:
            self.marked = True
            for number, item in enumerate(shots, 1):
                self.entries.append(self._entry_of_data(number, item))
        return self._done()

    def _entry_of_data(self, number: int, item: Any) -> _Entry:
        entry = _Entry(number)
        if isinstance(item, dict) and len(item) == 1:
            [(key, value)] = item.items()
            if isinstance(value, str) and not _is_field(_word(str(key))):  # `- Wide shot: a lighthouse` without quotes
                item = f"{key}: {value}"
        if isinstance(item, str):
            _add_line(entry, item)
            return entry
        if not isinstance(item, Mapping) or not item:
            raise InvalidRequest(
                f"Shot {number} of the storyboard is not understood.", fix='Write words, or "prompt" and "duration".'
            )
        for key, value in item.items():
            if value is not None:
                self._add_field(entry, str(key), value, f"Shot {number}")
        return entry

    # CSV and tables

    def of_rows(self, rows: list[tuple[int, list[str]]]) -> Storyboard:
        self._table(rows)
        return self._done()

    def _table(self, rows: list[tuple[int, list[str]]]) -> None:
        if not rows:
            return
        (line, header), *body = rows
        names = [_word(cell) for cell in header]
        prompts = [index for index, name in enumerate(names) if _NAMES.get(name) == "prompt"]
        if not prompts:
            raise InvalidRequest(
                f"Line {line}: no column of this table says what a shot shows; it has {', '.join(header)}.",
                fix="Name one column Prompt or Description, and one Duration.",
            )
        # "Scene | Description": the first is a number or a place, the second is the picture
        best = min(prompts, key=lambda index: (names[index] in ("shot", "scene", "panel", "s"), index))
        self.marked = True
        for at, row in body:
            entry = _Entry(at)
            for index, cell in enumerate(row[: len(names)]):
                if not cell.strip():
                    continue
                if index in prompts and index != best:
                    if not cell.strip().rstrip(".").isdigit():
                        entry.fields.setdefault("picture", []).append(cell.strip())
                elif index == best:
                    _add_line(entry, cell)
                else:
                    self._add_field(entry, header[index], cell, f"Line {at}")
            if not entry.words:
                if set(entry.fields) <= {"picture"} and entry.seconds is not None:
                    self.board.left_out.append(f"line {at}: a row without a picture")  # "Total | 14 s"
                    continue
                raise InvalidRequest(
                    f"Line {at}: this row does not say what the shot shows.", fix="Fill it in, or drop it."
                )
            self.entries.append(entry)

    # Markdown and plain text

    def of_markdown(self, text: str) -> Storyboard:
        try:
            from markdown_it import MarkdownIt
            from markdown_it.tree import SyntaxTreeNode
        except ModuleNotFoundError:
            raise NotInstalled(
                "A storyboard needs markdown-it-py.", fix="pip install 'oxen-video-tools[cli]'"
            ) from None
        text = re.sub(r"<!--.*?-->", lambda found: "\n" * found[0].count("\n"), text.replace("\r\n", "\n"), flags=re.S)
        text, skipped = self._front_matter(text)
        parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["code", "lheading"])
        nodes = SyntaxTreeNode(parser.parse(text)).children
        if len(nodes) == 1 and nodes[0].type == "fence" and not _HEADING.match(nodes[0].content):
            return self._within_fence(nodes[0])
        self._blocks(nodes, skipped)
        return self._done()

    def _within_fence(self, node: SyntaxTreeNode) -> Storyboard:
        language = node.info.strip().lower()
        inner = read(node.content, f".{language}" if f".{language}" in SUFFIXES else "")
        self.board.request |= inner.request
        self.board.left_out += inner.left_out
        return self.board

    def _front_matter(self, text: str) -> tuple[str, int]:
        """Settings between two `---` at the top; text without them, and how many lines they took."""
        found = _FRONT.match(text)
        if not found or not re.search(r"^[ \t]*[\w-]+[ \t]*:", found["head"], re.M):
            return text, 0
        data = _parse_data(found["head"], ".yaml")
        for key, value in (data if isinstance(data, dict) else {}).items():
            self._set(_word(str(key)), value, f"`{key}` at the top of the storyboard")
        return text[found.end() :], found[0].count("\n")

    def _blocks(self, nodes: Iterable[SyntaxTreeNode], skipped: int) -> None:
        current: _Entry | None = None  # the shot whose heading was read last
        named = ""  # what its heading said beside its number
        beside = ""  # a heading under which no shots stand
        for node in nodes:
            line = (node.map[0] if node.map else 0) + 1 + skipped
            said = _plain(node.children[0]) if node.type in ("heading", "paragraph") else ""
            below = ""
            if node.type == "paragraph" and _begins_bold(node.children[0]) and _HEADING.match(said):
                said, _, below = said.partition("\n")
            elif node.type != "heading":
                said = ""
            if node.type == "hr":
                continue
            if said:
                self._end(current, named)
                current, named = None, ""
                beside = "" if not _NO_SHOTS.match(said) else said
                if beside:
                    self.board.left_out.append(f"line {line}: {beside}")
                elif _HEADING.match(said):
                    current = _Entry(line)
                    current.seconds, rest = _take_time(_HEADING.sub("", said, count=1))
                    named = rest.strip(" -–—:|")
                    if below:
                        self._shot_lines(current, below, line + 1)
                continue
            if beside:
                continue
            if current is not None:
                self._within_shot(current, node, line, skipped)
            elif node.type == "table":
                self._table(_table_rows(node, skipped))
            elif node.type in ("bullet_list", "ordered_list"):
                self._list(node, skipped)
            elif node.type == "paragraph":
                self._paragraph(node.children[0], line)
            else:
                raise _not_understood(line, node.type)
        self._end(current, named)

    def _end(self, entry: _Entry | None, named: str) -> None:
        if entry is None:
            return
        self.marked = True
        if not entry.words:
            if not named:
                raise InvalidRequest(
                    f"Line {entry.line}: this shot does not say what it shows.", fix="Write it under its heading."
                )
            entry.words.append(named)
        self.entries.append(entry)

    def _within_shot(self, entry: _Entry, node: SyntaxTreeNode, line: int, skipped: int) -> None:
        if node.type == "fence":
            entry.words.append(" ".join(node.content.split()))
        elif node.type == "paragraph":
            self._shot_lines(entry, _plain(node.children[0]), line)
        elif node.type in ("blockquote", "bullet_list", "ordered_list", "list_item"):
            for child in node.children:
                self._within_shot(entry, child, (child.map[0] if child.map else 0) + 1 + skipped, skipped)
        elif node.type == "table":
            for at, row in _table_rows(node, skipped):
                if len(row) != 2:
                    raise _not_understood(at, "table")
                self._add_field(entry, row[0], row[1], f"Line {at}")
        elif node.type != "hr":
            raise _not_understood(line, node.type)

    def _shot_lines(self, entry: _Entry, text: str, line: int) -> None:
        """The lines of a shot: `Duration: 5s` is a field, the rest its picture, wrapped or not."""
        for number, part in enumerate(text.split("\n")):
            found = _FIELD.match(part)
            if found and _is_field(_word(found["name"])):
                self._add_field(entry, found["name"], found["value"], f"Line {line + number}")
            elif part.strip():
                _add_line(entry, part)

    def _list(self, node: SyntaxTreeNode, skipped: int) -> None:
        for item in node.children:
            line = (item.map[0] if item.map else 0) + 1 + skipped
            entry, below = _Entry(line), []
            for child in item.children:
                if child.type == "paragraph":
                    text = _BOX.sub("", _plain(child.children[0]))
                    if not entry.words and not entry.fields and self._is_setting(text):
                        continue
                    text = _strip_heading(text)
                    self._shot_lines(entry, text, line)
                elif child.type in ("bullet_list", "ordered_list"):
                    below.append(child)
                elif child.type in ("fence", "blockquote", "table"):
                    self._within_shot(entry, child, line, skipped)
                else:
                    raise _not_understood(line, child.type)
            nested = [one for lower in below for one in lower.children]
            texts = [
                _plain(one.children[0].children[0])
                for one in nested
                if one.children and one.children[0].type == "paragraph"
            ]
            if (
                nested
                and entry.seconds is None
                and sum(_LENGTH.search(one) is not None for one in texts) == len(nested)
            ) and not all(_is_field_line(one) for one in texts):
                for lower in below:  # a scene with its shots below it
                    self._list(lower, skipped)
                self.board.left_out.append(f"line {line}: {' '.join(entry.words)}")
                continue
            for lower in below:
                self._within_shot(entry, lower, line, skipped)
            if entry.words or entry.fields or entry.seconds is not None:
                self.marked = True
                if not entry.words:
                    raise InvalidRequest(
                        f"Line {line}: this shot does not say what it shows.", fix="Write it in words."
                    )
                self.entries.append(entry)

    def _is_setting(self, text: str) -> bool:
        """`aspect ratio: 9:16` before the first shot is for the whole request."""
        found = _FIELD.match(text)
        if self.entries or not found or "\n" in text:
            return False
        name = _word(found["name"])
        if _NAMES.get(name, name) in _REQUEST:
            self._set(name, found["value"], f"`{found['name']}`")
            return True
        if name in _BESIDE:
            self.board.left_out.append(f"{found['name']}: {found['value']}")
            return True
        return False

    def _paragraph(self, inline: SyntaxTreeNode, line: int) -> None:
        """Plain lines: one shot a line, unless a line plainly goes on in the next."""
        lines = [(line + number, part) for number, part in enumerate(_plain(inline).split("\n")) if part.strip()]
        shots: list[tuple[int, str]] = []
        for at, part in lines:
            if not shots and self._is_setting(part):
                continue
            if part.strip().startswith("```"):
                continue
            if shots and _goes_on(shots[-1][1], part, at):
                shots[-1] = (shots[-1][0], f"{shots[-1][1]} {part.strip()}")
            else:
                shots.append((at, part))
        for at, part in shots:
            entry = _Entry(at)
            marked = bool(_HEADING.match(part) or _RANGE.match(part.strip()))
            _add_line(entry, _strip_heading(part))
            if not entry.words:
                raise InvalidRequest(f"Line {at}: this shot does not say what it shows.", fix="Write it in words.")
            entry.is_plain = not marked
            self.entries.append(entry)

    # what all shapes share

    def _set(self, name: str, value: Any, where: str) -> None:
        """A word of the whole request."""
        known = _NAMES.get(name, name)
        if known in _REQUEST:
            if known == "aspect_ratio" and isinstance(value, int):
                value = f"{value // 60}:{value % 60}"  # YAML 1.1 reads 16:9 as minutes and seconds
            if known == "aspect_ratio" and (found := _RATIO.search(str(value))):
                value = f"{int(found[1])}:{int(found[2])}"
            self.board.request[known] = value
        elif name in _BESIDE or known == "number":
            self.board.left_out.append(f"{name}: {value}")
        else:
            raise InvalidRequest(f"{where} is no word of a request.", fix="Drop it.")

    def _add_field(self, entry: _Entry, label: str, value: Any, where: str) -> None:
        name = _word(label)
        known = _NAMES.get(name, name)
        if known == "prompt":
            _add_line(entry, str(value))
        elif known == "duration":
            _set_length(entry, _seconds_of(value, where), where)
        elif known in _SHOT_WORDS:
            entry.fields[known] = value
        elif known == "number" or name in _BESIDE:
            return
        elif name in _PICTURE:
            entry.fields.setdefault("picture", []).append(str(value).strip())
        elif known in _REQUEST:
            before = self.board.request.get(known)
            self._set(name, value, where)
            if before is not None and self.board.request[known] != before:
                raise InvalidRequest(
                    f"{where}: {label} is {value}, but {before} before; all shots of a film share it.",
                    fix="Use one for all.",
                )
        elif name in _SPOKEN:
            entry.fields.setdefault("picture", []).append(f"{label.strip()}: {str(value).strip()}")
        else:
            raise InvalidRequest(
                f"{where}: `{label.strip()}` is no field of a shot.", fix="Use prompt, duration or camera; or drop it."
            )

    def _done(self) -> Storyboard:
        for entry in self.entries:
            if self.marked and entry.is_plain and entry.seconds is None:
                raise InvalidRequest(
                    f"Line {entry.line} is not certainly a shot: {_short(' '.join(entry.words))}",
                    fix="Number it like the others, give it a length, make it a heading (#), or drop it.",
                )
        shots = [_shot(entry) for entry in self.entries]
        if len(shots) == 1 and self.entries[0].is_plain:
            self.board.request |= shots[0]  # one plain line is a prompt
        elif shots:
            self.board.request["multi_prompt"] = shots
        return self.board


def _table_rows(node: SyntaxTreeNode, skipped: int) -> list[tuple[int, list[str]]]:
    rows = [row for part in node.children for row in part.children]
    return [
        (
            (row.map[0] if row.map else 0) + 1 + skipped,
            [_plain(cell.children[0]) if cell.children else "" for cell in row.children],
        )
        for row in rows
    ]


def _plain(inline: SyntaxTreeNode) -> str:
    """The text of a line without its marks; a soft line break stays one."""
    parts: list[str] = []
    for node in inline.walk():
        if node.type in ("text", "code_inline"):
            parts.append(node.content)
        elif node.type in ("softbreak", "hardbreak"):
            parts.append("\n")
    return "".join(parts).strip()


def _begins_bold(inline: SyntaxTreeNode) -> bool:
    """Whether the first line is bold as a whole, as a heading of people who don't use headings."""
    first: list[str] = []
    for child in inline.children:
        if child.type in ("softbreak", "hardbreak"):
            break
        if child.type != "text" or child.content.strip():
            first.append(child.type)
    return first == ["strong"]


def _is_field(name: str) -> bool:
    known = _NAMES.get(name, name)
    return (
        known in _REQUEST
        or known in ("prompt", "duration", "number")
        or name in _PICTURE | _SPOKEN | _BESIDE | _SHOT_WORDS
    )


def _is_field_line(text: str) -> bool:
    found = _FIELD.match(text)
    return bool(found) and _is_field(_word(found["name"])) if found else False


def _word(name: str) -> str:
    """`Aspect ratio` and `aspect-ratio` are `aspect_ratio`."""
    return re.sub(r"[\s/-]+", "_", re.sub(r"\(.*?\)", "", name).strip().strip("*:").lower()).strip("_")


def _strip_heading(text: str) -> str:
    """`Shot 3: a fox` is `a fox`; a number alone stays what it was counted as by its list."""
    stripped = re.sub(
        rf"^\s*(?:{_SHOT_NAME}\s*#?\s*\d+|第\s*\d+\s*[镜幕场]|\d+[.)])\s*[.:)\-–—|：]*\s*",
        "",
        text,
        count=1,
        flags=re.I,
    )
    return re.sub(r"^\s*[•·]\s+", "", stripped) or text


def _goes_on(before: str, line: str, at: int) -> bool:
    """Whether `line` is the rest of a wrapped shot. Raises where nobody can tell."""
    start = line.strip()[:1]
    if _LENGTH.search(before) or _HEADING.match(line) or _RANGE.match(line.strip()) or re.match(r"\s*[•·]\s", line):
        return False
    if start.islower():
        return True
    if _ENDED.search(before) or len(before) < 60 or (_LENGTH.search(line) and len(line) < 60):
        return False
    raise InvalidRequest(
        f"Line {at} may be a new shot, or the rest of the one before: {_short(line)}",
        fix="Number the shots (1., 2., …), or end each with its length: (5s).",
    )


def _add_line(entry: _Entry, text: str) -> None:
    """Words of a shot; a length or a range of times at their start or end is its length."""
    seconds, rest = _take_time(" ".join(text.split()))
    if rest:
        entry.words.append(rest)
    _set_length(entry, seconds, f"Line {entry.line}")


def _take_time(text: str) -> tuple[float | None, str]:
    """Seconds that stand at the start (as a range) or at the end, and the text without them."""
    text = text.strip()
    begins = _RANGE.match(text)
    if begins and (seconds := _between(begins)) is not None:
        rest = text[begins.end() :].lstrip(" :-–—|.）)]")
        ended = _LENGTH.search(rest)
        return seconds, rest if not ended or not ended.start() else rest[: ended.start()]
    for found in reversed(list(_RANGE.finditer(text))):
        if found.end() >= len(text.rstrip(" .")) and found.start() and (seconds := _between(found)) is not None:
            return seconds, text[: found.start()].rstrip(" -–—,|(")
    length = _LENGTH.search(text)
    if length:
        return _number(length["seconds"]), text[: length.start()].rstrip(" -–—,|")
    return None, text


def _between(found: re.Match[str]) -> float | None:
    """The length of a range such as 0:05–0:09 or [0-3s]; None where it is none (16:9, 3-4 birds)."""
    if ":" not in found["start"] + found["end"] and not found["unit"]:
        return None
    if (":" in found["start"]) != (":" in found["end"]) and not found["unit"]:
        return None
    seconds = _clock(found["end"]) - _clock(found["start"])
    return seconds if 0 < seconds <= 3600 else None


def _clock(text: str) -> float:
    total = 0.0
    for part in text.replace(",", ".").split(":"):
        total = total * 60 + float(part)
    return total


def _number(text: str) -> float:
    return float(text.replace(",", "."))  # digits of every script are digits to Python


def _seconds_of(value: Any, where: str) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    text = str(value).strip()
    found = _RANGE.fullmatch(text)
    if found and (seconds := _between(found)) is not None:
        return seconds
    alone = _ALONE.match(text) or _LENGTH.search(text)
    if alone:
        return _number(alone["seconds"])
    raise InvalidRequest(f"{where}: {_short(text)} is no length.", fix="Write seconds, such as 5 or 5s.")


def _set_length(entry: _Entry, seconds: float | None, where: str) -> None:
    if seconds is None:
        return
    if entry.seconds is not None and entry.seconds != seconds:
        raise InvalidRequest(
            f"{where}: this shot is {entry.seconds:g} s long and {seconds:g} s, too.", fix="Keep one of the two."
        )
    entry.seconds = seconds


def _shot(entry: _Entry) -> dict[str, Any]:
    picture = [one for one in entry.fields.get("picture", []) if one]
    words = " ".join(entry.words)
    for one in picture:
        if one.lower() not in words.lower():
            words = f"{words.rstrip()}{'' if _ENDED.search(words) else '.'} {one}"
    own = {name: value for name, value in entry.fields.items() if name != "picture"}
    shot: dict[str, Any] = {"prompt": words, **own}
    if entry.seconds is not None:
        shot["duration"] = int(entry.seconds) if entry.seconds.is_integer() else entry.seconds
    return shot


def _not_understood(line: int, kind: str) -> InvalidRequest:
    return InvalidRequest(
        f"Line {line}: a {kind.replace('_', ' ')} is not understood here.",
        fix="Write shots as a table, a list, headings (Shot 1 …), or one a line.",
    )


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 80 else text[:79] + "…"


def describe(shots: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The shots as read, a line each, to show before they are paid for."""
    for number, shot in enumerate(shots, 1):
        seconds = f" ({shot['duration']:g} s)" if isinstance(shot.get("duration"), (int, float)) else ""
        yield f"{number}. {shot['prompt']}{seconds}"
