"""Settings of the server: read, refused by name, and without secrets in sight."""

from __future__ import annotations

import pytest

from oxen_video_tools.errors import InvalidRequest
from oxen_video_tools.mcp.settings import ServerSettings


def test_everything_can_come_from_the_environment() -> None:
    options = ServerSettings.read(
        {
            "OXEN_VIDEO_MCP_HOSTS": "a.example, b.example",
            "OXEN_VIDEO_MCP_PUBLIC_URL": "https://a.example/",
            "OXEN_VIDEO_MCP_SECRETS": f"{'n' * 32},{'o' * 32}",
            "OXEN_VIDEO_MCP_OWN_KEY": "no",
            "OXEN_VIDEO_MCP_RATE": "30",
            "OXEN_VIDEO_MCP_STATELESS": "1",
            "OXEN_VIDEO_MCP_LOG": "JSON",
            "OXEN_VIDEO_MCP_LOG_LEVEL": "info",
        },
        sessions=5,
    )
    assert options.hosts == ("a.example", "b.example") and options.public_url == "https://a.example"
    assert (options.own_key, options.rate, options.stateless, options.sessions) == (False, 30, True, 5)
    assert (options.log, options.log_level) == ("json", "INFO") and len(options.secrets) == 2
    assert "nnnn" not in repr(options)


def test_what_is_given_wins() -> None:
    assert ServerSettings.read({"OXEN_VIDEO_MCP_RATE": "30"}, rate=7).rate == 7
    assert ServerSettings.read({"OXEN_VIDEO_MCP_RATE": " "}).rate == ServerSettings().rate


@pytest.mark.parametrize("value", ["nan", "0", "fast", "-1"])
def test_a_pace_that_can_not_be_is_refused(value: str) -> None:
    with pytest.raises(InvalidRequest, match="OXEN_VIDEO_MCP_RATE"):
        ServerSettings.read({"OXEN_VIDEO_MCP_RATE": value})


def test_a_short_secret_is_refused_without_being_repeated() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        ServerSettings.read({"OXEN_VIDEO_MCP_SECRETS": "hunter2"})
    assert "hunter2" not in refusal.value.words
