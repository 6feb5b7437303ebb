"""Writes the manifests by which assistants find the skills and the server, all from one source.

`python scripts/make_manifests.py`. The source is pyproject.toml and, for the version, server.json.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
NAME = "oxen-video-tools"
TITLE = "Oxen video"
COMMAND = {"command": "uvx", "args": ["--from", "oxen-video-tools[mcp,media]", "oxen-video-mcp"]}
ASK = [
    "Make a 10 second film of a fox in the snow in two shots, and tell me the price first",
    "Keep the same detective in six shots of rainy Tokyo; show me stills before you spend",
    "Shot 3 is too dark: redo only that one with neon light",
]


def manifests(root: Path = ROOT) -> dict[str, dict[str, Any]]:
    """Path of each manifest and what it holds."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    version = re.search(r'"version": "([^"]+)"', (root / "server.json").read_text("utf-8"))
    about = {
        "name": NAME,
        "version": version[1] if version else "0.1.0",
        "description": project["description"],
        "author": {"name": project["authors"][0]["name"]},
        "license": project["license"],
        "keywords": project["keywords"],
    }
    servers = {"oxen-video": COMMAND | {"env": {"OXEN_API_KEY": "${OXEN_API_KEY}"}}}
    return {
        ".mcp.json": {"mcpServers": servers},
        ".claude-plugin/plugin.json": about,
        ".claude-plugin/marketplace.json": {
            "name": NAME,
            "owner": about["author"],
            "plugins": [{"name": NAME, "source": "./", "description": about["description"]}],
        },
        ".codex-plugin/plugin.json": about
        | {
            "skills": "./skills/",
            "mcpServers": "./.mcp.json",
            "interface": {
                "displayName": TITLE,
                "shortDescription": "Films from words: planned, priced, paid once",
                "developerName": about["author"]["name"],
                "category": "Design",
                "capabilities": ["Read", "Write"],
                "defaultPrompt": ASK,
            },
        },
        ".cursor-plugin/plugin.json": about | {"displayName": TITLE, "category": "developer-tools"},
        "gemini-extension.json": {
            "name": NAME,
            "version": about["version"],
            "description": about["description"],
            "mcpServers": servers,
            "contextFileName": "skills/direct-a-film/SKILL.md",
        },
    }


def written(manifest: dict[str, Any]) -> str:
    return json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"


def main(root: Path = ROOT) -> None:
    for name, manifest in manifests(root).items():
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(written(manifest), "utf-8")
        print(name)


if __name__ == "__main__":
    sys.exit(main())
