"""The Server Card against the official schema (server-card.schema.json, as published for SEP-2127)."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import jsonschema
import pytest

from oxen_video_tools.mcp.http import server_card
from oxen_video_tools.settings import Settings

from .conftest import QUIET
from .serving import ROOT, client_with, over_http

SCHEMA = json.loads(Path(__file__).with_name("server-card.schema.json").read_text("utf-8"))


def problems(card: dict[str, Any]) -> list[str]:
    schema = SCHEMA | {"$ref": "#/$defs/ServerCard"}
    return [one.message for one in jsonschema.Draft202012Validator(schema).iter_errors(card)]


@pytest.mark.parametrize("url", ["https://video.example.com", "https://example.com:8443/oxen", "http://[::1]:80"])
def test_every_card_is_valid(url: str) -> None:
    assert problems(server_card(url)) == []
    assert problems(server_card(url) | {"name": "no slash"}), "the schema judges nothing"


async def test_it_says_what_the_connection_says(settings: Settings) -> None:
    public = replace(QUIET, public_url="https://video.example.com", secrets=("s" * 32,))
    with over_http(settings, public) as address:
        answer = httpx2.get(f"{address}/mcp/server-card")
        assert answer.headers["content-type"] == "application/mcp-server-card+json"
        assert answer.headers["access-control-allow-origin"] == "*"
        again = httpx2.get(f"{address}/mcp/server-card", headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        card = answer.json()
        async with client_with(address) as client:
            assert client.server_info.version == card["version"]
            assert client.server_info.title == card["title"]
            assert client.protocol_version in card["remotes"][0]["supportedProtocolVersions"]
    assert card["description"] == json.loads((ROOT / "server.json").read_text("utf-8"))["description"]


def test_a_server_without_a_public_address_has_none(settings: Settings) -> None:
    with over_http(settings, QUIET) as address:
        assert httpx2.get(f"{address}/mcp/server-card").status_code == 404
