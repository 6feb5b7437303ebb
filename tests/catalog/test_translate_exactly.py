"""What becomes of a request, word for word: the body in its order, every problem, every warning, and the media."""

from __future__ import annotations

from typing import Any

import pytest

from oxen_video_tools.catalog.catalog import ModelList
from oxen_video_tools.catalog.model_info import ModelInfo
from oxen_video_tools.catalog.translate import Translation, translate
from tests.catalog.conftest import O3, ask, model

TEXT = {"type": "string"}
URI = {"type": "string", "format": "uri"}
WHOLE = {"type": "integer"}
FRAMES = {"type": "integer", "maximum": 120}
PROMPT = {"prompt": "A red balloon rises"}
O1 = "kling-video-o1-image-to-video"
T2V = "kling-video-v2-6-pro-text-to-video"
PIXELS = "wan-ai-wan2-1-t2v-14b-diffusers"
LTX = "ltx-2-3-quality-text-to-video"
MOTION = "kling-video-v3-pro-motion-control"
SEEDANCE = "bytedance-seedance-2-0-reference-to-video"
OURS = "as far as is known here; it is sent"
DATA = "data:image/png;base64,AA"
Told = tuple[dict[str, Any], dict[str, Any], list[str], list[str]]


def only(**properties: Any) -> ModelInfo:
    made = model(prompt=TEXT, **properties)
    return ModelList.of([made])[made.id]


def holds(said: Translation, known: ModelInfo, body: dict[str, Any], problems: list[str], warnings: list[str]) -> None:
    assert list(said.body.items()) == [("model", known.id), *body.items()]
    assert said.problems == problems
    assert said.warnings == warnings


