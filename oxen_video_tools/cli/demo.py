"""demo: the whole way, from an agent's words to a video, on a machine with no key.

A LangChain agent and an MCP client ask one sandbox for a film of three shots. Only the chat model is scripted, so that
no key of a language model is needed either; the agent, the tools, the server, the hub's HTTP and the MP4 are real.
"""

from __future__ import annotations

import json as json_
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from ..errors import NotInstalled, OxenError
from . import output
from .app import Json, command

if TYPE_CHECKING:
    from ..sandbox import Sandbox

SHOTS = [
    {"prompt": "Wide shot: a lighthouse on a cliff at dusk, slow push in", "duration": 4},
    {"prompt": "Medium shot: a fishing boat in rough sea, tracking shot", "duration": 3},
    {"prompt": "Close-up: the lamp of the lighthouse lights up at night", "duration": 3},
]
REQUEST = {"multi_prompt": SHOTS, "model": "kling-video-o3-pro-reference-to-video", "aspect_ratio": "16:9"}
SPEED = 20.0  # times as fast as a real model
NEXT = 'generate "A red balloon rises over a meadow" --sandbox -o balloon.mp4'


@command()
async def demo(json: Json = False) -> None:
    """An agent and an MCP client make a video each in a sandbox: no key, no cost."""
    from importlib.util import find_spec

    for module in ("langchain", "mcp", "starlette", "av"):
        if find_spec(module) is None:
            raise NotInstalled(f"The demo needs {module}.", fix="pip install 'oxen-video-tools[all]' langchain")
    with redirect_stdout(sys.stderr) if json else nullcontext():
        told = await _whole_way()
    if json:
        output.as_json(told)


async def _whole_way() -> dict[str, Any]:
    """The four steps, reported as they happen; returns the result."""
    from ..sandbox import Sandbox

    folder = Path(tempfile.mkdtemp(prefix="oxen-video-demo-"))
    began = time.monotonic()
    with Sandbox(speed=SPEED) as hub, _environment(_settings(hub.base_url, folder)):
        output.say(f"[bold]1. A sandbox of Oxen's hub[/] runs at {hub.base_url}")
        output.say("[bold]2. A LangChain agent[/] plans three shots, then asks for the video")
        await _agent()
        output.say("[bold]3. An MCP client[/] starts `python mcp_server.py` and asks for the same")
        answer = await _client()
        output.say("[bold]4. The result[/]")
        told = await _result(hub, answer)
    output.say("The file stays; the sandbox, and its links with it, ends here.")
    output.say(f"\nDone in {time.monotonic() - began:.0f} s. Next:")
    output.line(f"{_program()} {NEXT}")
    return told


def _program() -> str:
    """How `oxen-video` is called here: by its name where the shell finds it, else by its path."""
    if shutil.which("oxen-video"):
        return "oxen-video"
    beside = Path(sys.executable).with_name("oxen-video.exe" if os.name == "nt" else "oxen-video")
    return str(beside.relative_to(Path.cwd()) if beside.is_relative_to(Path.cwd()) else beside)


def _settings(base_url: str, folder: Path) -> dict[str, str]:
    return {
        "OXEN_API_KEY": "sandbox",
        "OXEN_BASE_URL": base_url,
        "OXEN_VIDEO_OUTPUT_DIR": str(folder),
        "OXEN_VIDEO_LEDGER": f"sqlite:///{folder / 'ledger.db'}",
    }


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """These OXEN_* variables and no others, for this block and the processes started in it."""
    before = {name: value for name, value in os.environ.items() if name.startswith("OXEN_")}
    for name in before:
        del os.environ[name]
    os.environ.update(values)
    try:
        yield
    finally:
        for name in values:
            os.environ.pop(name, None)
        os.environ.update(before)


# ---- the agent ------------------------------------------------------------------------------------------------


def scripted_model() -> Any:
    """A chat model with a script: plan, generate, tell the link. It reads the tools' real answers."""
    from langchain_core.language_models.chat_models import BaseChatModel
    from langchain_core.messages import AIMessage, ToolMessage
    from langchain_core.outputs import ChatGeneration, ChatResult

    class Scripted(BaseChatModel):
        @property
        def _llm_type(self) -> str:
            return "scripted"

        def bind_tools(self, tools: Sequence[Any], **_: Any) -> Any:  # noqa: ARG002  # the script knows them
            return self

        def _generate(self, messages: list[Any], *_: Any, **__: Any) -> Any:
            answers = [message for message in messages if isinstance(message, ToolMessage)]
            if not answers:
                message = _calls("plan_video")
            elif len(answers) == 1:
                message = _calls("generate_video")
            else:
                message = AIMessage(f"Here is your video: {json_.loads(answers[-1].text).get('url')}")
            return ChatResult(generations=[ChatGeneration(message=message)])

    def _calls(tool: str) -> Any:
        return AIMessage("", tool_calls=[{"name": tool, "args": REQUEST, "id": tool, "type": "tool_call"}])

    return Scripted()


