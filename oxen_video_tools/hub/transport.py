"""One HTTP call to the hub: key, time limits, retries, and what an answer means.

GET and DELETE are retried with back-off within a total deadline. A paid POST is sent once; it is only sent again if the
connection never opened, or after a 429. Redirects of API calls are never followed, because they would leak the key.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
import httpx

from ..clock import Clock, SystemClock
from ..errors import (
    HubUnavailable,
    InvalidRequest,
    OxenError,
    RateLimited,
    SubmissionUnclear,
    Unauthenticated,
    Unusable,
)
from ..redaction import redact
from ..retries import retry
from ..settings import HUB, LOOPBACK, Settings
from . import bodies
from .error_mapping import Reply, after_paying, carries_error, http_date, of_model, to_error
from .url_guard import Resolve, resolve

# One request and its answer; if there is no answer, whether the request may have arrived.

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
    """One attempt to send a request.

    begun: its first byte may have left.
    stopped: what `before_send` raised.
    traced: httpcore reports when the first byte leaves; any other transport is assumed to send at once.
    """

    before_send: BeforeSend | None = None
    traced: bool = True
    begun: bool = False
    stopped: BaseException | None = None

    async def trace(self, event: str, details: Mapping[str, Any]) -> None:
        """httpcore's trace hook. A proxy's CONNECT comes before the request and does not count."""
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
    """There was no complete answer. begun: whether the request may have arrived."""

    why: str
    begun: bool


async def exchange(
    client: httpx.AsyncClient,
    request: httpx.Request,
    auth: httpx.Auth,
    one: Try,
    *,
    left: float,
    largest: int,
    usual: int,
) -> Reply:
    """An answer.

    left: seconds for all of it.
    largest, usual: bytes, see `bodies.whole`.

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
            return await _whole(client, request, auth, largest, usual)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, UnicodeError) as error:
            if one.stopped is error:
                raise
            begun = one.begun and not isinstance(error, _NEVER_OPENED)
            raise NoAnswerError(f"{type(error).__name__} {error}".strip(), begun) from None
    raise NoAnswerError(f"none within {left:.0f} s", one.begun)


async def _whole(
    client: httpx.AsyncClient, request: httpx.Request, auth: httpx.Auth, largest: int, usual: int
) -> Reply:
    response = await client.send(request, auth=auth, stream=True)
    try:
        content = await (
            bodies.whole(response, largest=largest, usual=usual) if response.is_success else error_page(response)
        )
    finally:
        await response.aclose()
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Reply(response.status_code, content, headers)


async def error_page(response: httpx.Response) -> bytes:
    """The beginning of an error's body; empty if its encoding is not supported."""
    try:
        return await bodies.whole(response, largest=LARGEST_PAGE, cut=True)
    except httpx.DecodingError:
        return b""


# Several small connection pools instead of a large one.
#
# httpx looks at all connections of a pool twice for each request, and for each idle one at all of them once more:
# with a hundred connections, that takes ten times as long as the request itself.

SMALL = 4  # concurrent requests in one pool, as long as another has room
MOST = 16  # pools


@dataclass
class Pool:
    """A client, and how many requests are under way through it."""

    client: httpx.AsyncClient
    busy: int = 0


class Pools:
    """Picks a client that has room.

    kept: seconds that a connection may have been idle and still be reused; None: connections are never reused.
    """

    def __init__(self, make: Callable[[httpx.Limits], httpx.AsyncClient], *, kept: float | None) -> None:
        self._make, self._kept = make, kept
        self._pools: list[Pool] = []

    @contextmanager
    def client(self) -> Iterator[httpx.AsyncClient]:
        """For one request."""
        pool = self._with_room()
        pool.busy += 1
        try:
            yield pool.client
        finally:
            pool.busy -= 1

    def _with_room(self) -> Pool:
        for pool in self._pools:  # the first one first: its connections were used most recently
            if pool.busy < SMALL:
                return pool
        if len(self._pools) >= MOST:
            return min(self._pools, key=lambda pool: pool.busy)
        kept = SMALL if self._kept else 0
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=kept, keepalive_expiry=self._kept)
        self._pools.append(Pool(self._make(limits)))
        return self._pools[-1]

    async def close(self) -> None:
        """Close every connection."""
        while self._pools:
            await self._pools.pop().client.aclose()


# httpx logs every URL with its query at INFO, and httpcore every header at DEBUG: both would show secrets.

_ours: ContextVar[str | None] = ContextVar("oxen_video_tools_request", default=None)
_LOGGERS = (
    "httpx",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
)


