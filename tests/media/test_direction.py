"""What is understood of a prompt, and that nothing else is claimed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oxen_video_tools.media.animatic.glide import AMOUNTS as GLIDES
from oxen_video_tools.media.animatic.palette import PALETTES
from oxen_video_tools.media.animatic.places import PLACES
from oxen_video_tools.media.animatic.plate import HORIZONS
from oxen_video_tools.media.animatic.shapes import CASTS
from oxen_video_tools.media.animatic.zoom import AMOUNTS as ZOOMS

from oxen_video_tools.media.animatic.direction import direct, direct_all
from oxen_video_tools.media.animatic.vocabulary import MOVES, SIZES, SUBJECTS, TIMES
from oxen_video_tools.media.animatic.vocabulary import PLACES as PLACE_WORDS
from tests.clocks import growth


@pytest.mark.parametrize(
    ("prompt", "slug", "size", "move"),
    [
        ("Wide aerial shot of a lighthouse on a cliff at dusk", "EXT. COAST — DUSK", "AERIAL", "aerial"),
        (
            "Tracking shot following a lone hiker through misty pine forest at dawn",
            "EXT. FOREST — DAWN",
            "",
            "track_right",
        ),
        ("Medium shot of a detective under neon signs, handheld, rain", "EXT. CITY — NIGHT / NEON", "MS", "handheld"),
        ("Interior kitchen at night, wide shot, locked off", "INT. ROOM — NIGHT", "WS", "static"),
        ("Perfume bottle rotating on a pedestal", "INT. STUDIO", "", ""),
        ("Starship gliding past a giant planet, slow dolly out", "DEEP SPACE", "", "pull_out"),
        ("Medium close-up of a chef", "PERSON", "MCU", ""),
        ("Extreme close-up of a rose", "FLOWER", "ECU", ""),
        ("The camera pans left across the harbour", "EXT. COAST", "", "pan_left"),
        ("Crane down to a village street", "EXT. FIELD", "", "tilt_down"),
    ],
)
def test_what_the_words_say(prompt: str, slug: str, size: str, move: str) -> None:
    found = direct(prompt)
    assert (found.slug, found.size, found.move) == (slug, size, move)


@pytest.mark.parametrize(
    "prompt",
    [
        "Quantum entanglement visualised as poetry",
        "A mushroom season",  # neither a room nor the sea
        "The pandemic thesis heroically tilted",  # no pan, no he, no hero, no tilt
        "Carpet of the president",
        "Красный шар поднимается",
        "",
        "🎈🎈🎈",
    ],
)
def test_what_is_not_understood_is_not_guessed(prompt: str) -> None:
    found = direct(prompt)
    assert (found.place, found.subject, found.light, found.size, found.move) == ("", "", "", "", "")
    assert found.slug == "SHOT 1"


def test_what_is_not_there_is_not_drawn() -> None:
    assert direct("An empty street without cars at midnight").subject == ""
    assert direct("A quiet beach, no people").subject == ""


@pytest.mark.parametrize("who", ["man", "woman", "old man", "little girl", "monk", "nurse", "queen", "samurai", "she"])
def test_everybody_is_the_same_figure(who: str) -> None:
    assert direct(f"A {who} by the sea").subject == "person"


def test_the_subject_is_what_is_named_first() -> None:
    assert direct("A hot-air balloon over a house").subject == "hot_air_balloon"
    found = direct("A small red balloon beside a blue car")
    assert (found.subject, found.colour) == ("balloon", "red")
    assert direct("Two dogs on a hill").count == 2
    assert direct("A crowd of people").count > 2


def test_a_shot_goes_on_where_the_one_before_was() -> None:
    one, two, three = direct_all(["A lighthouse on the coast at dusk", "Close-up of the keeper", "A city at noon"])
    assert two.slug == one.slug == "EXT. COAST — DUSK"
    assert three.slug == "EXT. CITY — DAY"


def test_the_seed_decides_what_is_left_to_chance() -> None:
    assert direct("A city", 0, 1) == direct("A city", 0, 1)
    assert direct("A city", 0, 1).seed != direct("A city", 0, 2).seed
    assert direct("A city", 0).seed != direct("A city", 1).seed


def test_every_word_that_is_understood_can_be_drawn() -> None:
    assert {row.code for row in PLACE_WORDS} == set(PLACES) - {""}
    assert {row.code for row in SUBJECTS} == set(CASTS)
    assert {row.code for row in TIMES} <= set(PALETTES)
    assert {row.code for row in MOVES} <= set(GLIDES) | set(ZOOMS)
    assert {row.code for row in SIZES} <= set(HORIZONS) | {"ECU"}


@given(st.text(max_size=400))
def test_any_text_can_be_read(text: str) -> None:
    assert direct(text).slug


@pytest.mark.parametrize("piece", ["no ", "a", "medium close over the shoulder ", "without any x-x-x-x-", "x-"])
def test_the_time_to_read_a_text_grows_with_its_length(piece: str) -> None:
    assert growth(lambda length: direct(piece * (length // len(piece))), 10_000) < 9