@pytest.mark.parametrize(
    ("model_id", "words", "body", "problems", "warnings"),
    [
        # ---- pictures
        (O1, {"start_image": "s.png"}, {**PROMPT, "input_image": "s.png"}, [], []),
        (
            O1,
            {"start_image": "s.png", "input_image": ["a.png"]},
            {**PROMPT, "input_image": "s.png"},
            [f"{O1} takes no reference pictures beside start_image: leave input_image out."],
            [],
        ),
        (
            O1,
            {"input_image": ["a", "b"]},
            {**PROMPT, "input_image": "a"},
            [f"input_image holds 2 pictures, {O1} takes 1 picture. Leave 1 out."],
            [],
        ),
        (
            "flux-3-video",
            {"end_image": "e.png"},
            {**PROMPT, "input_images": ["e.png"]},
            ["end_image alone: in flux-3-video a single picture starts the video. Give start_image too."],
            [],
        ),
        (
            "flux-3-video",
            {"start_image": "s", "end_image": "e"},
            {**PROMPT, "input_images": ["s", "e"]},
            [],
            [],
        ),
        ("flux-3-video", {"input_image": ["a"], "end_image": "e"}, {**PROMPT, "input_images": ["a", "e"]}, [], []),
        ("flux-3-video", {"input_image": ["a"]}, {**PROMPT, "input_images": ["a"]}, [], []),
        (
            "luma-ray-v3-2-image-to-video",
            {"start_image": "s", "input_image": ["a", "b"]},
            {**PROMPT, "input_image": "s", "reference_image_urls": ["a", "b"]},
            [],
            [],
        ),
        (
            "luma-ray-v3-2-image-to-video",
            {"input_image": ["a"], "model_parameters": {"input_image": "x.png"}},
            {**PROMPT, "input_image": "x.png", "reference_image_urls": ["a"]},
            [],
            [],
        ),
        (
            O1,
            {"input_image": ["a", "b"], "model_parameters": {"input_image": "x.png"}},
            {**PROMPT, "input_image": "x.png"},
            [],
            ["input_image and model_parameters.input_image differ: input_image is taken."],
        ),
        (
            "flux-3-video",
            {"start_image": "s", "input_image": ["a"], "model_parameters": {"input_images": ["x.png"]}},
            {**PROMPT, "input_images": ["x.png"]},
            [],
            [
                "input_image and model_parameters.input_images differ: input_images is taken.",
            ],
        ),
        (
            "wan-v2-7-reference-to-video",
            {"input_image": ["a"]},
            {**PROMPT, "reference_images": [{"url": "a"}]},
            [],
            ["How reference_images holds a link is not documented; each is sent as {'url': …}."],
        ),
        (
            SEEDANCE,
            {"input_image": [DATA], "model_parameters": {"input_face_images": [f"{DATA}B"]}},
            {**PROMPT, "input_face_images": [f"{DATA}B"], "input_images": [DATA]},
            [],
            ["Fields for faces refuse data: URIs. A file or an https URL is surer."],
        ),
        (
            SEEDANCE,
            {"input_image": [DATA]},
            {**PROMPT, "input_images": [DATA]},
            [],
            ["Not every model reads data: URIs. A file or an https URL is surer."],
        ),
        # ---- words without a place
        (
            T2V,
            {"input_image": ["a"], "input_video": "v", "input_audio": "x", "end_image": "e", "seed": 3},
            PROMPT,
            [
                f"seed has no place in {T2V}. Leave it out.",
                f"end_image has no place in {T2V}. Leave it out.",
                f"input_image has no place in {T2V}. Leave it out.",
                f"input_video has no place in {T2V}. Leave it out.",
                f"input_audio has no place in {T2V}. Leave it out.",
            ],
            [],
        ),
        (
            MOTION,
            {"input_image": "a", "input_video": "v", "aspect_ratio": "16:9", "duration": 5, "resolution": "720p"},
            {**PROMPT, "input_image": "a", "input_video": "v", "character_orientation": "video"},
            [
                f"duration has no place in {MOTION} (its length follows input_video). Leave it out.",
                f"aspect_ratio has no place in {MOTION} (its shape follows input_video). Leave it out.",
                f"resolution has no place in {MOTION}. Leave it out.",
            ],
            [],
        ),
        (
            O1,
            {"start_image": "s", "aspect_ratio": "16:9"},
            {**PROMPT, "input_image": "s"},
            [f"aspect_ratio has no place in {O1} (its shape follows the first frame). Leave it out."],
            [],
        ),
        (
            "topazlabs-video-upscale",
            {"prompt": "x", "input_video": "v"},
            {"input_video": "v"},
            ["prompt has no place in topazlabs-video-upscale. Leave it out."],
            [],
        ),
        (
            T2V,
            {"multi_prompt": [{"prompt": "a"}]},
            {},
            [
                f"multi_prompt has no place in {T2V}. Leave it out.",
                "Either 'prompt' or 'multi_prompt' must be provided.",
            ],
            [],
        ),
        (
            T2V,
            {
                "model_parameters": {
                    "num_generations": 2,
                    "target_namespace": "",
                    "cfg_scale": None,
                    "aspect_ratio": "1:1",
                }
            },
            {**PROMPT, "aspect_ratio": "1:1"},
            [
                "num_generations does not belong in model_parameters: give it as an argument of its own.",
                "target_namespace does not belong in model_parameters: give it as an argument of its own.",
            ],
            [],
        ),
        # ---- lengths
        (LTX, {"duration": 10}, {**PROMPT, "num_frames": 241}, [], []),
        (
            LTX,
            {"duration": 60, "model_parameters": {"num_frames": 1441}},
            {**PROMPT, "num_frames": 1441},
            ["duration=60: use 0.38 to 20."],
            [],
        ),
        (
            O3,
            {"multi_prompt": [{"prompt": "a", "duration": 5}, {"prompt": "b", "duration": 3}], "duration": 9},
            {"multi_prompt": [{"prompt": "a", "duration": 5}, {"prompt": "b", "duration": 3}]},
            ["duration=9 beside multi_prompt: the shots are 8 s long in all. Leave duration out."],
            [],
        ),
        (
            O3,
            {"prompt": "p", "multi_prompt": [{"prompt": "a"}], "duration": 5},
            {"prompt": "p"},
            ["Cannot provide both 'prompt' and 'multi_prompt'."],
            [],
        ),
        (
            "bytedance-seedance-2-0-text-to-video",
            {"duration": -1},
            {**PROMPT, "duration": -1},
            [],
            [],
        ),
        # ---- shapes and sizes
        (
            PIXELS,
            {"resolution": "huge"},
            PROMPT,
            ["resolution=huge: give width and height in model_parameters, or 16:9 and 480p."],
            [],
        ),
        (
            PIXELS,
            {"aspect_ratio": "odd"},
            PROMPT,
            ["aspect_ratio=odd: give width and height in model_parameters, or 16:9 and 480p."],
            [],
        ),
        (PIXELS, {"aspect_ratio": "auto"}, PROMPT, [], []),
        (PIXELS, {"aspect_ratio": "auto", "resolution": "480p"}, {**PROMPT, "height": 480, "width": 832}, [], []),
        (PIXELS, {"aspect_ratio": "1:1", "resolution": "720p"}, {**PROMPT, "height": 720, "width": 720}, [], []),
        (
            PIXELS,
            {"resolution": "720p", "model_parameters": {"width": 100}},
            {**PROMPT, "height": 720, "width": 100},
            [],
            ["resolution and model_parameters.width differ: width is taken."],
        ),
        (
            PIXELS,
            {"aspect_ratio": "1:1", "model_parameters": {"height": 100}},
            {**PROMPT, "height": 100, "width": 480},
            [],
            ["aspect_ratio and model_parameters.height differ: height is taken."],
        ),
        (LTX, {"resolution": "720p"}, PROMPT, [f"resolution has no place in {LTX}. Leave it out."], []),
        (LTX, {"resolution": "Square_HD"}, {**PROMPT, "resolution": "square_hd"}, [], []),
        (
            LTX,
            {"resolution": "square_hd", "model_parameters": {"resolution": "landscape_16_9"}},
            {**PROMPT, "resolution": "landscape_16_9"},
            [],
            ["resolution and model_parameters.resolution differ: resolution is taken."],
        ),
        # ---- sound
        (
            "google-veo-3-1",
            {"generate_audio": False},
            PROMPT,
            [],
            ["google-veo-3-1 always makes sound; it has no way to switch it off."],
        ),
        (
            "google-veo-3",
            {"generate_audio": True, "model_parameters": {"generate_audio": False}},
            {**PROMPT, "generate_audio": False},
            [],
            ["generate_audio and model_parameters.generate_audio differ: generate_audio is taken."],
        ),
        (
            O1,
            {"start_image": "s", "generate_audio": True},
            {**PROMPT, "input_image": "s"},
            [f"generate_audio has no place in {O1}. Leave it out."],
            [],
        ),
    ],
)
def test_a_live_model(
    model_id: str,
    words: dict[str, Any],
    body: dict[str, Any],
    problems: list[str],
    warnings: list[str],
    live: ModelList,
) -> None:
    holds(translate(ask(**words), live[model_id]), live[model_id], body, problems, warnings)


