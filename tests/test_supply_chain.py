"""What is installed, built and run: fixed by hash, with few rights, and without a password that everybody knows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from scripts.lock import read_toml

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
LOCKS = sorted((ROOT / "locked").glob("*.txt"))
PROJECT = read_toml(ROOT / "pyproject.toml")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))


def locked(name: str) -> dict[str, str]:
    """Package → version."""
    text = (ROOT / "locked" / name).read_text("utf-8")
    return {plain(name): version for name, version in re.findall(r"^([\w.\[\],-]+)==(\S+?)[ ;\\]", text, re.M)}


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.partition("[")[0]).lower()


def test_there_are_workflows_and_locks() -> None:
    assert {path.stem for path in WORKFLOWS} >= {"ci", "release", "codeql", "scorecard"}
    assert {path.name for path in LOCKS} == {"dev.txt", "server.txt", "build.txt", "audit.txt"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_named_by_commit_and_have_few_rights(path: Path) -> None:
    text = path.read_text("utf-8")
    used = re.findall(r"uses:\s*(\S+)(.*)", text)
    assert used
    for action, comment in used:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action), action
        assert re.search(r"#\s*v\d", comment), f"{action}: which version is that?"
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read"}
    assert "pull_request_target" not in text and not re.search(r"secrets\.\w", text)
    assert text.count("actions/checkout@") == text.count("persist-credentials: false")
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 60
        for step in job["steps"]:  # what others write is never put into a shell's text
            assert "${{ github." not in step.get("run", ""), step


def test_a_release_is_signed_with_where_it_came_from() -> None:
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8")
    assert "attest-build-provenance@" in text and "sbom" in text and "LOCKED=1" in text
    jobs = yaml.safe_load(text)["jobs"]
    assert jobs["build"]["permissions"] == {"contents": "read", "id-token": "write", "attestations": "write"}
    assert jobs["publish"]["permissions"] == {"id-token": "write"}


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.stem)
def test_every_locked_package_has_a_version_and_hashes_and_no_address(path: Path) -> None:
    entries = re.split(r"\n(?=\S)", path.read_text("utf-8").partition("\n")[2])
    for entry in filter(str.strip, entries):
        assert re.match(r"[\w.\[\],-]+==\S+", entry), entry[:80]
        assert entry.count("--hash=sha256:") >= 1, entry[:80]
        assert "://" not in entry and " @ " not in entry


@pytest.mark.parametrize(
    ("name", "extras"),
    [
        ("dev.txt", ("dev", "test", "lint", "docs", "bench", "release", "all", "media", "sandbox")),
        ("server.txt", ("mcp", "media", "postgres")),
    ],
)
def test_locks_fit_what_the_project_asks_for(name: str, extras: tuple[str, ...]) -> None:
    """`make lock` was forgotten where this fails."""
    optional = PROJECT["project"]["optional-dependencies"]
    versions = locked(name)
    asked = [*PROJECT["project"]["dependencies"], *(line for extra in extras for line in optional[extra])]
    for line in asked:
        wanted = Requirement(line)
        if plain(wanted.name) == "oxen-video-tools" or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
            continue
        assert plain(wanted.name) in versions, f"{wanted.name} is missing in locked/{name}: make lock"
        assert wanted.specifier.contains(versions[plain(wanted.name)], prereleases=True), line


def test_the_newest_proposals_come_by_themselves() -> None:
    told = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text("utf-8"))
    assert {one["package-ecosystem"] for one in told["updates"]} >= {
        "github-actions",
        "pip",
        "docker",
        "docker-compose",
    }


def test_images_are_named_by_digest() -> None:
    container = (ROOT / "Dockerfile").read_text("utf-8")
    images = re.findall(r"^FROM (\S+)", container, re.M) + [
        service["image"] for service in COMPOSE["services"].values() if "image" in service
    ]
    assert len(images) == 4
    for image in images:
        assert re.search(r"@sha256:[0-9a-f]{64}$", image), image
    assert container.count("--require-hashes") == 2 and "USER oxen" in container


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_services_run_with_as_little_as_they_need(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert int(service["user"].partition(":")[0]) > 0, "root"
    assert service["mem_limit"] and service["pids_limit"]
    assert set(service.get("cap_add", [])) <= {"NET_BIND_SERVICE"}
    for port in service.get("ports", []):
        assert port.startswith("127.0.0.1:"), "opened to the network by default"


def test_no_password_has_a_default() -> None:
    text = (ROOT / "compose.yaml").read_text("utf-8")
    for secret in ("POSTGRES_PASSWORD", "OXEN_VIDEO_MCP_SECRETS"):
        used = re.findall(rf"\$\{{{secret}(\S*?)[\s}}]", text)
        assert used and all(one.startswith(":?") for one in used), secret


INSTALL = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").glob("*.py")]


@pytest.mark.parametrize("page", INSTALL, ids=lambda page: page.name)
def test_no_line_to_type_holds_a_key(page: Path) -> None:
    """What is typed into a shell stays in its history."""
    for line in page.read_text("utf-8").splitlines():
        assert not re.search(r"(?:export |--env=|\$env:)\w*(?:API_KEY|TOKEN|SECRET)\w*=[^$\s]*[…<\w]", line), line
