"""Compile the pictograms of the animatic: their outlines, their colours, and the words that stand for them.

    npm pack @expo-google-fonts/noto-emoji @expo-google-fonts/noto-color-emoji cldr-annotations-full
    python scripts/make_pictograms.py FOLDER        # FOLDER holds the three packages; needs fontTools

Writes `oxen_video_tools/media/understanding/pictograms.zip`: `font.ttf` (Noto Emoji, one private-use character for each
pictogram, so that sequences need no shaping), `pictograms.json` (character, English name, colour) and one file of words
for each language. Words come from Unicode's CLDR annotations and from `pictogram_words.txt` beside this script.
"""

from __future__ import annotations

import io
import json
import sys
import tarfile
import zipfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from fontTools import subset
from fontTools.ttLib import TTFont

HERE = Path(__file__).parent
OUT = HERE.parent / "oxen_video_tools" / "media" / "understanding" / "pictograms.zip"
LANGUAGES = ("en", "de", "es", "fr", "pt", "ru", "ar", "hi", "zh", "ja", "ko", "tr", "it", "nl", "pl", "sv", "id", "uk")
FIRST = 0xF0000  # the font's character for pictogram 0

# Of what lies below the pictographic planes only things, no arrows, letters, numbers, zodiac signs, hearts or hands.
OLD = set("☀☁☂☃☄☎☕☔⚓⚽⚾⛄⛅⛈⛏⛑⛓⛩⛪⛰⛱⛲⛳⛴⛵⛷⛸⛹⛺⛽✂✈✉✏✒❄⌚⌛⌨⏰⏱⏲⏳⚔⚖⚗⚙⚰⚱♟⚡⭐✨✋❤🏁")
SIGNS = (  # faces, hearts, buttons, clocks' faces, prohibitions, flags of countries
    *((0x1F000, 0x1F2FF), (0x1F3FB, 0x1F3FF), (0x1F446, 0x1F44A), (0x1F44C, 0x1F450), (0x1F48C, 0x1F48C)),
    *((0x1F493, 0x1F4A0), (0x1F4A2, 0x1F4A2), (0x1F4A4, 0x1F4A5), (0x1F4A8, 0x1F4AF), (0x1F4F4, 0x1F4F6)),
    *((0x1F500, 0x1F50A), (0x1F515, 0x1F524), (0x1F52F, 0x1F53F), (0x1F549, 0x1F54A - 1), (0x1F550, 0x1F567)),
    *((0x1F58E, 0x1F590), (0x1F595, 0x1F596), (0x1F5A4, 0x1F5A4), (0x1F600, 0x1F64F), (0x1F6AB, 0x1F6AB)),
    *((0x1F6AD, 0x1F6B1), (0x1F6B3, 0x1F6B3), (0x1F6B7, 0x1F6BC), (0x1F6BE, 0x1F6BE), (0x1F6C2, 0x1F6C5)),
    *((0x1F6D0, 0x1F6D1), (0x1F6DC, 0x1F6DC), (0x1F7E0, 0x1F7F0), (0x1F910, 0x1F915), (0x1F917, 0x1F920)),
    *(
        (0x1F922, 0x1F92F),
        (0x1F970, 0x1F976),
        (0x1F978, 0x1F97A),
        (0x1F9D0, 0x1F9D0),
        (0x1FA75, 0x1FA77),
        (0x1FAE0, 0x1FAE6),
        (0x1FAE8, 0x1FAEF),
    ),
    *((0x1FAF0, 0x1FAF8), (0x1F918, 0x1F91F)),
)
THINGS = (  # whose keywords are taken, too: plants, food, animals, vehicles, sports, instruments, clothes, tools
    *((0x1F32D, 0x1F37F), (0x1F400, 0x1F43F), (0x1F3A3, 0x1F3A3), (0x1F3B7, 0x1F3BB), (0x1F3BD, 0x1F3D4)),
    *((0x1F680, 0x1F69F), (0x1F6A2, 0x1F6A4), (0x1F6B2, 0x1F6B2), (0x1F950, 0x1F96F), (0x1F980, 0x1F9AE)),
    *((0x1F9C0, 0x1F9CB), (0x1FAB0, 0x1FAC0), (0x1FACE, 0x1FADB), (0x1F454, 0x1F463)),
)
HEAD_FIRST = frozenset({"es", "fr", "pt", "it", "ar", "id"})
HEAD_LAST = frozenset({"en", "de", "hi", "tr", "ko", "nl", "sv"})
UNSPACED = frozenset({"zh", "ja"})