@pytest.mark.parametrize(
    ("model_id", "words", "body", "warnings"),
    [
        (
            O1,
            {"start_image": "s.png", "input_image": ["a.png"]},
            {**PROMPT, "input_image": "s.png"},
            [f"{O1} takes no reference pictures beside start_image: leave input_image out."],
        ),
        (
            O1,
            {"input_image": ["a", "b", "c"]},
            {**PROMPT, "input_image": "a"},
            [f"input_image holds 3 pictures, {O1} takes 1 picture. Leave 2 out."],
        ),
        (
            "flux-3-video",
            {"end_image": "e.png"},
            {**PROMPT, "input_images": ["e.png"]},
            ["end_image alone: in flux-3-video a single picture starts the video. Give start_image too."],
        ),
        (
            T2V,
            {"input_image": ["a", "b"], "start_image": "s", "input_video": "v", "input_audio": "x"},
            {**PROMPT, "start_image_url": "s", "input_image": ["a", "b"], "input_video": "v", "input_audio": "x"},
            [
                f"start_image has no place in {T2V}, {OURS} as start_image_url.",
                f"input_image has no place in {T2V}, {OURS}.",
                f"input_video has no place in {T2V}, {OURS}.",
                f"input_audio has no place in {T2V}, {OURS}.",
            ],
        ),
        (
            PIXELS,
            {"aspect_ratio": "odd"},
            PROMPT,
            ["aspect_ratio=odd: give width and height in model_parameters, or 16:9 and 480p."],
        ),
        (T2V, {"duration": 7}, {**PROMPT, "duration": 7}, ["duration=7: use 5 or 10."]),
    ],
)
def test_what_is_not_certain_is_a_warning(
    model_id: str, words: dict[str, Any], body: dict[str, Any], warnings: list[str], bundled: ModelList
) -> None:
    holds(translate(ask(**words), bundled[model_id]), bundled[model_id], body, [], warnings)


