"""Jobs that work on a video give a file of the length and the size that they would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from oxen_video_tools.media import animatic
from oxen_video_tools.media.contact_sheet import frame_at
from oxen_video_tools.media.probe import Probe, probe
from oxen_video_tools.sandbox import Sandbox

from .conftest import KLING, client, enqueue, get
from .test_images import RED, image, png, put, share_of
from .test_results import fetch


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4 s, 320 × 180, all red, with sound."""
    folder = tmp_path_factory.mktemp("source")
    (folder / "red.png").write_bytes(png(RED, (320, 180)))
    shots = [animatic.Segment("", 4.0, folder / "red.png")]
    return animatic.render(shots, folder / "source.mp4", size=(320, 180), audio=True)


@pytest.fixture
def made(http, source: Path, tmp_path: Path):
    def make(model: str, field: str = "input_video", **more: Any) -> Path:
        link = put(http, source.read_bytes(), "source.mp4")
        job = get(http, enqueue(http, model=model, **{"prompt": "Night falls", field: link} | more))
        assert job["status"] == "succeeded", job["error_message"]
        file = tmp_path / f"{model}.mp4"
        file.write_bytes(fetch(job["result_url"]).content)
        return file

    return make


@pytest.mark.parametrize(
    ("model", "more", "seconds", "size"),
    [
        ("ltx-2-3-pro-retake", {"retake_start_time": 1, "retake_duration": 2}, 4, (256, 144)),
        ("ltx-2-3-pro-extend-video", {"duration": 4}, 8, (256, 144)),
        ("ltx-2-3-pro-extend-video", {"duration": 2, "mode": "start"}, 6, (256, 144)),
        ("luma-ray-v3-2-reframe", {"aspect_ratio": "9:16"}, 4, (144, 256)),
        ("luma-ray-v3-2-reframe", {"aspect_ratio": "1:1"}, 4, (144, 144)),
        ("kling-video-o1-video-to-video-edit", {}, 4, (256, 144)),
        ("luma-ray-v3-2-video-to-video", {"duration": "5s"}, 5, (256, 144)),
    ],
)
def test_length_and_shape(made, model: str, more: dict[str, Any], seconds: float, size: tuple[int, int]):
    found = probe(made(model, **more))
    assert found.duration == pytest.approx(seconds, abs=0.15)
    assert (found.width, found.height) == size


def test_an_upscale_is_larger(source: Path, tmp_path: Path):
    with Sandbox() as hub, client(hub) as http:

        def upscaled(**more: Any) -> Probe:
            link = put(http, source.read_bytes(), "source.mp4")
            job = get(http, enqueue(http, model="topazlabs-proteus-video", prompt=None, input_video=link, **more))
            file = tmp_path / "large.mp4"
            file.write_bytes(fetch(job["result_url"]).content)
            return probe(file)

        large = upscaled(resolution="720p")
        assert (large.width, large.height, large.has_audio) == (1280, 720, True)
        assert large.duration == pytest.approx(4, abs=0.15)


def test_what_is_kept_and_what_is_new(made):
    retaken = made("ltx-2-3-pro-retake", retake_start_time=1, retake_duration=2)
    reds = [share_of(image(frame_at(retaken, at)), RED) for at in (0.5, 2.0, 3.5)]
    assert min(reds[0], reds[2]) > 0.5 > reds[1], "only the middle was drawn anew"
    longer = made("ltx-2-3-pro-extend-video", duration=3)
    assert share_of(image(frame_at(longer, 3.5)), RED) > 0.5 > share_of(image(frame_at(longer, 5.5)), RED)
    earlier = made("ltx-2-3-pro-extend-video", duration=3, mode="start")
    assert share_of(image(frame_at(earlier, 1.0)), RED) < 0.5 < share_of(image(frame_at(earlier, 4.5)), RED)


def test_the_price_goes_by_the_length_of_the_source(hub, http, made):
    from decimal import Decimal

    rate = http.get("/api/ai/models/topazlabs-rhea-video").json()["pricing"]
    before = Decimal(hub.ledger()["charged"])
    made("topazlabs-rhea-video", prompt=None)
    by_resolution = rate["cost_per_second_by_resolution"]
    assert Decimal(hub.ledger()["charged"]) - before == Decimal(str(by_resolution["1080p"])) * 4


def test_an_own_result_is_worked_on(http, tmp_path: Path):
    first = get(http, enqueue(http, model=KLING, prompt="A harbour", duration=5))["result_url"]
    second = get(http, enqueue(http, model="ltx-2-3-pro-extend-video", input_video=first, prompt="On", duration=3))
    third = get(http, enqueue(http, model="topazlabs-rhea-video", prompt=None, input_video=second["result_url"]))
    file = tmp_path / "third.mp4"
    file.write_bytes(fetch(third["result_url"]).content)
    assert probe(file).duration == pytest.approx(8, abs=0.2)


def test_a_dead_input_fails(hub, http):
    still = get(http, enqueue(http, model="z-image-turbo", prompt="A"))["result_url"]
    clip = get(http, enqueue(http, model=KLING, prompt="A"))["result_url"]
    gone = clip.replace("/files/main/", "/files/main/x")
    for link in (still, gone, clip.split("?")[0], "https://nowhere.invalid/a.mp4"):
        failed = get(http, enqueue(http, model="topazlabs-rhea-video", prompt=None, input_video=link))
        assert failed["status"] == "failed", link
        assert "Failed to download the file" in failed["error_message"]
    assert (
        get(http, enqueue(http, model="topazlabs-rhea-video", prompt=None, input_video=clip))["status"] == "succeeded"
    )


def test_inputs_are_fetched_where_that_is_wanted(tmp_path: Path):
    """A server of this test's own stands for the internet; the names are of other hosts."""
    import http.server
    import threading

    import httpx

    class Elsewhere(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = {"/red.png": png(RED, (320, 180)), "/page.html": b"<html>Sign in</html>"}.get(self.path)
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(found or b"")

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    asked: list[str] = []

    def read(url: str) -> bytes | None:
        asked.append(url)
        answer = httpx.get(f"http://127.0.0.1:{server.server_port}/{url.rpartition('/')[2]}", trust_env=False)
        return answer.content if answer.status_code == 200 else None

    model = "kling-video-v2-6-pro-image-to-video"
    with Sandbox(picture_height=144, fetch_inputs=read) as hub, client(hub) as one:
        alive = get(one, enqueue(one, model=model, input_image="https://elsewhere.com/red.png"))
        file = tmp_path / "red.mp4"
        file.write_bytes(fetch(alive["result_url"]).content)
        assert share_of(image(frame_at(file, 0.5)), RED) > 0.5
        for name in ("gone.png", "page.html"):
            dead = get(one, enqueue(one, model=model, input_image=f"https://elsewhere.com/{name}"))
            assert "Failed to download the file" in dead["error_message"]
        get(one, enqueue(one, model=model, input_image="https://elsewhere.com/red.png"))
        assert len(asked) == 3, "each is read once"
    server.shutdown()