COLOURS = {
    "cream": (246, 232, 208), "white": (244, 246, 250), "silver": (196, 204, 216), "grey": (150, 158, 170),
    "black": (74, 78, 90), "brown": (170, 116, 80), "tan": (222, 178, 128), "red": (228, 82, 70),
    "orange": (240, 142, 62), "amber": (248, 184, 76), "yellow": (252, 216, 96), "lime": (178, 208, 92),
    "green": (112, 190, 108), "mint": (140, 214, 178), "teal": (82, 190, 196), "sky": (126, 196, 244),
    "blue": (92, 148, 236), "violet": (160, 132, 232), "pink": (246, 150, 184), "rose": (236, 104, 140),
}  # fmt: skip


OWN_COLOURS = {  # where most of a coloured picture says little of the thing
    **{
        "🌊": "blue",
        "🦊": "orange",
        "🏟": "silver",
        "🐕": "tan",
        "📱": "sky",
        "🏰": "silver",
        "⛈": "silver",
        "❄": "white",
    },
    **{
        "🌙": "yellow",
        "🐻": "brown",
        "👟": "sky",
        "🏙": "silver",
        "🌃": "blue",
        "☎": "red",
        "📖": "cream",
        "🐴": "brown",
    },
    **{
        "🐎": "brown",
        "👥": "silver",
        "👤": "silver",
        "🌨": "white",
        "🌧": "sky",
        "⛰": "grey",
        "🏔": "silver",
        "🚢": "silver",
    },
    **{
        "🐘": "silver",
        "⌚": "silver",
        "🕰": "brown",
        "👩": "amber",
        "👨": "amber",
        "🎻": "brown",
        "🎸": "red",
        "🐢": "green",
    },
}


def wanted(text: str) -> bool:
    first = ord(text[0])
    if any(skin in text for skin in "🏻🏼🏽🏾🏿") or (len(text) > 1 and "\u200d" not in text):
        return False
    if first < 0x1F000:
        return text in OLD
    return not any(low <= first <= high for low, high in SIGNS)


def unpacked(folder: Path, start: str) -> dict[str, bytes]:
    found = sorted(folder.glob(f"{start}-[0-9]*.tgz"))
    if not found:
        raise SystemExit(f"{folder} holds no {start}-*.tgz: run npm pack there first.")
    with tarfile.open(found[-1]) as archive:
        files = [member for member in archive if member.isfile()]
        return {file.name: archive.extractfile(file).read() for file in files}  # type: ignore[union-attr]


def annotations(files: dict[str, bytes], language: str) -> dict[str, Any]:
    raw = json.loads(files[f"package/annotations/{language}/annotations.json"])
    return raw["annotations"]["annotations"]


def ligatures(font: TTFont) -> dict[tuple[str, ...], str]:
    found = {}
    for lookup in font["GSUB"].table.LookupList.Lookup:
        for table in lookup.SubTable:
            table = getattr(table, "ExtSubTable", table)
            for first, rest in getattr(table, "ligatures", {}).items():
                found.update({(first, *one.Component): one.LigGlyph for one in rest})
    return found


def glyph_of(text: str, cmap: dict[int, str], joined: dict[tuple[str, ...], str]) -> str | None:
    glyphs = tuple(cmap.get(ord(character), "") for character in text if ord(character) != 0xFE0F)
    return glyphs[0] if len(glyphs) == 1 else joined.get(glyphs)


