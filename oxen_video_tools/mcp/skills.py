"""The Skills extension (SEP-2640, protocol 2026-07-28): our skills, served beside the tools that they are about.

A skill is a folder with a SKILL.md. Its files are resources under `skill://`; `skills/list` and `skills/get` tell the
SHA-256 and the size of each, so that a host can check what it reads and ask its user anew when a file has changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mcp.server.context import HandlerResult
from mcp.server.extension import Extension, MethodBinding, ResourceBinding
from mcp.server.mcpserver.resources import TextResource
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS, PaginatedRequestParams, RequestParams
from pydantic import AnyUrl

from .service import Request

SKILLS = "io.modelcontextprotocol/skills"
MODERN = frozenset({"2026-07-28"})
FRESH = {"resultType": "complete", "ttlMs": 300_000, "cacheScope": "public"}
PACKAGE = Path(__file__).parents[1]


class GetParams(RequestParams):
    uri: str


@dataclass(frozen=True)
class Skill:
    """One skill. frontmatter: what stands between the `---` of its SKILL.md.  files: content by URI, SKILL.md first."""

    uri: str
    frontmatter: dict[str, str]
    files: dict[str, bytes]

    def entry(self) -> dict[str, Any]:
        """The skill as both methods answer it."""
        manifest = [
            {"uri": uri, "digest": f"sha256:{hashlib.sha256(content).hexdigest()}", "size": len(content)}
            for uri, content in self.files.items()
        ]
        return {"uri": self.uri, "frontmatter": self.frontmatter, "resources": manifest}


class Skills(Extension):
    """Serves the skills of this package, or of another folder."""

    identifier = SKILLS

    def __init__(self, folder: Path | None = None) -> None:
        self._skills = {skill.uri: skill for skill in read_skills(folder or skills_folder())}

    def resources(self) -> Sequence[ResourceBinding]:
        return [
            ResourceBinding(
                TextResource(
                    uri=str(AnyUrl(uri)),
                    name=skill.frontmatter["name"] if uri == skill.uri else uri.removeprefix("skill://"),
                    description=skill.frontmatter["description"] if uri == skill.uri else None,
                    mime_type="text/markdown",
                    text=content.decode("utf-8"),
                )
            )
            for skill in self._skills.values()
            for uri, content in skill.files.items()
        ]

    def methods(self) -> Sequence[MethodBinding]:
        return [
            MethodBinding("skills/list", PaginatedRequestParams, self._list, MODERN),
            MethodBinding("skills/get", GetParams, self._get, MODERN),
        ]

    async def _list(self, _: Request, params: PaginatedRequestParams) -> HandlerResult:
        if params.cursor:  # all of them fit on one page, so no cursor is ours
            raise MCPError(code=INVALID_PARAMS, message="There is no page with this cursor")
        return {**FRESH, "skills": [skill.entry() for skill in self._skills.values()]}

    async def _get(self, _: Request, params: GetParams) -> HandlerResult:
        skill = self._skills.get(params.uri)
        if skill is None:
            raise MCPError(code=INVALID_PARAMS, message=f"No skill {params.uri}")
        return {**FRESH, "skill": skill.entry()}


def skills_folder() -> Path:
    """Where the skills lie: in the installed package, or beside it in a checkout."""
    packed = PACKAGE / "skills"
    return packed if packed.is_dir() else PACKAGE.parent / "skills"


@cache
def read_skills(folder: Path) -> tuple[Skill, ...]:
    """Every skill in the folder, by name. Files are Markdown; a folder without a SKILL.md is none."""
    return tuple(_read(main.parent) for main in sorted(folder.glob("*/SKILL.md")))


def _read(place: Path) -> Skill:
    root = f"skill://{place.name}"
    main = place / "SKILL.md"
    others = sorted(file for file in place.rglob("*.md") if file != main)
    files = {f"{root}/{file.relative_to(place).as_posix()}": file.read_bytes() for file in (main, *others)}
    return Skill(f"{root}/SKILL.md", frontmatter(files[f"{root}/SKILL.md"].decode("utf-8")), files)


def frontmatter(text: str) -> dict[str, str]:
    """The lines `name: value` between the `---` at the top of a SKILL.md: all the YAML that ours use."""
    lines = text.split("---", 2)[1].strip().splitlines()
    pairs = (line.partition(": ") for line in lines)
    return {name.strip(): value.strip() for name, _, value in pairs}
