"""A loopback server that answers exactly the bytes a test says, and remembers what it was asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

MP4 = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41" + bytes(range(256)) * 40
PNG = b"\x89PNG\r\n\x1a\n" + bytes(200)


@dataclass
class Asked:
    """One request as it came over the wire. Header names are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query))

    @property
    def key(self) -> str | None:
        return self.headers.get("authorization")

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Says:
    """An answer. cut: close after so many bytes of it.  pieces: send it in these pieces.  late: wait for this event."""

    status: int = 200
    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    pieces: list[bytes] | None = None
    until: asyncio.Event | None = None

    def bytes(self) -> bytes:
        body, kind = self.body, "text/plain"
        if not isinstance(body, (bytes, str)):
            body, kind = json.dumps(body), "application/json"
        body = body.encode() if isinstance(body, str) else body
        headers = {"content-type": kind, "content-length": str(len(body)), "connection": "close"}
        headers |= {name.lower(): value for name, value in self.headers.items()}
        lines = [f"HTTP/1.1 {self.status} X"] + [f"{name}: {value}" for name, value in headers.items() if value]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


DROP = object()  # read the request, close without a word
HANG = object()  # read the request, never answer
Answer = Any  # Says, DROP, HANG, (status, body), a JSON value, or a function of Asked that gives one of them


class Wire:
    """`async with Wire(first, second) as hub`: each request takes the next answer; the last one stays."""

    def __init__(self, *answers: Answer, keep: bool = False) -> None:
        self.answers = list(answers)
        self.keep = keep  # a connection lives for more than one answer
        self.asked: list[Asked] = []
        self.connections = self.open = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Wire:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        self.open += 1
        try:
            await self._answer(reader, writer)
            while self.keep:
                await self._answer(reader, writer)
        except (asyncio.CancelledError, ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            self.open -= 1

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await _read(reader)
        self.asked.append(asked)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if callable(answer):
            answer = answer(asked)
        if isinstance(answer, Awaitable):
            answer = await answer
        if answer is DROP:
            return
        if answer is HANG:
            await asyncio.Event().wait()
        says = answer if isinstance(answer, Says) else _says(answer)
        if says.until is not None:
            await says.until.wait()
        if says.pieces is not None:
            writer.write(Says(says.status, b"", says.headers | {"content-length": ""}).bytes())
            for piece in says.pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
        else:
            writer.write(says.bytes()[: says.cut])
        await writer.drain()


def _says(answer: Any) -> Says:
    if isinstance(answer, tuple):
        return Says(*answer)
    return Says(200, answer)


async def _read(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    body = b""
    if headers.get("transfer-encoding") == "chunked":
        while size := int((await reader.readline()).strip() or b"0", 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    elif "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    return Asked(method, target, headers, body)


def routed(routes: dict[str, Answer]) -> Callable[[Asked], Answer]:
    """One function for many paths: `"GET /path"` → an answer, or a list of answers to be used up."""

    def answer(asked: Asked) -> Answer:
        found = routes.get(f"{asked.method} {asked.path}", (404, {"error": {"message": f"no route {asked.path}"}}))
        if isinstance(found, list):
            found = found.pop(0) if len(found) > 1 else found[0]
        return found(asked) if callable(found) else found

    return answer


async def chunks(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
