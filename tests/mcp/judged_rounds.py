"""Grafts for the suite of 2026-07-28: calls that come back for input, once and more often (SEP-2322)."""

from __future__ import annotations

from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.types import (
    CreateMessageRequest,
    CreateMessageRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
    ListRootsRequest,
    SamplingMessage,
    TextContent,
)


def question(message: str, name: str, kind: str = "string") -> ElicitRequest:
    schema = {"type": "object", "properties": {name: {"type": kind}}, "required": [name]}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def sampled(text: str, tokens: int) -> CreateMessageRequest:
    message = SamplingMessage(role="user", content=TextContent(text=text))
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=[message], max_tokens=tokens))


def answers(ctx: Context) -> dict[str, Any]:
    return dict(ctx.input_responses or {})


def given(answer: Any, name: str) -> Any:
    """What the user filled in; None where that is no answer to the question."""
    if isinstance(answer, ElicitResult) and answer.action == "accept" and answer.content:
        return answer.content.get(name)
    return None


NAME = question("What is your name?", "name")


def add_rounds(server: MCPServer[Any]) -> None:
    @server.tool(structured_output=False)
    async def test_input_required_result_elicitation(ctx: Context) -> str | InputRequiredResult:
        "Asks for a name."
        name = given(answers(ctx).get("user_name"), "name")
        if not isinstance(name, str):
            return InputRequiredResult(input_requests={"user_name": NAME})
        return f"Hello, {name}!"

    @server.tool(structured_output=False)
    async def test_input_required_result_sampling(ctx: Context) -> str | InputRequiredResult:
        "Asks the client's model."
        answer = answers(ctx).get("capital_question")
        if answer is None:
            asked = sampled("What is the capital of France?", 100)
            return InputRequiredResult(input_requests={"capital_question": asked})
        return str(getattr(getattr(answer, "content", None), "text", ""))

    @server.tool(structured_output=False)
    async def test_input_required_result_list_roots(ctx: Context) -> str | InputRequiredResult:
        "Asks for the client's roots."
        answer = answers(ctx).get("client_roots")
        if answer is None:
            return InputRequiredResult(input_requests={"client_roots": ListRootsRequest()})
        return "Roots: " + ", ".join(str(root.uri) for root in answer.roots)

    @server.tool(structured_output=False)
    async def test_input_required_result_request_state(ctx: Context) -> str | InputRequiredResult:
        "Hands its state to the client and back."
        if "confirm" not in answers(ctx):
            asked = {"confirm": question("Please confirm", "ok", "boolean")}
            return InputRequiredResult(input_requests=asked, request_state="state")
        return "state-ok" if ctx.request_state == "state" else "state-lost"

    @server.tool(structured_output=False)
    async def test_input_required_result_tampered_state(ctx: Context) -> str | InputRequiredResult:
        "Hands its state to the client and trusts nothing."
        if "confirm" not in answers(ctx):
            asked = {"confirm": question("Please confirm", "ok", "boolean")}
            return InputRequiredResult(input_requests=asked, request_state="state")
        return "accepted"

    @server.tool(structured_output=False)
    async def test_input_required_result_multiple_inputs(ctx: Context) -> str | InputRequiredResult:
        "Asks three things at once."
        asked: dict[str, Any] = {
            "user_name": NAME,
            "greeting": sampled("Generate a greeting", 50),
            "client_roots": ListRootsRequest(),
        }
        if not asked.keys() <= answers(ctx).keys():
            return InputRequiredResult(input_requests=asked, request_state="three")
        return "All there."

    @server.tool(structured_output=False)
    async def test_input_required_result_multi_round(ctx: Context) -> str | InputRequiredResult:
        "Asks twice."
        if ctx.request_state is None:
            asked = {"step1": question("Step 1: What is your name?", "name")}
            return InputRequiredResult(input_requests=asked, request_state="one")
        if ctx.request_state == "one":
            name = given(answers(ctx).get("step1"), "name")
            asked = {"step2": question("Step 2: What is your favorite color?", "color")}
            return InputRequiredResult(input_requests=asked, request_state=f"two {name}")
        return f"{ctx.request_state[4:]} likes {given(answers(ctx).get('step2'), 'color')}."

    @server.tool(structured_output=False)
    async def test_input_required_result_capabilities(ctx: Context) -> str | InputRequiredResult:
        "Asks only for what the client can do."
        can = ctx.client_capabilities
        asked: dict[str, Any] = {}
        if can is not None and can.sampling is not None:
            asked["greeting"] = sampled("Generate a greeting", 50)
        if can is not None and can.elicitation is not None:
            asked["user_name"] = NAME
        return InputRequiredResult(input_requests=asked) if asked and not answers(ctx) else "nothing to ask"

    @server.prompt()
    async def test_input_required_result_prompt(ctx: Context) -> Any:
        "Asks before it says anything."
        context = given(answers(ctx).get("user_context"), "context")
        if context is None:
            asked = {"user_context": question("What context should the prompt use?", "context")}
            return InputRequiredResult(input_requests=asked)
        return f"Use this context: {context}"
