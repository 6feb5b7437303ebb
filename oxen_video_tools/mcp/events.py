"""The Events extension (SEP-3415, protocol 2026-07-28): a client is notified when a video has finished.

There is one event type, `video.finished`, over all three transports: polling (`events/poll`), a stream
(`events/stream`) and a webhook (`events/subscribe`). The events come from the caller's ledger, which the hub's event
stream keeps up to date. A cursor marks how far a client has read, so nothing is lost when this server restarts: the
client comes back with its cursor and gets what it missed. An event may be delivered twice, with the same `eventId`.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from mcp.server.context import HandlerResult
from mcp.server.extension import Extension, MethodBinding
from mcp.server.subscriptions import SUBSCRIPTION_ID_META_KEY
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    Notification,
    PaginatedRequestParams,
    RequestParams,
)
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import InputNotAllowed, OxenError, RateLimited, Unauthenticated
from ..hub import url_guard
from ..hub.url_guard import PinnedAddress, check_url
from .auth import RateLimiter
from .callers import GUEST, Caller, caller_of
from .service import Request, Service
from .tasks import MODERN

if TYPE_CHECKING:
    import httpx

    from ..ledger.outcomes import Ending
    from ..studio import AsyncStudio

EVENTS = "io.modelcontextprotocol/events"
NAME = "video.finished"
NOT_FOUND, FORBIDDEN, RESOURCE_EXHAUSTED, UNSUPPORTED, CALLBACK_FAILED = -32023, -32024, -32025, -32026, -32027

OVERLAP = 900.0  # seconds before a cursor that are read again, because the hub may report an end late
REPLAY = 30 * 86_400.0  # seconds that a cursor can reach back
MOST, PAGE = 500, 50  # events in one answer: at most, and by default
IDLE_POLL, BUSY_POLL = 60_000, 10_000  # milliseconds until the next poll: while no job runs, and while one does
HEARTBEAT = 20.0  # seconds between heartbeats; the extension requires one every 30
STREAMS = HOOKS = 20  # streams and webhooks that one caller may have at once
ALL_HOOKS = 1000
# Seconds that a webhook subscription lasts: by default, at least, at most.
TTL, SHORTEST_TTL, LONGEST_TTL = 3600.0, 300.0, 86_400.0
RETRIES = (5.0, 30.0, 120.0, 300.0)  # seconds before each retry of a delivery
PATIENCE = 5.0  # seconds to wait for a webhook's answer
GRACE = 300.0  # seconds after a change of the secret in which deliveries are also signed with the old one
CHALLENGES = 10  # challenges a minute that one host, or one address, is sent, whoever asks for them
ANSWER = 4096  # bytes of a webhook's answer that are read

EVENT_TYPE: dict[str, Any] = {
    "name": NAME,
    "description": "A video, or a film, of yours has ended: it succeeded, failed or was cancelled.",
    "inputSchema": {
        "type": "object",
        "properties": {
            "generation_ids": {
                "type": "array",
                "items": {"type": "string"},
                "description": "Only these videos and films. All of yours without it.",
            },
            "status": {"type": "string", "enum": ["succeeded", "failed", "cancelled"], "description": "Only such."},
        },
        "additionalProperties": False,
    },
    "payloadSchema": {
        "type": "object",
        "properties": {
            "generation_id": {"type": "string", "description": "get_video gives the link."},
            "kind": {
                "type": "string",
                "enum": ["video", "film", "shot"],
                "description": "shot: one of a film, failed.",
            },
            "status": {"type": "string", "enum": ["succeeded", "failed", "cancelled"]},
            "model": {"type": ["string", "null"]},
            "film": {"type": ["string", "null"], "description": "The film of a shot."},
        },
        "required": ["generation_id", "kind", "status"],
    },
}


class Wanted(BaseModel):
    """The filter of a subscription. None: no filter by this field."""

    model_config = ConfigDict(extra="forbid")
    generation_ids: list[str] | None = Field(None, max_length=200)
    status: Literal["succeeded", "failed", "cancelled"] | None = None

    def takes(self, ending: Ending) -> bool:
        """Whether an ending passes the filter."""
        ids = self.generation_ids
        if ids is not None and ending.generation_id not in ids and ending.film not in ids:
            return False
        return self.status is None or self.status == ending.status


class EventParams(RequestParams):
    name: str = Field(max_length=200)
    arguments: dict[str, Any] | None = None
    cursor: str | None = Field(None, max_length=65_536)
    max_age_ms: int | None = Field(None, alias="maxAgeMs", ge=0)


class PollParams(EventParams):
    max_events: int | None = Field(None, alias="maxEvents", ge=1)


class Callback(BaseModel):
    mode: str = "webhook"
    url: str = Field(max_length=2048)
    secret: str | None = Field(None, max_length=200, repr=False)


class SubscribeParams(EventParams):
    delivery: Callback
    ttl_ms: int | None = Field(round(TTL * 1000), alias="ttlMs", ge=0)


class UnsubscribeParams(RequestParams):
    name: str = Field(max_length=200)
    arguments: dict[str, Any] | None = None
    delivery: Callback


@dataclass(frozen=True)
class Cursor:
    """How far a client has read.

    time: everything before it was delivered, in Unix seconds.
    known: short digests of the events of the last `OVERLAP` seconds that were delivered.
    """

    time: float
    known: frozenset[str] = frozenset()

    def write(self) -> str:
        """The cursor as an opaque string for the client."""
        plain = json.dumps([round(self.time, 3), sorted(self.known)], separators=(",", ":"))
        return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> Cursor | None:
        """Read such a string; None if it is not one of ours."""
        try:
            time, known = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            return cls(float(time), frozenset(str(one) for one in known))
        except (ValueError, TypeError, binascii.Error):
            return None

    @classmethod
    def behind(cls, told: Sequence[Ending], time: float) -> Cursor:
        """The cursor at `time`, after these endings were delivered."""
        return cls(time, frozenset(_digest(one) for one in told if one.ended > time - OVERLAP))


@dataclass(frozen=True)
class Batch:
    """The events after a cursor.

    cursor: after these events.
    truncated: earlier events may be missing, because the cursor was too old.
    more: there are more events than fit.
    """

    events: list[dict[str, Any]]
    cursor: Cursor
    truncated: bool = False
    more: bool = False


async def read_events(
    studio: AsyncStudio, wanted: Wanted, cursor: str | None, now: float, *, max_age: float | None, most: int
) -> Batch:
    """The events after a cursor; without one, only those from now on. Raises OxenError if the hub can't be read."""
    place = Cursor.read(cursor) if cursor is not None else None
    if place is None:
        before = await studio.endings(now - OVERLAP, MOST)
        return Batch([], Cursor.behind(before, now), truncated=cursor is not None)
    floor = now - min(REPLAY, max_age if max_age is not None else REPLAY)
    truncated, begin = place.time < floor, max(place.time, floor)
    found = await studio.endings(begin if truncated else begin - OVERLAP, 2 * MOST)
    chosen = [one for one in found if _digest(one) not in place.known][:most]
    last = chosen[-1] if len(chosen) == most else found[-1] if len(found) == 2 * MOST else None
    unsent = {_digest(one) for one in found} - place.known - {_digest(one) for one in chosen}
    told = [one for one in found if _digest(one) not in unsent and (last is None or one.ended <= last.ended)]
    after = Cursor.behind(told, now if last is None else max(begin, last.ended))
    return Batch([_event(one) for one in chosen if wanted.takes(one)], after, truncated, more=last is not None)


