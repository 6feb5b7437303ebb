"""Captions in any script, and of any malice."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

import oxen_video_tools.media.text as text
from oxen_video_tools.media.text import CAPTION, FONTS, MONO, STRONG, clean, covers, line_width, lines

LATIN = "AZaz09 ÀÉÎÕÜßąćęłńóśźż ŐŰőű ĞğİıŞş ẤắộứỲỹ ÆæØøÅå Ŵŵ «»„“”‚‘’—–…·¿¡€£"
GREEK = "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ αβγδεζηθικλμνξοπρστυφχψως άέήίόύώ ΐΰ ἄὦᾧ"
CYRILLIC = "АБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ абвгдеёжзийклмнопрстуфхцчшщъыьэюя іїєґ ћђљњџ ў қғңөүұһі"


def words(found: list[text.Line]) -> str:
    return " ".join("".join(run.text for run in line) for line in found)


@pytest.fixture
def no_system_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "system_fonts", lambda: ())
    text._system_font.cache_clear()
    yield
    text._system_font.cache_clear()


@pytest.mark.parametrize("alphabet", [LATIN, GREEK, CYRILLIC])
def test_the_package_has_latin_greek_and_cyrillic(alphabet: str, no_system_fonts: None) -> None:
    missing = [character for character in alphabet if not covers(CAPTION, character)]
    assert missing == []
    found = lines(alphabet, 20, 5000, 1)
    assert {run.font for line in found for run in line} == {CAPTION}


def test_the_slates_own_words_are_covered() -> None:
    assert all(covers(STRONG, character) for character in "EXT. COAST — NIGHT / NEON 0123456789 CAFÉ")
    assert all(covers(MONO, character) for character in "0123456789:")


def test_fonts_are_small_and_carry_their_licences() -> None:
    files = list(FONTS.iterdir())
    assert sum(file.stat().st_size for file in files) < 1_000_000
    for font in FONTS.glob("*.ttf"):
        licence = FONTS / f"{font.stem.split('-')[0]}-OFL.txt"
        assert "SIL Open Font License, Version 1.1" in licence.read_text("utf-8")


def test_a_script_that_no_font_has_is_named(no_system_fonts: None) -> None:
    assert words(lines("東京の夜", 20, 900, 2)) == (
        "The prompt is in a script that no font on this machine can draw: CJK."
    )
    assert words(lines("हिन्दी में एक वाक्य", 20, 900, 2)).endswith("can draw: Devanagari.")
    assert words(lines("A sign that says 東京 in neon 🎈", 20, 900, 2)) == "A sign that says [CJK] in neon"


def test_a_prompt_of_pictograms_alone_is_said_to_be_one(no_system_fonts: None) -> None:
    assert words(lines("🐉 🔥🏰", 20, 900, 2)) == "The prompt is in signs that no font on this machine can draw."
    assert lines("\x00\u200b", 20, 900, 2) == []


def test_pictograms_and_control_characters_leave_no_trace() -> None:
    assert words(lines("a\x00b\u202ec\u200bd\ufefff\ue000g", 20, 900, 2)) == "abcdfg"
    assert clean("line one\nline two\t\ttabbed") == "line one line two tabbed"


def test_towers_of_marks_are_cut_down() -> None:
    assert len(clean("e" + "\u0301" * 500)) <= 4


def test_lines_fit_and_say_that_they_go_on() -> None:
    found = lines("the quick brown fox jumps over the lazy dog " * 50, 20, 300, 2)
    assert len(found) == 2
    assert all(line_width(line, 20) <= 301 for line in found)
    assert found[-1][-1].text == "…"
    assert lines("short", 20, 300, 2) != lines("short " * 40, 20, 300, 2)


def test_one_endless_word_is_broken() -> None:
    found = lines("x" * 5000, 20, 300, 3)
    assert len(found) == 3
    assert all(line_width(line, 20) <= 301 for line in found)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300), st.integers(10, 40), st.integers(20, 600))
def test_any_text_fits_and_can_be_drawn(content: str, size: int, width: int) -> None:
    found = lines(content, size, width, 3)
    assert len(found) <= 3
    image = Image.new("L", (700, 100))
    for line in found:
        assert line_width(line, size) <= max(width, size * 3) + 1
        text.draw_line(ImageDraw.Draw(image), (0, 60), line, size, 255)


def test_no_text_is_no_line() -> None:
    assert lines("", 20, 300, 2) == []
    assert lines(" \n\u200b\u202e", 20, 300, 2) == []


def test_a_font_folder_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from oxen_video_tools.media import text as module

    monkeypatch.setattr(module, "_folders", lambda: [tmp_path / "nowhere"])
    module.system_fonts.cache_clear()
    try:
        assert module.system_fonts() == ()
    finally:
        module.system_fonts.cache_clear()
