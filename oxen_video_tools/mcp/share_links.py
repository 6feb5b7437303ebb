"""Lasting links: `/v/{id}?k=…` still plays when the hub's own link has expired.

`k` names the caller by a digest and proves, by the server's secret, that this server made the link; it holds no key.
The caller's key stays in the ledger, sealed under the same secret, so that any process of the service can ask the hub
for a fresh URL. Such links are made where OXEN_VIDEO_MCP_PUBLIC_URL names the server's address, and by a server that
`--http` starts on loopback, whose address is known and whose own token is the secret. Elsewhere no key is kept.

A link ends after OXEN_VIDEO_MCP_LINK_DAYS. Its owner can end it before, or all at once (`DELETE /v/{id}`, `DELETE /v`):
proofs hold a number for the caller and one for the video, and revoking raises them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mcp.server.request_state import AESGCMRequestStateCodec, InvalidRequestState
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from ..errors import HubUnavailable, InvalidRequest, NotFound, OxenError, RateLimited
from ..studio.results import iso
from ..tools.answers import FILE, KEEP
from .auth import RateLimiter
from .callers import GUEST, LOCAL, USER, Caller, as_seen_from_afar, caller_of
from .settings import derive_key

if TYPE_CHECKING:
    from ..ledger import Ledger
    from ..settings import Settings
    from ..studio.results import Video
    from .service import Service


LASTS = "The link lasts and may be passed on; save_video keeps the file."
HERE = "The link works on this machine while the server runs, and get_video renews it; save_video keeps the file."
Epochs = Mapping[str, int]
DAY = 86_400  # seconds: links tell the day on which they were made
PROOF = 16  # bytes: 128 bits can't be guessed


class ShareLinks:
    """The links of one service. Raises InvalidRequest where there is an address but no secret."""

    def __init__(self, service: Service) -> None:
        options = service.options
        secrets = options.secrets or ((options.token,) if options.local_links and options.token else ())
        if not secrets:
            raise InvalidRequest(
                "OXEN_VIDEO_MCP_PUBLIC_URL needs OXEN_VIDEO_MCP_SECRETS: links are sealed with it, today and tomorrow.",
                fix='Set it to the same long random text for every process: python -c "import secrets; '
                'print(secrets.token_hex(32))"',
            )
        self._service = service
        self.address = options.public_url  # without a slash at its end; of a server on loopback once it is bound
        self._secrets = [derive_key(secret, "links") for secret in secrets]
        self._codec = AESGCMRequestStateCodec([derive_key(secret, "keys") for secret in secrets])
        self._place = service.settings.ledger
        self._ledger: Ledger | None = None
        self._kept: set[str] = set()

    async def lasting(self, answer: dict[str, Any], caller: Caller) -> dict[str, Any]:
        """The answer with lasting links in place of those that expire soon."""
        if self.address is None:
            return answer
        day, (_, epochs) = self._today(), await self._opened().link_state(caller.name)
        changed: dict[str, Any] = self._linked(answer, partial(self._link, caller=caller, day=day, epochs=epochs))
        if changed != answer:
            await self._keep(caller)
            if isinstance(changed.get("next"), str):
                lasts = LASTS if self._service.options.public_url else HERE
                changed["next"] = changed["next"].replace(KEEP, lasts).replace(FILE, lasts)
        return changed

    def _linked(self, value: Any, link: Callable[[str], str]) -> Any:
        if isinstance(value, list):
            return [self._linked(item, link) for item in value]
        if not isinstance(value, dict):
            return value
        changed = {name: self._linked(item, link) for name, item in value.items()}
        named = str(changed.get("generation_id") or "")
        key = "link" if "link" in changed else "url"
        joined = named.startswith(("film-", "save-")) and changed.get(
            "file"
        )  # this machine has it, the hub perhaps not
        if joined or (named and changed.get(key) and not named.startswith("sync-")):
            changed |= {key: link(named), "expires_at": iso(datetime.fromtimestamp(self._end(self._today()), UTC))}
        return changed

    def _end(self, day: int) -> float:
        """Until when a link of this day is good, in Unix seconds."""
        return (day + 1) * DAY + self._service.options.links

    async def link(self, generation_id: str, caller: Caller) -> str:
        """The link for one video of this caller."""
        _, epochs = await self._opened().link_state(caller.name)
        return self._link(generation_id, caller=caller, day=self._today(), epochs=epochs)

    def _link(self, generation_id: str, *, caller: Caller, day: int, epochs: Epochs) -> str:
        proof = _proof(self._secrets[0], caller.name, generation_id, day, epochs)
        return f"{self.address}/v/{quote(generation_id, safe='')}?k={caller.name}.{day}.{proof}"

    def _today(self) -> int:
        return int(self._service.clock.time() // DAY)

    async def revoke(self, caller: Caller, generation_id: str | None = None) -> None:
        """End the caller's links to one video, or to all of them. Links that are made from now on are good."""
        await self._opened().revoke_links(caller.name, generation_id, self._service.clock.time())

    async def caller(self, generation_id: str, k: str) -> Caller:
        """Whose video it is. Raises NotFound for a link that this service never made, or that has ended."""
        name, _, rest = k.partition(".")
        said, _, proof = rest.partition(".")
        if not (said.isascii() and said.isdigit() and len(said) < 9 and name.isascii() and name):
            raise NotFound("There is no such link.")
        day = int(said)
        if self._end(day) < self._service.clock.time():
            raise NotFound("This link has ended.")
        sealed, epochs = await self._opened().link_state(name)
        made = any(
            hmac.compare_digest(
                _proof(secret, name, generation_id, day, epochs).encode(), proof.encode("utf-8", "replace")
            )
            for secret in self._secrets
        )
        if not made:
            raise NotFound("There is no such link.")
        if name.startswith(USER):
            return Caller(user=name)
        if name in (LOCAL.name, GUEST.name):
            return LOCAL if name == LOCAL.name else GUEST
        if sealed is None:
            raise NotFound("There is no such link any more.")
        try:
            return Caller(self._codec.unseal(sealed).decode())
        except InvalidRequestState:
            raise NotFound("There is no such link any more.") from None

    async def _keep(self, caller: Caller) -> None:
        if caller.key is None or caller.name in self._kept:
            return
        sealed = self._codec.seal(caller.key.encode())
        await self._opened().keep_sealed_key(caller.name, sealed, self._service.clock.time())
        self._kept.add(caller.name)

    def _opened(self) -> Ledger:
        if self._ledger is None:
            from ..ledger import Ledger

            self._ledger = Ledger.at(self._place)
        return self._ledger

    async def close(self) -> None:
        """Close the ledger, if it was opened."""
        if self._ledger is not None:
            await self._ledger.close()


