"""A person agrees before money is spent; whoever cannot be asked is told the price; one approval is one job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from mcp import Client, MCPError
from mcp.server.request_state import InvalidRequestState
from mcp.types import ElicitResult, InputRequiredResult

from oxen_video_tools.mcp import build_server
from oxen_video_tools.mcp.approval import QUESTION_LASTS, SingleUse, sealed_questions
from oxen_video_tools.mcp.settings import ServerSettings
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.settings import Settings

from .conftest import QUIET
from .serving import client_with, over_http, words

Serve = Callable[..., Any]
eras = pytest.mark.parametrize("mode", ["auto", "legacy"])
DEAR = {"prompt": "a long fox", "model": "kling-video-v2-6-pro-text-to-video", "duration": 10}
LIMIT = Decimal("0.50")  # ten seconds cost more, five cost less


@eras
@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (ElicitResult(action="accept", content={"approve": True}), None),
        (ElicitResult(action="accept", content={"approve": False}), "declined"),
        (ElicitResult(action="decline"), "declined"),
        (ElicitResult(action="cancel"), "declined"),
    ],
    ids=["yes", "no", "decline", "cancel"],
)
async def test_a_person_is_asked_before_much_is_spent(
    settings: Settings, hub: Sandbox, mode: str, reply: ElicitResult, error: str | None
) -> None:
    asked: list[str] = []

    async def ask(_: Any, params: Any) -> ElicitResult:
        asked.append(params.message)
        assert hub.ledger()["accepted"] == 0, "asked after money was spent"
        return reply

    server = build_server(settings=replace(settings, approve_above=LIMIT), options=QUIET)
    async with Client(server, mode=mode, elicitation_callback=ask) as client:
        result = await client.call_tool("generate_video", DEAR)
        assert len(asked) == 1 and "$0.70" in asked[0]
        assert hub.ledger()["accepted"] == (0 if error else 1)
        cheap = await client.call_tool("generate_video", {**DEAR, "duration": 5})
    assert words(result).get("error") == error and result.is_error == (error is not None)
    assert len(asked) == 1 and not cheap.is_error


async def test_the_question_reaches_a_person_on_every_transport(serve: Serve, hub: Sandbox) -> None:
    async def ask(_: Any, params: Any) -> ElicitResult:
        return ElicitResult(action="accept", content={"approve": True})

    for mode in ("auto", "legacy"):
        async with Client(serve(approve_above=LIMIT), mode=mode, elicitation_callback=ask) as client:
            arguments = {**DEAR, "prompt": f"for {mode}"}
            assert words(await client.call_tool("generate_video", arguments))["status"] == "succeeded"
    assert hub.ledger()["accepted"] == 2


@eras
async def test_who_cannot_be_asked_is_told_the_price(settings: Settings, hub: Sandbox, mode: str) -> None:
    server = build_server(settings=replace(settings, approve_above=LIMIT), options=QUIET)
    async with Client(server, mode=mode) as client:
        first = words(await client.call_tool("generate_video", DEAR))
        assert first["error"] == "needs_approval" and "max_cost_usd=0.7" in first["fix"] and first["charged"] == "no"
        assert hub.ledger()["accepted"] == 0
        again = words(await client.call_tool("generate_video", {**DEAR, "max_cost_usd": 0.7}))
    assert again["status"] == "succeeded"


@eras
async def test_strict_takes_no_number_from_a_model_as_consent(settings: Settings, hub: Sandbox, mode: str) -> None:
    server = build_server(settings=replace(settings, approve_above=LIMIT, approval="strict"), options=QUIET)
    async with Client(server, mode=mode) as client:
        refused = words(await client.call_tool("generate_video", {**DEAR, "max_cost_usd": 50}))
    assert refused["error"] == "needs_approval" and hub.ledger()["accepted"] == 0


async def test_without_sessions_old_clients_are_told_the_price(settings: Settings) -> None:
    """Stateless HTTP has no way back to an old client, whatever it declares."""

    async def ask(_: Any, params: Any) -> ElicitResult:
        raise AssertionError("no question can arrive")

    stateless = ServerSettings(log_level="ERROR", stateless=True)
    with over_http(replace(settings, approve_above=LIMIT), stateless) as address:
        async with client_with(address, mode="legacy", elicitation_callback=ask) as client:
            assert words(await client.call_tool("generate_video", DEAR))["error"] == "needs_approval"


async def test_one_approval_is_one_job(settings: Settings, hub: Sandbox) -> None:
    server = build_server(settings=replace(settings, approve_above=LIMIT), options=QUIET)
    async with Client(server, elicitation_callback=lambda *_: None) as client:  # type: ignore[arg-type]  # never called
        asked = await client.session.call_tool("generate_video", DEAR, allow_input_required=True)
        assert isinstance(asked, InputRequiredResult)
        yes = {key: ElicitResult(action="accept", content={"approve": True}) for key in asked.input_requests or {}}

        async def answer(arguments: dict[str, Any]) -> Any:
            return await client.session.call_tool(
                "generate_video", arguments, input_responses=yes, request_state=asked.request_state
            )

        with pytest.raises(MCPError, match="requestState"):  # approved was this request, not a longer one
            await answer({**DEAR, "take": 2})
        assert hub.ledger()["accepted"] == 0
        assert words(await answer(DEAR))["status"] == "succeeded"  # it was not used up by what it was not meant for
        assert hub.ledger()["accepted"] == 1


async def test_an_approval_that_is_played_again_is_refused(settings: Settings, hub: Sandbox) -> None:
    server = build_server(settings=replace(settings, approve_above=LIMIT), options=QUIET)
    async with Client(server, elicitation_callback=lambda *_: None) as client:  # type: ignore[arg-type]  # never called
        asked = await client.session.call_tool("generate_video", DEAR, allow_input_required=True)
        assert isinstance(asked, InputRequiredResult)
        given = {
            "input_responses": {
                key: ElicitResult(action="accept", content={"approve": True}) for key in asked.input_requests or {}
            },
            "request_state": asked.request_state,
        }
        paid = await client.session.call_tool("generate_video", DEAR, **given)
        with pytest.raises(MCPError, match="requestState"):
            await client.session.call_tool("generate_video", DEAR, **given)
    assert words(paid)["status"] == "succeeded" and hub.ledger()["accepted"] == 1


async def test_an_approval_played_again_at_another_process_pays_nothing(settings: Settings, hub: Sandbox) -> None:
    """Processes share the keys of questions and the ledger, not the memory of what was answered."""
    wanted = replace(settings, approve_above=LIMIT)
    fleet = ServerSettings(log_level="ERROR", secrets=("s" * 32,))
    ids = set()
    one, two = (build_server(settings=wanted, options=fleet) for _ in range(2))
    async with Client(one, elicitation_callback=lambda *_: None) as client:  # type: ignore[arg-type]  # never called
        asked = await client.session.call_tool("generate_video", DEAR, allow_input_required=True)
        assert isinstance(asked, InputRequiredResult)
    given = {
        "input_responses": {
            key: ElicitResult(action="accept", content={"approve": True}) for key in asked.input_requests or {}
        },
        "request_state": asked.request_state,
    }
    for server in (two, build_server(settings=wanted, options=fleet)):
        async with Client(server, elicitation_callback=lambda *_: None) as client:  # type: ignore[arg-type]
            ids.add(words(await client.session.call_tool("generate_video", DEAR, **given))["generation_id"])
    assert len(ids) == 1 and hub.ledger()["accepted"] == 1


def test_a_sealed_question_opens_once_and_the_memory_of_it_ends() -> None:
    now = 0.0
    codec = SingleUse([b"k" * 32], now=lambda: now)
    first, second = codec.seal(b"one"), codec.seal(b"two")
    assert codec.unseal(first) == codec.unseal(first) == b"one"  # looked at, not used
    codec.use()
    for use in (lambda: codec.unseal(first), codec.use):
        with pytest.raises(InvalidRequestState):
            use()
    now = QUESTION_LASTS + 1  # by now the SDK refuses `first` for its age
    assert codec.unseal(second) == b"two"
    codec.use()
    assert len(codec._used) == 1


def test_secrets_are_turned_without_losing_open_questions() -> None:
    old, new = "o" * 32, "n" * 32
    sealed = sealed_questions([old]).codec.seal(b"question")
    assert sealed_questions([new, old]).codec.unseal(sealed) == b"question"
    with pytest.raises(InvalidRequestState):
        sealed_questions([new]).codec.unseal(sealed)
