"""Write what follows from the tools and from pyproject.toml: `make derived`, after either of them changed.

* the manifests by which assistants find the skills and the server; their version is that of server.json
* the tools in the desktop bundle's manifest, in the README's table and in `oxen_video_tools/langchain/__init__.py`,
  where type checkers look for the classes
* `tests/tools/shown.json`, the tools with their arguments: what a change does to them is then seen in its diff
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Sequence
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
            "settings": [
                {
                    "name": "Oxen.ai API key",
                    "description": "Created on oxen.ai, under Settings.",
                    "envVar": "OXEN_API_KEY",
                    "sensitive": True,
                }
            ],
        },
    }


def written(manifest: dict[str, Any]) -> str:
    return json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"


def tool_files(root: Path = ROOT) -> dict[str, str]:
    """Path of each file that lists the tools, and what it then holds."""
    from oxen_video_tools.tools import TABLE

    specs = list(TABLE.values())
    shown = {
        spec.name: {"arguments": list(spec.schema["properties"]), "required": spec.schema.get("required", [])}
        for spec in specs
    }
    return {
        "README.md": _readme((root / "README.md").read_text("utf-8"), specs),
        "mcpb/manifest.json": _bundle((root / "mcpb/manifest.json").read_text("utf-8"), specs),
        "oxen_video_tools/langchain/__init__.py": _classes(
            (root / "oxen_video_tools/langchain/__init__.py").read_text("utf-8"), specs
        ),
        "tests/tools/shown.json": json.dumps(shown, indent=1) + "\n",
    }


def _readme(text: str, specs: Sequence[Any]) -> str:
    head = "| tool | costs money | what it does |\n|---|---|---|\n"
    rows = [f"| `{spec.name}` | {'**yes**' if spec.prepares else 'no'} | {spec.summary} |" for spec in specs]
    return _between(text, head, "\n\n", "\n".join(rows))


def _bundle(text: str, specs: Sequence[Any]) -> str:
    rows = [
        f"    {{ {json.dumps('name')}: {json.dumps(spec.name)}, {json.dumps('description')}: "
        f"{json.dumps(spec.summary + (' Costs money.' if spec.prepares else ''), ensure_ascii=False)} }}"
        for spec in specs
    ]
    return _between(text, '  "tools": [\n', "\n  ]", ",\n".join(rows))


def _classes(text: str, specs: Sequence[Any]) -> str:
    """Each tool's class for type checkers, and the names that can be imported."""
    names = {spec.name.title().replace("_", ""): spec.summary for spec in specs}
    classes = [f'    class {name}(VideoTool):\n        """{summary}"""' for name, summary in names.items()]
    exported = ["EVENT", *sorted([*names, "OxenVideoToolkit"]), "video_approval"]
    text = _between(text, "    # the tools, by `make derived`\n", "\n\n    # ", "\n\n".join(classes))
    return _between(text, "__all__ = [\n", "\n]", "\n".join(f'    "{name}",' for name in exported))


def _between(text: str, head: str, end: str, middle: str) -> str:
    """The text with something else between `head` and the `end` that follows it."""
    before, found, rest = text.partition(head)
    assert found, f"there is no {head!r}"
    return before + head + middle + rest[rest.index(end) :]


def main(root: Path = ROOT) -> None:
    sys.path.insert(0, str(root))  # the tools of this checkout, wherever the package is installed from
    files = {name: written(manifest) for name, manifest in manifests(root).items()} | tool_files(root)
    for name, text in files.items():
        path = root / name
        if not path.exists() or path.read_text("utf-8") != text:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")
            print(name)


if __name__ == "__main__":
    sys.exit(main())
