"""Download a result into a file, completely or not at all.

The link is tried without the key, because it is presigned. Only the hub itself, over https or on this machine, is then
asked with the key, and never after a redirect. Each hop's address is resolved and checked, and the connection is
pinned to the checked address, which prevents DNS rebinding.
"""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import anyio
import anyio.to_thread
import httpx

from ..errors import HubUnavailable, InputNotAllowed, InputUnreadable, NotFound, OxenError
from ..files import ENOUGH, media_kind, part_file
from ..redaction import unsigned
from ..retries import retry
from . import bodies
from .error_mapping import retry_after
from .transport import CONNECT, Bearer, Transport, redacted_logging
from .url_guard import PinnedAddress, check_url, is_unknown, trusted_with_key

OnBytes = Callable[[int, "int | None"], None]
MOST_HOPS = 5
PEEKED = 4096  # bytes that a look at a link asks for
LOOK = 5.0  # seconds that it may take
SILENCE = 30.0  # seconds without a byte after which the rest is requested on a new connection
# Where the hub keeps results and uploads: a file of a repository, or what is named as media. No other route of its API
# is asked with the key because a record or an agent named it.
_RESULT = re.compile(r"/api/repos/[^/]+/[^/]+/files?/.+|/.+\.(?:mp4|m4v|mov|webm|avi|png|jpe?g|webp|gif|wav|mp3)", re.I)
_UNSATISFIED = re.compile(r"bytes \*/(\d+)")
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


