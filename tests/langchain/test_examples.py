"""The examples, run against the sandbox with a scripted model."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langgraph.checkpoint.sqlite import SqliteSaver

from oxen_video_tools.media.probe import probe
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.studio.portal import Portal

from .agents import Scripted, calling
from .calls import FOX


def test_the_agent(portal: Portal[Any], hub: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    example = import_module("examples.agent")
    turns = [calling(FOX, name="plan_video"), calling(FOX, first=2), AIMessage("Here it is: https://…")]
    agent = example.make_agent(Scripted(responses=turns), studio=portal)
    assert example.run(agent, "a fox") == "Here it is: https://…"
    assert "plan_video" in capsys.readouterr().out
    assert hub.ledger()["accepted"] == 1


# ---- the director -----------------------------------------------------------------------------------------------

CAST = [{"name": "Mira", "look": "woman of 40, grey coat"}]
SHOTS = [
    {"prompt": "Wide shot: Mira at a lighthouse at dusk", "duration": 5},
    {"prompt": "Close-up: Mira lights the lamp", "duration": 5},
]
OTHER = [{"prompt": "Wide shot: a harbour", "duration": 5}, {"prompt": "Close-up: a gull", "duration": 5}]
PICTURES = 3  # Mira's sheet and two stills


def writes(shots: list[dict[str, Any]], cast: list[dict[str, Any]] = CAST) -> AIMessage:
    return calling({"cast": cast, "shots": shots}, name="Shotlist")


def judges(good: bool) -> AIMessage:
    return calling({"good": good, "why": "because"}, name="Verdict")


class Eyes(Scripted):
    """Says which messages had a picture."""

    @property
    def pictures(self) -> int:
        return sum("base64" in json.dumps([message.content for message in heard]) for heard in self.heard)


@pytest.fixture
def directed(portal: Portal[Any], tmp_path: Path) -> Callable[..., Any]:
    """`directed(*turns)` runs a film, with a new graph each time, as in a new process; gives it and its model."""
    example = import_module("examples.director")

    def direct(*turns: AIMessage, answer: Any = lambda _: True) -> tuple[Any, Eyes]:
        model = Eyes(responses=list(turns))
        with SqliteSaver.from_conn_string(str(tmp_path / "director.db")) as saver:
            graph = example.Director(model, studio=portal).graph(saver)
            return example.run(graph, "A lighthouse", "one", answer), model

    return direct


def test_a_film_with_a_retake(directed: Any, hub: Sandbox) -> None:
    film, model = directed(writes(SHOTS), judges(True), judges(False), judges(True))
    assert [scene["take"] for scene in film["scenes"]] == [1, 2]
    assert model.pictures == 3
    assert hub.ledger()["accepted"] == PICTURES + 3, "of the retake one clip is paid, and no still"
    joined = probe(film["file"])
    assert 9 < joined.duration < 11  # two clips of 5 s


def test_it_gives_up_on_a_shot_after_so_many_retakes(directed: Any, hub: Sandbox) -> None:
    film, _ = directed(writes(OTHER, []), judges(True), *[judges(False)] * 3)
    assert [scene["take"] for scene in film["scenes"]] == [1, 3] and film["file"]
    assert hub.ledger()["accepted"] == 2 + 4


def test_a_plan_that_is_not_liked_is_written_again(directed: Any, hub: Sandbox) -> None:
    said: list[Any] = ["Without people, please", True]
    asked: list[Any] = []

    def answer(plan: Any) -> Any:
        asked.append(plan)
        assert Path(plan["preview"]).exists() and plan["sheet"]
        assert hub.ledger()["accepted"] == (PICTURES if len(asked) == 1 else PICTURES + 2), "stills, and no motion"
        return said.pop(0)

    film, model = directed(writes(SHOTS), writes(OTHER, []), judges(True), judges(True), answer=answer)
    assert film["cast"] == [] and len(asked) == 2
    assert "Without people, please" in json.dumps([message.content for message in model.heard[1]])


class Died(Exception): ...


def test_it_goes_on_where_it_stopped_and_pays_nothing_twice(directed: Any, hub: Sandbox) -> None:
    def dies(_: Any) -> Any:
        raise Died

    with pytest.raises(Died):  # at the question
        directed(writes(SHOTS), answer=dies)
    with pytest.raises(AttributeError):  # while it looks: the model gives no verdict
        directed(AIMessage("hm"))
    assert hub.ledger()["accepted"] == PICTURES + 2
    film, _ = directed(judges(True), judges(True))
    assert film["file"] and hub.ledger()["accepted"] == PICTURES + 2