def _upstream(error: OxenError) -> dict[str, Any]:
    """As the extension words it. A key that the hub refuses ends a subscription."""
    if isinstance(error, Unauthenticated):
        return {"code": FORBIDDEN, "message": "Forbidden", "data": {"reason": "Access revoked"}}
    return {"code": INTERNAL_ERROR, "message": "UpstreamError", "data": {"reason": error.message}}


def _digest(ending: Ending) -> str:
    return hashlib.sha256(_event_id(ending).encode()).hexdigest()[:10]


def _event_id(ending: Ending) -> str:
    return f"{ending.generation_id}:{ending.status}"


def _event(ending: Ending) -> dict[str, Any]:
    return {
        "eventId": _event_id(ending),
        "name": NAME,
        "timestamp": _date(ending.ended),
        "data": {
            "generation_id": ending.generation_id,
            "kind": ending.kind,
            "status": ending.status,
            "model": ending.model,
            "film": ending.film,
        },
    }


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Send = Callable[[str, Mapping[str, Any]], Awaitable[None]]


class Events(Extension):
    """The extension: polling, streams and webhooks, each caller with its own ledger."""

    identifier = EVENTS

    def __init__(self, service: Service) -> None:
        self._service = service
        self._streams: dict[str, int] = {}
        self._hooks = Webhooks(service)

    def methods(self) -> Sequence[MethodBinding]:
        return [
            MethodBinding("events/list", PaginatedRequestParams, self._list, MODERN),
            MethodBinding("events/poll", PollParams, self._poll, MODERN),
            MethodBinding("events/stream", EventParams, self._stream, MODERN),
            MethodBinding("events/subscribe", SubscribeParams, self._subscribe, MODERN),
            MethodBinding("events/unsubscribe", UnsubscribeParams, self._unsubscribe, MODERN),
        ]

    async def close(self) -> None:
        """Stop all deliveries to webhooks. Clients subscribe again with their cursors."""
        await self._hooks.close()

    async def _list(self, ctx: Request, params: PaginatedRequestParams) -> HandlerResult:
        if params.cursor:
            raise MCPError(code=INVALID_PARAMS, message="There is no page with this cursor")
        ways = ["poll", "push", *(["webhook"] if _may_have_hooks(caller_of(ctx.request)) else [])]
        return {"resultType": "complete", "events": [EVENT_TYPE | {"delivery": ways}]}

    async def _poll(self, ctx: Request, params: PollParams) -> HandlerResult:
        wanted = wanted_in(params.name, params.arguments)
        most = min(params.max_events or PAGE, MOST)
        try:
            async with self._service.studio(ctx.request) as studio:
                batch = await self._read(studio, wanted, params, params.cursor, most)
        except OxenError as error:
            raise MCPError(**_upstream(error)) from None
        return {
            "resultType": "complete",
            "events": batch.events,
            "cursor": batch.cursor.write(),
            "truncated": batch.truncated,
            "hasMore": batch.more,
            "nextPollMs": BUSY_POLL if batch.events else IDLE_POLL,
        }

    async def _read(
        self, studio: AsyncStudio, wanted: Wanted, params: EventParams, cursor: str | None, most: int
    ) -> Batch:
        age = params.max_age_ms / 1000 if params.max_age_ms is not None else None
        return await read_events(studio, wanted, cursor, self._service.clock.time(), max_age=age, most=most)

    async def _stream(self, ctx: Request, params: EventParams) -> HandlerResult:
        wanted, caller = wanted_in(params.name, params.arguments), caller_of(ctx.request)
        if ctx.request_id is None:
            raise MCPError(code=INVALID_REQUEST, message="events/stream needs a request id")
        if self._streams.get(caller.name, 0) >= STREAMS:
            raise exhausted("streams", STREAMS)
        meta = {SUBSCRIPTION_ID_META_KEY: ctx.request_id}

        async def send(what: str, fields: Mapping[str, Any]) -> None:
            note: Any = Notification[dict[str, Any], str](
                method=f"notifications/events/{what}", params={**fields, "_meta": meta}
            )
            await ctx.session.send_notification(note, related_request_id=ctx.request_id)

        self._streams[caller.name] = self._streams.get(caller.name, 0) + 1
        try:
            await self._push(ctx, wanted, params, send)
        finally:
            self._streams[caller.name] -= 1
            if not self._streams[caller.name]:
                del self._streams[caller.name]
        return {"resultType": "complete", "_meta": meta}

    async def _push(
        self,
        ctx: Request,
        wanted: Wanted,
        params: EventParams,
        send: Callable[[str, Mapping[str, Any]], Awaitable[None]],
    ) -> None:
        """Send events until the client disconnects, its key is refused, or the server closes."""
        service, cursor, active = self._service, params.cursor, False
        while not service.closing.is_set():
            begun = service.clock.monotonic()
            try:
                async with service.studio(ctx.request) as studio:
                    batch = await self._read(studio, wanted, params, cursor, PAGE)
                    cursor = batch.cursor.write()
                    if not active or batch.truncated:
                        active = True
                        await send("active", {"cursor": cursor, "truncated": batch.truncated})
                    for event in batch.events:
                        await send("event", {**event, "cursor": cursor})
                    if not batch.events:
                        await send("heartbeat", {"cursor": cursor})
                    if not batch.more:
                        await studio.next_ending(HEARTBEAT)
            except Unauthenticated as error:
                await send("terminated", {"error": _upstream(error)})
                return
            except OxenError as error:
                await send("error", {"error": _upstream(error)})
                await service.clock.sleep(max(1.0, HEARTBEAT - (service.clock.monotonic() - begun)))

    async def _subscribe(self, ctx: Request, params: SubscribeParams) -> HandlerResult:
        wanted_in(params.name, params.arguments)
        if params.delivery.mode != "webhook":
            raise MCPError(
                code=UNSUPPORTED, message="Unsupported", data={"feature": "deliveryMode", "value": params.delivery.mode}
            )
        return await self._hooks.subscribe(_principal(ctx), params)

    async def _unsubscribe(self, ctx: Request, params: UnsubscribeParams) -> HandlerResult:
        wanted_in(params.name, params.arguments)
        await self._hooks.unsubscribe(_principal(ctx), params)
        return {"resultType": "complete"}


