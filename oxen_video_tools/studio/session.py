"""Where the verbs play: hub, catalog, ledger, waiter and tasks of one open studio; each opened when first needed."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Coroutine
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from ..clock import Clock, DatabaseClock, SystemClock
from ..errors import HubUnavailable, NotInstalled, OxenError, RateLimited, Unusable
from ..ledger import LEASE, Ledger, data_folder, is_postgres, sqlite_path
from ..settings import HUB, Settings
from .identifiers import key_hash, origin_of, scope_of
from .media_inputs import is_film
from .metrics import Meter

if TYPE_CHECKING:
    import httpx

    from ..catalog import Catalog
    from ..hub import HubClient
    from .waiter import Waiter

T = TypeVar("T")

HANDED_OVER_AT_ONCE = 50  # paid requests on their way to the hub: fewer than its client has connections
ASK_AGAIN = 60.0  # seconds between asking a hub that does not say whose key it is
log = logging.getLogger(__name__)


class Session:
    """What one studio has open. It lives on the loop that uses it first."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        lease: float = LEASE,
        isolated: str | None = None,
        world: str | None = None,
    ) -> None:
        self.settings = settings
        self.isolated = isolated  # whose media are decoded in child processes, in turn with others'
        self.clock: Clock = clock or (DatabaseClock() if is_postgres(settings.ledger) else SystemClock())
        self.meter = Meter()
        self._transport = transport
        self._lease = lease
        self._hub: HubClient | None = None
        self._catalog: Catalog | None = None
        self._ledger: Ledger | None = None
        self._waiter: Waiter | None = None
        self._scope: str | None = None
        self._provisional = False  # the scope is that of a key, for the hub did not say whose it is
        self._ask_again = 0.0  # `clock.monotonic()` from when on the hub is asked once more
        self._sandbox: Any = None
        self._world = world  # names a sandbox by its state, for its port is another each time
        self._opening = asyncio.Lock()
        self.unreadable_bills: dict[str, str] = {}  # what the hub says of a generation's cost, where that is no amount
        self.local_copy: Any = None  # `export.local_copy`, which stands above what needs it; the studio sets it
        self.saves: dict[str, Any] = {}  # files that are being written, by id: `export.Saving`
        self.films: dict[str, Any] = {}  # what this process is making, by the film's id
        self.cuts: dict[str, asyncio.Task[Path]] = {}  # frames and parts that are being made, by their file's name
        self.uploads: dict[str, asyncio.Task[str]] = {}  # files on their way to the hub, by their content
        self.handing_over = asyncio.Semaphore(HANDED_OVER_AT_ONCE)
        self._asking = asyncio.Lock()
        self.reconciling = asyncio.Lock()  # one reading of the account at a time
        self.settling: asyncio.Task[None] | None = None
        self.settle_again = False
        self.patience: asyncio.Task[None] | None = None
        self.closing = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self._errands: set[asyncio.Task[Any]] = set()

    # -- what is open --------------------------------------------------------------------------------------------------

    async def hub(self) -> HubClient:
        """The hub, or the sandbox where one was asked for. Without a key only the list of models can be read."""
        if self._hub is None:
            async with self._opening:
                if self._hub is None:
                    self._hub = await self._open_hub()
        return self._hub

    async def _open_hub(self) -> HubClient:
        from ..hub import HubClient

        if self.settings.sandbox:
            await self._open_sandbox()
        return HubClient.of(self.settings, clock=self.clock, transport=self._transport)

    async def _open_sandbox(self) -> None:
        """A sandbox is reached by name only: it is no part of the studio, and nothing of it is loaded without need."""
        if self.settings.base_url != HUB:
            self.settings = replace(self.settings, api_key=self.settings.api_key or "sandbox")
            return
        self._sandbox, self._world = await asyncio.to_thread(start_sandbox, self.settings)
        self.settings = replace(self.settings, base_url=self._sandbox.base_url, api_key="sandbox")

    def catalog(self) -> Catalog:
        """What each model accepts and costs; reads the live list when first asked."""
        if self._catalog is None:
            from ..catalog import Catalog

            self._catalog = Catalog(self._models, clock=self.clock)
        return self._catalog

    async def _models(self) -> Any:
        return await (await self.hub()).models()

    @property
    def ledger(self) -> Ledger:
        """Intent and money. Opened by its first transaction."""
        if self._ledger is None:
            self._ledger = Ledger.at(self.settings.ledger, lease=self._lease, clock=self.clock)
        return self._ledger

    async def waiter(self) -> Waiter:
        """Who waits for every job of this studio."""
        hub = await self.hub()
        if self._waiter is None:
            from .waiter import Waiter

            self._waiter = Waiter(hub, self.clock)
        return self._waiter

    async def scope(self) -> str:
        """Whose jobs these are: the hub and the account behind the key.

        Which account a key belongs to is asked once and kept in the ledger, so that it can't change between two equal
        calls. A failure to answer is not kept: nothing is done for an account that is not known. Only where the hub has
        no answer at all does the key's hash stand for the account, until it has one.

        Raises Unauthenticated without a key, and HubUnavailable, RateLimited where the account can't be read now.
        """
        hub = await self.hub()
        async with self._asking:
            if self._scope is None or (self._provisional and self.clock.monotonic() > self._ask_again):
                self.settings.key()
                if isinstance(self.clock, DatabaseClock) and not self.clock.is_set:
                    await self.ledger.job_named("")  # any transaction sets it
                first, self._scope = self._scope is None, self._world or await self._account(origin_of(hub.base_url))
                if first:
                    self._look_around()
        return self._scope

    def _look_around(self) -> None:
        from .reconcile import look_around

        if not self.closing:
            self.errand(look_around(self))

    async def _account(self, origin: str) -> str:
        key = key_hash(self.settings.api_key)
        info = await self.ledger.identity(origin, key)
        stand_in = scope_of(origin, key=key)
        if info is not None and info != stand_in:
            self._provisional = False
            return info
        try:
            name = await (await self.hub()).me()
        except (HubUnavailable, RateLimited) as error:
            if error.retry:
                error.fix = "Call again in a minute: nothing was sent, for whose jobs these would be is not known."
                raise
            return self._without_a_name(stand_in, error)
        except OxenError as error:
            return self._without_a_name(stand_in, error)
        scope = await self.ledger.remember_identity(origin, key, scope_of(origin, account=name), stand_in)
        self._provisional = False
        return scope

    def _without_a_name(self, stand_in: str, error: OxenError) -> str:
        log.warning("The hub does not say whose key this is (%s); its hash stands for the account.", error.kind)
        self._provisional, self._ask_again = True, self.clock.monotonic() + ASK_AGAIN
        return stand_in

    async def saved_file(self, generation_id: str) -> Path | None:
        """Where a result was kept, if the file is still there."""
        found = await self.saved(generation_id)
        return found[0] if found else None

    async def saved(self, generation_id: str) -> tuple[Path, str | None] | None:
        """Where a result was kept, if a file is still there, and the SHA-256 that it had when it was saved."""
        kept: Any = None
        if is_film(generation_id):
            found = await self.ledger.standing(generation_id)
            kept = None if found is None else found.film
        else:
            kept = (await self.ledger.clips(await self.scope(), [generation_id])).get(generation_id)
        path = Path(kept.file) if kept and kept.file and kept.scope == await self.scope() else None
        return (path, kept.sha256) if path and path.is_file() else None

    # -- tasks ---------------------------------------------------------------------------------------------------------

    def own(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """A task that the studio owns: a caller's time-out does not reach it, and `close` waits for its end."""
        return self._started(work, self._tasks)

    def errand(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """A task that may be given up: what it leaves undone is done by a later call. `close` ends it."""
        return self._started(work, self._errands)

    def _started(self, work: Coroutine[Any, Any, T], group: set[asyncio.Task[Any]]) -> asyncio.Task[T]:
        task = asyncio.ensure_future(work)
        group.add(task)
        task.add_done_callback(group.discard)
        task.add_done_callback(_heard)
        return task

    async def close(self) -> None:
        """Let the studio's own tasks end, then close what is open. Jobs at the hub go on."""
        self.closing = True
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        for errand in list(self._errands):
            errand.cancel()
        await asyncio.gather(*self._errands, return_exceptions=True)
        if self._waiter is not None:
            await self._waiter.aclose()
        if self._catalog is not None:
            await self._catalog.close()
        if self._hub is not None:
            await self._hub.close()
        if self._ledger is not None:
            await self._ledger.close()
        if self._sandbox is not None:
            await asyncio.to_thread(self._sandbox.__exit__, None, None, None)
        self._waiter = self._hub = self._ledger = self._sandbox = self._scope = None


def _heard(task: asyncio.Task[Any]) -> None:
    """Whoever waited for it has its error; one that nobody waited for is no "never retrieved" noise at the exit."""
    if not task.cancelled():
        task.exception()


def _check_folder(folder: Path) -> None:
    """Raises Unusable for a folder in which nothing can be kept."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        why = "" if os.access(folder, os.W_OK | os.X_OK) else "it can't be written"
    except OSError as error:
        why = error.strerror or str(error)
    if why:
        raise Unusable(
            f"The folder {folder}, where the ledger and the sandbox keep their state, can't be used: {why}.",
            fix="Set OXEN_VIDEO_LEDGER to a file in a folder of yours, sqlite:////tmp/oxen.db, or to memory:.",
        )


def start_sandbox(settings: Settings) -> tuple[Any, str]:
    """A running sandbox, and a name for it that is the same in every process with the same ledger. Raises NotInstalled,
    Unusable.
    """
    state = sandbox_state(settings)
    if state is not None:
        _check_folder(state.parent)
    try:
        sandbox = import_module("oxen_video_tools.sandbox").Sandbox(state=state)
    except ImportError as error:
        raise NotInstalled("The sandbox is not installed.", fix="pip install 'oxen-video-tools[sandbox]'") from error
    return sandbox.__enter__(), f"sandbox:{state or uuid4()}"


def sandbox_state(settings: Settings) -> Path | None:
    """Where the studio's own sandbox keeps its jobs: beside the ledger that speaks of them, so that both live or both
    are forgotten. None: in memory.
    """
    place = settings.ledger
    if place and place.startswith("postgres"):
        return data_folder() / "sandbox.db"
    path = sqlite_path(place)
    return path.with_name("sandbox.db") if path else None
