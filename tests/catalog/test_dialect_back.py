"""A body → the common words that say it, exactly; what they can't say stays as it is."""

from __future__ import annotations

from typing import Any

import pytest

from oxen_video_tools.catalog.dialect_back import untranslated
from oxen_video_tools.catalog.known import Known
from oxen_video_tools.catalog.models import Models

from .conftest import O3, model

FACE = {"frontal_image_url": "f.png"}
URI = {"type": "string", "format": "uri"}
TEXT = {"type": "string"}


def only(**properties: Any) -> Known:
    made = model(prompt=TEXT, **properties)
    return Models.of([made])[made.id]


@pytest.mark.parametrize(
    ("model_id", "body", "words"),
    [
        (
            "google-veo-3",
            {"prompt": "p", "duration": 8, "generate_audio": False, "aspect_ratio": "16:9", "resolution": "720p"},
            {"prompt": "p", "duration": 8, "generate_audio": False, "aspect_ratio": "16:9", "resolution": "720p"},
        ),
        (
            "google-veo-3",
            {"prompt": "p", "num_generations": 2, "target_namespace": "studio", "response_format": "b64_json"},
            {"prompt": "p", "num_generations": 2, "target_namespace": "studio", "response_format": "b64_json"},
        ),
        (
            "google-veo-3",  # it lists neither of these
            {"prompt": "p", "negative_prompt": "blur", "seed": 3, "odd": [1]},
            {"prompt": "p", "model_parameters": {"negative_prompt": "blur", "seed": 3, "odd": [1]}},
        ),
        (
            "ltx-2-3-quality-text-to-video",
            {"prompt": "p", "negative_prompt": "blur", "seed": 3},
            {"prompt": "p", "negative_prompt": "blur", "seed": 3},
        ),
        (
            "google-veo-3",
            {"prompt": "p", "generate_audio": "yes"},
            {"prompt": "p", "model_parameters": {"generate_audio": "yes"}},
        ),
        # lengths: seconds, frames, and the model's own choice
        ("ltx-2-3-quality-text-to-video", {"prompt": "p", "num_frames": 241}, {"prompt": "p", "duration": 10}),
        (
            "ltx-2-3-quality-text-to-video",
            {"prompt": "p", "num_frames": 242},
            {"prompt": "p", "model_parameters": {"num_frames": 242}},
        ),
        ("bytedance-seedance-2-0-text-to-video", {"prompt": "p", "duration": -1}, {"prompt": "p", "duration": -1}),
        (
            "bytedance-seedance-2-0-text-to-video",
            {"prompt": "p", "duration": "auto"},
            {"prompt": "p", "model_parameters": {"duration": "auto"}},
        ),
        # shapes: a ratio, a size's name, pixels, the model's own choice
        (
            "ltx-2-3-quality-text-to-video",
            {"prompt": "p", "resolution": "portrait_4_3"},
            {"prompt": "p", "aspect_ratio": "3:4"},
        ),
        (
            "ltx-2-3-quality-text-to-video",
            {"prompt": "p", "resolution": "landscape_16_9"},
            {"prompt": "p", "aspect_ratio": "16:9"},
        ),
        ("openai-sora-2-pro", {"prompt": "p", "aspect_ratio": "portrait"}, {"prompt": "p", "aspect_ratio": "portrait"}),
        (
            "bytedance-seedance-2-0-text-to-video",
            {"prompt": "p", "aspect_ratio": "adaptive"},
            {"prompt": "p", "aspect_ratio": "auto"},
        ),
        (
            "wan-ai-wan2-2-ti2v-5b-diffusers",
            {"prompt": "p", "width": 1280, "height": 720},
            {"prompt": "p", "aspect_ratio": "16:9"},
        ),
        (
            "wan-ai-wan2-2-ti2v-5b-diffusers",
            {"prompt": "p", "width": 848, "height": 480},
            {"prompt": "p", "aspect_ratio": "16:9", "resolution": "480p"},
        ),
        (
            "wan-ai-wan2-1-t2v-14b-diffusers",
            {"prompt": "p", "width": 480, "height": 480},
            {"prompt": "p", "aspect_ratio": "1:1"},
        ),
        (
            "wan-ai-wan2-2-ti2v-5b-diffusers",
            {"prompt": "p", "width": 481, "height": 100},
            {"prompt": "p", "model_parameters": {"width": 481, "height": 100}},
        ),
        (
            "wan-ai-wan2-2-ti2v-5b-diffusers",
            {"prompt": "p", "width": 1280},
            {"prompt": "p", "model_parameters": {"width": 1280}},
        ),
        ("happyhorse-1.0-t2v", {"prompt": "p", "resolution": "720P"}, {"prompt": "p", "resolution": "720P"}),
        ("happyhorse-1.0-t2v", {"prompt": "p"}, {"prompt": "p"}),
        # media
        (
            "wan-v2-7-reference-to-video",
            {
                "prompt": "p",
                "reference_images": [{"url": "a.png"}, {"url": "b.png"}],
                "reference_videos": [{"url": "v.mp4"}],
            },
            {"prompt": "p", "input_image": ["a.png", "b.png"], "input_video": "v.mp4"},
        ),
        (
            "wan-v2-7-reference-to-video",
            {"prompt": "p", "reference_videos": [{"url": "v.mp4"}, {"url": "w.mp4"}]},
            {"prompt": "p", "model_parameters": {"reference_videos": [{"url": "v.mp4"}, {"url": "w.mp4"}]}},
        ),
        (
            "wan-v2-7-reference-to-video",
            {"prompt": "p", "reference_images": [{"url": "a.png", "weight": 2}]},
            {"prompt": "p", "model_parameters": {"reference_images": [{"url": "a.png", "weight": 2}]}},
        ),
        (
            "wan-v2-7-reference-to-video",
            {"prompt": "p", "reference_images": [{"weight": 2}]},
            {"prompt": "p", "model_parameters": {"reference_images": [{"weight": 2}]}},
        ),
        (
            "kling-video-o3-omni",
            {"prompt": "p", "start_image_url": "s.png", "input_image": ["a.png", "b.png"], "elements": [FACE]},
            {
                "prompt": "p",
                "start_image": "s.png",
                "input_image": ["a.png", "b.png"],
                "model_parameters": {"elements": [FACE]},
            },
        ),
        (
            "kling-video-o3-omni",
            {"prompt": "p", "input_video": "v.mp4", "tail_image_url": "e.png", "start_image_url": "s.png"},
            {"prompt": "p", "input_video": "v.mp4", "end_image": "e.png", "start_image": "s.png"},
        ),
        ("flux-3-video", {"prompt": "p", "input_images": ["a", "b"]}, {"prompt": "p", "input_image": ["a", "b"]}),
        (
            "minimax-h3",
            {"prompt": "p", "input_image": "s.png", "input_audios": ["a.mp3"], "input_videos": ["v.mp4"]},
            {"prompt": "p", "start_image": "s.png", "input_audio": "a.mp3", "input_video": "v.mp4"},
        ),
        (
            "wan-v2-7-image-to-video",
            {"prompt": "p", "input_image": "s.png", "end_image_url": "e.png", "audio_url": "a.mp3"},
            {"prompt": "p", "start_image": "s.png", "end_image": "e.png", "input_audio": "a.mp3"},
        ),
        (
            "luma-ray-v3-2-image-to-video",
            {"prompt": "p", "input_image": "s.png", "reference_image_urls": ["a.png"]},
            {"prompt": "p", "start_image": "s.png", "input_image": ["a.png"]},
        ),
        (
            "kling-video-v3-pro-motion-control",
            {"input_image": "i.png", "input_video": "v.mp4", "character_orientation": "video"},
            {"input_image": ["i.png"], "input_video": "v.mp4", "model_parameters": {"character_orientation": "video"}},
        ),
        (
            "bytedance-seedance-2-0-reference-to-video",
            {"prompt": "p", "input_face_images": ["f.png"], "input_images": ["a.png"]},
            {"prompt": "p", "input_image": ["a.png"], "model_parameters": {"input_face_images": ["f.png"]}},
        ),
        # shots
        (
            O3,
            {"multi_prompt": [{"prompt": "a", "duration": 4}, {"prompt": "b", "duration": 6}], "generate_audio": True},
            {"multi_prompt": [{"prompt": "a", "duration": 4}, {"prompt": "b", "duration": 6}], "generate_audio": True},
        ),
        (
            O3,
            {"multi_prompt": [{"prompt": "a", "duration": "5"}]},
            {"model_parameters": {"multi_prompt": [{"prompt": "a", "duration": "5"}]}},
        ),
    ],
)
def test_a_body_in_the_common_words(model_id: str, body: dict[str, Any], words: dict[str, Any], live: Models) -> None:
    request = untranslated({"model": model_id, **body}, live[model_id])
    shots = [shot.model_dump(exclude_none=True) for shot in request.multi_prompt]
    given = request.given() | ({"multi_prompt": shots} if shots else {})
    assert {word: value for word, value in given.items() if word != "model"} == words
    assert request.model == model_id


