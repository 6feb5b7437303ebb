"""The skills as the server serves them: what the manifest tells is what is read."""

from __future__ import annotations

import hashlib
import subprocess
from typing import Any

import httpx2
import pytest
import yaml

from oxen_video_tools.mcp.prompts import SKILLS, read_skills, skills_folder
from oxen_video_tools.settings import Settings
from tests.clocks import HUNG

from .conformance import judged
from .conftest import QUIET
from .judging import NODE, NPM, needed
from .serving import ROOT, TOKEN, bearer, over_http

VERSION = "2026-07-28"


def ask(address: str, method: str, **params: Any) -> dict[str, Any]:
    """One request of the new protocol, as it goes over the wire."""
    meta = {"io.modelcontextprotocol/protocolVersion": VERSION, "io.modelcontextprotocol/clientCapabilities": {}}
    meta["io.modelcontextprotocol/clientInfo"] = {"name": "test", "version": "1"}
    headers = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": VERSION, "Mcp-Method": method}
    if "uri" in params:
        headers["Mcp-Name"] = params["uri"]
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
    return httpx2.post(f"{address}/mcp", json=body, headers=headers | bearer(TOKEN), timeout=HUNG).json()


def test_every_file_of_the_manifest_is_read_as_it_says(settings: Settings) -> None:
    with over_http(settings, QUIET) as address:
        found = ask(address, "server/discover")["result"]["capabilities"]
        assert SKILLS in found["extensions"] and "resources" in found
        answer = ask(address, "skills/list")["result"]
        assert (answer["resultType"], answer["cacheScope"]) == ("complete", "public") and answer["ttlMs"] > 0
        names = [one["frontmatter"]["name"] for one in answer["skills"]]
        assert names == sorted(place.name for place in (ROOT / "skills").iterdir())
        for skill in answer["skills"]:
            assert ask(address, "skills/get", uri=skill["uri"])["result"]["skill"] == skill
            assert skill["uri"] in [one["uri"] for one in skill["resources"]]
            for file in skill["resources"]:
                [read] = ask(address, "resources/read", uri=file["uri"])["result"]["contents"]
                content = read["text"].encode()
                assert file["digest"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
                assert file["size"] == len(content)
                assert read["mimeType"] == "text/markdown"


def test_what_is_not_served_is_an_invalid_parameter(settings: Settings) -> None:
    with over_http(settings, QUIET) as address:
        assert ask(address, "skills/get", uri="skill://none/SKILL.md")["error"]["code"] == -32602
        assert ask(address, "skills/list", cursor="2")["error"]["code"] == -32602


def test_the_frontmatter_is_what_yaml_reads() -> None:
    for skill in read_skills(skills_folder()):
        [text] = [content.decode() for uri, content in skill.files.items() if uri == skill.uri]
        assert skill.frontmatter == yaml.safe_load(text.split("---")[1])
        assert skill.uri == f"skill://{skill.frontmatter['name']}/SKILL.md"


@pytest.mark.long
@pytest.mark.parametrize("scenario", ["enumeration", "manifest", "directory"])
def test_the_official_suite_finds_nothing(scenario: str) -> None:
    """All that the newest suite has for servers. It skips what is optional and not declared: reading directories."""
    program = needed(NODE, "Node 22 or newer")
    script = needed(NPM / "node_modules" / "conformance-02" / "dist" / "index.js", "conformance-02")
    with judged(plain=True) as url:
        command = [program, script, "server", "--url", url, "--scenario", f"sep-2640-skills-{scenario}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and "0 failed" in done.stdout + done.stderr, done.stdout + done.stderr