class _Redacting(logging.Filter):
    """Redacts the log records of our own requests; other users of httpx keep their logs as they are."""

    def filter(self, record: logging.LogRecord) -> bool:
        secret = _ours.get()
        if secret is not None:
            what = record.getMessage().partition(" return_value=")[0]  # there httpcore shows every header
            record.msg = redact(what, secret or None)
            record.args = ()
        return True


_redacting = _Redacting()
_loggers = [logging.getLogger(name) for name in _LOGGERS]


@contextmanager
def redacted_logging(key: str | None) -> Iterator[None]:
    """Within this context, log records about requests contain no key and no query of a URL."""
    for logger in _loggers:
        if _redacting not in logger.filters:  # somebody may have taken it away
            logger.addFilter(_redacting)
    token = _ours.set(key or "")
    try:
        yield
    finally:
        _ours.reset(token)


T = TypeVar("T")
LARGE = 2**20  # bytes
AT_ONCE = (
    40  # concurrent unpaid calls; the rest wait here, because httpx's pools get slower the more requests wait in them
)
LARGEST_ANSWER = 8 * 2**20  # bytes of JSON, unpacked
LARGEST_INLINE = 768 * 2**20  # bytes of an answer that holds whole videos
_KEY = re.compile(r"[\x21-\x7e]+")
log = logging.getLogger(__name__)


def default_user_agent() -> str:
    """The User-Agent. It must not contain "oxen": the hub would take it for an outdated `oxen` command line (426)."""
    return f"video-tools python-httpx/{httpx.__version__}"


@lru_cache(maxsize=1)
def _certificates() -> ssl.SSLContext:
    """The certificates, read once for all clients: reading them takes as long as many requests."""
    return httpx.create_ssl_context()


PROXIES = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def _unusable_environment(error: Exception) -> Unusable | None:
    """Which variable keeps a client from being made; None where it is none of them. Never its value, which may hold a
    password.
    """
    if isinstance(error, OSError):
        wrong = [name for name in CERTIFICATES if (place := os.environ.get(name)) and not Path(place).exists()]
        named = " and ".join(wrong or [name for name in CERTIFICATES if os.environ.get(name)])
        if not named:
            return None
        return Unusable(f"{named} names no certificates that can be read.", fix=f"Correct or unset {named}.")
    variables = [name for one in PROXIES for name in (one, one.lower()) if os.environ.get(name)]
    if isinstance(error, ImportError):
        socks = [name for name in variables if os.environ[name].lower().startswith("socks")] or variables
        named = " and ".join(socks)
        fix = f"pip install 'httpx[socks]', or unset {named}."
        return Unusable(f"{named} names a SOCKS proxy, which needs the package socksio.", fix=fix)
    if not variables:
        return None
    named = " and ".join(variables)
    fix = f"Correct or unset {named}. NO_PROXY takes names and addresses such as localhost,127.0.0.1,::1."
    return Unusable(f"A proxy in {named} can't be used: it is no URL or address.", fix=fix)


class NeverOpened(HubUnavailable):
    """The connection never opened: nothing arrived, so even a paid call may be repeated."""


class Bearer(httpx.Auth):
    """Puts the key into a request's header and keeps it nowhere else, so that a traceback with locals doesn't show it.

    Raises Unauthenticated where the hub of these settings may not have it.
    """

    def __init__(self, settings: Settings | None) -> None:
        if settings is not None:
            settings.key()
        self._settings = settings

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if self._settings is not None:
            request.headers["Authorization"] = f"Bearer {self._settings.key()}"
        yield request