def test_shots_under_other_names() -> None:
    shape = {
        "type": "object",
        "required": ["text", "seconds"],
        "properties": {"text": TEXT, "seconds": {"type": "integer"}},
    }
    known = only(multi_prompt={"type": "array", "items": shape})
    request = untranslated({"model": known.id, "multi_prompt": [{"text": "a", "seconds": 4}]}, known)
    assert [(shot.prompt, shot.duration) for shot in request.multi_prompt] == [("a", 4)]


def test_one_of_many_and_many_of_one() -> None:
    known = only(
        reference_images={"type": "array", "items": {"type": "string"}},
        input_video=URI,
        driving_video_url=URI,
    )
    request = untranslated({"model": known.id, "prompt": "p", "reference_images": ["a.png"]}, known)
    assert request.input_image == ["a.png"] and request.model_parameters == {}
    request = untranslated({"model": known.id, "prompt": "p", "reference_images": "a.png"}, known)
    assert request.model_parameters == {"reference_images": "a.png"} and request.input_image == []


def test_an_unknown_models_body_stays_as_it_is(live: Models) -> None:
    stranger = live.known("brand-new-model")
    body = {"model": "brand-new-model", "prompt": "p", "seed": 4, "width": 9, "input_image": "a.png", "fps": "x"}
    request = untranslated(body, stranger)
    assert (request.prompt, request.seed) == ("p", 4)
    assert request.model_parameters == {"width": 9, "input_image": "a.png", "fps": "x"}
