"""How long the catalog takes to load, and a plan to make.

    python -m benchmarks.catalog

Goals: reading the bundled list takes no longer than parsing its JSON, a plan once the list is warm no longer than a
fixed piece of plain Python.
"""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.floors import milliseconds
from oxen_video_tools.catalog import catalog, schema
from oxen_video_tools.request import VideoRequest
from oxen_video_tools.settings import Settings
from oxen_video_tools.studio.plan import make_plan

LOAD, PLAN = 1.0, 1.0  # times the floor
REQUESTS = {
    "text, no model named": VideoRequest(prompt="A red balloon rises", duration=5),
    "model named": VideoRequest(prompt="A dog runs", model="google-veo-3-1", duration=8, aspect_ratio="9:16"),
    "first frame, no model named": VideoRequest(prompt="She smiles", start_image="face.png", duration=7),
    "references": VideoRequest(prompt="@Image1 meets @Image2", input_image=["a.png", "b.png"], resolution="1080p"),
    "three shots": VideoRequest(multi_prompt=[{"prompt": "Wide shot"}, {"prompt": "Close-up"}, {"prompt": "Night"}]),
    "everything wrong": VideoRequest(prompt="x", model="kling-video-v2-6-pro-text-to-video", start_image="a", seed=3),
}


def load() -> catalog.ModelList:
    """Read the bundled list and the pages anew."""
    catalog.snapshot.cache_clear()
    schema.pages.cache_clear()
    schema.pages()
    return catalog.ModelList.bundled()


def parse() -> None:
    """The floor of it: the bundled files as JSON, and nothing made of them."""
    for name in ("snapshot.json", "documented.json"):
        json.loads(Path(catalog.__file__).with_name(name).read_text("utf-8"))


def main() -> None:
    print(f"catalog load {milliseconds(load, 15):.2f} ms, its JSON alone {milliseconds(parse, 15):.2f} ms")
    listed = load()
    live = catalog.ModelList.of([known.model for known in listed.values()])
    for name, request in REQUESTS.items():
        make_plan(request, live, Settings())  # warm: each model's facts are worked out once
        taken = milliseconds(lambda request=request: make_plan(request, live, Settings()), 100)
        print(f"plan: {name:<28}{taken:6.3f} ms")


if __name__ == "__main__":
    main()
