"""A chat model on loopback that always does the same: it calls one tool, then answers with what the tool said.

It speaks the HTTP interfaces of OpenAI (chat completions), Anthropic (messages) and Gemini (generate content), so
that each framework is tried through its own client and nothing in a program is changed for the trial.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOOL = "generate_video"
TOOL_RESULT = "generation_id"  # smolagents tells results as the user's words
SEARCH = "ToolSearch"  # Claude's programs show their model the names of tools, which it then asks for
ARGUMENTS = {"prompt": "A red fox runs through deep snow", "duration": 5, "max_cost_usd": 5, "wait_seconds": 45}
SIMPLE = {"complexity_reasoning": "one call of one tool", "complexity_score": 1}

Pieces = list[dict[str, Any]]


@dataclass
class ScriptedModel:
    """own: the arguments that the tool has. It gives a value to every yes-or-no argument besides, as a model may.

    shown: the tools it was shown, each name with the schema of its arguments.  given: what it called the tool with.
    """

    own: frozenset[str] = frozenset()
    base_url: str = ""
    shown: dict[str, dict[str, Any]] = field(default_factory=dict)
    given: dict[str, Any] = field(default_factory=dict)

    def next_step(self, tools: dict[str, dict[str, Any]], results: list[Any]) -> tuple[str, dict[str, Any]] | str:
        """A call of a tool, by name and arguments, or the last words."""
        self.shown |= tools
        wanted = next((name for name in tools if name.endswith(TOOL)), None)
        if not results and wanted:
            declared = tools[wanted].get("properties", {})
            added = [name for name in declared if self.own and name not in self.own]
            self.given = ARGUMENTS | {
                name: True for name in added if str(declared[name].get("type")).lower() == "boolean"
            }
            return wanted, self.given
        if not results and SEARCH in tools:
            return SEARCH, {"query": f"select:mcp__oxen-video__{TOOL}"}
        words = f"Here is your video: {json.dumps(results[-1], ensure_ascii=False)}" if results else "A fox in snow"
        return ("final_answer", {"answer": words}) if "final_answer" in tools else words


def openai(model: ScriptedModel, body: dict[str, Any]) -> tuple[dict[str, Any], Pieces]:
    """`POST /v1/chat/completions`: the answer whole, and as the data of a stream's events."""
    tools = {one["function"]["name"]: one["function"]["parameters"] for one in body.get("tools") or []}
    after = [said for said in body["messages"] if said["role"] not in ("system", "developer")]
    results = [said.get("content") for said in after if said["role"] == "tool" or TOOL_RESULT in json.dumps(said)]
    step = model.next_step(tools, results)
    calls: Pieces = []
    if not isinstance(step, str):
        function = {"name": step[0], "arguments": json.dumps(step[1])}
        calls = [{"id": f"call_{step[0]}", "type": "function", "function": function}]
    said: dict[str, Any] = {"role": "assistant", "content": None if calls else step}
    ends = "tool_calls" if calls else "stop"
    answer = {"id": "chat-1", "created": 1, "model": body["model"]}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    told = said | ({"tool_calls": calls} if calls else {})
    choice = {"index": 0, "message": told, "finish_reason": ends}
    whole = answer | {"object": "chat.completion", "choices": [choice], "usage": usage}
    pieces = [{"index": at} | one for at, one in enumerate(calls)]
    first = {"index": 0, "delta": said | ({"tool_calls": pieces} if pieces else {}), "finish_reason": None}
    last = {"index": 0, "delta": {}, "finish_reason": ends}
    return whole, [answer | {"object": "chat.completion.chunk", "choices": [one]} for one in (first, last)]


def anthropic(model: ScriptedModel, body: dict[str, Any]) -> tuple[dict[str, Any], Pieces]:
    """`POST /v1/messages`: the answer whole, and as the data of a stream's events."""
    tools = {one["name"]: one["input_schema"] for one in body.get("tools") or [] if "input_schema" in one}
    blocks = [one for said in body["messages"] if isinstance(said["content"], list) for one in said["content"]]
    results = [one["content"] for one in blocks if one["type"] == "tool_result"]
    step = model.next_step(tools, [one for one in results if "tool_reference" not in json.dumps(one)])
    if isinstance(step, str):
        block, start = {"type": "text", "text": step}, {"type": "text", "text": ""}
        delta, ends = {"type": "text_delta", "text": step}, "end_turn"
    else:
        block = {"type": "tool_use", "id": f"toolu_{step[0]}", "name": step[0], "input": step[1]}
        start = block | {"input": {}}
        delta, ends = {"type": "input_json_delta", "partial_json": json.dumps(step[1])}, "tool_use"
    answer = {"id": "msg_1", "type": "message", "role": "assistant", "model": body["model"], "stop_sequence": None}
    answer["usage"] = {"input_tokens": 1, "output_tokens": 1}
    stopped = {"stop_reason": ends, "stop_sequence": None}
    return answer | {"content": [block], "stop_reason": ends}, [
        {"type": "message_start", "message": answer | {"content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": start},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": stopped, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    ]


def gemini(model: ScriptedModel, body: dict[str, Any]) -> tuple[dict[str, Any], Pieces]:
    """`POST /v1beta/models/….:generateContent`: the answer whole, which is also a stream's only event."""
    declared = [one for group in body.get("tools") or [] for one in group.get("functionDeclarations", [])]
    tools = {one["name"]: one.get("parametersJsonSchema") or one.get("parameters") or {} for one in declared}
    parts = [part for said in body["contents"] for part in said["parts"]]
    step = model.next_step(
        tools, [part["functionResponse"]["response"] for part in parts if "functionResponse" in part]
    )
    if body.get("generationConfig", {}).get("responseMimeType") == "application/json":
        step = json.dumps(SIMPLE)  # the CLI asks a model which model is to answer
    part: dict[str, Any] = (
        {"text": step} if isinstance(step, str) else {"functionCall": {"name": step[0], "args": step[1]}}
    )
    candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}
    usage = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
    whole = {"candidates": [candidate], "usageMetadata": usage}
    return whole, [whole]


SPOKEN = {"/chat/completions": openai, "/messages": anthropic, "enerateContent": gemini}


class Chat(BaseHTTPRequestHandler):
    """Answers whole, or as a stream of server-sent events."""

    model: ScriptedModel

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        path, _, query = self.path.partition("?")
        speak = next((spoken for ending, spoken in SPOKEN.items() if path.endswith(ending)), None)
        if speak is None:
            self._send(b"{}", "application/json", status=404)
            return
        whole, events = speak(self.model, body)
        if not body.get("stream") and "alt=sse" not in query:
            self._send(json.dumps(whole).encode(), "application/json")
            return
        sent = ""
        for one in events:
            sent += (f"event: {one['type']}\n" if speak is anthropic else "") + f"data: {json.dumps(one)}\n\n"
        self._send((sent + ("data: [DONE]\n\n" if speak is openai else "")).encode(), "text/event-stream")

    def _send(self, content: bytes, kind: str, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Nothing: the framework's own words are what is read."""


@contextmanager
def scripted_model(own: frozenset[str] = frozenset()) -> Iterator[ScriptedModel]:
    """The model, which answers while the block runs."""
    model = ScriptedModel(own)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Scripted", (Chat,), {"model": model}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    model.base_url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield model
    finally:
        server.shutdown()
