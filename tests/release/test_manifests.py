"""How assistants and registries find the project: skills, manifests from one source, one name everywhere."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from oxen_video_tools.tools import TABLE

ROOT = Path(__file__).parents[2]
SKILLS = sorted((ROOT / "skills").glob("*/SKILL.md"))


@pytest.fixture
def make_manifests(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import make_manifests

    return make_manifests


def test_the_manifests_are_what_their_script_writes(make_manifests: Any) -> None:
    for name, manifest in make_manifests.manifests().items():
        assert (ROOT / name).read_text("utf-8") == make_manifests.written(manifest), f"{name}: run `make derived`"


def test_every_list_of_tools_is_the_one_that_follows_from_them(make_manifests: Any) -> None:
    for name, text in make_manifests.tool_files().items():
        assert (ROOT / name).read_text("utf-8") == text, f"{name}: run `make derived`"


def test_no_page_counts_the_tools_in_words() -> None:
    """A number that is written down is wrong after the next tool."""
    counted = re.compile(
        r"\b(?:eight|nine|ten|eleven|twelve|1?\d) (?:agent )?tools\b|\ball (?:nine|ten|eleven)\b", re.I
    )
    pages = [ROOT / "README.md", ROOT / "AGENTS.md", *(ROOT / "docs").rglob("*.md"), *SKILLS]
    assert [(page.name, found) for page in pages if (found := counted.findall(page.read_text("utf-8")))] == []


def test_the_registry_finds_its_name_in_the_readme() -> None:
    name = json.loads((ROOT / "server.json").read_text("utf-8"))["name"]
    assert f"<!-- mcp-name: {name} -->" in (ROOT / "README.md").read_text("utf-8")


def test_every_file_that_needs_an_owner_is_listed() -> None:
    files = subprocess.run(
        ["git", "grep", "-lw", "OWNER", "--", ":!tests"], cwd=ROOT, capture_output=True, text=True
    ).stdout.split()
    page = (ROOT / "docs/publishing.md").read_text("utf-8")
    about_it = {"CONTRIBUTING.md"}
    unlisted = [name for name in files if name not in about_it and name.rpartition("/")[2] not in page]
    assert not unlisted


def front_matter(file: Path) -> tuple[dict[str, Any], str]:
    _, head, body = file.read_text("utf-8").split("---\n", 2)
    return yaml.safe_load(head), body


@pytest.mark.parametrize("file", SKILLS, ids=lambda file: file.parent.name)
def test_a_skill_is_in_its_form_and_names_what_there_is(file: Path) -> None:
    head, body = front_matter(file)
    assert head["name"] == file.parent.name
    assert 40 < len(head["description"]) <= 1024
    assert len(body) < 5000
    tools = {spec.name: set(spec.arguments.model_fields) for spec in TABLE.values()}
    named = set(re.findall(r"`((?:[a-z]+_)+(?:videos?|stills|models))`", body))
    assert named and named <= set(tools), named - set(tools)


def test_the_skills_are_those_that_are_promised() -> None:
    assert [file.parent.name for file in SKILLS] == ["direct-a-film", "keep-a-cast", "review-and-retake"]
