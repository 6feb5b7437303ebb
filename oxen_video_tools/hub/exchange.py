"""One request, one answer or none: and if none, whether the request may have arrived."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import anyio
import httpx

from . import bodies
from .refusals import Reply

BeforeSend = Callable[[], Awaitable[None]]
LARGEST_PAGE = 2**18  # bytes of an answer with an error that are read
CONNECT = 10.0  # seconds for opening a connection
# httpx raises these before a byte of the request has left.
_NEVER_OPENED = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)


@dataclass
class Try:
    """One sending of a request. begun: its first byte may have left.  stopped: what `before_send` raised.

    traced: httpcore itself says when the first byte leaves; any other transport is taken to send at once.
    """

    before_send: BeforeSend | None = None
    traced: bool = True
    begun: bool = False
    stopped: BaseException | None = None

    async def trace(self, event: str, details: Mapping[str, Any]) -> None:
        """httpcore's own account of what it does. A proxy's CONNECT comes before the request and is none of it."""
        if event.endswith("send_request_headers.started") and details["request"].method != b"CONNECT":
            await self.begin()

    async def begin(self) -> None:
        """Called where the next thing that happens is the first byte."""
        if self.begun:
            return
        if self.before_send is not None:
            try:
                await self.before_send()
            except BaseException as error:
                self.stopped = error
                raise
        self.begun = True


@dataclass
class NoAnswerError(Exception):
    """No whole answer came. begun: whether the request may have arrived."""

    why: str
    begun: bool


async def exchange(
    client: httpx.AsyncClient, request: httpx.Request, one: Try, *, left: float, largest: int, usual: int
) -> Reply:
    """An answer. left: seconds for all of it.  largest, usual: bytes, see `bodies.whole`.

    Raises NoAnswerError, or what `before_send` does.
    """
    if left <= 0:
        raise NoAnswerError("the time for it ran out", begun=False)
    request.extensions["timeout"] = httpx.Timeout(left, connect=min(CONNECT, left)).as_dict()
    if one.traced:
        request.extensions["trace"] = one.trace
    else:
        await one.begin()
    with anyio.move_on_after(left):
        try:
            return await _whole(client, request, largest, usual)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, UnicodeError) as error:
            if one.stopped is error:
                raise
            begun = one.begun and not isinstance(error, _NEVER_OPENED)
            raise NoAnswerError(f"{type(error).__name__} {error}".strip(), begun) from None
    raise NoAnswerError(f"none within {left:.0f} s", one.begun)


async def _whole(client: httpx.AsyncClient, request: httpx.Request, largest: int, usual: int) -> Reply:
    response = await client.send(request, stream=True)
    try:
        content = await (
            bodies.whole(response, largest=largest, usual=usual) if response.is_success else error_page(response)
        )
    finally:
        await response.aclose()
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Reply(response.status_code, content, headers)


async def error_page(response: httpx.Response) -> bytes:
    """The beginning of an answer whose status says enough; nothing where it is packed in a way that is not read."""
    try:
        return await bodies.whole(response, largest=LARGEST_PAGE, cut=True)
    except httpx.DecodingError:
        return b""