def outlines(raw: bytes, texts: list[str]) -> tuple[bytes, list[str]]:
    """The font of those pictograms, and which of them it has."""
    font = TTFont(io.BytesIO(raw))
    cmap, joined = font.getBestCmap(), ligatures(font)
    glyphs = {text: glyph_of(text, cmap, joined) for text in texts}
    kept = [text for text in texts if glyphs[text]]
    options = subset.Options(layout_features=[], hinting=False, notdef_outline=False, name_IDs=[1, 13, 14])
    options.drop_tables += ["GSUB", "GPOS", "STAT", "gasp", "vhea", "vmtx"]
    shrink = subset.Subsetter(options)
    shrink.populate(glyphs=[glyphs[text] for text in kept])
    shrink.subset(font)
    table = font["cmap"].tables[0].newSubtable(12)
    table.platformID, table.platEncID, table.language = 3, 10, 0
    table.cmap = {FIRST + n: glyphs[text] for n, text in enumerate(kept)}
    font["cmap"].tables = [table]
    out = io.BytesIO()
    font.save(out)
    return out.getvalue(), kept


class Painted:
    """The colour that most of a glyph of the colour font has, pale and dark parts counting less."""

    def __init__(self, raw: bytes) -> None:
        self.font = TTFont(io.BytesIO(raw))
        self.cmap, self.joined = self.font.getBestCmap(), ligatures(self.font)
        colr = self.font["COLR"].table
        self.layers = colr.LayerList.Paint
        self.bases = {one.BaseGlyph: one.Paint for one in colr.BaseGlyphList.BaseGlyphPaintRecord}
        self.palette = [(c.red, c.green, c.blue) for c in self.font["CPAL"].palettes[0]]

    def colour(self, text: str) -> str:
        base = self.bases.get(glyph_of(text, self.cmap, self.joined) or "")
        weights: Counter[str] = Counter()
        for area, rgb in self._parts(base, 0.0) if base is not None else ():
            low, high = min(rgb), max(rgb)
            lively = (0.3 + (high - low) / 255) * max(0.12, high / 255) ** 2
            weights[nearest(rgb)] += area**0.8 * lively
        return weights.most_common(1)[0][0] if weights else "cream"

    def _parts(self, paint: Any, area: float) -> list[tuple[float, tuple[int, int, int]]]:
        kind = type(paint).__name__ if paint is None else paint.getFormatName()
        if kind == "PaintColrLayers":
            first = paint.FirstLayerIndex
            return [part for layer in self.layers[first : first + paint.NumLayers] for part in self._parts(layer, area)]
        if kind == "PaintGlyph":
            glyph = self.font["glyf"][paint.Glyph]
            size = (glyph.xMax - glyph.xMin) * (glyph.yMax - glyph.yMin) if glyph.numberOfContours else 0
            return self._parts(paint.Paint, float(size))
        if kind == "PaintColrGlyph":
            return self._parts(self.bases[paint.Glyph], area)
        if kind in ("PaintSolid", "PaintVarSolid"):
            return [(area * paint.Alpha, self.palette[paint.PaletteIndex])] if paint.PaletteIndex < 65535 else []
        if hasattr(paint, "ColorLine"):
            stops = paint.ColorLine.ColorStop
            return [(area * stop.Alpha / len(stops), self.palette[stop.PaletteIndex]) for stop in stops]
        if hasattr(paint, "SourcePaint"):
            return self._parts(paint.SourcePaint, area)
        return self._parts(paint.Paint, area) if hasattr(paint, "Paint") else []


def nearest(rgb: tuple[int, int, int]) -> str:
    def distance(name: str) -> float:
        red, green, blue = (a - b for a, b in zip(rgb, COLOURS[name], strict=True))
        return 2 * red * red + 4 * green * green + 3 * blue * blue

    return min(COLOURS, key=distance)


