"""The site: `llms.txt` and `llms-full.txt` are built with it, in the order of its navigation."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import docs_hooks

    return docs_hooks


def built(folder: Path, address: str) -> Path:
    """A site of three pages, built by MkDocs with our hooks."""
    config = pytest.importorskip("mkdocs.config", reason="make docs installs it")
    from mkdocs.commands.build import build

    pages = folder / "docs"
    pages.mkdir()
    (pages / "index.md").write_text("# Start\n\nA film of [two shots](b.md) for 3 $. More.\n", "utf-8")
    (pages / "b.md").write_text(
        "# Statuses\n\n```bash\nls\n\nls\n```\n\n<!-- exits -->\n\nWhat a program ends with.\n", "utf-8"
    )
    (pages / "a.md").write_text("# Last\n\n1. One\n\n<div>\n<svg/>\n</div>\n", "utf-8")
    told = {
        "site_name": "films",
        "site_description": "Films from words.",
        "site_url": address,
        "hooks": [str(ROOT / "scripts/docs_hooks.py")],
        "nav": [{"Start": "index.md"}, {"Statuses": "b.md"}, {"Last": "a.md"}],
    }
    (folder / "mkdocs.yml").write_text(yaml.safe_dump(told), "utf-8")
    build(config.load_config(str(folder / "mkdocs.yml")))
    return folder / "site"


@pytest.mark.parametrize(
    ("address", "before"), [("", ""), ("https://films.example/docs/", "https://films.example/docs/")]
)
def test_the_list_for_language_models(tmp_path: Path, address: str, before: str) -> None:
    listed = (built(tmp_path, address) / "llms.txt").read_text("utf-8")
    assert listed.startswith("# films\n\n> Films from words.\n")
    assert [line for line in listed.splitlines() if line.startswith("- ")] == [
        f"- [Start]({before}index.html): A film of two shots for 3 $.",
        f"- [Statuses]({before}b/): What a program ends with.",
        f"- [Last]({before}a/)",
    ]


def test_all_of_the_text_with_what_the_build_fills_in(tmp_path: Path) -> None:
    whole = (built(tmp_path, "") / "llms-full.txt").read_text("utf-8")
    assert whole.index("# Start") < whole.index("# Statuses") < whole.index("# Last")
    assert "| status | meaning |" in whole and "<svg" not in whole and "<!-- exits -->" not in whole


def test_files_that_a_page_includes_are_in_it(hooks: Any) -> None:
    page = (ROOT / "docs/changelog.md").read_text("utf-8")
    assert "Keep a Changelog" in hooks.plain_markdown(page)


def test_links_of_contributing_hold_in_the_site(hooks: Any) -> None:
    text = hooks.contributing()
    links = re.findall(r"\]\(([^)#:\s]+\.md)", text)
    assert links and all((ROOT / "docs" / link).exists() for link in links)


def test_every_page_stands_in_the_navigation() -> None:
    listed = re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text("utf-8"))
    assert sorted(listed) == sorted(str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md"))
