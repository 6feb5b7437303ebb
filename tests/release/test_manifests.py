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


def test_the_files_by_which_a_project_is_judged(make_manifests: Any) -> None:
    assert (ROOT / "CLAUDE.md").read_text("utf-8") == "@AGENTS.md\n"
    agents = (ROOT / "AGENTS.md").read_text("utf-8")
    assert len(agents.splitlines()) < 60, "one page"
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    assert set(re.findall(r"`make ([a-z-]+)`", agents)) <= targets
    rooms = re.findall(r"`([a-z]+)/`", agents)
    assert rooms and all((ROOT / "oxen_video_tools" / room).is_dir() for room in rooms)

    forms = [file for file in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml") if file.name != "config.yml"]
    assert len(forms) == 2
    for file in forms:
        form = yaml.safe_load(file.read_text("utf-8"))
        assert form["name"] and form["description"]
        assert any(field.get("validations", {}).get("required") for field in form["body"])
    assert "CHANGELOG.md" in (ROOT / ".github/PULL_REQUEST_TEMPLATE.md").read_text("utf-8")
    assert "SECURITY.md" in (ROOT / "CODE_OF_CONDUCT.md").read_text("utf-8")

    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    about = make_manifests.manifests()[".claude-plugin/plugin.json"]
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert (citation["title"], citation["license"]) == (about["name"], about["license"])
    assert json.loads((ROOT / "glama.json").read_text("utf-8"))["maintainers"] == ["OWNER"]


def test_nobody_is_invented_as_owner(make_manifests: Any) -> None:
    """Addresses on GitHub have the placeholder where an account belongs, in every manifest."""
    files = [*make_manifests.manifests(), "server.json", "mcpb/manifest.json", "glama.json", "CITATION.cff"]
    for name in files:
        text = (ROOT / name).read_text("utf-8")
        assert set(re.findall(r"github\.com/([^/\"\s]+)/oxen-video-tools", text)) <= {"OWNER"}, name
        assert not re.search(r"[\w.]+@[\w-]+\.\w+", text), f"{name} names an address of somebody"


def test_a_tag_packs_and_publishes_everything() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text("utf-8"))["jobs"]

    def does(job: str) -> str:
        return json.dumps(jobs[job]["steps"])

    assert re.search(r"@anthropic-ai/mcpb@[\d.]+ pack mcpb dist/oxen-video-tools\.mcpb", does("build"))
    assert "pypa/gh-action-pypi-publish@" in does("publish") and jobs["publish"]["needs"] == "build"
    assert 'gh release create \\"$GITHUB_REF_NAME\\" dist/*' in does("release"), "with the bundle"
    assert "docker buildx build --push" in does("image")
    assert "./mcp-publisher publish" in does("registry") and jobs["registry"]["needs"] == "publish"
    unpinned = [step["uses"] for job in jobs.values() for step in job["steps"] if "uses" in step]
    assert all(re.fullmatch(r"\S+@[0-9a-f]{40}", one) for one in unpinned)


def test_the_row_for_langchains_list_names_what_there_is() -> None:
    import tomllib

    from oxen_video_tools import langchain

    found = re.search(r"```yaml\n(.*?)```", (ROOT / "docs/publishing.md").read_text("utf-8"), re.S)
    assert found
    [row] = yaml.safe_load(found[1])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert row["pypi"] == project["name"] and row["name"] in langchain.__all__
    assert row["docs_url"] == f"https://github.com/OWNER/{project['name']}"
