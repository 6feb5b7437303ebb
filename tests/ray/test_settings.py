"""What several machines must share is said before any of them starts."""

from __future__ import annotations

import pytest

from oxen_video_tools.errors import InvalidRequest
from oxen_video_tools.studio import batch

LINES = batch.read(['{"prompt": "a fox"}'])


@pytest.mark.parametrize("ledger", ["", "memory:", "sqlite:////tmp/ledger.db"])
def test_one_ledger(ledger: str) -> None:
    with pytest.raises(InvalidRequest, match="one ledger") as refused:
        batch.run_on_ray(None, LINES, {"OXEN_VIDEO_LEDGER": ledger})
    assert "postgresql://" in str(refused.value.fix)


def test_one_sandbox() -> None:
    place = {"OXEN_VIDEO_LEDGER": "postgresql://db/videos", "OXEN_VIDEO_SANDBOX": "1"}
    with pytest.raises(InvalidRequest, match="sandbox of its own"):
        batch.run_on_ray(None, LINES, place)


@pytest.mark.parametrize(
    "address", ["127.0.0.1:1", "ray://127.0.0.1:1", "no.such.host.invalid:10001", "127.0.0.1:99999"]
)
def test_a_cluster_that_is_not_there_is_said_at_once(address: str) -> None:
    """Ray itself would try for ever."""
    with pytest.raises(InvalidRequest, match="No Ray cluster answers"):
        batch._check_reachable(address)


@pytest.mark.parametrize("address", [None, "auto", "local"])
def test_rays_own_words_are_left_to_ray(address: str | None) -> None:
    batch._check_reachable(address)