def wanted_in(name: str, arguments: Mapping[str, Any] | None) -> Wanted:
    """The filter of a subscription. Raises MCPError for an unknown event or invalid arguments."""
    if name != NAME:
        raise MCPError(code=NOT_FOUND, message="NotFound", data={"kind": "event", "events": [NAME]})
    try:
        return Wanted.model_validate(arguments or {})
    except ValidationError as error:
        said = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:5])
        raise MCPError(code=INVALID_PARAMS, message=f"{NAME} takes generation_ids and status: {said}") from None


def exhausted(limit: str, most: int) -> MCPError:
    return MCPError(code=RESOURCE_EXHAUSTED, message="ResourceExhausted", data={"limit": limit, "max": most})


def _may_have_hooks(caller: Caller) -> bool:
    return caller != GUEST


def _principal(ctx: Request) -> Caller:
    caller = caller_of(ctx.request)
    if not _may_have_hooks(caller):
        reason = "A webhook needs a caller who is known: bring an Oxen key."
        raise MCPError(code=FORBIDDEN, message="Forbidden", data={"reason": reason})
    return caller


# Webhooks, signed as Standard Webhooks are (https://www.standardwebhooks.com).


@dataclass
class Webhook:
    """One webhook subscription.

    until: when it expires, in Unix seconds.
    cursor: everything before it was delivered or given up.
    """

    caller: Caller
    url: str
    wanted: Wanted
    id: str
    secret: bytes = field(repr=False)
    until: float
    cursor: str | None
    max_age: float | None = None
    old_secret: tuple[bytes, float] | None = field(default=None, repr=False)
    delivered: float | None = None
    failed: float | None = None
    trouble: str | None = None
    task: asyncio.Task[None] | None = field(default=None, repr=False)

    def headers(self, message: str, body: bytes, now: float) -> dict[str, str]:
        """The headers of a delivery, signed anew for each try."""
        keys = [self.secret]
        if self.old_secret is not None and now < self.old_secret[1]:
            keys.append(self.old_secret[0])
        signed = f"{message}.{int(now)}.".encode() + body
        signatures = (base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in keys)
        return {
            "Content-Type": "application/json",
            "webhook-id": message,
            "webhook-timestamp": str(int(now)),
            "webhook-signature": " ".join(f"v1,{one}" for one in signatures),
            "X-MCP-Subscription-Id": self.id,
        }


