"""Any text as lines of glyphs: this package's fonts for Latin, Greek and Cyrillic, the system's for other scripts.

What no font here can draw is named in words ("[Hangul]"), never shown as boxes. Control characters, bidirectional
overrides and towers of combining marks are taken out: a prompt is a stranger's text.
"""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import groupby, islice
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, features

# The fonts that this machine has, the likeliest first. Looked for only when a prompt needs a script that we lack.

MOST_FILES = 4000  # looked at
MOST_FONTS = 80  # tried

_LIKELY = (  # in the order of preference; the first words of file names, in lower case, without spaces
    *("notosanscjk", "notosans", "pingfang", "msyh", "hiraginosans", "sourcehansans", "malgun", "applesdgothic"),
    *("yugoth", "msgothic", "wqy", "droidsansfallback", "nanumgothic", "ipag", "takao", "geezapro", "arialhb"),
    *("nirmala", "kohinoor", "leelawui", "thonburi", "ebrima", "segoeui", "arialunicode", "dejavusans", "freesans"),
    *("lohit", "arial", "liberationsans", "unifont", "seguisym", "symbola"),
)
_UNFIT = ("bold", "italic", "oblique", "black", "light", "thin", "serif", "mono", "emoji", "math", "extra", "condensed")


@cache
def system_fonts() -> tuple[str, ...]:
    """Paths of font files; empty where there are none."""
    files = {path for folder in _folders() for path in _files(folder)}
    return tuple(str(path) for path in islice(sorted(files, key=_rank), MOST_FONTS))


def _folders() -> list[Path]:
    try:
        home = Path.home()
    except RuntimeError:  # nobody has a home here
        home = Path("/nonexistent")
    if sys.platform == "win32":
        windows = Path(os.environ.get("WINDIR", r"C:\Windows"))
        return [windows / "Fonts", home / "AppData/Local/Microsoft/Windows/Fonts"]
    if sys.platform == "darwin":
        return [Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library/Fonts"]
    return [Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), home / ".local/share/fonts", home / ".fonts"]


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    found = (path for path in folder.rglob("*") if path.suffix.lower() in (".ttf", ".otf", ".ttc"))
    return list(islice(found, MOST_FILES))


def _rank(path: Path) -> tuple[int, int, str]:
    name = path.name.lower().replace(" ", "").replace("-", "").replace("_", "")
    place = next((n for n, start in enumerate(_LIKELY) if name.startswith(start)), len(_LIKELY))
    return sum(word in name for word in _UNFIT), place, name


FONTS = Path(__file__).parent / "fonts"
CAPTION = str(FONTS / "FiraSansCondensed-Medium.ttf")
STRONG = str(FONTS / "FiraSansCondensed-Bold.ttf")
MONO = str(FONTS / "JetBrainsMono-SemiBold.ttf")

MOST_CHARACTERS = 1200  # of a caption; more could never be read
MOST_MARKS = 2  # combining marks on one letter
_NOWHERE = "\U0010fffe"  # a character that no font has: it shows what "missing" looks like
_JOINERS = "\u200c\u200d"
_SHAPED = re.compile(r"[\u0590-\u08ff\u0900-\u0dff\u1000-\u109f\u1780-\u17ff\ufb1d-\ufdff\ufe70-\ufefc]")
_WIDE = "\u1100-\u11ff\u2e80-\ua4cf\uac00-\ud7af\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff"
_TOKENS = re.compile(rf"\s+|[{_WIDE}]|[^\s{_WIDE}]+")


@dataclass(frozen=True)
class Run:
    """Characters that one font draws."""

    text: str
    font: str

    def width(self, size: int) -> float:
        return face(self.font, size).getlength(self.text)


Line = tuple[Run, ...]


@lru_cache(128)
def face(font: str, size: int) -> ImageFont.FreeTypeFont:
    """The font file at `size` pixels."""
    return ImageFont.truetype(font, size)


def clean(text: str) -> str:
    """One line of visible characters, composed; at most `MOST_CHARACTERS`."""
    kept, marks = [], 0
    for character in unicodedata.normalize("NFC", text[: MOST_CHARACTERS * 4]):
        kind = unicodedata.category(character)
        marks = marks + 1 if kind[0] == "M" else 0
        if marks > MOST_MARKS or (kind[0] == "C" and character not in "\n\r\t" + _JOINERS):
            continue
        kept.append(" " if character.isspace() else character)
    return " ".join("".join(kept).split())[:MOST_CHARACTERS]


def runs(text: str, font: str = CAPTION) -> Line:
    """`text`, which is clean, cut where the font changes; what can't be drawn is named."""
    fonts: list[str | None] = []
    for character in text:
        before = fonts[-1] if fonts else None
        fonts.append(before if character in _JOINERS else _font_for(character, before, font))
    found = []
    for key, group in groupby(zip(fonts, text, strict=True), key=lambda pair: pair[0]):
        part = "".join(character for _, character in group)
        found.append(Run(part, key) if key else Run(_named(part), font))
    return tuple(run for run in found if run.text)


