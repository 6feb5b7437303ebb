"""`oxen_sandbox`, a pytest fixture: Oxen's HTTP API on this machine, for tests of your own agent.

    def test_my_agent(oxen_sandbox):
        my_agent("a red balloon, five seconds")
        assert oxen_sandbox.ledger()["charged"] == "0.3500"

While it stands, `OXEN_BASE_URL` and `OXEN_API_KEY` point to it, and the ledger and the videos go to a temporary folder,
so that an agent which takes its settings from the environment needs nothing else. Each test has one of its own, started
in milliseconds and gone afterwards. Faults are set with `oxen_sandbox.faults.add("drop_answer")`, or beforehand, with
every other option of `Sandbox`:

    @pytest.mark.oxen_sandbox(credits=1, faults=["rate_limited@1-2"])

Loads nothing of the sandbox until a test asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .sandbox import Sandbox

_PICTURE_HEIGHT = 144  # pixels: enough to see, quick to render


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "oxen_sandbox(**options): options of the sandbox that the test is given")


@pytest.fixture
def oxen_sandbox(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Sandbox]:
    """Oxen's HTTP API on this machine; the environment leads to it for as long as the test runs."""
    from .sandbox import Sandbox

    options: dict[str, Any] = {"picture_height": _PICTURE_HEIGHT}
    for marker in reversed(list(request.node.iter_markers("oxen_sandbox"))):  # the closest one wins
        options |= marker.kwargs
    with Sandbox(**options) as hub:
        monkeypatch.setenv("OXEN_BASE_URL", hub.base_url)
        monkeypatch.setenv("OXEN_API_KEY", hub.api_key)
        folder = tmp_path_factory.mktemp("oxen")
        monkeypatch.setenv("OXEN_VIDEO_LEDGER", f"sqlite:///{folder.as_posix()}/ledger.db")
        monkeypatch.setenv("OXEN_VIDEO_OUTPUT_DIR", str(folder))
        monkeypatch.delenv("OXEN_VIDEO_SANDBOX", raising=False)
        yield hub