async def _agent() -> None:
    from langchain.agents import create_agent

    from ..langchain import OxenVideoToolkit

    agent: Any = create_agent(scripted_model(), OxenVideoToolkit().get_tools())
    asked = {"messages": [("user", "A short film of a lighthouse in a storm: three shots.")]}
    with output.bars() as report:
        async for mode, part in agent.astream(asked, stream_mode=["custom", "updates"]):
            if mode == "custom":
                report(_progress(part))
            else:
                for step in part.values():
                    _tell(step)


def _tell(step: dict[str, Any]) -> None:
    """What the agent said, called or was answered."""
    for message in step.get("messages", ()):
        for call in getattr(message, "tool_calls", ()):
            output.say(f"   the agent calls [cyan]{call['name']}[/]")
        if message.type == "tool":
            answer = json_.loads(message.text)
            told = answer.get("price") or answer.get("message") or f"{answer.get('status')}, {_price(answer)}"
            output.say(f"   {message.name}: {escape(str(told))}")
        elif message.text:
            output.say(f"   {escape(message.text)}")


def _price(answer: dict[str, Any]) -> str:
    cost = answer.get("cost_usd")
    return f"{output.dollars(cost)} in the sandbox's invented prices" if cost is not None else "price unknown"


def _progress(event: dict[str, Any]) -> Any:
    from dataclasses import fields

    from ..studio.results import Progress

    return Progress(**{one.name: event[one.name] for one in fields(Progress) if one.name in event})


# ---- the MCP client -------------------------------------------------------------------------------------------


async def _client() -> dict[str, Any]:
    from mcp import Client, StdioServerParameters

    script = Path(__file__).parents[2] / "mcp_server.py"
    arguments = [str(script)] if script.exists() else ["-m", "oxen_video_tools.mcp"]
    environment = {name: value for name, value in os.environ.items() if name.startswith("OXEN_")}
    server = StdioServerParameters(command=sys.executable, args=arguments, env=environment)
    async with Client(server) as client:
        tools = (await client.list_tools()).tools
        output.say(f"   it lists {len(tools)} tools: {', '.join(tool.name for tool in tools)}")
        with output.bars() as report:
            same = _answer(await client.call_tool("generate_video", REQUEST))
            output.say(f"   the same request again: {same['status']}, reused: {same.get('reused', False)}")
            output.say("   another version of it, take=2, is made and paid for")
            another = REQUEST | {"take": 2, "wait_seconds": 45}
            return _answer(await client.call_tool("generate_video", another, progress_callback=_heard(report)))


def _answer(result: Any) -> dict[str, Any]:
    answer: dict[str, Any] = json_.loads(result.content[0].text)
    if result.is_error:
        raise OxenError(f"{answer['error']}: {answer['message']}", fix=answer["fix"], charged=answer["charged"])
    return answer


def _heard(report: Callable[[Any], None]) -> Any:
    """Progress over MCP is a fraction and a line of words: `ID processing, 12 s`."""
    from ..studio.results import Progress

    began = time.monotonic()

    async def heard(progress: float, total: float | None, message: str | None) -> None:
        generation_id, _, words = (message or "").partition(" ")
        status = words.partition(",")[0]
        report(Progress(generation_id, status, progress / (total or 1.0), elapsed=time.monotonic() - began))

    return heard


# ---- the result -----------------------------------------------------------------------------------------------


async def _result(hub: Sandbox, answer: dict[str, Any]) -> dict[str, Any]:
    """Fetch the link once, save the file, look at it; say what the sandbox charged."""
    import httpx

    from ..studio import AsyncStudio

    # The sandbox draws it now, which may take a while.
    async with httpx.AsyncClient(headers={"Accept-Encoding": "identity"}, timeout=120) as http:
        fetched = await http.get(answer["url"])
        fetched.raise_for_status()
    async with AsyncStudio.open() as studio:
        saved = await studio.save(answer["generation_id"], filename="lighthouse.mp4")
    output.say(f"The link answers {fetched.status_code} with {len(fetched.content):,} bytes:")
    output.line(answer["url"])
    output.show_saved(saved)
    books = hub.ledger()
    made = len(books["generations"])
    output.say(
        f"The sandbox's books: three requests, {made} generations, ${float(books['charged']):.2f}. Paid once each."
    )
    return {
        "generation_id": answer["generation_id"],
        "file": saved.file,
        "generations": made,
        "charged": float(books["charged"]),
    }