def lines(text: str, size: int, width: float, most: int, font: str = CAPTION) -> list[Line]:
    """`text` broken into at most `most` lines of `width` pixels, an ellipsis where it goes on."""
    whole = _readable(clean(text), font)
    if not whole:
        return []
    broken = list(_broken(whole, size, width))
    if len(broken) <= most:
        return broken
    return [*broken[: most - 1], _shortened(broken[most - 1], size, width)]


def _readable(text: str, font: str) -> Line:
    """Its runs; where little of it can be drawn, a sentence that says so."""
    fonts = [(_font_for(character, None, font), character) for character in text if character.isalpha()]
    missing = [character for found, character in fonts if found is None]
    if len(missing) * 4 > len(fonts) * 3:
        return runs(
            f"The prompt is in a script that no font on this machine can draw: {_named(missing[0])[1:-1]}.", font
        )
    found = runs(text, font)
    if text and not any(run.text.strip() for run in found):
        return runs("The prompt is in signs that no font on this machine can draw.", font)
    return found


def line_width(line: Line, size: int) -> float:
    return sum(run.width(size) for run in line)


def draw_line(draw: ImageDraw.ImageDraw, at: tuple[float, float], line: Line, size: int, fill: int) -> None:
    """`at`: left end of the base line."""
    x, y = at
    for run in _visual(line):
        draw.text((x, y), run.text, font=face(run.font, size), fill=fill, anchor="ls")
        x += run.width(size)


def _visual(line: Line) -> Line:
    """Left to right on screen: a line that begins in a right-to-left script has its runs the other way round."""
    strong = (unicodedata.bidirectional(character) for run in line for character in run.text)
    first = next((kind for kind in strong if kind in ("L", "R", "AL")), "L")
    return line if first == "L" else line[::-1]


def _broken(whole: Line, size: int, width: float) -> Iterator[Line]:
    line: list[Run] = []
    left = width
    for token in _tokens(whole, size, width):
        wide = token.width(size)
        if line and wide > left and not token.text.isspace():
            yield _joined(line)
            line, left = [], width
        if line or not token.text.isspace():
            line.append(token)
            left -= wide
    if line:
        yield _joined(line)


def _tokens(whole: Line, size: int, width: float) -> Iterator[Run]:
    """Words, spaces and wide characters; a word that is wider than a line comes in pieces."""
    for run in whole:
        for text in _TOKENS.findall(run.text):
            piece = text
            while len(piece) > 1 and Run(piece, run.font).width(size) > width:
                fits = max(1, int(len(piece) * width / Run(piece, run.font).width(size)) - 1)
                yield Run(piece[:fits], run.font)
                piece = piece[fits:]
            yield Run(piece, run.font)


def _joined(line: list[Run]) -> Line:
    together = [Run("".join(run.text for run in group), key) for key, group in groupby(line, key=lambda run: run.font)]
    if together:
        together[-1] = Run(together[-1].text.rstrip(), together[-1].font)
    return tuple(run for run in together if run.text)


def _shortened(line: Line, size: int, width: float) -> Line:
    kept = list(line)
    room = width - Run("…", CAPTION).width(size)
    while kept and line_width(tuple(kept), size) > room:
        last = kept.pop()
        if len(last.text) > 1:
            kept.append(Run(last.text[:-1], last.font))
    if kept:
        kept[-1] = Run(kept[-1].text.rstrip(" ,.;:-"), kept[-1].font)
    return (*kept, Run("…", CAPTION))


def _font_for(character: str, before: str | None, font: str) -> str | None:
    """The font of this package where it has the character, else the one before it, else one of the system's."""
    if character == " ":
        return before or font
    if before and unicodedata.category(character)[0] == "M":  # a mark belongs to its letter or is left out
        return before if covers(before, character) else None
    if covers(font, character):
        return font
    if font != CAPTION and covers(CAPTION, character):
        return CAPTION
    if _SHAPED.match(character) and not _can_shape():
        return None
    if before and before != font and covers(before, character):
        return before
    return _system_font(character)


@lru_cache(4096)
def _system_font(character: str) -> str | None:
    return next((font for font in system_fonts() if covers(font, character)), None)


@lru_cache(16384)
def covers(font: str, character: str) -> bool:
    """Whether the font has a glyph for it."""
    if character.isspace():
        return True
    ink = _ink(font, character)
    return ink not in (_ink(font, _NOWHERE), _ink(font, " "))


@lru_cache(16384)
def _ink(font: str, character: str) -> bytes | None:
    try:
        image = Image.new("L", (40, 40))
        ImageDraw.Draw(image).text((8, 30), character, font=_plain(font), fill=255, anchor="ls")
    except (OSError, ValueError):
        return None
    return image.tobytes()


@lru_cache(64)
def _plain(font: str) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(font, 20, layout_engine=ImageFont.Layout.BASIC)


@cache
def _can_shape() -> bool:
    return bool(features.check("raqm"))


def _named(part: str) -> str:
    """What stands for characters that can't be drawn: the name of their script, or nothing for pictograms."""
    letters = [character for character in part if character.isalnum()]
    if not letters:
        return ""
    script = unicodedata.name(letters[0], "unknown script").partition(" ")[0].partition("-")[0]
    return f"[{script if script == 'CJK' else script.capitalize()}]"
