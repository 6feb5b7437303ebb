"""How long it takes to start: the MCP server, the package, the LangChain tools; and how long the list of tools is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.table import Row, against_floor, spread

SERVERS = 15  # starts of each server
IMPORTS = 25  # fresh interpreters for each
ROOT = Path(__file__).parents[1]
BARE = """
from mcp.server import MCPServer
server = MCPServer("bare", log_level="ERROR")
@server.tool()
async def nothing(prompt: str) -> str:
    "Nothing."
    return prompt
server.run()
"""
COMMANDS = {"bare": ("-c", BARE), "ours": ("-m", "oxen_video_tools.mcp")}
HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "bench", "version": "0"}}
MESSAGES = [
    {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO},
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
    {"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}},
]
PACKAGE = "import oxen_video_tools"
DATACLASSES = "import dataclasses"  # of the standard library: what any small package takes
DIRECT = "from langchain_core.tools import BaseTool"
# The same where any tool has it: in a module. CPython 3.11 takes up to a fifth longer for the very same import some
# frames deeper (its frame stack grows and shrinks at a chunk's end all the time): that would be measured, not us.
BASE_TOOL = "from benchmarks.base_tool import BaseTool"
LANGCHAIN = "from oxen_video_tools.langchain import OxenVideoToolkit"


@dataclass(frozen=True)
class Start:
    """wall, cpu: milliseconds until it answered.  memory: resident MB then.  answer: to tools/list."""

    wall: float
    cpu: float
    memory: float = 0.0
    answer: Mapping[str, object] | None = None


def environment() -> dict[str, str]:
    """With bytecode, as it is installed; and a key, so that nothing asks for one."""
    own = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return own | {"OXEN_API_KEY": "bench", "OXEN_VIDEO_LEDGER": "memory:"}


def served(command: Sequence[str]) -> Start:
    """From spawning a server to its answer to tools/list over stdio."""
    began = time.perf_counter()
    server = subprocess.Popen(
        [sys.executable, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(), cwd=ROOT
    )
    assert server.stdin
    assert server.stdout
    server.stdin.write(b"".join(json.dumps(message).encode() + b"\n" for message in MESSAGES))
    server.stdin.flush()
    while (answer := json.loads(server.stdout.readline())).get("id") != 2:
        pass
    wall = (time.perf_counter() - began) * 1e3
    memory, cpu = _resident(server.pid), _cpu(server.pid)
    server.stdin.close()
    server.stdout.close()
    server.wait()
    return Start(wall, cpu, memory, answer["result"])


def _resident(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return float("nan")
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") * 1e3


def imported(line: str) -> Start:
    """What a line costs in a fresh interpreter, measured inside it."""
    timed = f"import time\nw, c = time.perf_counter(), time.process_time()\n{line}\n"
    timed += "print(time.perf_counter() - w, time.process_time() - c)"
    said = subprocess.run([sys.executable, "-c", timed], env=environment(), cwd=ROOT, check=True, capture_output=True)
    wall, cpu = map(float, said.stdout.split())
    return Start(wall * 1e3, cpu * 1e3)


def _ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Of runs that took turns: each pair met the same load."""
    return median(a / b for a, b in zip(ours, theirs, strict=True))


def _cold_start() -> list[Row]:
    starts: dict[str, list[Start]] = {name: [] for name in COMMANDS}
    for turn in range(SERVERS + 1):
        for name, command in COMMANDS.items():
            start = served(command)
            if turn:  # the first writes the bytecode
                starts[name].append(start)
    ours, bare = starts["ours"], starts["bare"]
    wall = _ratio([one.wall for one in ours], [one.wall for one in bare])
    cpu = _ratio([one.cpu for one in ours], [one.cpu for one in bare])
    memory = _ratio([one.memory for one in ours], [one.memory for one in bare])
    limit = (
        ""
        if wall <= 1.10 and memory <= 1.10
        else "What is left after the SDK's own imports is building eight tools from their pydantic models."
    )
    return [
        Row(
            "MCP cold start: spawn → `tools/list`",
            "a bare server of the same SDK",
            "≤ 1.10 × the time",
            f"{wall:.2f} × (CPU {cpu:.2f} ×): {spread([one.wall for one in ours], 'ms', 0)} against "
            f"{spread([one.wall for one in bare], 'ms', 0)}, median of {SERVERS}",
            wall <= 1.10,
            limit if wall > 1.10 else "",
            ours=median(one.wall for one in ours),
            theirs=median(one.wall for one in bare),
            unit="ms",
        ),
        Row(
            "its memory then (RSS)",
            "the same",
            "≤ 1.10 × the memory",
            f"{memory:.2f} ×: {median(one.memory for one in ours):.1f} against "
            f"{median(one.memory for one in bare):.1f} MB",
            memory <= 1.10,
            limit if memory > 1.10 else "",
            ours=median(one.memory for one in ours),
            theirs=median(one.memory for one in bare),
            unit="MB",
        ),
        _tool_list(ours[0].answer or {}),
    ]


def _tool_list(answer: Mapping[str, object]) -> Row:
    tools = answer["tools"]
    assert isinstance(tools, list)
    seen = [{name: one[name] for name in ("name", "description", "inputSchema")} for one in tools]
    size = len(json.dumps(seen, ensure_ascii=False, separators=(",", ":")).encode())
    whole = len(json.dumps(tools, ensure_ascii=False, separators=(",", ":")).encode())
    return Row(
        "tool list, as a model sees it",
        "–",
        "≤ 10 KB",
        f"{size / 1000:.1f} KB for {len(seen)} tools ({whole / 1000:.1f} KB with output schemas and hints)",
        size <= 10_000,
        ours=size / 1000,
        unit="KB",
    )


def _imports() -> list[Row]:
    lines = {"package": PACKAGE, "small": DATACLASSES, "base": BASE_TOOL, "direct": DIRECT, "langchain": LANGCHAIN}
    starts: dict[str, list[Start]] = {name: [] for name in lines}
    for turn in range(IMPORTS + 1):
        for name, line in lines.items():
            start = imported(line)
            if turn:  # the first writes the bytecode
                starts[name].append(start)
    package, base, langchain = ([one.wall for one in starts[name]] for name in ("package", "base", "langchain"))
    ratio = _ratio(langchain, base)
    cpu = _ratio([one.cpu for one in starts["langchain"]], [one.cpu for one in starts["base"]])
    small = [one.wall for one in starts["small"]]
    typed = _ratio(langchain, [one.wall for one in starts["direct"]])
    return [
        against_floor(
            "`import oxen_video_tools`",
            "`import dataclasses`",
            median(package),
            median(small),
            most=1.5,
            unit="ms",
            words=f"{spread(package, 'ms')} in a fresh interpreter",
        ),
        Row(
            "importing the LangChain tools",
            "a module that imports `BaseTool`",
            "≤ 1.05 ×",
            f"{ratio:.3f} × (CPU {cpu:.3f} ×): {spread(langchain, 'ms', 0)} against {spread(base, 'ms', 0)}, a fresh "
            f"interpreter each; {typed:.3f} × of `BaseTool` imported by the program itself",
            ratio <= 1.05,
            ""
            if ratio <= 1.05
            else "Ten classes of tools and toolkit, whose fields pydantic collects; arguments and answers are loaded "
            "by who makes a tool.",
            ours=median(langchain),
            theirs=median(base),
            unit="ms",
        ),
    ]


def rows() -> list[Row]:
    """All of it, in a minute or two."""
    return [*_cold_start(), *_imports()]
