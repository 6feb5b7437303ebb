"""Who calls, and the studio of each caller.

Over stdio there is one caller: the person who started the server, with the key of its process. Over HTTP every caller
sends an Oxen key, and has a studio of its own: jobs are seen, waited for, cancelled and paid with that key only. A
request without a key never falls back to the process's key: either the server's token proves that it comes from the
owner (`LOCAL`), or the operator lends the key to all callers (`GUEST`).
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import re
import secrets
import stat
import tempfile
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..errors import InvalidRequest, RateLimited, Unauthenticated, only_oxen_errors
from ..settings import HUB, Settings, at_home

if TYPE_CHECKING:
    from ..studio import AsyncStudio


SCOPE = "oxen_video_tools.caller"  # where `http.py` leaves the caller in a request's ASGI scope
LONGEST_KEY = 4096  # bytes; no key is longer
USER = "user-"  # prefix of the names of users of an identity provider
PREFIX = "oxv_"  # of the server's own token; no key of the hub's begins like that
HOW = (
    "Send your own Oxen API key as `Authorization: Bearer <key>` or `X-Oxen-Api-Key: <key>`. On the machine of the "
    "server: its token, as `Authorization: Bearer oxv_…`; `oxen-video mcp --http --config claude-code` prints it."
)


@dataclass(frozen=True)
class Caller:
    """A caller, as far as proven.

    key: the caller's Oxen key, which pays; None: the key of this process pays.
    local: may name paths of this machine. Only stdio and the server's own token prove that.
    user: a digest of the user's identity at an identity provider.
    label: that identity in words, for the audit log.
    """

    key: str | None = field(default=None, repr=False)
    local: bool = False
    user: str | None = None
    label: str | None = field(default=None, repr=False, compare=False)

    @property
    def name(self) -> str:
        """For logs, folders and limits: tells callers apart and gives no key away."""
        if self.key:
            return hashlib.sha256(self.key.encode()).hexdigest()[:16]
        return self.user or ("local" if self.local else "guest")


LOCAL = Caller(local=True)  # whoever runs this process
GUEST = Caller()  # a caller without a credential, if OXEN_VIDEO_MCP_OWN_KEY=1 lends the key of this process


def reach(caller: Caller) -> Literal["roots", "nowhere"]:
    """Where this caller's local inputs may lie: a caller on another machine may not name files of this one."""
    return "roots" if caller.local else "nowhere"


OpenStudio = Callable[[Caller], AbstractAsyncContextManager["AsyncStudio"]]


def caller_in(headers: Mapping[str, str], token: str | None = None, *, provided: bool = False) -> Caller | None:
    """The caller that a request proves to come from; None without any credential.

    The bearer is the server's own `token` (told by its prefix) or an Oxen key; `X-Oxen-Api-Key` is a key, and wins.
    provided: any other bearer is an identity provider's, which is looked at elsewhere, and is no key.
    Raises Unauthenticated for a credential that is there and can't be used: it is never replaced by another.
    """
    bearer = bearer_in(headers)
    key = headers.get("x-oxen-api-key")
    if key is not None and not _usable(key.strip()):
        raise _refused("X-Oxen-Api-Key holds no usable key.")
    local = False
    if bearer is not None and bearer.startswith(PREFIX):
        if token is None or not hmac.compare_digest(bearer.encode(), token.encode()):
            raise _refused("This is not the token of this server.")
        bearer, local = None, True
    paying = key.strip() if key is not None else None if provided else bearer
    return Caller(paying, local) if local or paying else None


def bearer_in(headers: Mapping[str, str]) -> str | None:
    """The bearer of a request. Raises Unauthenticated for an Authorization header that holds none."""
    sent = headers.get("authorization")
    if sent is None:
        return None
    scheme, _, bearer = sent.strip().partition(" ")
    bearer = bearer.strip()
    if scheme.lower() != "bearer" or not _usable(bearer):
        raise _refused("The Authorization header holds no usable bearer.")
    return bearer


def _usable(key: str) -> bool:
    return bool(key) and len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()


def _refused(message: str) -> Unauthenticated:
    return Unauthenticated(message, fix=HOW, status_code=401, charged="no")


def caller_of(request: Any) -> Caller:
    """Who sent this message. `request` is None on stdio. Raises Unauthenticated for a request without a key."""
    if request is None:
        return LOCAL
    caller = request.scope.get(SCOPE)
    if isinstance(caller, Caller):
        return caller
    caller = caller_in(request.headers)  # served without the middleware: there is no server token
    if caller is None:
        raise nobody()
    return caller


def nobody() -> Unauthenticated:
    """The refusal of a request without any credential."""
    return _refused("This server needs to know who calls.")


async def _believed(_: Caller) -> None: ...


@dataclass
class _Entry:
    studio: AsyncStudio
    context: AbstractAsyncContextManager[AsyncStudio]
    users: int = 0


