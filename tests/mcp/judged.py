"""Our own server with the tools grafted on that the official conformance suites call. For tests only.

    python -m tests.mcp.judged PORT [plain]

What is judged is ours: gate, limits, middleware, security, sessions, tasks. The suites can't send a key; the process's
own is lent to them. "plain" leaves the grafts out.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import tempfile
from typing import Any

import uvicorn
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp.server.streamable_http import EventCallback, EventMessage, EventStore
from mcp.types import (
    AudioContent,
    EmbeddedResource,
    EmptyResult,
    ImageContent,
    SamplingMessage,
    SetLevelRequestParams,
    TextContent,
    TextResourceContents,
)

from oxen_video_tools.mcp.http import http_app
from oxen_video_tools.mcp.settings import ServerSettings
from oxen_video_tools.mcp.tasks import Generations, Tasks
from oxen_video_tools.settings import Settings

from .judged_forms import add_forms
from .judged_rounds import add_rounds
from .judged_tasks import ONLY, SLOW, Jobs, add_slow_tools

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SILENCE = base64.b64encode(
    b"RIFF&\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0@\x1f\0\0\x80>\0\0\2\0\x10\0data\2\0\0\0\0\0"
).decode()
BEAT = 0.05


class Replay(EventStore):
    """What streams have sent, for a client that comes back to one."""

    def __init__(self) -> None:
        self._sent: list[tuple[str, Any]] = []

    async def store_event(self, stream_id: str, message: Any) -> str:
        self._sent.append((stream_id, message))
        return str(len(self._sent))

    async def replay_events_after(self, last_event_id: str, send_callback: EventCallback) -> str | None:
        if not (last_event_id.isdigit() and 0 < int(last_event_id) <= len(self._sent)):
            return None
        stream = self._sent[int(last_event_id) - 1][0]
        for number, (of, message) in enumerate(self._sent, 1):
            if number > int(last_event_id) and of == stream and message is not None:
                await send_callback(EventMessage(message, str(number)))
        return stream


def text_resource(uri: str, text: str, mime_type: str = "text/plain") -> EmbeddedResource:
    return EmbeddedResource(resource=TextResourceContents(uri=uri, text=text, mime_type=mime_type))


def graft(server: MCPServer[Any], jobs: Jobs) -> None:
    """Everything that the suites ask for by name."""
    add_contents(server)
    add_notices(server)
    add_things(server)
    add_forms(server)
    add_rounds(server)
    add_slow_tools(server, jobs)


def add_contents(server: MCPServer[Any]) -> None:
    @server.tool(structured_output=False)
    async def test_simple_text() -> str:
        "Text."
        return "This is a simple text response for testing."

    @server.tool(structured_output=False)
    async def test_image_content() -> ImageContent:
        "A picture."
        return ImageContent(data=PIXEL, mime_type="image/png")

    @server.tool(structured_output=False)
    async def test_audio_content() -> AudioContent:
        "A sound."
        return AudioContent(data=SILENCE, mime_type="audio/wav")

    @server.tool(structured_output=False)
    async def test_embedded_resource() -> EmbeddedResource:
        "A resource inside."
        return text_resource("test://embedded-resource", "This is an embedded resource content.")

    @server.tool(structured_output=False)
    async def test_multiple_content_types() -> list[Any]:
        "All of them."
        return [
            TextContent(text="Multiple content types test:"),
            ImageContent(data=PIXEL, mime_type="image/png"),
            text_resource("test://mixed-content-resource", '{"test": "data", "value": 123}', "application/json"),
        ]

    @server.tool()
    async def test_error_handling() -> str:
        "Fails."
        raise RuntimeError("This tool intentionally returns an error for testing")


def add_notices(server: MCPServer[Any]) -> None:
    @server.tool()
    async def test_tool_with_logging(ctx: Context) -> str:
        "Logs thrice."
        for number, line in enumerate(("execution started", "processing data", "execution completed")):
            await asyncio.sleep(BEAT if number else 0)
            await ctx.info(f"Tool {line}")
        return "Tool with logging executed successfully"

    @server.tool()
    async def test_logging_tool(ctx: Context) -> str:
        "Logs once."
        await ctx.info("a line")
        return "logged"

    @server.tool()
    async def test_tool_with_progress(ctx: Context) -> str:
        "Reports thrice."
        for number, done in enumerate((0, 50, 100)):
            await asyncio.sleep(BEAT if number else 0)
            await ctx.report_progress(done, 100, f"Completed step {done} of 100")
        return "done"

    @server.tool()
    async def test_sampling(prompt: str, ctx: Context) -> str:
        "Asks the client's model."
        message = SamplingMessage(role="user", content=TextContent(text=prompt))
        result = await ctx.session.create_message(messages=[message], max_tokens=100, related_request_id=ctx.request_id)
        return f"LLM response: {getattr(result.content, 'text', '')}"

    @server.tool()
    async def test_reconnection(ctx: Context) -> str:
        "Closes its stream on the way."
        await ctx.info("Before the stream closes")
        await ctx.close_sse_stream()
        await asyncio.sleep(0.2)
        await ctx.info("After it was opened again")
        return "Reconnection test completed"

    @server.tool()
    async def test_trigger_tool_change(ctx: Context) -> str:
        "Says that the tools changed."
        await ctx.notify_tools_changed()
        return "said"

    @server.tool()
    async def test_trigger_prompt_change(ctx: Context) -> str:
        "Says that the prompts changed."
        await ctx.notify_prompts_changed()
        return "said"

    async def set_level(_: Any, params: SetLevelRequestParams) -> EmptyResult:
        return EmptyResult()

    server._lowlevel_server.add_request_handler("logging/setLevel", SetLevelRequestParams, set_level)


def add_things(server: MCPServer[Any]) -> None:
    @server.resource("test://static-text", mime_type="text/plain")
    def static_text() -> str:
        return "This is the content of the static text resource."

    @server.resource("test://static-binary", mime_type="image/png")
    def static_binary() -> bytes:
        return base64.b64decode(PIXEL)

    @server.resource("test://template/{id}/data", mime_type="application/json")
    def template(id: str) -> str:
        return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})

    @server.resource("test://watched-resource", mime_type="text/plain")
    def watched() -> str:
        return "Watched resource content"

    @server.prompt()
    def test_simple_prompt() -> str:
        "No arguments."
        return "This is a simple prompt for testing."

    @server.prompt()
    def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
        "Two arguments."
        return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"

    @server.prompt()
    def test_prompt_with_embedded_resource(resourceUri: str) -> list[Any]:  # the suite's name
        "A resource inside."
        return [
            UserMessage(text_resource(resourceUri, "Embedded resource content for testing.")),
            UserMessage("Please process the embedded resource above."),
        ]

    @server.prompt()
    def test_prompt_with_image() -> list[Any]:
        "A picture inside."
        return [
            UserMessage(ImageContent(data=PIXEL, mime_type="image/png")),
            UserMessage("Please analyze the image above."),
        ]


def judged_app(folder: str, *, plain: bool = False) -> Any:
    """The ASGI app, as `--http` serves it."""
    jobs = Jobs(Generations())
    settings = Settings(sandbox=True, ledger="memory:", output_dir=None)
    options = ServerSettings(log_level="ERROR", rate=100_000, own_key=True)
    if plain:
        return http_app(settings, options)
    tasks = Tasks(jobs, {"generate_video", *SLOW}, only=ONLY, poll=0.2)
    return http_app(
        settings, options, tasks=tasks, graft=lambda server: graft(server, jobs),
        event_store=Replay(), retry_interval=100,
    )  # fmt: skip


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        app = judged_app(folder, plain="plain" in sys.argv[2:])
        uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", timeout_graceful_shutdown=1)
