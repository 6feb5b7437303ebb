"""What the documentation takes from the code as it is built: tools, commands, exit statuses, benchmarks, the layers.

It also writes the pages for language models: `llms.txt`, a list with a sentence about each (https://llmstxt.org), and
`llms-full.txt`, all of their text.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
_TEXTS: dict[str, str] = {}  # of each page by its address in the site, as Markdown


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Fill the places that pages leave open."""
    if str(ROOT / "scripts") not in sys.path:  # here, for MkDocs restores the path once it has loaded its hooks
        sys.path.insert(0, str(ROOT / "scripts"))
    for make in (tools, commands, exits, benchmarks, house, contributing):
        mark = f"<!-- {make.__name__} -->"
        if mark in markdown:
            markdown = markdown.replace(mark, make())
    _TEXTS[page.url] = markdown
    return markdown


def on_nav(nav: Any, **_: Any) -> None:
    """Pages in the order of the navigation; nothing of an earlier build in this process is left."""
    _TEXTS.clear()
    _TEXTS.update({page.url: "" for page in nav.pages})


def on_post_build(config: Any, **_: Any) -> None:
    """Write llms.txt and llms-full.txt into the site."""
    site = Path(config["site_dir"])
    pages = [(url, plain_markdown(text)) for url, text in _TEXTS.items()]
    base = (config["site_url"] or "").rstrip("/")
    (site / "llms.txt").write_text(llms(config["site_name"], config["site_description"], pages, base), "utf-8")
    (site / "llms-full.txt").write_text("\n\n".join(f"<!-- {url or '/'} -->\n\n{text}" for url, text in pages), "utf-8")


def llms(name: str, about: str, pages: Sequence[tuple[str, str]], base: str = "") -> str:
    """The list: a heading, a sentence, and a link to each page with its first words."""
    lines = [f"# {name}", "", f"> {about}", "", "## Pages", ""]
    for url, text in pages:
        title = next((line.removeprefix("# ") for line in text.splitlines() if line.startswith("# ")), url)
        words = first_words(text)
        lines.append(
            f"- [{title}]({base + '/' if base else ''}{url or 'index.html'})" + (f": {words}" if words else "")
        )
    return "\n".join(lines) + "\n"


def first_words(text: str) -> str:
    """The first sentence of a page's first paragraph, without links."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    prose = (part for part in text.split("\n\n") if part and not re.match(r"\s*(?:[#|!<:-]|\d\.|$)", part))
    paragraph = re.sub(r"!?\[([^]]*)\]\([^)]*\)", r"\1", " ".join(next(prose, "").split()))
    sentence = re.match(r".+?[.!?](?= |$)", paragraph)
    return (sentence[0] if sentence else paragraph)[:200]


def plain_markdown(text: str) -> str:
    """A page without its drawings, and with the files that it includes."""
    text = re.sub(r"<div>\n.*?</div>", "", text, flags=re.S)
    return re.sub(r'^--8<-- "([^"]+)"$', lambda found: (ROOT / found[1]).read_text("utf-8").rstrip(), text, flags=re.M)


def contributing() -> str:
    """CONTRIBUTING.md, with its links as they are from the documentation."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    return re.sub(r"\]\(docs/", "](", text)


def tools() -> str:
    """Each tool: its words, its arguments, its hints."""
    from oxen_video_tools.tools import TABLE

    return "\n\n".join(_tool(row) for row in TABLE.values())


def _tool(row: Any) -> str:
    schema = row.schema
    lines = [f"## `{row.name}`", "", row.description, "", "| argument | type | meaning |", "|---|---|---|"]
    for name, field in schema.get("properties", {}).items():
        kind = field.get("type", "")
        needed = " **required**" if name in schema.get("required", []) else ""
        lines.append(f"| `{name}` | {kind}{needed} | {_cell(field.get('description', ''))} |")
    hints = ", ".join(name for name in ("read_only", "destructive", "idempotent", "open_world") if getattr(row, name))
    return "\n".join([*lines, "", f"Hints: {hints}."])


def commands() -> str:
    """Each command's help, as typer writes it."""
    import typer

    from oxen_video_tools.cli import load_app

    group: Any = typer.main.get_command(load_app())
    context = typer.Context(group, info_name="oxen-video")
    return "\n\n".join(_command(context, name, group.commands[name]) for name in sorted(group.commands))


def _command(parent: Any, name: str, command: Any) -> str:
    rows = ["| option | meaning |", "|---|---|"]
    for option in command.params:
        names = ", ".join(f"`{one}`" for one in (*option.opts, *option.secondary_opts))
        rows.append(f"| {names} | {_cell(getattr(option, 'help', None) or '')} |")
    return "\n".join([f"### `{parent.info_name} {name}`", "", _cell(command.help or ""), "", *rows])


def exits() -> str:
    """The table of exit statuses."""
    from oxen_video_tools.cli.app import MEANINGS

    return "\n".join(
        ["| status | meaning |", "|---|---|", *(f"| {code} | {text} |" for code, text in MEANINGS.items())]
    )


def benchmarks() -> str:
    """The plots, then the table with the machine; where nothing was measured yet, how to."""
    from plots import charts, rows

    drawn = [f"## {title}\n\n<div>\n{drawing}\n</div>" for _, title, drawing in charts(rows())]
    table = ROOT / "benchmarks" / "RESULTS.md"
    if table.exists():
        drawn.append(table.read_text("utf-8").replace("# Results", "## All figures", 1))
    return "\n\n".join(drawn) or "Nothing was measured here yet: run `make bench`."


def house() -> str:
    """The rooms and what imports what, read from the code."""
    from house import arrows, layers, svg

    return f"<div>\n{svg(layers(), arrows())}\n</div>"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
