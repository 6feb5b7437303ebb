"""Pictures in the sandbox: both blocking routes and the queue, drawn from their words and from what they are given."""

from __future__ import annotations

import base64
from decimal import Decimal
from io import BytesIO
from typing import Any

import httpx
import pytest
from PIL import Image

from oxen_video_tools.sandbox import Sandbox

from .conftest import IMAGE_TO_VIDEO, client, enqueue, get
from .test_results import fetch

DRAWS = "google-nano-banana-pro"
GRID = "gpt-image-2"
EDITS = "qwen-image-edit-plus"
RED, BLUE = (200, 30, 30), (20, 40, 200)


def png(colour: tuple[int, int, int], size: tuple[int, int] = (120, 160)) -> bytes:
    out = BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


def put(http: httpx.Client, content: bytes, name: str) -> str:
    """The signed URL of an upload to the private workbench."""
    http.post("/api/repos/", json={"namespace": "sandbox", "name": "playground"})
    asset = http.post(
        "/api/repos/sandbox/playground/workbench/context", files={"file": (name, content)}, data={"directory": "inputs"}
    ).json()["asset_path"]
    return http.get(f"/api/repos/sandbox/playground/file/presigned_url/main/{asset}").json()["url"]


def image(content: bytes) -> Image.Image:
    return Image.open(BytesIO(content)).convert("RGB")


def share_of(picture: Image.Image, colour: tuple[int, int, int]) -> float:
    """How much of a picture has about this colour."""
    raw = picture.tobytes()
    pixels = [raw[at : at + 3] for at in range(0, len(raw), 3)]
    near = sum(all(abs(one - other) < 40 for one, other in zip(pixel, colour, strict=True)) for pixel in pixels)
    return near / len(pixels)


@pytest.mark.parametrize(("path", "more"), [("generate", {}), ("edit", {"input_image": ["https://example.com/a.png"]})])
def test_the_blocking_routes(http, path: str, more: dict[str, Any]):
    body = {"model": DRAWS, "prompt": "A fox in the snow", "aspect_ratio": "16:9"} | more
    answer = http.post(f"/api/ai/images/{path}", json=body).json()
    assert answer["model"] == DRAWS
    (result,) = answer["images"]
    picture = image(fetch(result["url"]).content)
    assert picture.width / picture.height == pytest.approx(16 / 9, rel=0.02)
    inline = http.post(f"/api/ai/images/{path}", json=body | {"response_format": "b64_json"}).json()
    assert base64.b64decode(inline["images"][0]["b64_json"]).startswith(b"\x89PNG")
    several = http.post(f"/api/ai/images/{path}", json=body | {"num_generations": 3}).json()
    assert len({one["url"] for one in several["images"]}) == 3


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("generate", {"model": DRAWS, "prompt": ""}, "Prompt cannot be empty"),
        ("generate", {"model": "nope", "prompt": "A"}, "Model not found: nope"),
        (
            "generate",
            {"model": DRAWS, "prompt": "A", "num_generations": 5},
            "num_generations must be an integer between 1 and 4",
        ),
        ("edit", {"model": EDITS, "prompt": "A"}, "input_image is required"),
        ("generate", {"model": EDITS, "prompt": "A"}, "input_image: Field required"),
        (
            "generate",
            {"model": DRAWS, "prompt": "A", "resolution": "3K"},
            "resolution: Input should be '1K', '2K' or '4K'",
        ),
        (
            "edit",
            {"model": DRAWS, "prompt": "A", "input_image": ["http://127.0.0.1/a.png"]},
            "403 Client Error: Forbidden for url: http://127.0.0.1/a.png",
        ),
    ],
)
def test_what_is_refused(http, path, body, words):
    answer = http.post(f"/api/ai/images/{path}", json=body)
    assert 400 <= answer.status_code < 500
    assert words in answer.text


def test_the_routes_make_but_one_kind(http):
    answer = http.post("/api/ai/images/generate", json={"model": IMAGE_TO_VIDEO, "prompt": "A"})
    assert answer.status_code == 415


def test_pictures_in_the_queue(hub, http):
    one = enqueue(http, model=GRID, prompt="A fox", quality="low", resolution="1K", aspect_ratio="1:1")
    record = get(http, one)
    assert (record["status"], record["media_type"], record["quality"]) == ("succeeded", "image", "low")
    assert http.get("/api/ai/queue", params={"status": "succeeded", "media_type": "image"}).json()["count"] == 1
    picture = image(fetch(record["result_url"]).content)
    assert picture.width == picture.height
    late = get(http, enqueue(http, model=GRID, prompt="A fox", quality="splendid"))
    assert late["status"] == "failed", "parameters are checked when the job runs"
    assert "quality: Input should be" in late["error_message"]
    refused = get(http, enqueue(http, model=EDITS, prompt="A", input_image=["http://10.0.0.1/a.png"]))
    assert "403 Client Error" in refused["error_message"]


def test_faults_strike_pictures_too(hub, http):
    hub.faults.add("moderated")
    assert "DataInspectionFailed" in get(http, enqueue(http, model=DRAWS, prompt="A"))["error_message"]
    hub.faults.add("drop_answer", point="generate")
    with pytest.raises(httpx.HTTPError):
        http.post("/api/ai/images/generate", json={"model": DRAWS, "prompt": "A"})
    assert hub.faults.struck("drop_answer") == 1
    hub.faults.add("quirk", "old")
    assert "image_url" in http.post("/api/ai/images/generate", json={"model": DRAWS, "prompt": "A"}).json()