class NotTaken(Exception):
    """A delivery failed.

    reason: as the extension names it.
    final: retrying is useless.
    """

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.final = final


class Webhooks:
    """The subscriptions of all callers, in memory: each is granted an hour or so, and its client renews it.

    An address has to answer a challenge first, unless the operator vouches for it (`ServerSettings.webhooks`).
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._hooks: dict[tuple[str, str, str], Webhook] = {}
        self._verified: dict[tuple[str, str], float] = {}  # until when
        self._challenged = RateLimiter(CHALLENGES, service.clock)
        self._farewells: set[asyncio.Task[None]] = set()
        self._client: httpx.AsyncClient | None = None

    async def subscribe(self, caller: Caller, params: SubscribeParams) -> HandlerResult:
        """Add a subscription, or renew it. Raises MCPError."""
        service, url = self._service, params.delivery.url
        if not url.startswith("https://"):
            raise MCPError(code=INVALID_PARAMS, message="delivery.url must be an https address")
        secret = _secret(params.delivery.secret)
        key = (caller.name, url, _canonical(params.arguments))
        now = service.clock.time()
        self._forget_expired(now)
        hook = self._hooks.get(key)
        if hook is None:
            if sum(one[0] == caller.name for one in self._hooks) >= HOOKS:
                raise exhausted("subscriptions", HOOKS)
            if len(self._hooks) >= ALL_HOOKS:
                raise exhausted("subscriptions", ALL_HOOKS)
        name = "sub_" + hashlib.sha256("\n".join(key).encode()).hexdigest()[:24]
        wanted = wanted_in(params.name, params.arguments)
        fresh = Webhook(caller, url, wanted, name, secret, now + _granted(params.ttl_ms), params.cursor)
        if params.max_age_ms is not None:
            fresh.max_age = params.max_age_ms / 1000
        await self._verify(fresh)
        truncated = False
        if hook is None or hook.task is None or hook.task.done():
            try:
                async with service.studios.of(caller) as studio:
                    batch = await read_events(studio, wanted, params.cursor, now, max_age=fresh.max_age, most=1)
            except OxenError as error:
                raise MCPError(**_upstream(error)) from None
            truncated = batch.truncated
            if params.cursor is None or truncated:
                fresh.cursor = batch.cursor.write()
            hook = self._hooks[key] = fresh
            hook.task = asyncio.create_task(self._deliver(hook))
        else:
            if not hmac.compare_digest(secret, hook.secret):
                hook.old_secret, hook.secret = (hook.secret, now + GRACE), secret
            hook.until = fresh.until
        result: dict[str, Any] = {
            "resultType": "complete",
            "id": hook.id,
            "refreshBefore": _date(hook.until),
            "cursor": hook.cursor,
            "truncated": truncated,
        }
        if hook.delivered is not None or hook.trouble is not None:
            result["deliveryStatus"] = {
                "active": True,
                "lastDeliveryAt": _date(hook.delivered) if hook.delivered is not None else None,
                "lastError": hook.trouble,
            } | ({"failedSince": _date(hook.failed)} if hook.failed is not None else {})
        return result

    async def unsubscribe(self, caller: Caller, params: UnsubscribeParams) -> None:
        """Remove a subscription. Raises MCPError if there is no such one."""
        hook = self._hooks.pop((caller.name, params.delivery.url, _canonical(params.arguments)), None)
        if hook is None:
            raise MCPError(code=NOT_FOUND, message="NotFound", data={"kind": "subscription"})
        _stop(hook)

    async def close(self) -> None:
        """Stop all deliveries."""
        hooks, self._hooks = list(self._hooks.values()), {}
        tasks = [hook.task for hook in hooks if hook.task] + list(self._farewells)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()

    def _forget_expired(self, now: float) -> None:
        for key, hook in list(self._hooks.items()):
            if hook.until <= now:
                _stop(self._hooks.pop(key))
        self._verified = {key: until for key, until in self._verified.items() if until > now}

    async def _deliver(self, hook: Webhook) -> None:
        """Deliver events one by one, in order, until the subscription expires or its caller's key is refused."""
        service = self._service
        while service.clock.time() < hook.until:
            begun = service.clock.monotonic()
            try:
                async with service.studios.of(hook.caller) as studio:
                    batch = await read_events(
                        studio, hook.wanted, hook.cursor, service.clock.time(), max_age=hook.max_age, most=1
                    )
                    if not batch.events and not batch.more:
                        hook.cursor = batch.cursor.write()
                        await studio.next_ending(HEARTBEAT)
                        continue
            except Unauthenticated as error:
                self._terminate(hook, error)
                return
            except OxenError:
                await service.clock.sleep(max(1.0, HEARTBEAT - (service.clock.monotonic() - begun)))
                continue
            after = batch.cursor.write()
            for event in batch.events:
                await self._send_with_retries(hook, event["eventId"], {**event, "cursor": after})
            hook.cursor = after

    def _terminate(self, hook: Webhook, error: OxenError) -> None:
        """The subscription is gone from here on, and its endpoint is told so."""
        self._hooks = {key: one for key, one in self._hooks.items() if one is not hook}
        message, body = f"msg_terminated_{secrets.token_hex(8)}", {"type": "terminated", "error": _upstream(error)}
        farewell = asyncio.create_task(self._send_with_retries(hook, message, body))
        self._farewells.add(farewell)
        farewell.add_done_callback(self._farewells.discard)

    async def _send_with_retries(self, hook: Webhook, message: str, body: Mapping[str, Any]) -> None:
        clock = self._service.clock
        for pause in (*RETRIES, None):
            try:
                await self._post(hook, message, body)
            except NotTaken as error:
                hook.trouble, hook.failed = error.reason, hook.failed or clock.time()
                if error.final or pause is None or clock.time() >= hook.until:
                    return
                await clock.sleep(pause)
            else:
                hook.trouble, hook.failed, hook.delivered = None, None, clock.time()
                return

    async def _verify(self, hook: Webhook) -> None:
        """Ask the address whether it wants deliveries, unless it confirmed lately or the operator allows it."""
        key, now = (hook.caller.name, hook.url), self._service.clock.time()
        if self._is_allowed(hook.url) or self._verified.get(key, 0.0) > now:
            return
        await self._count_challenge(hook.url)
        challenge = secrets.token_urlsafe(24)
        message = f"msg_verification_{secrets.token_hex(8)}"
        try:
            answer = await self._post(hook, message, {"type": "verification", "challenge": challenge})
            told = json.loads(answer)
            if not hmac.compare_digest(str(told["challenge"]).encode(), challenge.encode()):
                raise NotTaken("challenge_failed")
        except NotTaken as error:
            raise _unreachable(error.reason) from None
        except (ValueError, TypeError, KeyError):
            raise _unreachable("challenge_failed") from None
        self._verified[key] = now + LONGEST_TTL

    async def _count_challenge(self, url: str) -> None:
        """One more to this host, by its name and by its address: a stranger's host is not flooded in many callers'
        names, nor by many names. Raises MCPError for one too many.
        """
        try:
            place = await self._place(url)
        except NotTaken as error:
            raise _unreachable(error.reason) from None
        try:
            for one in (place.host.lower(), *place.addresses[:1]):
                self._challenged.count(one)
        except RateLimited as error:
            data = {"limit": "challenges", "max": CHALLENGES, "retryAfterMs": round((error.retry_after or 60) * 1000)}
            raise MCPError(code=RESOURCE_EXHAUSTED, message="ResourceExhausted", data=data) from None

    def _is_allowed(self, url: str) -> bool:
        return any(url.startswith(prefix) for prefix in self._service.options.webhooks)

    async def _place(self, url: str) -> PinnedAddress:
        """Resolve and check the address again for every POST, because a name may resolve differently by now."""
        import httpx

        if self._is_allowed(url):
            return PinnedAddress(url, httpx.URL(url).host, ("https", httpx.URL(url).host, httpx.URL(url).port or 443))
        try:
            place = await check_url(url, base_url="https://nowhere.invalid", resolve=url_guard.resolve)
        except InputNotAllowed as error:
            raise MCPError(code=INVALID_PARAMS, message=f"delivery.url can't be used: {error.message}") from None
        if not place.addresses:
            raise NotTaken("connection_refused")
        return place

    async def _post(self, hook: Webhook, message: str, content: Mapping[str, Any]) -> bytes:
        """POST, and return the beginning of the answer. Raises NotTaken; MCPError for a forbidden address."""
        import httpx

        body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        headers = hook.headers(message, body, self._service.clock.time())
        try:
            place = await self._place(hook.url)
        except MCPError:
            if content.get("type") == "verification":
                raise
            raise NotTaken("connection_refused") from None
        url, extensions = httpx.URL(place.url), dict[str, Any]()
        if place.addresses:
            headers["Host"] = url.netloc.decode("ascii")
            extensions["sni_hostname"] = url.raw_host.decode("ascii")
            url = url.copy_with(host=place.addresses[0])
        if self._client is None:
            self._client = httpx.AsyncClient(
                verify=httpx.create_ssl_context(),  # SSL_CERT_FILE is heeded, proxies are not
                trust_env=False,
                follow_redirects=False,
                timeout=PATIENCE,
                limits=httpx.Limits(max_connections=100, max_keepalive_connections=0),
            )
        request = self._client.build_request("POST", url, headers=headers, content=body, extensions=extensions)
        try:
            async with asyncio.timeout(2 * PATIENCE):
                response = await self._client.send(request, stream=True)
                try:
                    status, answer = response.status_code, b""
                    async for part in response.aiter_raw(ANSWER):
                        answer = part
                        break
                finally:
                    await response.aclose()
        except (httpx.TimeoutException, TimeoutError):
            raise NotTaken("timeout") from None
        except httpx.ConnectError as error:
            raise NotTaken("tls_error" if "ssl" in str(error).lower() else "connection_refused") from None
        except httpx.HTTPError:
            raise NotTaken("connection_refused") from None
        if 200 <= status < 300:
            return answer
        raise NotTaken("http_5xx" if status >= 500 else "http_4xx", final=status in (410, 413))


def _unreachable(reason: str) -> MCPError:
    return MCPError(code=CALLBACK_FAILED, message="CallbackEndpointError", data={"reason": reason})


def _stop(hook: Webhook) -> None:
    if hook.task is not None:
        hook.task.cancel()


def _canonical(arguments: Mapping[str, Any] | None) -> str:
    return json.dumps(arguments or {}, sort_keys=True, separators=(",", ":"))


def _granted(ttl_ms: int | None) -> float:
    """The seconds that a subscription is granted. Always limited, because subscriptions don't survive a restart."""
    return LONGEST_TTL if ttl_ms is None else min(max(ttl_ms / 1000, SHORTEST_TTL), LONGEST_TTL)


def _secret(text: str | None) -> bytes:
    with suppress(ValueError, binascii.Error):
        if text and text.startswith("whsec_"):
            secret = base64.b64decode(text[6:], validate=True)
            if 24 <= len(secret) <= 64:
                return secret
    raise MCPError(code=INVALID_PARAMS, message="delivery.secret must be whsec_ and 24 to 64 random bytes in base64")
