"""Writes `oxen_video_tools/catalog/snapshot.json` from what was collected from Oxen's pages.

    python scripts/make_snapshot.py PATH/TO/video-models.json PATH/TO/image-models.json

The result has the shape of the hub's own model list (`GET /api/ai/models`), so whatever reads the live list reads it
too. `x-media` (what kind of media a parameter takes, and its role), `x-limits` (numbers stated in prose only),
`x-addressing` (how a prompt names a picture) and `rules` (between parameters) stay in each `request_schema`. Image
models also keep `identity`: whether their page claims to keep a character. Prices are not on those pages, so `pricing`
is null.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

SNAPSHOT = Path(__file__).parents[1] / "oxen_video_tools" / "catalog" / "snapshot.json"
PAGES = "https://docs.oxen.ai/"


def listed(page: dict[str, Any], output: str) -> dict[str, Any]:
    """One page as the model list shows it."""
    schema = dict(page["request_schema"])
    if page.get("rules"):
        schema["rules"] = page["rules"]
    text = ["text"] if "prompt" in schema["properties"] else []
    return {
        "id": page["id"],
        "object": "model",
        "display_name": page["title"],
        "description": f"{page['title']}. {PAGES}{page['doc_path'].removesuffix('.mdx')}",
        "endpoint": page["endpoint"],
        "capabilities": {"input": text + page["media_kinds"], "output": [output]},
        "pricing": None,
        "request_schema": schema,
    }


def listed_image(page: dict[str, Any]) -> dict[str, Any]:
    """One page of an image model. Where a copy of the live record tells the shape of a list's items, it is kept."""
    model = listed(page, "image")
    for name, spec in model["request_schema"]["properties"].items():
        items = (page.get("live_copy") or {}).get(f"{name}.items")
        if items:
            spec["items"] = items
    return model | {"identity": page["identity"]["page"], "task": page["task"]}


def main(videos: Path, images: Path) -> None:
    pages, pictures = (json.loads(path.read_text(encoding="utf-8")) for path in (videos, images))
    models = [listed(page, "video") for _, page in sorted(pages["models"].items())]
    models += [listed_image(page) for _, page in sorted(pictures["models"].items())]
    snapshot = {"object": "list", "source": pages["source"], "source_of_images": pictures["source"], "data": models}
    lines = json.dumps(snapshot, ensure_ascii=False, indent=1)
    SNAPSHOT.write_text(lines + "\n", encoding="utf-8")
    print(f"{len(models)} models → {SNAPSHOT.relative_to(Path.cwd())}, {SNAPSHOT.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
