"""Words of a hub are read; they never act on the terminal, the log or the client that shows them."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from oxen_video_tools.cli import output
from oxen_video_tools.errors import InvalidRequest, OxenError
from oxen_video_tools.hub.records import Generation, media_models, parse_json
from oxen_video_tools.mcp.telemetry import JsonLine, Line
from oxen_video_tools.redaction import redact, visible
from oxen_video_tools.studio.results import Video
from oxen_video_tools.tools.tool import Reply

CLEAR = "\x1b[2J\x1b[H"
CLIPBOARD = "\x1b]52;c;cm0gLXJmIH4=\x07"
LINK = "\x1b]8;;https://evil.example\x1b\\oxen.ai\x1b]8;;\x1b\\"
C1 = "\x9b2J\x90q\x9c"
BIDI = "gpj.\u202eexe \u2066hidden\u2069 \u200f"
FORGED = "fine\n2026-01-01T00:00:00Z ERROR oxen_video_tools: forged"
HOSTILE = [CLEAR, CLIPBOARD, LINK, C1, BIDI, "half \ud800 of it", "back\rto the start", "\u2028line", "nul\0", "\x7f"]
ACTING = {
    *map(chr, range(32)),
    *map(chr, range(0x7F, 0xA0)),
    *"\u061c\u200e\u200f\u2028\u2029\u202a\u202e\u2066\u2069",
} - {
    "\n",
    "\t",
}


def acts(text: str) -> set[str]:
    return {one for one in text if one in ACTING or 0xD800 <= ord(one) < 0xE000}


@given(st.text(st.characters()))
def test_nothing_that_is_shown_acts(text: str) -> None:
    assert not acts(visible(text))
    assert not acts(redact(text))
    assert "\n" not in visible(text, lines=False)
    visible(text).encode()  # every terminal and file can take it
    assert json.loads(visible(json.dumps({"said": text}, ensure_ascii=False))) == {"said": text}


def test_what_does_not_act_stays_as_it_is() -> None:
    for text in ("a fox\n\tat night", "Ж é 日本 🎈 👩\u200d🚀 שלום"):
        assert visible(text) == text


@pytest.mark.parametrize("words", [*HOSTILE, FORGED])
def test_an_error_is_one_line_of_words(words: str) -> None:
    error = InvalidRequest(f"It said {words}", fix=words, problems=[words, words], generation_id=words)
    for text in (str(error), repr(error), error.words, error.fix or "", *error.problems, str(error.generation_id)):
        assert not acts(text) and "\n" not in text


@pytest.mark.parametrize("words", [*HOSTILE, FORGED])
@pytest.mark.parametrize("form", [Line(), JsonLine()])
def test_a_log_line_is_one_line(form: logging.Formatter, words: str) -> None:
    record = logging.LogRecord("hub", logging.ERROR, __file__, 1, "It said %s", (words,), None)
    record.facts = {"model": words}
    text = form.format(record)
    assert not acts(text) and "\n" not in text


def test_what_an_exception_says_forges_no_line() -> None:
    try:
        raise ValueError(FORGED + CLEAR)
    except ValueError:
        record = logging.LogRecord("hub", logging.ERROR, __file__, 1, "It broke", (), sys.exc_info())
    first, *rest = Line().format(record).split("\n")
    assert "It broke" in first and rest and all(line.startswith("  ") for line in rest)
    assert not acts("".join(rest))


def shown(call: Callable[[], None]) -> str:
    """What a call writes to the standard output and the terminal."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        call()
    return out.getvalue()


@pytest.mark.parametrize("words", [one for one in HOSTILE if "\ud800" not in one])
def test_a_terminal_only_shows_them(words: str) -> None:
    video = Video("failed", "g-1", model=words, error=words, warnings=(words,), url=f"https://cdn.example/{words}")
    for call in (lambda: output.show_video(video), lambda: output.as_json(video), lambda: output.line(words)):
        text = shown(call)
        assert text and not acts(text)


class Told(BaseModel):
    said: str
    body: dict[str, Any]


@pytest.mark.parametrize("words", HOSTILE)
def test_an_agent_and_its_client_only_read_them(words: str) -> None:
    reply = Reply(Told.model_construct(said=words, body={words: [words]}))
    assert not acts(reply.text) and json.loads(reply.text) == reply.structured
    assert not acts(json.dumps(reply.structured, ensure_ascii=False))


@pytest.mark.parametrize("words", HOSTILE)
def test_ids_and_links_of_the_hub(words: str) -> None:
    with pytest.raises(OxenError):
        Generation.parse({"generation_id": f"g-{words}"})
    found = Generation.parse(
        {"generation_id": "g-1", "status": words, "model": f"m{words}", "media_type": words, "url": f"/v/{words}.mp4"},
        base_url="https://hub.example",
    )
    assert found.model is None and not acts(str(found.media_type) + str(found.url))
    assert media_models([{"id": f"m{words}", "endpoint": "videos/generate"}]) == []
    [model] = media_models([{"id": "m", "display_name": words, "description": words, "endpoint": "videos/generate"}])
    assert not acts(model.name + str(model.description))


@pytest.mark.parametrize(
    "odd", ["[" * 5000 + "]" * 5000, "[" * 101 + "]" * 101, '{"a":' * 300 + "1" + "}" * 300, "1" * 5000]
)
def test_what_is_too_deep_or_too_large_is_no_answer(odd: str) -> None:
    assert parse_json(odd) is ...


def test_numbers_that_are_none() -> None:
    assert parse_json("[NaN, Infinity, -Infinity, 1e999, 1.5]") == [None, None, None, None, 1.5]
    with pytest.raises(OxenError):
        Generation.parse({"generation_id": 10**4000})
