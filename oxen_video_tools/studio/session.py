"""Resources of one open studio: hub client, catalog, ledger, waiter, background tasks. Each is opened on first use."""

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

HANDED_OVER_AT_ONCE = 50  # paid requests at the same time; fewer than the hub client has connections
ASK_AGAIN = 60.0  # seconds until a hub that did not tell the account is asked again
log = logging.getLogger(__name__)


class Session:
    """The open resources of a studio. It belongs to the event loop that uses it first."""

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
        self.isolated = (
            isolated  # the caller whose media are decoded in child processes, taking turns with other callers
        )
        self.clock: Clock = clock or (DatabaseClock() if is_postgres(settings.ledger) else SystemClock())
        self.meter = Meter()
        self._transport = transport
        self._lease = lease
        self._hub: HubClient | None = None
        self._catalog: Catalog | None = None
        self._ledger: Ledger | None = None
        self._waiter: Waiter | None = None
        self._scope: str | None = None
        self._provisional = False  # the scope is the hash of the key, because the hub did not tell the account
        self._ask_again = 0.0  # the `clock.monotonic()` at which the hub is asked again
        self._sandbox: Any = None
        self._world = world  # the name of a sandbox, because its port changes
        self._opening = asyncio.Lock()
        self.unreadable_bills: dict[str, str] = {}  # costs from the hub that are no amounts, by generation
        self.local_copy: Any = None  # `export.local_copy`, set by the studio because modules below it need it
        self.saves: dict[str, Any] = {}  # files that are being written, by id: `export.Saving`
        self.films: dict[str, Any] = {}  # the films that this process makes, by id
        self.cuts: dict[str, asyncio.Task[Path]] = {}  # frames and parts that are being cut, by file name
        self.uploads: dict[str, asyncio.Task[str]] = {}  # uploads that are running, by content
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
        """The hub client, or one of the sandbox. Without a key only the list of models can be read."""
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
        """Start a sandbox, unless another address is set. Imported by name, to load it only if needed."""
        if self.settings.base_url != HUB:
            self.settings = replace(self.settings, api_key=self.settings.api_key or "sandbox")
            return
        self._sandbox, self._world = await asyncio.to_thread(start_sandbox, self.settings)
        self.settings = replace(self.settings, base_url=self._sandbox.base_url, api_key="sandbox")

    def catalog(self) -> Catalog:
        """The catalog of models. It reads the live list on first use."""
        if self._catalog is None:
            from ..catalog import Catalog

            self._catalog = Catalog(self._models, clock=self.clock)
        return self._catalog

    async def _models(self) -> Any:
        return await (await self.hub()).models()

    @property
    def ledger(self) -> Ledger:
        """The ledger. Opened by its first transaction."""
        if self._ledger is None:
            self._ledger = Ledger.at(self.settings.ledger, lease=self._lease, clock=self.clock)
        return self._ledger

    async def waiter(self) -> Waiter:
        """The waiter for all jobs of this studio."""
        hub = await self.hub()
        if self._waiter is None:
            from .waiter import Waiter

            self._waiter = Waiter(hub, self.clock)
        return self._waiter

    async def scope(self) -> str:
        """The scope of all jobs: the hub and the account behind the key.

        The account of a key is asked for once and kept in the ledger, so that it can't change between two equal calls.
        Nothing is done while the account is unknown. Only if the hub can't tell it at all, the hash of the key is used
        instead, until it can.

        Raises Unauthenticated without a key; HubUnavailable, RateLimited if the account can't be read now.
        """
        hub = await self.hub()
        async with self._asking:
            if self._scope is None or (self._provisional and self.clock.monotonic() > self._ask_again):
                self.settings.key()
                if isinstance(self.clock, DatabaseClock) and not self.clock.is_set:
                    await self.ledger.job_named("")  # any transaction sets the clock
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
        """The saved file of a result, if it still exists."""
        found = await self.saved(generation_id)
        return found[0] if found else None

    async def saved(self, generation_id: str) -> tuple[Path, str | None] | None:
        """The saved file of a result, if it still exists, and its SHA-256 at that time."""
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
        """Start a task that runs to completion: a caller's time-out does not cancel it, and `close` waits for it."""
        return self._started(work, self._tasks)

    def errand(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start a task that may be cancelled, because a later call does what it leaves undone. `close` cancels it."""
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
    """Retrieve the exception of a task, so that Python does not report at exit that it was never retrieved."""
    if not task.cancelled():
        task.exception()


def _check_folder(folder: Path) -> None:
    """Raise Unusable for a folder that can't be written to."""
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
    """Start a sandbox. Returns it, and a name that is the same in all processes with the same ledger.

    Raises NotInstalled, Unusable.
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
    """The file of the studio's own sandbox: beside the ledger, so that both live equally long. None: in memory."""
    place = settings.ledger
    if place and place.startswith("postgres"):
        return data_folder() / "sandbox.db"
    path = sqlite_path(place)
    return path.with_name("sandbox.db") if path else None
