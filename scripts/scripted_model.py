"""A chat model on loopback that speaks OpenAI's HTTP API and always does the same: it calls one tool, then answers.

Frameworks are tried with it through their own OpenAI clients, so that nothing in a program is changed for the trial.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOOL = "generate_video"
TOOL_RESULT = "generation_id"  # smolagents tells results as the user's words
ARGUMENTS = {"prompt": "A red fox runs through deep snow", "duration": 5, "max_cost_usd": 5, "wait_seconds": 45}


def message(body: dict[str, Any]) -> dict[str, Any]:
    """What the assistant says next, from what was said and which tools there are."""
    names = [one["function"]["name"] for one in body.get("tools") or []]
    after = [said for said in body["messages"] if said["role"] not in ("system", "developer")]
    results = [said for said in after if said["role"] == "tool" or TOOL_RESULT in json.dumps(said)]
    if not results:
        return call(next(name for name in names if name.endswith(TOOL)), ARGUMENTS)
    words = f"Here is your video: {json.dumps(results[-1].get('content'), ensure_ascii=False)}"
    if "final_answer" in names:
        return call("final_answer", {"answer": words})
    return {"role": "assistant", "content": words}


def call(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """A message that calls a tool."""
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": f"call_{name}", "type": "function", "function": function}],
    }


class Chat(BaseHTTPRequestHandler):
    """`POST /v1/chat/completions`, whole or as a stream of one piece."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        said = message(body)
        ends = "tool_calls" if said.get("tool_calls") else "stop"
        answer = {"id": "chat-1", "created": 1, "model": body["model"]}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        if body.get("stream"):
            pieces = [{"index": at} | one for at, one in enumerate(said.pop("tool_calls", []))]
            delta = said | ({"tool_calls": pieces} if pieces else {})
            first = {"index": 0, "delta": delta, "finish_reason": None}
            last = {"index": 0, "delta": {}, "finish_reason": ends}
            chunks = [answer | {"object": "chat.completion.chunk", "choices": [one]} for one in (first, last)]
            sent = "".join(f"data: {json.dumps(one)}\n\n" for one in chunks) + "data: [DONE]\n\n"
            self._send(sent.encode(), "text/event-stream")
            return
        choice = {"index": 0, "message": said, "finish_reason": ends}
        whole = answer | {"object": "chat.completion", "choices": [choice], "usage": usage}
        self._send(json.dumps(whole).encode(), "application/json")

    def _send(self, content: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Nothing: the framework's own words are what is read."""


@contextmanager
def scripted_model() -> Iterator[str]:
    """The model's base URL while the block runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Chat)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
