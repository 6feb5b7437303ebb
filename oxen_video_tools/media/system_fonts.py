"""The fonts that this machine has, the likeliest first. Looked for only when a prompt needs a script that we lack."""

from __future__ import annotations

import os
import sys
from functools import cache
from itertools import islice
from pathlib import Path

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
    home = Path.home()
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