class CallerStudios:
    """The studio of each caller: opened for its first call, closed when others need the place.

    most: how many may be open at once. Raises RateLimited when all of them are in use.
    prove: called before anything is done for a caller; raises Unauthenticated for an unknown key.
    """

    def __init__(self, open_studio: OpenStudio, *, most: int = 256) -> None:
        self._open = open_studio
        self._most = most
        self.prove: Callable[[Caller], Awaitable[None]] = _believed
        self._studios: OrderedDict[Caller, _Entry] = OrderedDict()
        self._opening = asyncio.Lock()

    @asynccontextmanager
    async def of(self, caller: Caller) -> AsyncIterator[AsyncStudio]:
        """The caller's studio, kept open while the block runs."""
        await self.prove(caller)
        entry = await self._entry_of(caller)
        entry.users += 1
        try:
            yield entry.studio
        finally:
            entry.users -= 1

    async def _entry_of(self, caller: Caller) -> _Entry:
        if caller not in self._studios:
            async with self._opening:
                if caller not in self._studios:
                    await self._make_place()
                    context = self._open(caller)
                    with only_oxen_errors():
                        self._studios[caller] = _Entry(await context.__aenter__(), context)
        self._studios.move_to_end(caller)
        return self._studios[caller]

    async def _make_place(self) -> None:
        if len(self._studios) < self._most:
            return
        for caller, entry in self._studios.items():  # the longest unused first
            if not entry.users:
                del self._studios[caller]
                await entry.context.__aexit__(None, None, None)
                return
        raise RateLimited("This server is serving as many callers as it can.", retry_after=30.0)

    async def close(self) -> None:
        """Close every studio, after waiting for paid requests that are being sent."""
        while self._studios:
            _, entry = self._studios.popitem()
            await entry.context.__aexit__(None, None, None)


# How a caller's studio is opened: on the process's own key, or on the caller's, with nothing shared but the
# ledger's place. In the sandbox all callers share one hub on this machine.

OpenOwn = Callable[[], AbstractAsyncContextManager["AsyncStudio"]]


class StudioFactory:
    """own: opens the studio of whoever runs the process; by default one with `settings`."""

    def __init__(self, settings: Settings, own: OpenOwn | None = None) -> None:
        self._settings = settings
        self._own = own
        self._sandbox: Any = None
        self._world: str | None = None
        self._opening = asyncio.Lock()

    def __call__(self, caller: Caller) -> AbstractAsyncContextManager[AsyncStudio]:
        """The caller's studio."""
        return self._own() if self._own and caller.key is None else self._studio(caller)

    @asynccontextmanager
    async def _studio(self, caller: Caller) -> AsyncIterator[AsyncStudio]:
        from ..studio import AsyncStudio

        settings = await self.with_a_hub()
        if caller.key is not None:
            settings = replace(settings, api_key=caller.key)
        if not caller.local:
            settings = as_seen_from_afar(settings, caller)
        async with AsyncStudio(settings, isolated=caller.name, world=self._world) as studio:
            yield studio

    async def with_a_hub(self) -> Settings:
        """The settings, with the address of the sandbox where one is wanted; it is started on first use."""
        if not (self._settings.sandbox and self._settings.base_url == HUB):
            return self._settings
        async with self._opening:
            if self._sandbox is None:
                from ..studio.session import start_sandbox

                self._sandbox, self._world = await asyncio.to_thread(start_sandbox, self._settings)
        return replace(self._settings, base_url=self._sandbox.base_url, api_key=self._settings.api_key or "sandbox")

    async def close(self) -> None:
        """Stop the sandbox, if one was started."""
        sandbox, self._sandbox = self._sandbox, None
        if sandbox is not None:
            await asyncio.to_thread(sandbox.__exit__, None, None, None)


def as_seen_from_afar(settings: Settings, caller: Caller) -> Settings:
    """The settings for a caller over the network: no files of this machine, and a folder of its own."""
    return replace(settings, input_roots=(), output_dir=settings.videos_folder / "callers" / caller.name)


# The token of a server on this machine: made once, kept in a file that only its owner reads.
#
# It proves that a caller is the owner of the process, whatever address it seems to come from.

_SHAPE = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{24,256}}")


def is_token(text: str) -> bool:
    """Whether this can be a token: the prefix and at least 24 characters that can't be guessed."""
    return _SHAPE.fullmatch(text) is not None


def token_file() -> Path:
    """Where the token lies on this platform."""
    from platformdirs import user_data_path

    return at_home(lambda: user_data_path("oxen-video", appauthor=False), "OXEN_VIDEO_MCP_TOKEN") / "mcp-token"


def kept_token(file: Path | None = None) -> str:
    """The token in the file; it is made on first use. Raises InvalidRequest for a file that can't be trusted."""
    file = file or token_file()
    with suppress(FileNotFoundError):
        return _read(file)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, draft = tempfile.mkstemp(dir=file.parent)  # readable by its owner alone
    try:
        with os.fdopen(descriptor, "w") as out:
            out.write(PREFIX + secrets.token_urlsafe(32))
        os.link(draft, file)
    except FileExistsError:
        pass  # another process was first: its token holds
    except OSError:  # a file system without links
        Path(draft).replace(file)
    finally:
        Path(draft).unlink(missing_ok=True)
    return _read(file)


def _read(file: Path) -> str:
    fix = f"Delete {file}; a new token is made at the next start."
    try:
        descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise InvalidRequest(f"The token file {file} can't be opened: {error.strerror}.", fix=fix) from None
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise InvalidRequest(f"{file} is no plain file.", fix=fix)
        if os.name == "posix" and (about.st_uid != os.geteuid() or stat.S_IMODE(about.st_mode) & 0o077):
            raise InvalidRequest(f"The token file {file} can be read by others.", fix=fix)
        token = os.read(descriptor, 1024).decode("ascii", "replace").strip()
    finally:
        os.close(descriptor)
    if not is_token(token):
        raise InvalidRequest(f"{file} holds no token.", fix=fix)
    return token