async def download(
    transport: Transport, url: str, path: Path, *, max_bytes: int, deadline: float, on_bytes: OnBytes | None = None
) -> Path:
    """Fetch `url` into `path`. See `HubClient.download`."""
    with part_file(path.parent) as part:
        with _disk(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
            file = os.fdopen(os.open(part, flags, 0o666), "w+b")
        with file:
            until = transport.clock.monotonic() + deadline
            arrival = _Arrival(transport, url, file, path, max_bytes, until, on_bytes)
            await retry(
                arrival.go_on,
                again=lambda error: isinstance(error, HubUnavailable) and error.retry,
                clock=transport.clock,
                until=until,
                attempts=20,
            )
            with _disk(path):
                await anyio.to_thread.run_sync(_settle, file)
        with _disk(path):
            part.replace(path)
    return path


def _settle(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


@contextmanager
def _disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputUnreadable(f"{path} can't be written: {error.strerror or error}.") from None


@dataclass(frozen=True)
class Peeked:
    """How a URL answered when it was asked for its first bytes.

    status: the HTTP status; None if there was no answer.
    unknown: its host does not exist.
    why: the reason then.
    """

    status: int | None
    head: bytes = b""
    unknown: bool = False
    why: str = ""


async def peek(transport: Transport, url: str, *, seconds: float = LOOK) -> Peeked:
    """The first bytes behind a URL: a GET of `PEEKED` bytes, redirects followed, without the key.

    Raises InputNotAllowed for one that leads into this machine's network.
    """
    place = await check_url(url, base_url=transport.base_url, resolve=transport.resolve)
    is_hub = place.origin == (await check_url(transport.base_url, base_url=transport.base_url)).origin
    until = transport.clock.monotonic() + seconds
    asking = _Arrival(transport, url, BytesIO(), Path(), PEEKED, until, peeks=True)
    if not place.addresses and not is_hub and not asking._proxied(place):
        return Peeked(None, unknown=await is_unknown(place.host), why="its name could not be looked up")
    try:
        with anyio.fail_after(seconds), redacted_logging(transport.api_key):
            async with asking._answer() as response:
                head = bytearray()
                if response.is_success:
                    async for piece in bodies.raw(response):
                        head += piece
                        if len(head) >= PEEKED:
                            break
                return Peeked(response.status_code, bytes(head[:PEEKED]))
    except TimeoutError:
        return Peeked(None, why=f"it did not answer within {seconds:g} s")
    except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, UnicodeError, HubUnavailable) as error:
        return Peeked(None, why=transport.redacted(type(error).__name__))


@dataclass
class _Arrival:
    """A download in progress.

    size: bytes in all, once known.
    mark: identifies this version of the file (ETag or date).
    peeks: only the beginning is wanted, and never with the key.
    """

    transport: Transport
    url: str = field(repr=False)
    file: BinaryIO
    path: Path
    max_bytes: int
    until: float
    on_bytes: OnBytes | None = None
    received: int = 0
    size: int | None = None
    mark: str | None = None
    peeks: bool = False

    async def go_on(self) -> None:
        """Fetch what is missing. Raises HubUnavailable, with `retry` if another try may help."""
        left = self.until - self.transport.clock.monotonic()
        if left <= 0:
            raise HubUnavailable("The time for the download ran out.", retry=False)
        with anyio.move_on_after(left) as limit, redacted_logging(self.transport.api_key):
            try:
                async with self._answer() as response:
                    await self._take(response)
            except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, UnicodeError) as error:
                why = self.transport.redacted(f"{type(error).__name__} {error}".strip())
                raise HubUnavailable(f"The download broke off after {self.received} bytes: {why}.") from None
        if limit.cancelled_caught:
            raise HubUnavailable(f"The download took longer than {left:.0f} s.", retry=False)

    @asynccontextmanager
    async def _answer(self) -> AsyncIterator[httpx.Response]:
        """The answer at the end of the redirects."""
        url, key, hops = self.url, False, 0
        while True:
            response = await self._ask(await self._place(url), key=key)
            try:
                may = not (key or hops or self.peeks)
                if response.status_code in (401, 403) and may and self._is_result(url):
                    key = True
                    continue
                if response.is_redirect and "location" in response.headers:
                    url, key, hops = _next(url, response.headers["location"]), False, hops + 1
                    if hops > MOST_HOPS:
                        raise HubUnavailable(f"The link redirects more than {MOST_HOPS} times.", retry=False)
                    continue
                yield response
                return
            finally:
                await response.aclose()

    def _is_result(self, url: str) -> bool:
        """Whether the key may be sent there: to files of the hub, and to no other route."""
        path = urlsplit(url).path
        return (
            bool(self.transport.api_key)
            and trusted_with_key(url, self.transport.base_url)
            and bool(_RESULT.fullmatch(path))
            and ".." not in unquote(path).split("/")
        )

    async def _place(self, url: str) -> PinnedAddress:
        place = await check_url(url, base_url=self.transport.base_url, resolve=self.transport.resolve)
        is_hub = place.origin == (await check_url(self.transport.base_url, base_url=self.transport.base_url)).origin
        if not place.addresses and not is_hub:
            if self._proxied(place):  # a name that only the proxy can resolve may belong to its private network
                raise InputNotAllowed(f"The name {place.host} has no address here.", fix="Give a public https URL.")
            raise HubUnavailable(f"The name {place.host} has no address.")
        return place

    def _proxied(self, place: PinnedAddress) -> bool:
        """Whether a proxy from the environment is used for this URL; the proxy then also resolves the name."""
        proxies = {} if self.transport.on_this_machine else getproxies()
        return bool(proxies.get(place.origin[0]) or proxies.get("all")) and not proxy_bypass(place.host)

    async def _ask(self, place: PinnedAddress, *, key: bool) -> httpx.Response:
        headers = {"Accept-Encoding": "identity", "Accept": "*/*"}
        auth = self.transport.authorization() if key else None
        if self.peeks:
            headers["Range"] = f"bytes=0-{PEEKED - 1}"
        if self.received:
            headers["Range"] = f"bytes={self.received}-"
            if self.mark:
                headers["If-Range"] = self.mark
        pinned = place.addresses if not self._proxied(place) else ()
        broken: httpx.TransportError | None = None
        for address in pinned or (None,):
            try:
                return await self._send(place, address, headers, auth)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                broken = error
        raise broken or HubUnavailable(f"The name {place.host} has no address.")

    async def _send(
        self, place: PinnedAddress, address: str | None, headers: dict[str, str], auth: Bearer | None
    ) -> httpx.Response:
        """Send to exactly this address; certificate check and Host header still use the name."""
        url = httpx.URL(place.url)
        extensions: dict[str, object] = {"timeout": httpx.Timeout(SILENCE, connect=CONNECT).as_dict()}
        if address is not None:
            headers = headers | {"Host": url.netloc.decode("ascii")}
            extensions["sni_hostname"] = url.raw_host.decode("ascii")
            url = url.copy_with(host=address)
        client = self.transport.fresh
        request = client.build_request("GET", url, headers=headers, extensions=extensions)
        return await client.send(request, auth=auth, stream=True)

    async def _take(self, response: httpx.Response) -> None:
        """Write the body where it belongs."""
        if response.status_code == 416 and self.received:
            whole = _UNSATISFIED.fullmatch(response.headers.get("content-range", ""))
            if whole and int(whole[1]) == self.received:
                return
            self._restart()
            raise HubUnavailable("The result changed while it was fetched.")
        if response.status_code not in (200, 206):
            raise self._refused(response)
        if packed := bodies.encodings(response):
            raise HubUnavailable(
                f"The result is packed in {', '.join(packed)[:60]}, though it was asked for as it is.", retry=False
            )
        if response.status_code == 200:
            self._restart()
        elif not self._continues(response):
            asked_for_all = not self.received
            self._restart()
            raise HubUnavailable(
                "The answer is another part of the result than was asked for.", retry=not asked_for_all
            )
        self.size = _size(response, self.received)
        self.mark = _mark(response)
        self._bounded(self.size or 0)
        async for chunk in bodies.raw(response):
            self._bounded(self.received + len(chunk))
            with _disk(self.path):
                await anyio.to_thread.run_sync(self.file.write, chunk)
            self.received += len(chunk)
            if self.received - len(chunk) < ENOUGH <= self.received:
                self._sniff()
            if self.on_bytes is not None:
                self.on_bytes(self.received, self.size)
        if self.size is not None and self.received < self.size:
            raise HubUnavailable(f"The download broke off after {self.received} of {self.size} bytes.")
        self._sniff()

    def _continues(self, response: httpx.Response) -> bool:
        found = _CONTENT_RANGE.match(response.headers.get("content-range", ""))
        if found is None or int(found[1]) != self.received or not self.received:
            return False
        return self.size is None or found[3] in ("*", str(self.size))

    def _restart(self) -> None:
        with _disk(self.path):
            self.file.seek(0)
            self.file.truncate()
        self.received, self.size, self.mark = 0, None, None

    def _bounded(self, size: int) -> None:
        if size > self.max_bytes:
            raise InputUnreadable(f"The result is larger than {self.max_bytes} bytes.", retry=False)

    def _sniff(self) -> None:
        with _disk(self.path):
            self.file.flush()
            self.file.seek(0)
            start = self.file.read(ENOUGH)
            self.file.seek(0, os.SEEK_END)
        if media_kind(start) is None:
            raise InputUnreadable(
                f"What lies at {unsigned(self.url)[:200]} is no video, image or sound.",
                fix="Read the generation again for a fresh link.",
            )

    def _refused(self, response: httpx.Response) -> OxenError:
        status = response.status_code
        if status in (401, 403, 404, 410):
            return NotFound(
                f"The link to the result does not work any more ({status}).",
                fix="Read the generation again: get_video gives a fresh link.",
                status_code=status,
            )
        heals = status in (408, 425, 429) or status >= 500
        headers = {name.lower(): value for name, value in response.headers.items()}
        return HubUnavailable(
            f"The link to the result answered {status}.",
            retry=heals,
            status_code=status,
            retry_after=retry_after(headers, self.transport.clock.time()),
        )


def _next(url: str, location: str) -> str:
    try:
        target = urljoin(url, location)
    except ValueError:
        raise HubUnavailable("The link redirects to no URL.", retry=False) from None
    if url.startswith("https:") and not target.startswith("https:"):
        raise InputNotAllowed("The link redirects from https to an address without it.")
    return target


def _size(response: httpx.Response, received: int) -> int | None:
    found = _CONTENT_RANGE.match(response.headers.get("content-range", ""))
    if response.status_code == 206 and found:
        return None if found[3] == "*" else int(found[3])
    told = response.headers.get("content-length", "")
    return int(told) + received if told.isdecimal() and len(told) < 19 else None


def _mark(response: httpx.Response) -> str | None:
    tag = response.headers.get("etag")
    if tag and not tag.startswith("W/"):
        return str(tag)
    modified = response.headers.get("last-modified")
    return None if modified is None else str(modified)
