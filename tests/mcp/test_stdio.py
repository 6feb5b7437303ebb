"""Over stdio each request is answered, whatever it holds: a client waits for every id that it sent."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from oxen_video_tools.settings import Settings
from tests.clocks import HUNG

from .conftest import environment
from .serving import PYTHON, ROOT

HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}}
CALL = '{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"plan_video","arguments":{arguments}}}}}'
STRANGE = {
    "a lone surrogate": CALL.format(id=7, arguments=r'{"prompt":"a \ud800 b"}'),
    "a lone surrogate as a name": CALL.format(id=7, arguments=r'{"\udc00":1}'),
    "a lone surrogate in another id": CALL.format(id=r'"\ud800"', arguments='{"prompt":"a"}'),
    "a text as id": CALL.format(id='"seven"', arguments=r'{"prompt":"\ud800"}'),
    "20,000 levels": CALL.format(id=7, arguments='{"prompt":"a","model_parameters":{"a":' + "[" * 20_000 + "]" * 20_000 + "}}"),  # noqa: E501
    "5,000 digits": CALL.format(id=7, arguments='{"prompt":"a","duration":1' + "0" * 5_000 + "}"),
    "cut off": '{"jsonrpc":"2.0","id":7,"method":',
    "no object": "[]",
    "no message": '{"id":7,"hello":"world"}',
}  # fmt: skip
IDS = {"a lone surrogate in another id": None, "a text as id": "seven", "no object": None}


@contextmanager
def talking(settings: Settings) -> Iterator[Any]:
    """A server that has been greeted; give it a line and get the next one."""
    command = [PYTHON, str(ROOT / "mcp_server.py")]
    server = subprocess.Popen(command, env=environment(settings), stdin=-1, stdout=-1, stderr=subprocess.DEVNULL)
    assert server.stdin is not None and server.stdout is not None

    def say(line: str, *, answered: bool = True) -> Any:
        server.stdin.write(line.encode() + b"\n")  # type: ignore[union-attr]
        server.stdin.flush()  # type: ignore[union-attr]
        return json.loads(server.stdout.readline()) if answered else None  # type: ignore[union-attr]

    try:
        say(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO}))
        say('{"jsonrpc":"2.0","method":"notifications/initialized"}', answered=False)
        yield say
    finally:
        server.kill()
        server.communicate()


def test_what_can_not_be_read_is_answered_with_its_id(settings: Settings) -> None:
    with talking(settings) as say:
        for name, line in STRANGE.items():
            answer = say(line)
            assert answer["id"] == IDS.get(name, 7), name
            assert answer["error"]["code"] == -32700 and "Nothing was done" in answer["error"]["message"], name
        fine = say(CALL.format(id=8, arguments='{"prompt":"a fox"}'))
    assert fine["id"] == 8 and fine["result"]["structuredContent"]["ok"] is True


@pytest.mark.parametrize("ending", [b"", b"\xff\xfe\n", b"{" * 10])
def test_when_the_client_leaves_the_server_ends(settings: Settings, ending: bytes) -> None:
    command = [PYTHON, str(ROOT / "mcp_server.py")]
    done = subprocess.run(command, env=environment(settings), input=ending, capture_output=True, timeout=HUNG)
    assert done.returncode == 0, done.stderr
