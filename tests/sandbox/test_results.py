"""Result files: real videos behind signed URLs that expire."""

from __future__ import annotations

import httpx
import pytest

from oxen_video_tools.media.probe import probe
from oxen_video_tools.sandbox import Sandbox
from tests.clocks import HUNG

from .conftest import IMAGE_TO_VIDEO, KLING, SHOTS, client, enqueue, get

TWO_SHOTS = [{"prompt": "A bird", "duration": 2}, {"prompt": "Its wing", "duration": 4}]


def fetch(url: str, **headers: str) -> httpx.Response:
    return httpx.get(url, headers=headers, trust_env=False, timeout=HUNG)


def url_of(http: httpx.Client, **body) -> str:
    job = get(http, enqueue(http, **body))
    assert job["status"] == "succeeded", job["error_message"]
    return job["result_url"]


@pytest.mark.parametrize(
    ("body", "seconds", "size", "sound"),
    [
        ({"duration": 5}, 5, (256, 144), False),
        ({"duration": 10, "aspect_ratio": "9:16", "generate_audio": True}, 10, (144, 256), True),
        ({"aspect_ratio": "1:1"}, 5, (144, 144), False),
        ({"model": SHOTS, "prompt": None, "multi_prompt": TWO_SHOTS}, 6, (256, 144), False),
        ({"model": "wan-ai-wan2-1-t2v-1-3b-diffusers", "num_frames": 48}, 2, (256, 144), False),
        ({"model": "luma-ray-v3-2-text-to-video", "duration": "10s"}, 10, (256, 144), False),
    ],
)
def test_a_video_as_asked(http, tmp_path, body, seconds, size, sound):
    film = tmp_path / "film.mp4"
    answer = fetch(url_of(http, **body))
    assert answer.headers["content-type"] == "video/mp4"
    film.write_bytes(answer.content)
    found = probe(film)
    assert found.duration == pytest.approx(seconds, abs=0.1)
    assert (found.width, found.height) == size
    assert found.video_codec == "h264"
    assert (found.audio_codec is not None) == sound


def test_the_asked_resolution_without_a_bound(tmp_path):
    with Sandbox() as hub, client(hub) as http:
        film = tmp_path / "film.mp4"
        film.write_bytes(
            fetch(url_of(http, model="ltx-2-3-fast-text-to-video", resolution="1080p", duration=6)).content
        )
        found = probe(film)
        assert (found.width, found.height) == (1920, 1080)


def test_the_picture_says_that_it_is_a_sandbox(http, tmp_path):
    """The mark is drawn: the same film with another mark differs where it stands."""
    from oxen_video_tools.media import animatic

    content = fetch(url_of(http)).content
    shots = [animatic.Segment("A red balloon", 5)]
    same = animatic.render(shots, tmp_path / "same.mp4", size=(256, 144), mark="SANDBOX").read_bytes()
    other = animatic.render(shots, tmp_path / "other.mp4", size=(256, 144), mark=" ").read_bytes()
    assert content == same != other


def test_an_image_model_gives_an_image(http):
    answer = fetch(url_of(http, model="black-forest-labs-flux-2-klein-4b"))
    assert answer.headers["content-type"] == "image/png"
    assert answer.content.startswith(b"\x89PNG")


def test_the_same_seed_shares_one_rendering(hub, http):
    first, second = url_of(http, seed=3), url_of(http, seed=3)
    assert first != second
    assert fetch(first).content == fetch(second).content
    assert len(list(hub._hub.files.folder.glob("*.mp4"))) == 1


def test_without_a_seed_each_take_is_another_picture(http):
    first, second = url_of(http), url_of(http)
    content = fetch(first).content
    assert content != fetch(second).content
    assert content == fetch(first).content, "what was made stays as it is"


def test_byte_ranges(http):
    url = url_of(http)
    whole = fetch(url)
    assert whole.headers["accept-ranges"] == "bytes"
    part = fetch(url, Range="bytes=100-199")
    assert (part.status_code, part.content) == (206, whole.content[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole.content)}"
    assert fetch(url, Range="bytes=-50").content == whole.content[-50:]
    assert fetch(url, Range=f"bytes={len(whole.content)}-").status_code == 416


def test_a_url_expires_and_the_record_has_a_fresh_one(slow, clock):
    http = slow(speed="instant", lifetime=60)
    job = enqueue(http)
    url = get(http, job)["result_url"]
    assert fetch(url).status_code == 200
    clock.advance(61)
    refused = fetch(url)
    assert refused.status_code == 403
    assert "expired" in refused.json()["error"]["detail"]
    assert fetch(get(http, job)["result_url"]).status_code == 200


def test_who_may_read_a_result(hub, http):
    url = url_of(http)
    bare, signature = url.split("?")
    assert fetch(bare).status_code == 401
    assert fetch(bare, Authorization="Bearer anything").status_code == 200
    assert fetch(f"{bare}?{signature[:-1]}{'0' if signature[-1] != '0' else '1'}").status_code == 403
    other = url_of(http, prompt="Another").split("?")[0]
    assert fetch(f"{other}?{signature}").status_code == 403  # a signature is good for its own path only
    later = signature.replace("oxen_expires=1", "oxen_expires=2")
    assert fetch(f"{bare}?{later}").status_code == 403


def test_no_result_before_the_end(slow, clock):
    http = slow()
    job = enqueue(http)
    path = f"/api/repos/sandbox/generations/files/main/{job}.mp4"
    assert http.get(path).status_code == 404
    clock.advance(600)
    assert http.get(path).status_code == 200


def test_where_results_are_kept(http):
    url = url_of(http, target_namespace="studio", target_repo="films", target_directory="act/one")
    assert "/api/repos/studio/films/files/main/act/one/" in url
    assert fetch(url).status_code == 200


def test_odd_places_for_results(http):
    for place in ("a b/ä#?%", "../../x", "/lead/"):
        url = url_of(http, target_repo="me/films", target_directory=place, prompt=place)
        assert "/api/repos/sandbox/films/files/main/" in url
        assert fetch(url).status_code == 200
    for namespace in ("a/b", "..", " "):
        refused = http.post("/api/ai/queue", json={"model": KLING, "prompt": "A", "target_namespace": namespace})
        assert refused.status_code == 404


def test_a_result_serves_as_an_input_of_the_next_job(slow, clock):
    http = slow(speed="instant", lifetime=60)
    url = url_of(http)
    body = {"model": "kling-video-o1-video-to-video-edit", "input_video": url}
    assert get(http, enqueue(http, **body))["status"] == "succeeded"
    clock.advance(61)
    failed = get(http, enqueue(http, **body))
    assert failed["status"] == "failed"
    assert "Failed to download the file" in failed["error_message"]


@pytest.mark.parametrize(
    "image",
    [
        "data:image/png;base64,iVBORw0KGgo=",
        "face.png",
        "/home/me/face.png",
        "file:///etc/passwd",
        "http://localhost:9/face.png",
        "http://10.0.0.7/face.png",
        "http://169.254.169.254/latest",
        "https://",
        "http://[bad",
    ],
)
def test_what_no_models_server_could_fetch(http, image):
    failed = get(http, enqueue(http, model=IMAGE_TO_VIDEO, input_image=image))
    assert failed["status"] == "failed"
    assert "Failed to download the file" in failed["error_message"]


def test_foreign_urls_are_believed(http):
    assert (
        get(http, enqueue(http, model=IMAGE_TO_VIDEO, input_image="https://example.com/dog.jpg"))["status"]
        == "succeeded"
    )
    assert KLING != IMAGE_TO_VIDEO
