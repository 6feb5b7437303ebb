"""The table as a language model sees it, and what a row promises to every window."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from oxen_video_tools.errors import Internal, InvalidRequest, OverBudget, OxenError
from oxen_video_tools.settings import Settings
from oxen_video_tools.tools import TABLE, Call, Reply, ToolSpec, hidden

SHOWN = json.loads((Path(__file__).parent / "shown.json").read_text("utf-8"))  # `make derived` writes it
EACH = (1_444, 3_055)  # characters of a tool on average: as a model sees it, and with the schema of its answer


def nodes(schema: Any) -> list[dict[str, Any]]:
    """Every schema within a schema; names of properties are no schemas."""
    if isinstance(schema, list):
        return [node for item in schema for node in nodes(item)]
    if not isinstance(schema, dict):
        return []
    inner = [*schema.get("properties", {}).values(), schema.get("items"), schema.get("anyOf")]
    return [schema, *nodes(inner)]


def test_the_tools_and_their_arguments() -> None:
    assert list(TABLE) == list(SHOWN)
    assert {name: list(row.schema["properties"]) for name, row in TABLE.items()} == {
        name: shown["arguments"] for name, shown in SHOWN.items()
    }
    assert {name: row.schema.get("required", []) for name, row in TABLE.items()} == {
        name: shown["required"] for name, shown in SHOWN.items()
    }
    assert {"prompt", "multi_prompt", "max_cost_usd", "wait_seconds"} <= set(SHOWN["generate_video"]["arguments"])


def test_what_a_model_sees_is_small() -> None:
    usual = [row.without(hidden(Settings())) for row in TABLE.values()]
    shown = [{"name": r.name, "description": r.description, "inputSchema": r.schema} for r in usual]
    whole = [one | {"outputSchema": TABLE[one["name"]].answer_schema} for one in shown]
    assert len(json.dumps(shown)) <= EACH[0] * len(TABLE)
    assert len(json.dumps(whole)) <= EACH[1] * len(TABLE)


@pytest.mark.parametrize("row", TABLE.values(), ids=lambda row: row.name)
def test_a_description_says_enough_and_not_more(row: ToolSpec) -> None:
    assert 60 <= len(row.description) <= 600
    assert all(field.get("description") for field in row.schema["properties"].values())


@pytest.mark.parametrize("row", TABLE.values(), ids=lambda row: row.name)
def test_a_schema_has_only_what_every_provider_takes(row: ToolSpec) -> None:
    for node in nodes(row.schema):
        assert not node.keys() & {
            "title",
            "default",
            "$ref",
            "$defs",
            "anyOf",
            "oneOf",
            "allOf",
            "prefixItems",
            "const",
        }
        assert isinstance(node["type"], str)  # a plain type: no list of types, nothing untyped
        if node["type"] == "object":
            assert node["properties"]  # an object without fields is closed in strict mode, and loses what is in it
        if "enum" in node:
            assert all(isinstance(word, str) for word in node["enum"])  # Gemini refuses a number


@pytest.mark.parametrize("row", TABLE.values(), ids=lambda row: row.name)
def test_null_is_taken_for_every_optional_argument(row: ToolSpec) -> None:
    needed = dict.fromkeys(row.schema.get("required", []), "x")
    optional = row.schema["properties"].keys() - needed.keys()
    row.arguments.model_validate(needed | dict.fromkeys(optional))


def test_two_tools_spend_and_ask_first() -> None:
    assert [row.name for row in TABLE.values() if row.prepares] == ["make_stills", "generate_video"]
    hints = {row.name: (row.read_only, row.destructive, row.idempotent, row.open_world) for row in TABLE.values()}
    assert hints["generate_video"] == hints["make_stills"] == (False, False, True, True)
    assert hints["cancel_video"] == (False, True, True, True)
    assert hints["save_video"][:2] == hints["plan_video"][:2] == (False, False)
    assert all(hints[name][0] for name in ("get_video", "list_videos", "find_video_models", "inspect_video"))


# ---- a row ------------------------------------------------------------------------------------------------------


class NoStudio:
    """Only what is looked at before the verbs."""

    def __init__(self, **settings: Any) -> None:
        self.settings = Settings(**settings)

    async def prepare(self, request: Any, **how: Any) -> Any:
        return request.given(), how


@pytest.mark.parametrize("crash", [ZeroDivisionError("sk-123"), "answer"])
async def test_a_crash_is_told_as_internal_and_says_nothing(crash: Any) -> None:
    class Answer(BaseModel):
        secret: int

    async def handler(*_: Any) -> Any:
        if crash == "answer":
            Answer.model_validate({"secret": "sk-123"})
        raise crash

    row = replace(TABLE["generate_video"], handler=handler, prepares=handler)
    for call in (row.run(NoStudio(), None, Call(0, 0)), row.prepare(NoStudio(), None)):  # type: ignore[arg-type]
        with pytest.raises(Internal) as failed:
            await call
        assert "sk-123" not in failed.value.words
        assert failed.value.charged == "no", "nothing was sent by then"


async def test_what_was_foreseen_passes_as_it_is() -> None:
    async def handler(*_: Any) -> Any:
        raise OverBudget("too dear")

    with pytest.raises(OverBudget):
        await replace(TABLE["get_video"], handler=handler).run(NoStudio(), None, Call(0, 0))  # type: ignore[arg-type]


def test_a_wait_is_bounded_by_the_window() -> None:
    call = Call(wait=45, longest=50)
    assert [call.seconds(asked) for asked in (None, 0, 10, 1e9)] == [45, 0, 10, 50]


def test_a_reply_is_the_same_as_text_and_as_values() -> None:
    class Answer(BaseModel):
        words: str

    reply = Reply(Answer(words="“né”"))
    assert json.loads(reply.text) == reply.structured == {"words": "“né”"}
    assert "né" in reply.text


class Warned(BaseModel):
    warnings: list[str] = []


@pytest.mark.parametrize("sandbox", [True, False])
async def test_the_sandbox_says_that_it_is_one(sandbox: bool) -> None:
    async def handler(*_: Any) -> Any:
        return Warned(warnings=["a"])

    row = replace(TABLE["plan_video"], handler=handler)
    reply = await row.run(NoStudio(sandbox=sandbox), None, Call(0, 0))  # type: ignore[arg-type]
    assert reply.structured["warnings"][-1] == "a"
    assert ("sandbox" in reply.text) is sandbox


# ---- what a developer settles -----------------------------------------------------------------------------------


async def test_a_settled_argument_is_gone_and_still_counts() -> None:
    row = TABLE["generate_video"].without(settled={"model": "m", "max_cost_usd": 2})
    assert row.schema["properties"].keys() == TABLE["generate_video"].schema["properties"].keys() - {
        "model",
        "max_cost_usd",
    }
    asked, how = await row.prepare(NoStudio(), row.arguments.model_validate({"prompt": "a", "take": 3}))  # type: ignore[arg-type, misc]
    assert asked == {"prompt": "a", "model": "m"}
    assert how == {"take": 3, "max_cost_usd": Decimal(2), "files": "roots"}
    with pytest.raises(ValidationError):
        row.arguments.model_validate({"prompt": "a", "model": "other"})


def test_a_wrong_settlement_is_said_at_once() -> None:
    with pytest.raises(TypeError, match="sedd"):
        TABLE["generate_video"].without(settled={"sedd": 1})
    with pytest.raises(ValidationError):
        TABLE["generate_video"].without(settled={"max_cost_usd": "much"})


def test_nothing_settled_is_the_row_itself() -> None:
    row = TABLE["get_video"]
    assert row.without() is row
    assert row.without({"target_namespace"}) is row


# ---- who pays ---------------------------------------------------------------------------------------------------


async def ask(row: ToolSpec, studio: NoStudio, **arguments: Any) -> dict[str, Any]:
    return (await row.prepare(studio, row.arguments.model_validate({"prompt": "a"} | arguments)))[0]  # type: ignore[arg-type, index]


async def test_an_agent_spends_only_in_the_namespaces_named_to_it() -> None:
    row = TABLE["generate_video"]
    assert (await ask(row, NoStudio(namespaces=("team",)), target_namespace="team"))["target_namespace"] == "team"
    for studio in (NoStudio(), NoStudio(namespaces=("team",)), NoStudio(namespace="own", namespaces=("other",))):
        with pytest.raises(InvalidRequest) as refused:
            await ask(row, studio, target_namespace="other")
        assert refused.value.charged == "no"


async def test_what_the_developer_settled_is_not_the_agents_choice() -> None:
    row = TABLE["generate_video"].without(settled={"target_namespace": "other"})
    assert (await ask(row, NoStudio()))["target_namespace"] == "other"


def test_a_settled_namespace_hides_the_argument() -> None:
    assert hidden(Settings()) == {"repository"}
    assert hidden(Settings(repositories=("own",))) == frozenset()
    row = TABLE["plan_video"].without(hidden(Settings(namespace="own")))
    assert "target_namespace" not in row.schema["properties"]


def test_the_errors_are_the_words_of_the_tools() -> None:
    def kinds(error: type[OxenError]) -> set[str]:
        return {error.kind}.union(*(kinds(one) for one in error.__subclasses__()))

    told = "invalid_request model_not_found unauthenticated insufficient_credits over_budget needs_approval declined"
    told += " paused rate_limited moderated generation_failed submission_unclear hub_unavailable not_found"
    assert kinds(OxenError) == set(told.split()) | {
        "input_not_allowed",
        "input_unreadable",
        "not_installed",
        "timed_out",
        "internal",
    }