def test_prices_are_invented_and_say_so(hub, http):
    listed = {one["id"]: one for one in http.get("/api/ai/models").json()["data"]}
    pictures = [one for one in listed.values() if one["capabilities"]["output"] == ["image"]]
    assert len(pictures) == 34
    assert all("Invented" in one["pricing"]["note"] for one in pictures)
    assert listed["topazlabs-bloom-2-image"]["pricing"]["method"] == "per_provider_credit"
    grid = listed[GRID]["pricing"]["cost_per_image_grid"]
    assert set(grid) == {"low", "medium", "high"}
    before = Decimal(hub.ledger()["charged"])
    get(http, enqueue(http, model=GRID, prompt="A", quality="low", resolution="2K"))
    assert Decimal(hub.ledger()["charged"]) - before == Decimal(str(grid["low"]["2K"]))
    get(http, enqueue(http, model=GRID, prompt="A"))
    assert Decimal(hub.ledger()["charged"]) - before == Decimal(str(grid["low"]["2K"])) + Decimal(
        str(grid["high"]["2K"])
    ), "the model's own default is the dear one"


def test_words_make_the_picture(http):
    def drawn(prompt: str, **more: Any) -> bytes:
        return fetch(get(http, enqueue(http, model=DRAWS, prompt=prompt, **more))["result_url"]).content

    assert drawn("A beach at noon") != drawn("A forest at night")
    assert drawn("A beach at noon") != drawn("A beach at noon"), "another take is another picture"


def test_a_reference_is_seen_in_the_still_and_in_the_clip(tmp_path):
    """What an eye sees, as numbers: a red card and a blue one stand in the picture, and only where they were given."""
    from oxen_video_tools.media.contact_sheet import frame_at

    with Sandbox(picture_height=144) as hub, client(hub) as http:
        mira, ben = put(http, png(RED), "mira.png"), put(http, png(BLUE), "ben.png")

        def still(*references: str) -> Image.Image:
            job = enqueue(http, model=DRAWS, prompt="A harbour", input_image=list(references), seed=None)
            return image(fetch(get(http, job)["result_url"]).content)

        assert share_of(still(mira), RED) > 0.02 > share_of(still(ben), RED)
        both = still(mira, ben)
        assert min(share_of(both, RED), share_of(both, BLUE)) > 0.02

        def clip(**more: Any) -> Image.Image:
            file = tmp_path / "clip.mp4"
            file.write_bytes(fetch(get(http, enqueue(http, prompt="A harbour", **more))["result_url"]).content)
            return image(frame_at(file, 1.0))

        with_mira = clip(model="happyhorse-1.1-r2v", reference_images=[mira])
        with_ben = clip(model="kling-video-o3-omni", elements=[{"frontal_image_url": ben}], duration=3)
        assert share_of(with_mira, RED) > 0.02 > share_of(with_ben, RED)
        assert share_of(with_ben, BLUE) > 0.02 > share_of(with_mira, BLUE)
        begins_red = clip(model=IMAGE_TO_VIDEO, input_image=put(http, png(RED, (320, 180)), "red.png"))
        assert share_of(begins_red, RED) > 0.5, "a first frame fills the picture"


def test_a_still_of_an_earlier_job_begins_a_clip(http, tmp_path):
    from oxen_video_tools.media.contact_sheet import frame_at

    red = put(http, png(RED), "red.png")
    upscaled = get(http, enqueue(http, model="topazlabs-image-upscale", prompt=None, input_image=red))["result_url"]
    assert image(fetch(upscaled).content).size == (144, 192), "twice as large, within the sandbox's own bound"
    file = tmp_path / "clip.mp4"
    clip = get(http, enqueue(http, model=IMAGE_TO_VIDEO, prompt="It moves", input_image=upscaled))
    file.write_bytes(fetch(clip["result_url"]).content)
    assert share_of(image(frame_at(file, 0.5)), RED) > 0.5


def test_a_film_over_a_still_has_one_caption(tmp_path):
    """A still carries no words but the mark, so that those of the film stand alone."""
    from oxen_video_tools.media.contact_sheet import frame_at

    def light(picture: Image.Image) -> int:
        """Pixels of words in the lower third, where captions stand."""
        width, height = picture.size
        lower = picture.convert("L").crop((0, height * 2 // 3, width, height))
        return sum(lower.histogram()[225:])

    words = "Mira (@Image1) waits in the dark forest at night. A single film still."
    with Sandbox(picture_height=360) as hub, client(hub) as http:
        still = get(http, enqueue(http, model=DRAWS, prompt=words, aspect_ratio="16:9"))["result_url"]
        drawn = image(fetch(still).content)
        assert light(drawn) == 0
        file = tmp_path / "clip.mp4"
        clip = get(http, enqueue(http, model=IMAGE_TO_VIDEO, prompt="It moves", input_image=still))
        file.write_bytes(fetch(clip["result_url"]).content)
        shown = light(image(frame_at(file, 1.0)))
        assert 0 < shown < 0.02 * drawn.width * drawn.height