def _proof(secret: bytes, caller: str, generation_id: str, day: int, epochs: Epochs) -> str:
    said = json.dumps([caller, generation_id, day, epochs.get("", 0), epochs.get(generation_id, 0)]).encode()
    digest = hmac.new(secret, said, hashlib.sha256).digest()[:PROOF]
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


# `GET /v/{id}?k=…`: to the saved file where this machine has it, else to a fresh URL of the hub's.

QUIET = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}
PAGE = "<!doctype html><meta charset=utf-8><title>Video</title><p>{}</p>"


class Revoking:
    """`DELETE /v/{id}` ends a caller's links to one video, `DELETE /v` all of them. Needs a credential."""

    def __init__(self, links: ShareLinks) -> None:
        self._links = links

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        await self._links.revoke(caller_of(request), request.path_params.get("id"))
        await Response(status_code=204, headers=QUIET)(scope, receive, send)


class Playing:
    """The route. A link is asked for as often as a caller may call."""

    def __init__(self, service: Service, links: ShareLinks) -> None:
        self._service = service
        self._links = links
        self._pace = RateLimiter(service.options.rate, service.clock)

    async def __call__(self, request: Request) -> Response:
        generation_id = request.path_params["id"]
        try:
            caller = await self._links.caller(generation_id, request.query_params.get("k", ""))
            self._pace.count(f"{caller.name} {generation_id}")
            async with self._service.studios.of(caller) as studio:
                video = await studio.get(generation_id)
        except RateLimited as error:
            return page("Too many requests.", 429, {"Retry-After": str(round(error.retry_after or 60))})
        except HubUnavailable:
            return page("The video can't be fetched right now.", 503, {"Retry-After": "60"})
        except OxenError:
            return page("There is no such video.", 404)
        return answer(video, caller, self._service.settings)


def answer(video: Video, caller: Caller, settings: Settings) -> Response:
    """The video as it stands."""
    if video.status == "succeeded":
        file = own_file(video, caller, settings)
        if file is not None:
            return FileResponse(file, media_type="video/mp4", headers=QUIET)
        if video.url and video.url.startswith(("https://", "http://")):
            return RedirectResponse(video.url, 302, headers=QUIET)
        return page("The video has no link.", 404)
    if not video.is_terminal:
        return page("The video is still being made. This page looks again by itself.", 202, {"Refresh": "10"})
    return page(f"The video is {video.status}.", 410)


def own_file(video: Video, caller: Caller, settings: Settings) -> Path | None:
    """The saved file, if it lies here in the caller's own folder."""
    if video.file is None:
        return None
    folder = settings.videos_folder if caller.local else as_seen_from_afar(settings, caller).videos_folder
    file = Path(video.file).resolve()
    return file if file.is_relative_to(folder.resolve()) and file.is_file() else None


def page(text: str, status: int, headers: dict[str, str] | None = None) -> Response:
    """A line for whoever opened the link."""
    return HTMLResponse(PAGE.format(text), status, {**QUIET, **(headers or {})})
