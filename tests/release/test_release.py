"""What a release rests on: one version everywhere, a changelog in its form, workflows that run what there is."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


@pytest.fixture
def stamp(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import stamp_version

    return stamp_version


# ---- versions ---------------------------------------------------------------------------------------------------


def test_every_file_says_the_same_version(stamp: Any) -> None:
    told = {name: stamp.versions((ROOT / name).read_text("utf-8")) for name in stamp.FILES}
    assert all(told.values()), told
    assert len({version for every in told.values() for version in every}) == 1, told


def test_it_is_the_tags_where_there_is_one(stamp: Any) -> None:
    """A released commit is stamped; between releases the files keep the last one's or the first to come."""
    git = shutil.which("git")
    done = git and subprocess.run(
        [git, "describe", "--tags", "--exact-match"], cwd=ROOT, capture_output=True, text=True
    )
    version = stamp.versions((ROOT / "server.json").read_text("utf-8"))[0]
    if done and done.returncode == 0:
        assert version == stamp.of_tag(done.stdout.strip())
    fallback = re.search(r'fallback-version = "([^"]+)"', (ROOT / "pyproject.toml").read_text("utf-8"))
    assert fallback and [int(n) for n in version.split(".")] >= [int(n) for n in fallback[1].split(".")]


def test_a_tag_is_stamped_into_each_and_nothing_else_changes(stamp: Any, tmp_path: Path) -> None:
    for name in stamp.FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    stamp.main("v12.3.4rc1", tmp_path)
    for name in stamp.FILES:
        before, after = (ROOT / name).read_text("utf-8"), (tmp_path / name).read_text("utf-8")
        assert set(stamp.versions(after)) == {"12.3.4rc1"}
        assert stamp.stamped(after, stamp.versions(before)[0]) == before
    assert json.loads((tmp_path / "mcpb/manifest.json").read_text())["manifest_version"] != "12.3.4rc1"


@pytest.mark.parametrize("tag", ["", "latest", "v1", "v1.2", "1.2.3; rm -rf /"])
def test_what_is_no_version(stamp: Any, tag: str) -> None:
    with pytest.raises(ValueError, match="no version"):
        stamp.of_tag(tag)


# ---- the changelog ----------------------------------------------------------------------------------------------


def test_the_changelog_keeps_its_form() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    releases = re.findall(r"^## \[(.+?)\](?: - (\d{4}-\d{2}-\d{2}))?$", text, re.M)
    assert len(releases) == len(re.findall(r"^## ", text, re.M)) >= 1
    assert releases[0][0] == "Unreleased" or releases[0][1]
    assert all(date for version, date in releases if version != "Unreleased")
    kinds = set(re.findall(r"^### (.+)$", text, re.M))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


# ---- the workflows ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_a_workflow_names_what_there_is(file: Path) -> None:
    workflow = yaml.safe_load(file.read_text("utf-8"))
    assert workflow[True], "YAML reads the key `on` as true"
    assert workflow["permissions"] == {"contents": "read"}
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for job in workflow["jobs"].values():
        assert job["runs-on"] and job["timeout-minutes"] <= 60
        assert set(job.get("needs", "").split()) <= set(workflow["jobs"])
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            if "uses" in step:
                assert re.fullmatch(r"[\w-]+(?:/[\w-]+)+@[\w./-]+", step["uses"])
            for target in re.findall(r"^make ([\w-]+)", step.get("run", ""), re.M):
                assert f"\n{target}:" in makefile, target
            for script in re.findall(r"scripts/[\w.]+", step.get("run", "")):
                assert (ROOT / script).exists(), script


def test_every_system_and_python_that_is_promised_is_in_the_matrix() -> None:
    ci = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text("utf-8"))
    matrix = ci["jobs"]["test"]["strategy"]["matrix"]
    assert {one.partition("-")[0] for one in matrix["os"]} == {"ubuntu", "macos", "windows"}
    promised = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text("utf-8"))
    assert matrix["python"] == promised


# ---- what is promised of Python and of other packages ----------------------------------------------------------------


def test_the_same_pythons_are_promised_tested_and_tried_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import test_pythons

    matrix = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text("utf-8"))["jobs"]["test"]["strategy"][
        "matrix"
    ]
    promised = [one.rpartition(" ")[2] for one in project["project"]["classifiers"] if ":: Python :: 3." in one]
    assert promised == list(test_pythons.SUPPORTED) == matrix["python"]
    assert project["project"]["requires-python"] == f">={promised[0]}"
    assert project["tool"]["mypy"]["python_version"] == promised[0]
    assert project["tool"]["ruff"]["target-version"] == f"py{promised[0].replace('.', '')}"


def test_every_dependency_has_a_reason_and_a_bound_above() -> None:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    project = tomllib.loads(text)["project"]
    every = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    lines = text.splitlines()
    for one in every:
        assert one.startswith("oxen-video-tools[") or re.search(r",<\d+$", one), f"{one} has no bound above"
        assert any(re.search(rf'^ *"{re.escape(one)}", +# \w', line) for line in lines), (
            f"{one} has no reason beside it"
        )