@dataclass
class Transport:
    """The hub's HTTP. deadline: seconds for a call with all its retries, unless the call says otherwise."""

    api_key: str | None = field(default=None, repr=False)
    base_url: str = HUB
    deadline: float = 15.0
    clock: Clock = field(default_factory=SystemClock, repr=False)
    inner: httpx.AsyncBaseTransport | None = field(default=None, repr=False)
    user_agent: str = field(default_factory=default_user_agent)
    resolve: Resolve = field(default=resolve, repr=False)
    # The hub's time in its first answer and in its last, and what `clock.monotonic()` was then.
    _told: list[tuple[float, float]] = field(default_factory=list, init=False, repr=False)
    _pools: dict[str, Pools] = field(default_factory=dict, init=False, repr=False)
    _fresh: httpx.AsyncClient | None = field(default=None, init=False, repr=False)
    _places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE), init=False, repr=False)

    def __post_init__(self) -> None:
        self.base_url = self.base_url.rstrip("/")
        parts = urlsplit(self.base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise InvalidRequest(f"{self.base_url} is no address of a hub.", fix="Set OXEN_BASE_URL.")
        if "oxen" in self.user_agent.lower():
            raise InvalidRequest('The User-Agent must not contain "oxen": the hub refuses it.')

    @property
    def on_this_machine(self) -> bool:
        """Whether the hub is a loopback address."""
        return urlsplit(self.base_url).hostname in LOOPBACK

    @property
    def reading(self) -> Pools:
        """For what may be repeated."""
        return self._pools.setdefault("reading", Pools(self.client, kept=5.0))

    @property
    def paying(self) -> Pools:
        """For paid requests: each on its own connection.

        A kept connection that the hub is just closing would look like a lost answer.
        """
        return self._pools.setdefault("paying", Pools(self.client, kept=None))

    @property
    def fresh(self) -> httpx.AsyncClient:
        """For events, and for downloads pinned to a checked address: connections are never reused."""
        if self._fresh is None:
            self._fresh = self.client(httpx.Limits(max_connections=200, max_keepalive_connections=0))
        return self._fresh

    def hub_time(self, *, latest: bool = False) -> float | None:
        """The hub's time in Unix seconds: its last `Date` plus the seconds since. None before its first answer.

        This machine's clock plays no part. `Date` is rounded down to a whole second, so this is the earliest time
        possible. latest: use the first `Date` plus the seconds since if that is later, because the hub's clock was set
        back or its machines disagree.
        """
        told = self._told[:1] + self._told[-1:] if latest else self._told[-1:]
        now = self.clock.monotonic()
        return max((date + now - then for date, then in told), default=None)

    def client(self, limits: httpx.Limits) -> httpx.AsyncClient:
        """A client without key and without cookies. Raises Unusable, naming the variable, where the environment
        names a proxy or certificates that can't be used.
        """
        try:
            client = httpx.AsyncClient(
                transport=self.inner,
                verify=_certificates(),
                limits=limits,
                headers={"User-Agent": self.user_agent, "Accept-Encoding": "gzip, deflate"},
                follow_redirects=False,
                trust_env=not self.on_this_machine,  # a proxy can't reach the sandbox
            )
        except (ImportError, OSError, ValueError, httpx.InvalidURL) as error:
            wrong = _unusable_environment(error)
            if wrong is None:
                raise
            raise wrong from None
        client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        return client

    async def close(self) -> None:
        """Close every connection."""
        while self._pools:
            await self._pools.popitem()[1].close()
        if self._fresh is not None:
            await self._fresh.aclose()
        self._fresh = None
        self._places = asyncio.Semaphore(AT_ONCE)  # the next loop's

    def authorization(self, *, needed: bool = True) -> Bearer:
        """The key. Raises Unauthenticated if a key is needed and missing, or may not be sent there."""
        if not self.api_key and (self.on_this_machine or not needed):
            return Bearer(None)
        if self.api_key and not _KEY.fullmatch(self.api_key):
            raise Unauthenticated("The Oxen API key holds characters that no key has.")
        try:
            return Bearer(Settings(api_key=self.api_key, base_url=self.base_url))
        except Unauthenticated:
            if needed:
                raise
            return Bearer(None)

    def redacted(self, words: str) -> str:
        """`words` without the key and other secrets."""
        return redact(words, self.api_key)

    async def read(
        self,
        method: str,
        path: str,
        *,
        what: str,
        params: Mapping[str, Any] | None = None,
        needs_key: bool = True,
        deadline: float | None = None,
    ) -> Any:
        """The JSON answer of a GET or DELETE, retried while that may help. what: the call, in words for a person."""
        return await self._unpaid(
            method, path, what=what, params=params, needs_key=needs_key, deadline=deadline, again=_heals
        )

    async def write(self, method: str, path: str, *, what: str, deadline: float | None = None, **content: Any) -> Any:
        """The JSON answer of an unpaid POST or PUT; retried only if it can't have arrived. content: httpx's
        `json`, `data` and `files`.
        """
        return await self._unpaid(
            method, path, what=what, deadline=deadline, again=_never_arrived, needs_key=True, **content
        )

    async def _unpaid(
        self,
        method: str,
        path: str,
        *,
        what: str,
        again: Callable[[OxenError], bool],
        needs_key: bool,
        deadline: float | None,
        **content: Any,
    ) -> Any:
        auth = self.authorization(needed=needs_key)
        until = self.clock.monotonic() + (self.deadline if deadline is None else deadline)

        async def attempt() -> Any:
            try:
                async with self._place(until):
                    with self.reading.client() as client:
                        request = client.build_request(method, self.base_url + path, **content)
                        reply = await self._exchange(client, request, auth, Try(), until, LARGEST_ANSWER)
            except NoAnswerError as silence:
                raise self._silent(silence, what) from None
            payload = await _parsed(reply)
            if reply.status == 204 or (reply.is_success and not reply.content.strip()):
                return {}
            if reply.is_success and payload is not ... and not carries_error(payload):
                return payload
            raise to_error(reply, what, now=self.clock.time(), secret=self.api_key)

        return await retry(attempt, again=again, clock=self.clock, until=until)

    @asynccontextmanager
    async def _place(self, until: float) -> AsyncIterator[None]:
        """A slot for one concurrent call. Raises NoAnswerError if none becomes free in time."""
        with anyio.move_on_after(max(0.0, until - self.clock.monotonic())) as waiting:
            await self._places.acquire()
        if waiting.cancelled_caught:
            raise NoAnswerError("too many calls are under way", begun=False)
        try:
            yield
        finally:
            self._places.release()

    def _silent(self, silence: NoAnswerError, what: str) -> HubUnavailable:
        kind = HubUnavailable if silence.begun else NeverOpened
        return kind(f"The hub at {self.base_url} gave no answer to {what}: {self.redacted(silence.why)}.")

    async def pay(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        what: str,
        deadline: float | None = None,
        before_send: BeforeSend | None = None,
        understand: Callable[[Any], T | None],
        largest: int = LARGEST_ANSWER,
    ) -> T:
        """Send a paid request and return what was bought.

        Raises the refusal's own error if nothing was spent, else SubmissionUnclear with `body` as what was sent.
        understand: reads the result from the answer's JSON; None if it is not there.
        """
        try:
            content = json.dumps(dict(body), ensure_ascii=False, allow_nan=False).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidRequest(f"The request is no JSON: {error}") from None
        auth = self.authorization()
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        until = self.clock.monotonic() + (self.deadline if deadline is None else deadline)

        async def attempt() -> T:
            one = Try(before_send)
            try:
                with self.paying.client() as client:
                    request = client.build_request("POST", self.base_url + path, headers=headers, content=content)
                    reply = await self._exchange(client, request, auth, one, until, largest)
            except NoAnswerError as silence:
                if not silence.begun:
                    raise self._silent(silence, what) from None
                raise SubmissionUnclear(
                    f"The hub gave no answer to {what}, so nobody knows whether it took the job: "
                    f"{self.redacted(silence.why)}.",
                    sent=body,
                ) from None
            bought = await _taken_from(reply, understand)
            if bought is not None:
                return bought
            error = after_paying(reply, what, sent=body, now=self.clock.time(), secret=self.api_key)
            raise of_model(error)

        return await retry(attempt, again=_never_arrived, clock=self.clock, until=until)

    async def _exchange(
        self, client: httpx.AsyncClient, request: httpx.Request, auth: Bearer, one: Try, until: float, largest: int
    ) -> Reply:
        one.traced = self.inner is None
        with redacted_logging(self.api_key):
            reply = await exchange(
                client, request, auth, one, left=until - self.clock.monotonic(), largest=largest, usual=LARGEST_ANSWER
            )
        told = http_date(reply.headers.get("date", ""))
        if told is not None:
            self._told = [*self._told[:1], (told, self.clock.monotonic())]
        return reply


async def _parsed(reply: Reply) -> Any:
    """Its JSON; a large one is read in a thread."""
    return await anyio.to_thread.run_sync(reply.json) if len(reply.content) > LARGE else reply.json()


async def _taken_from(reply: Reply, understand: Callable[[Any], T | None]) -> T | None:
    """What was bought, if the answer has it. Whole videos in JSON are parsed in a thread: nothing else waits."""

    def read() -> T | None:
        payload = reply.json() if reply.is_success else ...
        try:
            return None if payload is ... else understand(payload)
        except Exception:  # it may be paid: an unreadable answer must not look like a missing one
            log.exception("An answer to a paid request could not be read")
            return None

    return await anyio.to_thread.run_sync(read) if len(reply.content) > LARGE else read()


def _heals(error: OxenError) -> bool:
    return isinstance(error, (HubUnavailable, RateLimited)) and error.retry


def _never_arrived(error: OxenError) -> bool:
    """Whether nothing can have been accepted: after a 2xx, whatever its words, nothing is sent again."""
    return isinstance(error, NeverOpened) or (isinstance(error, RateLimited) and error.status_code == 429)
