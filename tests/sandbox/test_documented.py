"""Whatever Oxen's pages show works here: their examples word for word, and an example of every model."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys

import httpx
import pytest

from oxen_video_tools.media.probe import probe
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.sandbox.models import Model, all_models
from oxen_video_tools.sandbox.validate import problem
from tests.clocks import HUNG

from . import pages
from .conftest import SHOTS, enqueue, get

VIDEO_MODELS = {name: one for name, one in all_models().items() if one.media_type == "video" and one.accepts}
PICTURE = "https://hub.oxen.ai/api/repos/elau/assets/file/main/bloxy/bloxy_cropped_512x512.png"


def run_python(example: str, hub: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example itself; only the host and the key are this sandbox's."""
    monkeypatch.setitem(sys.modules, "requests", httpx)  # the same calls, without its proxies
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    text = example.replace("https://hub.oxen.ai", hub.base_url).replace("YOUR_API_KEY", hub.api_key)
    exec(compile(text, "example", "exec"), {})


@pytest.mark.parametrize("example", pages.GENERATE_PYTHON)
def test_the_pages_python(example, hub, monkeypatch, capsys, tmp_path):
    run_python(example, hub, monkeypatch)
    url = re.search(r"Video URL: (\S+)", capsys.readouterr().out)[1]
    film = tmp_path / "film.mp4"
    film.write_bytes(httpx.get(url, trust_env=False).raise_for_status().content)
    seconds = 10 if "multi_prompt" in example else 5
    found = probe(film)
    assert (found.duration, found.video_codec) == (pytest.approx(seconds, abs=0.1), "h264")


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl")
@pytest.mark.parametrize("example", pages.GENERATE_CURL)
def test_the_pages_curl(example, hub):
    command = example.replace("https://hub.oxen.ai", hub.base_url)
    environment = os.environ | {"OXEN_API_KEY": hub.api_key, "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(["bash", "-c", command], env=environment, capture_output=True, check=True, timeout=HUNG)
    answer = json.loads(done.stdout)
    assert sorted(answer) == ["created", "model", "videos"]
    assert answer["videos"][0]["url"].startswith(f"{hub.base_url}/api/repos/")


def test_the_queue_pages_python(hub, monkeypatch, capsys):
    run_python(pages.QUEUE_PYTHON, hub, monkeypatch)
    shown = capsys.readouterr().out
    generation_id = re.search(r"'generation_id': '([0-9a-f-]{36})', 'status': 'queued'", shown)[1]
    run_python(pages.POLL_PYTHON.replace("YOUR_GENERATION_ID", generation_id), hub, monkeypatch)
    assert "result_url: http" in capsys.readouterr().out
    run_python(pages.IMAGES_PYTHON, hub, monkeypatch)
    assert capsys.readouterr().out.count(": succeeded") == 4


@pytest.mark.parametrize("body", pages.WALKTHROUGH)
def test_the_walkthrough(body, http):
    assert http.post("/api/ai/videos/generate", json={"model": SHOTS} | body).json()["videos"][0]["url"]


def test_the_documented_durations(http):
    """Oxen docs, Kling O3 Pro walkthrough: Duration Constraints."""
    short = (
        "duration value '{}' is invalid. Try using duration='5' instead, "
        "as duration support may vary by model and mode."
    )
    lengths = "Input should be '1', '2', '3', '4', '5', '6', '7', '8', '9', '10', '11', '12', '13', '14' or '15'"
    outcomes = {
        (1,): short.format(1),
        (2,): short.format(2),
        (3,): None,
        (2, 1): None,
        (1, 1): short.format(2),
        (15,): None,
        (5, 5, 5): None,
        (5, 5, 6): "Total shot duration (16s) exceeds maximum allowed (15s).",
        (16,): lengths,
    }
    for shots, words in outcomes.items():
        body = {"model": SHOTS, "multi_prompt": [{"prompt": "A bird", "duration": seconds} for seconds in shots]}
        job = get(http, enqueue(http, **body, prompt=None))
        assert (job["status"], job["error_message"]) == (("failed", words) if words else ("succeeded", None)), shots


def example(model: Model, *names: str) -> dict[str, object]:
    """A body as the model's page shows it: the parameters `names`, and every default."""
    defaults = {name: schema["default"] for name, schema in model.properties.items() if "default" in schema}
    return {name: sample(model.properties[name]) for name in names} | defaults


def sample(schema: dict) -> object:
    kind = schema["type"] if isinstance(schema["type"], str) else schema["type"][0]
    if "enum" in schema:
        return schema.get("default", schema["enum"][0])
    if kind == "array":
        return [PICTURE]
    if kind == "string":
        return PICTURE if "x-media" in schema else "<prompt>"
    return schema.get("default", schema.get("minimum", 1))


def needed(model: Model) -> list[str]:
    """What the page's minimal example gives, and a prompt where the page says in prose that it wants one."""
    required = list(model.accepts.get("required", ()))
    wants_words = model.shots or any(rule["rule"] == "one_of_required" for rule in model.accepts.get("rules", ()))
    return [*required, "prompt"] if wants_words else required


def test_every_models_example_is_taken():
    refused = {
        name: words
        for name, model in VIDEO_MODELS.items()
        for body in (example(model, *needed(model)), {one: sample(model.properties[one]) for one in needed(model)})
        if (words := problem(model, body))
    }
    assert refused == {}


def test_every_models_example_becomes_a_video(http):
    """Over the wire: each is enqueued, priced and done, and comes out as long as its schema says."""
    for name, model in VIDEO_MODELS.items():
        body = {"prompt": None} | example(model, *needed(model))
        job = get(http, enqueue(http, model=name, **body))
        assert job["status"] == "succeeded", (name, job["error_message"])
    history = http.get("/api/ai/generations", params={"page_size": 100}).json()
    assert {one["model_name"] for one in history["generations"]} == set(VIDEO_MODELS)
    assert all(float(one["cost"]) > 0 for one in history["generations"])


def test_numbers_as_text_as_the_seedance_walkthrough_writes_them():
    model = VIDEO_MODELS["bytedance-seedance-2-0-reference-to-video"]
    body = {"prompt": "@Image1 waves", "input_images": ["https://example.com/person.jpg"]}
    assert problem(model, body | {"duration": "8"}) is None
    assert problem(model, body | {"duration": "77"}).startswith("duration value '77' is invalid.")