def words(language: str, notes: dict[str, Any], kept: list[str], own: dict[str, str]) -> dict[str, Any]:
    """phrase → number of the pictogram, -1 for nothing; "articles": phrases that need one before them."""
    place = {text: n for n, text in enumerate(kept)}
    names: dict[str, list[int]] = defaultdict(list)
    heads: dict[str, list[int]] = defaultdict(list)
    keywords: dict[str, set[int]] = defaultdict(set)
    for text, number in place.items():
        note = notes.get(text, {})
        name = clean(note.get("tts", [""])[0])
        if not name:
            continue
        names[name].append(number)
        parts = name.split()
        if len(parts) > 1 and language in HEAD_FIRST | HEAD_LAST and is_thing(text):
            heads[parts[0] if language in HEAD_FIRST else parts[-1]].append(number)
        for word in map(clean, note.get("default", [])):
            if is_thing(text) and language != "en" and " " not in word:
                keywords[word].add(number)
    everywhere = Counter(clean(word) for note in notes.values() for word in note.get("default", []))
    least = 2 if language in UNSPACED | {"ko"} else 4
    found: dict[str, int] = {}
    for word, numbers in keywords.items():  # those that are another form of the name; others are too often adjectives
        if len(numbers) == 1 and everywhere[word] == 1 and len(word) >= least:
            number = next(iter(numbers))
            name = clean(notes[kept[number]]["tts"][0]).split()
            if any(akin(word, part) for part in (name[:1] if language in HEAD_FIRST else name[-1:])):
                found[word] = number
    for word, several in heads.items():
        if len(several) == 1 and len(word) >= least:
            found[word] = several[0]
    for name, several in names.items():
        if len(name) >= (2 if language in UNSPACED else 1):
            found[name] = min(several)
    articles = []
    for word, text in own.items():
        bare = text.removesuffix("?")
        if bare != "-" and bare not in place:
            raise SystemExit(f"{language}: {word} stands for {bare!r}, which the font has not")
        found[word] = place.get(bare, -1)
        if text.endswith("?"):
            articles.append(word)
    return {"words": found, "articles": articles}


def akin(one: str, two: str) -> bool:
    """Whether two words begin alike, or one holds the other."""
    return one[:4] == two[:4] if min(len(one), len(two)) >= 4 else one in two or two in one


def is_thing(text: str) -> bool:
    return any(low <= ord(text[0]) <= high for low, high in THINGS)


def clean(word: str) -> str:
    return " ".join(word.casefold().replace("ё", "е").replace("’", "'").replace(":", " ").split())


def own_words() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for line in (HERE / "pictogram_words.txt").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            language, *pairs = line.split()
            for pair in pairs:
                word, _, text = pair.rpartition("=")
                found[language][clean(word.replace("_", " "))] = text.replace("\ufe0f", "")
    return found


def main() -> None:
    folder = Path(sys.argv[1])
    cldr = unpacked(folder, "cldr-annotations-full")
    english = annotations(cldr, "en")
    texts = [text for text in english if "tts" in english[text] and wanted(text)]
    # the two are not in the annotations themselves, for CLDR derives their names from their parts
    texts += [text for text in ("🐻‍❄",) if text not in texts]
    texts = list(dict.fromkeys(text.replace("\ufe0f", "") for text in texts))
    plain = unpacked(folder, "expo-google-fonts-noto-emoji")["package/400Regular/NotoEmoji_400Regular.ttf"]
    font, kept = outlines(plain, texts)
    colour = unpacked(folder, "expo-google-fonts-noto-color-emoji")
    painted = Painted(colour["package/400Regular/NotoColorEmoji_400Regular.ttf"])
    names = {text.replace("\ufe0f", ""): note["tts"][0] for text, note in english.items() if "tts" in note}
    rows = [[text, names.get(text, "polar bear"), OWN_COLOURS.get(text) or painted.colour(text)] for text in kept]
    own = own_words()
    with zipfile.ZipFile(OUT, "w", zipfile.ZIP_LZMA) as out:

        def add(name: str, content: bytes) -> None:
            out.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), content, zipfile.ZIP_LZMA)

        add("font.ttf", font)
        add("pictograms.json", _json({"colours": COLOURS, "pictograms": rows}))
        for language in LANGUAGES:
            notes = {text.replace("\ufe0f", ""): note for text, note in annotations(cldr, language).items()}
            add(f"words/{language}.json", _json(words(language, notes, kept, own[language])))
    print(f"{OUT.name}: {len(kept)} pictograms, {OUT.stat().st_size:,} bytes")


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


if __name__ == "__main__":
    main()
