"""The same batch on many machines: async Ray actors with a studio each, over one PostgreSQL ledger.

Ray runs a call again when its node died. The ledger makes that safe: a line that was paid for is found, not paid again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import InvalidRequest, NotInstalled
from ..settings import Settings
from .batch import Done, Line, make

if TYPE_CHECKING:
    from .studio import AsyncStudio


class Maker:
    """What runs on a node: one studio, opened by the first line and kept for the rest."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._studio: AsyncStudio | None = None

    async def make(self, line: Line, wait_seconds: float) -> Done:
        """Make one line. Called again after a crash, it finds what the crash left."""
        if self._studio is None:
            from .studio import AsyncStudio

            self._studio = AsyncStudio(Settings.read(self._environment))
        return await make(self._studio, line, wait_seconds)


def run(
    address: str | None,
    lines: Sequence[Line],
    environment: Mapping[str, str],
    *,
    at_once: int = 8,
    makers: int | None = None,
    wait_seconds: float = 3600,
    on_done: Callable[[Done], None] = lambda _: None,
) -> list[Done]:
    """Make every line on a Ray cluster.

    address: of the cluster; None starts one on this machine.  environment: the OXEN_* variables of the makers.
    at_once: videos in the making on each maker.  makers: one per living node, unless said otherwise.
    Raises InvalidRequest without a ledger that all nodes share, NotInstalled without Ray.
    """
    if not environment.get("OXEN_VIDEO_LEDGER", "").startswith("postgres"):
        raise InvalidRequest(
            "Several machines need one ledger.", fix="Set OXEN_VIDEO_LEDGER to a postgresql:// address that all reach."
        )
    try:
        import ray
    except ModuleNotFoundError:
        raise NotInstalled("Batches on many machines need Ray.", fix="pip install 'oxen-video-tools[ray]'") from None
    cluster: Any = ray
    if not cluster.is_initialized():
        cluster.init(address=address, log_to_driver=False)
    count = makers or max(1, sum(bool(node["Alive"]) for node in cluster.nodes()))
    actor = cluster.remote(Maker).options(
        num_cpus=0, max_restarts=-1, max_task_retries=-1, max_concurrency=at_once, scheduling_strategy="SPREAD"
    )
    pool = [actor.remote(dict(environment)) for _ in range(count)]
    running = {pool[n % count].make.remote(line, wait_seconds): line for n, line in enumerate(lines)}
    done: dict[int, Done] = {}
    while running:
        finished, _ = cluster.wait(list(running), num_returns=1)
        for one in finished:
            line = running.pop(one)
            done[line.number] = ended = cluster.get(one)
            on_done(ended)
    return [done[line.number] for line in lines]