@pytest.mark.parametrize(
    ("words", "body"),
    [
        (
            {"start_image": "s", "end_image": "e", "input_video": "v", "negative_prompt": "n", "resolution": "r"},
            {"resolution": "r", "negative_prompt": "n", "input_image": "s", "tail_image_url": "e", "input_video": "v"},
        ),
        (
            {"start_image": "s", "input_image": ["a"], "input_audio": "x"},
            {"start_image_url": "s", "input_image": "a", "input_audio": "x"},
        ),
        ({"generate_audio": True, "duration": 3}, {"duration": 3, "generate_audio": True}),
        ({"generate_audio": False}, {"generate_audio": False}),
    ],
)
def test_a_model_that_nobody_knows(words: dict[str, Any], body: dict[str, Any], live: ModelList) -> None:
    warning = "What new takes is not known here: everything is sent as it is, unchecked."
    holds(translate(ask(**words), live.known("new")), live.known("new"), {**PROMPT, **body}, [], [warning])


@pytest.mark.parametrize(
    ("properties", "words", "told"),
    [
        (
            {"num_frames": FRAMES},
            {"duration": 5},
            ({}, ["duration=5: new-model counts frames. Give num_frames in model_parameters."]),
        ),
        (
            {"num_frames": FRAMES, "fps": {"type": "integer", "minimum": 8, "maximum": 60}},
            {"duration": 5, "model_parameters": {"fps": "24"}},
            ({"num_frames": 120, "fps": 24}, []),
        ),
        (
            {"random_seed": WHOLE, "neg_prompt": TEXT},
            {"seed": 3, "negative_prompt": "n"},
            ({"random_seed": 3, "neg_prompt": "n"}, []),
        ),
        (
            {"seed": WHOLE, "random_seed": WHOLE, "negative_prompt": TEXT, "neg_prompt": TEXT},
            {"seed": 3, "negative_prompt": "n"},
            ({"seed": 3, "negative_prompt": "n"}, []),
        ),
        (
            {"style": {"type": "string", "default": "real"}, "pace": {"type": "string"}, "required": ["style", "pace"]},
            {},
            ({"style": "real"}, ["new-model needs pace."]),
        ),
        (
            {"style": {"type": "string", "default": "real"}, "prompt": {"type": "string", "default": "p"}},
            {"model_parameters": {"style": "toon"}},
            ({"style": "toon"}, []),
        ),
        (
            {"duration": WHOLE, "match_input_duration": {"type": "boolean", "default": True}},
            {"duration": 4},
            ({"duration": 4, "match_input_duration": False}, []),
        ),
        (
            {
                "duration": WHOLE,
                "match_input_duration": {"type": "boolean", "default": False},
                "match_colours": {"type": "boolean", "default": True},
            },
            {"duration": 4},
            ({"duration": 4}, []),
        ),
        (
            {
                "first_frame_url": URI,
                "reference_images": {"type": "array", "items": TEXT},
                "required": ["first_frame_url"],
            },
            {"input_image": ["a", "b", "c"]},
            ({"first_frame_url": "a", "reference_images": ["b", "c"]}, []),
        ),
        (
            {"first_frame_url": URI, "reference_images": {"type": "array", "items": TEXT}},
            {"input_image": ["a", "b", "c"]},
            ({"reference_images": ["a", "b", "c"]}, []),
        ),
        (
            {"reference_image_url": URI, "first_frame_url": URI},
            {"input_image": ["a", "b"]},
            ({"reference_image_url": "a"}, ["input_image holds 2 pictures, new-model takes 1 picture. Leave 1 out."]),
        ),
        (
            {
                "first_frame_url": URI,
                "reference_image_url": URI,
                "required": ["first_frame_url"],
            },
            {"input_image": ["a", "b", "c"]},
            (
                {"first_frame_url": "a", "reference_image_url": "b"},
                ["input_image holds 3 pictures, new-model takes 2 pictures. Leave 1 out."],
            ),
        ),
        (
            {"aspect_ratio": {"type": "string", "enum": ["16:9", "1:1"]}},
            {"aspect_ratio": "square"},
            ({"aspect_ratio": "1:1"}, []),
        ),
        ({"aspect_ratio": TEXT}, {"aspect_ratio": "7:5"}, ({"aspect_ratio": "7:5"}, [])),
        ({"resolution": TEXT}, {"resolution": "9k"}, ({"resolution": "9k"}, [])),
    ],
)
def test_a_model_that_nobody_has_seen_before(
    properties: dict[str, Any], words: dict[str, Any], told: tuple[dict[str, Any], list[str]]
) -> None:
    known = only(**{name: value for name, value in properties.items() if name != "prompt"})
    said = translate(ask(**words), known)
    body = {name: said.body[name] for name in said.body if name not in ("model", "prompt")}
    assert (body, said.problems, said.warnings) == (told[0], told[1], [])


