"""A batch over two Ray nodes on loopback, one of them killed midway: every line done once, charged once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.studio import batch
from tests.ledger import postgres

ray = pytest.importorskip("ray", reason="pip install 'oxen-video-tools[ray]'")
pytestmark = [pytest.mark.full, pytest.mark.timeout(420), pytest.mark.filterwarnings("ignore::ResourceWarning")]

LINES = 24
SMALL = {"object_store_memory": 80 * 1024**2, "include_dashboard": False}
NOTICED_SOON = {
    "health_check_initial_delay_ms": 1000,
    "health_check_period_ms": 1000,
    "health_check_failure_threshold": 3,
}


@pytest.fixture
def cluster() -> Iterator[Any]:
    """Two nodes, each a raylet with workers of its own; the driver is on the first."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "_system_config": NOTICED_SOON, **SMALL})
    try:
        made.second = made.add_node(num_cpus=2, object_store_memory=SMALL["object_store_memory"])
        made.wait_for_nodes()
        ray.init(address=made.address, log_to_driver=False)
        yield made
    finally:
        ray.shutdown()
        made.shutdown()


@pytest.fixture(scope="module")
def ledger() -> Iterator[str]:
    with postgres.server() as url:
        yield url


@pytest.fixture
def hub() -> Iterator[Sandbox]:
    with Sandbox(picture_height=64, speed=40.0) as running:  # a few seconds a video
        yield running


def environment(hub: Sandbox, ledger: str, folder: Path) -> dict[str, str]:
    return {
        "OXEN_API_KEY": hub.api_key,
        "OXEN_BASE_URL": hub.base_url,
        "OXEN_VIDEO_LEDGER": ledger,
        "OXEN_VIDEO_OUTPUT_DIR": str(folder),
    }


def lines_of(count: int) -> list[batch.Line]:
    return batch.read(json.dumps({"prompt": f"fox number {n}", "duration": 5}) for n in range(count))


def makers_on(node: Any) -> int:
    """How many of the living makers a node holds."""
    from ray._private.state import actors

    return sum(
        one["State"] == "ALIVE" and one["Address"]["NodeID"] == node.node_id and one["ActorClassName"] == "Maker"
        for one in actors().values()
    )


def test_a_node_is_killed_midway(cluster: Any, ledger: str, hub: Sandbox, tmp_path: Path) -> None:
    lines, told, held = lines_of(LINES), [], []
    hub.faults.add("late=1@*/enqueue")  # so that some paid requests are on their way when the node dies

    def heard(done: batch.Done) -> None:
        told.append(done.line.number)
        if len(told) == 4:
            held.append(makers_on(cluster.second))
            cluster.remove_node(cluster.second, allow_graceful=False)

    where = environment(hub, postgres.with_schema(ledger, "killed"), tmp_path)
    done = batch.run_on_ray(None, lines, where, at_once=3, makers=4, pictures=True, on_done=heard)
    assert held[0] >= 1, "the killed node held no maker, so nothing was shown"

    assert [one.line.number for one in done] == [line.number for line in lines]
    assert [one.error for one in done if one.error] == []
    assert all(one.succeeded and one.sheet for one in done)
    assert sorted(told) == [line.number for line in lines]

    books = hub.ledger()
    paid = sorted(one["body"]["prompt"] for one in books["generations"])
    assert paid == sorted(str(line.request.prompt) for line in lines), "a line was paid twice, or never"
    assert {one.video.generation_id for one in done if one.video} == {
        one["generation_id"] for one in books["generations"]
    }

    again = batch.run_on_ray(None, lines, where, at_once=8)
    assert all(one.video is not None and one.video.reused for one in again)
    assert hub.ledger()["charged"] == books["charged"]


def test_a_refusal_stops_the_rest(cluster: Any, ledger: str, hub: Sandbox, tmp_path: Path) -> None:
    hub.faults.add("unauthenticated@*/any")
    where = environment(hub, postgres.with_schema(ledger, "refused"), tmp_path)
    done = batch.run_on_ray(None, lines_of(40), where, at_once=2)
    assert {one.error["error"] for one in done if one.error} == {"unauthenticated"}
    assert len(done) == 40
    assert hub.ledger()["accepted"] == 0
