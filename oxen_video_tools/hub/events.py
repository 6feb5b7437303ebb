"""The stream of the hub's completion events (server-sent events).

The hub buffers nothing (Oxen docs, events), so an event is only a hint and its absence means nothing. A connection that
breaks, or is silent although the hub sends a keep-alive every 15 s, is opened again.
"""

from __future__ import annotations

import codecs
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import cast

import httpx
from httpx_sse import EventSource, ServerSentEvent

from ..errors import HubUnavailable, RateLimited
from ..redaction import redact
from ..retries import back_off, jitter
from . import bodies, records
from .error_mapping import Reply, to_error
from .records import LONGEST_COMPLAINT, Completion, status
from .transport import CONNECT, Transport, error_page, redacted_logging

COMPLETED = "media_generation_completed"
SILENCE = 45.0  # seconds: three keep-alives missed
SHORTEST, LONGEST = 0.5, 60.0  # seconds between connections
LARGEST = 2**18  # characters of one event
log = logging.getLogger(__name__)
OnOpen = Callable[[], None]


async def completions(
    transport: Transport, *, on_open: OnOpen | None = None, on_break: OnOpen | None = None
) -> AsyncGenerator[Completion, None]:
    """Completions; reconnects with back-off. Raises the hub's refusal, such as Unauthenticated."""
    failures = 0
    while True:
        asked = 0.0
        began = transport.clock.monotonic()
        try:
            async with aclosing(_connected(transport, on_open)) as stream:
                async for event in stream:
                    failures = 0
                    asked = (event.retry or 0) / 1000
                    ended = completion(event, base_url=transport.base_url)
                    if ended is not None:
                        yield ended
        except (httpx.HTTPError, httpx.StreamError) as error:
            log.debug("the event stream broke: %s", transport.redacted(f"{type(error).__name__} {error}"))
        except (HubUnavailable, RateLimited) as error:
            if not error.retry:
                raise
            asked = error.retry_after or 0.0
        if on_break is not None:
            on_break()
        if transport.clock.monotonic() - began > LONGEST:  # the connection lasted a while, so the hub is not down
            failures = 0
        pause = jitter(back_off(failures + 1, shortest=SHORTEST, longest=LONGEST))
        failures += 1
        await transport.clock.sleep(max(pause, min(asked, LONGEST)))


async def _connected(transport: Transport, on_open: OnOpen | None) -> AsyncGenerator[ServerSentEvent, None]:
    """The events of one connection, to its end."""
    request = transport.fresh.build_request(
        "GET",
        f"{transport.base_url}/api/events",
        headers={"Accept": "text/event-stream", "Cache-Control": "no-store", "Accept-Encoding": "identity"},
        extensions={"timeout": httpx.Timeout(SILENCE, connect=CONNECT).as_dict()},
    )
    with redacted_logging(transport.api_key):
        response = await transport.fresh.send(request, auth=transport.authorization(), stream=True)
    try:
        if response.status_code != 200:
            content = await error_page(response)
            headers = {name.lower(): value for name, value in response.headers.items()}
            raise to_error(
                Reply(response.status_code, content, headers),
                "listen to its events",
                now=transport.clock.time(),
                secret=transport.api_key,
            )
        if bodies.encodings(response):
            raise httpx.DecodingError("the event stream is packed, which was not asked for")
        if on_open is not None:
            on_open()
        async with aclosing(EventSource(cast(httpx.Response, _Bounded(response))).aiter_sse()) as events:
            async for event in events:
                yield event
    finally:
        await response.aclose()


class _Bounded:
    """What httpx-sse needs of a response: decoded as UTF-8 without a byte order mark, with events of limited size."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response

    @property
    def headers(self) -> Mapping[str, str]:
        return self._response.headers

    async def aiter_text(self) -> AsyncIterator[str]:
        held, first = 0, True
        # Server-sent events are UTF-8, whatever the header says.
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        async for piece in bodies.raw(self._response):
            text = decoder.decode(piece)
            if first:
                text, first = text.removeprefix("\ufeff"), not text
            held = 0 if "\n\n" in text or "\r\n\r\n" in text else held + len(text)
            if held > LARGEST:
                raise httpx.DecodingError(f"an event is longer than {LARGEST} characters")
            if text:
                yield text


def completion(event: ServerSentEvent, *, base_url: str = "") -> Completion | None:
    """The completion in an event; None for keep-alives, other events and unreadable ones."""
    told = records.parse_json(event.data)
    record = records.mapping(None if told is ... else told)
    names = (event.event, record.get("event"), record.get("type"))
    record = records.mapping(record.get("data")) or records.mapping(record.get("generation")) or record
    generation_id = records.identifier(record.get("generation_id"))
    if COMPLETED not in names or generation_id is None:
        return None
    error = record.get("error")
    words = records.text(records.mapping(error).get("message")) or records.text(error)
    return Completion(
        generation_id=generation_id,
        status=status(record.get("status")),
        url=records.result_link(record, base_url),
        error=redact(words[:LONGEST_COMPLAINT]) if words else None,
        media_type=records.words(record.get("media_type")),
        model=records.name_in(records.first_given(record.get("model"), record.get("model_name"))),
    )