def test_which_item_holds_the_link_is_told_where_nobody_documented_it() -> None:
    known = only(elements={"type": "array", "items": {"type": "object"}})
    warning = "How elements holds a link is not documented; each is sent as {'frontal_image_url': …}."
    holds(
        translate(ask(input_image=["a"]), known),
        known,
        {**PROMPT, "elements": [{"frontal_image_url": "a"}]},
        [],
        [warning],
    )
    shape = {"type": "object", "properties": {"url": URI}}
    known = only(reference_images={"type": "array", "items": shape})
    assert translate(ask(input_image=["a"]), known).warnings == []


def test_what_the_hub_itself_is_told(live: ModelList) -> None:
    known = live["google-veo-3"]
    words = {"num_generations": 2, "response_format": "b64_json", "target_namespace": "studio"}
    text = "num_generations: the blocking route makes one video a call. Call once a take, or use the queue."
    holds(translate(ask(**words), known, route="sync"), known, {**PROMPT, **reordered(words)}, [text], [])
    holds(translate(ask(num_generations=1), known, route="sync"), known, {**PROMPT, "num_generations": 1}, [], [])
    queued = {"num_generations": 2, "target_namespace": "studio"}
    holds(translate(ask(**words), known), known, {**PROMPT, **queued}, [], [])


def test_a_first_frame_that_has_no_name_of_its_own_is_a_medium_all_the_same(live: ModelList) -> None:
    said = translate(ask(start_image="s.png", input_image=["a.png"]), live.known("new"))
    assert {place.path: (place.kind, place.reference) for place in said.media} == {
        ("start_image_url",): ("image", "s.png"),
        ("input_image",): ("image", "a.png"),
    }


def reordered(words: dict[str, Any]) -> dict[str, Any]:
    return {name: words[name] for name in ("num_generations", "target_namespace", "response_format")}


def test_a_body_is_ordered_as_its_schema_is(live: ModelList) -> None:
    words = {"generate_audio": True, "duration": 8, "aspect_ratio": "16:9", "resolution": "720p"}
    known = live["google-veo-3"]
    said = translate(ask(**words, target_namespace="n", model_parameters={"odd": 1}), known)
    order = [name for name in known.parameters if name in words]
    assert list(said.body) == ["model", "prompt", *order, "odd", "target_namespace"]
