"""Grafts for the suites: questions to the user with every kind of field, and a schema with everything in it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from mcp.server import MCPServer
from mcp.server.mcpserver import Context, Elicit, Resolve, Sample
from mcp.types import CreateMessageResult, SamplingMessage, TextContent
from pydantic import BaseModel, Field

SCHEMA_2020_12: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


class Contact(BaseModel):
    username: str = Field(description="User's response")
    email: str = Field(description="User's email address")


class Defaults(BaseModel):
    name: str = Field("John Doe", description="Name")
    age: int = Field(30, description="Age")
    score: float = Field(95.5, description="Score")
    status: Literal["active", "inactive", "pending"] = Field("active", description="Status")
    verified: bool = Field(True, description="Verified")


def titled(*titles: str) -> list[dict[str, str]]:
    return [{"const": f"value{number}", "title": title} for number, title in enumerate(titles, 1)]


OPTIONS = ["option1", "option2", "option3"]
CHOICES = titled("First Choice", "Second Choice", "Third Choice")
ENUMS: dict[str, dict[str, Any]] = {
    "untitledSingle": {"type": "string", "enum": OPTIONS},
    "titledSingle": {"type": "string", "oneOf": titled("First Option", "Second Option", "Third Option")},
    "legacyEnum": {"type": "string", "enum": ["opt1", "opt2"], "enumNames": ["Option One", "Option Two"]},
    "untitledMulti": {"type": "array", "items": {"type": "string", "enum": OPTIONS}},
    "titledMulti": {"type": "array", "items": {"anyOf": CHOICES}},
}


class Enums(BaseModel):
    untitledSingle: str = Field(json_schema_extra={"enum": OPTIONS})  # the suite's names
    titledSingle: str = Field(json_schema_extra={"oneOf": ENUMS["titledSingle"]["oneOf"]})
    legacyEnum: str = Field(json_schema_extra={k: v for k, v in ENUMS["legacyEnum"].items() if k != "type"})
    untitledMulti: list[str] = Field(json_schema_extra={"items": ENUMS["untitledMulti"]["items"]})
    titledMulti: list[str] = Field(json_schema_extra={"items": ENUMS["titledMulti"]["items"]})


def told(outcome: Any) -> str:
    content = outcome.data.model_dump_json() if outcome.action == "accept" else "{}"
    return f"action={outcome.action}, content={content}"


class Yes(BaseModel):
    ok: bool


async def ask() -> Elicit[Yes]:
    return Elicit("Go on?", Yes)


async def sample() -> Sample:
    return Sample([SamplingMessage(role="user", content=TextContent(text="Hello"))], max_tokens=10)


def add_forms(server: MCPServer[Any]) -> None:
    @server.tool()
    async def test_elicitation(message: str, ctx: Context) -> str:
        "Asks the user."
        return f"User response: {told(await ctx.elicit(message, Contact))}"

    @server.tool()
    async def test_elicitation_sep1034_defaults(ctx: Context) -> str:
        "Asks with defaults."
        return f"Elicitation completed: {told(await ctx.elicit('Please check', Defaults))}"

    @server.tool()
    async def test_elicitation_sep1330_enums(ctx: Context) -> str:
        "Asks with every kind of choice."
        return f"Elicitation completed: {told(await ctx.elicit('Please choose', Enums))}"

    @server.tool()
    async def test_missing_capability(answer: Annotated[CreateMessageResult, Resolve(sample)]) -> str:
        "Needs a client that lends its model."
        return str(answer.model)

    @server.tool()
    async def test_custom_headers(
        region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})], note: str = ""
    ) -> str:
        "Has an argument that clients repeat in a header."
        return f"{region} {note}"

    @server.tool()
    async def test_streaming_elicitation(answer: Annotated[Yes, Resolve(ask)], ctx: Context) -> str:
        "Asks, and reports on the way."
        await ctx.report_progress(1, 1)
        return f"{answer.ok}"

    @server.tool()
    async def json_schema_2020_12_tool() -> str:
        "Tool with JSON Schema 2020-12 features"
        return "fine"

    tool = server._tool_manager.get_tool("json_schema_2020_12_tool")
    assert tool is not None
    tool.parameters = SCHEMA_2020_12
