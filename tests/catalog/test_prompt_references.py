"""Media that a prompt names, as each model counts and writes them."""

from __future__ import annotations

from typing import Any

import pytest

from oxen_video_tools.catalog.body_builder import reference_style
from oxen_video_tools.catalog.catalog import ModelList
from oxen_video_tools.catalog.translate import translate
from tests.catalog.conftest import O3, model

SEEDANCE = "bytedance-seedance-2-0-reference-to-video"
LINKS = {"type": "array", "items": {"type": "string"}}


def prompt(models: ModelList, model_id: str, words: str, **more: Any) -> str:
    from tests.catalog.conftest import ask

    said = translate(ask(prompt=words, **more), models[model_id], models=models)
    return str(said.body["prompt"])


def new(description: str, **properties: Any) -> ModelList:
    return ModelList.of([model(prompt={"type": "string", "description": description}, **properties)])


@pytest.mark.parametrize("words", ["@Image1", "@image1", "@Image 1", "Image 1", "Image1", "@image_1"])
def test_every_way_to_write_it_becomes_the_models_own(live: ModelList, words: str) -> None:
    assert prompt(live, SEEDANCE, f"{words} waves.", input_image=["a.png"]) == "@Image1 waves."
    one = new("Refer to references as Image 1, Image 2.", reference_images=LINKS)
    assert prompt(one, "new-model", f"{words} waves.", input_image=["a.png"]) == "Image 1 waves."
    one = new("Use <<<image_1>>> to name them.", reference_images=LINKS)
    assert prompt(one, "new-model", f"{words} waves.", input_image=["a.png"]) == "<<<image_1>>> waves."


def test_where_no_page_tells_a_way_prompts_stay_as_they_are(live: ModelList) -> None:
    words = "@Image1 and Image 2 dance"
    assert prompt(live, "luma-ray-v3-2-text-to-video", words, input_image=["a.png", "b.png"]) == words


def test_faces_are_counted_first(live: ModelList) -> None:
    words = "@Image1 meets @Image2"
    faces = {"input_face_images": ["face.png"]}
    assert (
        prompt(live, SEEDANCE, words, input_image=["a.png", "b.png"], model_parameters=faces) == "@Image2 meets @Image3"
    )


def test_a_change_of_number_is_said(live: ModelList) -> None:
    from tests.catalog.conftest import ask

    request = ask(prompt="@Image1", input_image=["a.png"], model_parameters={"input_face_images": ["face.png"]})
    assert "@Image1 in the prompt is @Image2 for" in translate(request, live[SEEDANCE]).warnings[0]


def test_the_first_frame_has_a_name_of_its_own(live: ModelList) -> None:
    gemini = "gemini-omni-flash-preview"
    assert prompt(live, gemini, "@Image1 waves", start_image="s.png") == "@FirstFrame waves"
    assert prompt(live, gemini, "@start_image waves", start_image="s.png") == "@FirstFrame waves"
    both = prompt(live, gemini, "@FirstFrame meets Image 1", start_image="s.png", input_image=["a.png"])
    assert both == "@FirstFrame meets @Image1"


def test_elements_are_counted_apart(live: ModelList) -> None:
    elements = {"elements": [{"frontal_image_url": "x"}]}
    words = prompt(
        live, "kling-video-o3-omni", "@element1 and @Image1", input_image=["a.png"], model_parameters=elements
    )
    assert words == "@Element1 and @Image1"


def test_videos_and_sounds(live: ModelList) -> None:
    media = {"input_video": "v.mp4", "input_audio": "a.mp3", "input_image": ["a.png"]}
    words = "Image 1 dances to Audio 1 as in Video 1"
    assert prompt(live, SEEDANCE, words, **media) == "@Image1 dances to @Audio1 as in @Video1"
    assert prompt(live, "wan-v2-6-reference-to-video", "Video 1 again", input_video="v.mp4") == "@Video1 again"


def test_in_every_shot(live: ModelList) -> None:
    from tests.catalog.conftest import ask

    request = ask(
        multi_prompt=[{"prompt": "Image 1 sits"}, {"prompt": "image 1 stands, Image 2 too"}], input_image=["a", "b"]
    )
    shots = translate(request, live[O3]).body["multi_prompt"]
    assert [shot["prompt"] for shot in shots] == ["@Image1 sits", "image 1 stands, @Image2 too"]


def test_a_name_for_nothing_is_told(live: ModelList) -> None:
    from tests.catalog.conftest import ask

    said = translate(ask(prompt="@Image3 waves", input_image=["a.png"]), live[SEEDANCE])
    assert said.body["prompt"] == "@Image3 waves"
    assert "there is no such image" in said.warnings[0]


def test_plain_words_stay(live: ModelList) -> None:
    for words in ("An image 1 metre high", "the video 2 years later", "mail me@image.com"):
        assert prompt(live, SEEDANCE, words, input_image=["a.png"]) == words


def test_ways_are_read_from_the_pages(live: ModelList) -> None:
    assert reference_style(live["happyhorse-1.0-video-edit"], "image") == "@Image{n}"
    assert reference_style(live["wan-v3-0-video"], "image") == "Image {n}"
    assert reference_style(live["kling-video-v3-pro-motion-control"], "element") == "@Element{n}"
    assert reference_style(live["google-veo-3-1"], "image") is None
