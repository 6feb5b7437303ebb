"""A film of several jobs, through the tools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from oxen_video_tools.langchain import OxenVideoToolkit
from oxen_video_tools.media.probe import probe
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.studio.portal import Portal

from .agents import ASK, agent, answers, calling
from .calls import KLING, call, told

FILM = {"multi_prompt": [{"prompt": f"Shot {n}", "duration": 5} for n in (1, 2, 3)], "model": KLING}


def test_an_agent_makes_a_film_longer_than_its_model_can(portal: Portal[Any], hub: Sandbox) -> None:
    turns = [calling(FILM, name="plan_video"), calling(FILM, first=2), calling(FILM, first=3)]
    plan, film, again = answers(agent(portal, *turns).invoke(ASK))
    assert told(plan)["film"] == "separate shots" and told(plan)["price_usd"] == 1.05 and len(told(plan)["clips"]) == 3
    made = film.artifact
    assert made["status"] == "succeeded" and [shot["status"] for shot in made["shots"]] == ["succeeded"] * 3
    assert 14.5 < probe(Path(made["file"])).duration < 15.5
    assert again.artifact["reused"] and again.artifact["generation_id"] == made["generation_id"]
    assert hub.ledger()["accepted"] == 3


def test_progress_says_which_shot(slow_portal: Portal[Any]) -> None:
    parts = list(agent(slow_portal, FILM).stream(ASK, stream_mode="custom"))
    assert {part["shots"] for part in parts} == {3}
    assert parts[0]["text"].startswith("shot ")
    fractions = [part["fraction"] for part in parts]
    assert fractions == sorted(set(fractions))


def test_one_shot_that_failed_is_made_again_alone(portal: Portal[Any], hub: Sandbox) -> None:
    hub.faults.add("fail=The provider failed.@2")
    generate = next(tool for tool in OxenVideoToolkit(studio=portal).get_tools() if tool.name == "generate_video")
    failed, made = generate.invoke(call(**FILM)), generate.invoke(call(**FILM))
    assert failed.status == "error" and told(failed)["error"] == "generation_failed"
    assert "only what failed" in told(failed)["fix"]
    assert made.artifact["status"] == "succeeded"
    assert hub.ledger()["accepted"] == 4
