"""The common words in each of the ways that models want them."""

from __future__ import annotations

from typing import Any

import pytest

from oxen_video_tools.catalog.catalog import ModelList
from oxen_video_tools.catalog.model_info import ModelInfo
from oxen_video_tools.catalog.translate import Translation, put_urls, translate
from tests.catalog.conftest import ask, model

URI = {"type": "string", "format": "uri"}
LINKS = {"type": "array", "items": {"type": "string"}}
PROMPT = {"type": "string"}


def say(live: ModelList, model_id: str, **words: Any) -> Translation:
    return translate(ask(**words), live[model_id], models=live)


def only(**properties: Any) -> ModelInfo:
    made = model(prompt=PROMPT, **properties)
    return ModelList.of([made])[made.id]


class TestMedia:
    @pytest.mark.parametrize(
        ("model_id", "field"),
        [
            ("kling-video-o1-image-to-video", "input_image"),
            ("gemini-omni-flash-preview", "first_frame_image"),
            ("kling-video-o3-omni", "start_image_url"),
            ("minimax-h3", "input_image"),
        ],
    )
    def test_first_frame(self, live: ModelList, model_id: str, field: str) -> None:
        assert say(live, model_id, start_image="s.png").body[field] == "s.png"

    @pytest.mark.parametrize(
        ("model_id", "field"),
        [
            ("kling-video-o1-image-to-video", "tail_image_url"),
            ("ltx-2-3-pro", "last_frame_image"),
            ("wan-v2-7-image-to-video", "end_image_url"),
        ],
    )
    def test_last_frame(self, live: ModelList, model_id: str, field: str) -> None:
        said = say(live, model_id, start_image="s.png", end_image="e.png")
        assert said.body[field] == "e.png"
        assert said.problems == []

    @pytest.mark.parametrize(
        ("model_id", "field", "expected"),
        [
            ("bytedance-seedance-2-0-reference-to-video", "input_images", ["a.png", "b.png"]),
            ("happyhorse-1.0-r2v", "reference_images", ["a.png", "b.png"]),
            ("luma-ray-v3-2-text-to-video", "reference_image_urls", ["a.png", "b.png"]),
            ("kling-video-o1-reference-to-video", "input_image", ["a.png", "b.png"]),
            ("wan-v2-7-reference-to-video", "reference_images", [{"url": "a.png"}, {"url": "b.png"}]),
            ("flux-3-video", "input_images", ["a.png", "b.png"]),
        ],
    )
    def test_references(self, live: ModelList, model_id: str, field: str, expected: object) -> None:
        said = say(live, model_id, input_image=["a.png", "b.png"])
        assert said.body[field] == expected
        assert said.problems == []

    def test_one_reference_for_one_place(self, live: ModelList) -> None:
        assert (
            say(live, "wan-v2-7-edit-video", input_video="v.mp4", input_image="a.png").body["reference_image_url"]
            == "a.png"
        )

    def test_a_reference_is_the_first_frame_where_nothing_else_is(self, live: ModelList) -> None:
        """Oxen's word for it: `input_image` is what an image-to-video model animates."""
        assert say(live, "kling-video-v2-6-pro-image-to-video", input_image="a.png").body["input_image"] == "a.png"

    def test_a_required_picture_is_filled_first(self, live: ModelList) -> None:
        said = say(live, "luma-ray-v3-2-image-to-video", input_image=["a.png", "b.png", "c.png"])
        assert said.body["input_image"] == "a.png"
        assert said.body["reference_image_urls"] == ["b.png", "c.png"]

    def test_too_many_pictures(self, live: ModelList) -> None:
        said = say(live, "kling-video-o1-image-to-video", input_image=["a.png", "b.png", "c.png"])
        assert said.problems == [
            "input_image holds 3 pictures, kling-video-o1-image-to-video takes 1 picture. Leave 2 out."
        ]

    def test_keyframes(self, live: ModelList) -> None:
        said = say(live, "flux-3-video", start_image="s.png", input_image=["m.png"], end_image="e.png")
        assert said.body["input_images"] == ["s.png", "m.png", "e.png"]
        alone = say(live, "flux-3-video", end_image="e.png")
        assert any("Give start_image too" in problem for problem in alone.problems)

    def test_elements_where_there_is_nothing_else(self) -> None:
        shape = {"type": "object", "required": ["frontal_image_url"], "properties": {"frontal_image_url": URI}}
        one = only(elements={"type": "array", "items": shape})
        assert translate(ask(input_image=["a.png"]), one).body["elements"] == [{"frontal_image_url": "a.png"}]

    @pytest.mark.parametrize(
        ("model_id", "field", "expected"),
        [
            ("xai-grok-imagine-video-edit-video", "input_video", "v.mp4"),
            ("bytedance-depth-anything-video", "video_url", "v.mp4"),
            ("bytedance-seedance-2-0-reference-to-video", "input_videos", ["v.mp4"]),
            ("wan-v2-7-reference-to-video", "reference_videos", [{"url": "v.mp4"}]),
        ],
    )
    def test_video(self, live: ModelList, model_id: str, field: str, expected: object) -> None:
        assert say(live, model_id, input_video="v.mp4").body[field] == expected

    @pytest.mark.parametrize(
        ("model_id", "field", "expected"),
        [
            ("wan-v2-7-text-to-video", "audio_url", "a.mp3"),
            ("ltx-2-3-pro-audio-to-video", "input_audio", "a.mp3"),
            ("minimax-h3", "input_audios", ["a.mp3"]),
        ],
    )
    def test_audio(self, live: ModelList, model_id: str, field: str, expected: object) -> None:
        assert say(live, model_id, input_audio="a.mp3").body[field] == expected

    def test_a_new_model_works_the_day_it_appears(self) -> None:
        one = only(image=URI, final_image=URI, character_images=LINKS, motion_video=URI, soundtrack_audio_url=URI)
        words = {"start_image": "s", "end_image": "e", "input_image": ["r"], "input_video": "v", "input_audio": "a"}
        assert translate(ask(**words), one).body == {
            "model": one.id,
            "prompt": "A red balloon rises",
            "image": "s",
            "final_image": "e",
            "character_images": ["r"],
            "motion_video": "v",
            "soundtrack_audio_url": "a",
        }

    def test_where_each_medium_stands(self, live: ModelList) -> None:
        elements = [{"frontal_image_url": "face.png", "reference_image_urls": ["side.png"]}]
        said = say(
            live,
            "kling-video-o3-omni",
            start_image="s.png",
            input_image=["a.png", "b.png"],
            model_parameters={"elements": elements},
        )
        assert {place.path: place.reference for place in said.media} == {
            ("start_image_url",): "s.png",
            ("input_image", 0): "a.png",
            ("input_image", 1): "b.png",
            ("elements", 0, "frontal_image_url"): "face.png",
            ("elements", 0, "reference_image_urls", 0): "side.png",
        }
        assert {place.role for place in said.media} == {"first_frame", "reference", "elements"}
        urls = {place.path: f"https://hub/{place.reference}" for place in said.media}
        sent = put_urls(said.body, urls)
        assert sent["elements"][0]["reference_image_urls"] == ["https://hub/side.png"]
        assert said.body["elements"][0]["reference_image_urls"] == ["side.png"], "the plan stays as it was"

    def test_limits_of_a_file_go_with_its_place(self, live: ModelList) -> None:
        place = say(live, "happyhorse-1.0-i2v", start_image="s.png").media[0]
        assert place.limits["max_file_mb"] == 10

    def test_data_uris_are_doubted(self, live: ModelList) -> None:
        said = say(live, "kling-video-o1-image-to-video", start_image="data:image/png;base64,AAAA")
        assert any("data: URIs" in warning for warning in said.warnings)
        faces = {"input_face_images": ["data:image/png;base64,AAAA"]}
        said = say(live, "bytedance-seedance-2-0-reference-to-video", model_parameters=faces)
        assert any("faces refuse" in warning for warning in said.warnings)


class TestLength:
    @pytest.mark.parametrize(
        ("model_id", "words", "problem"),
        [
            ("kling-video-v2-6-pro-text-to-video", {"duration": 7}, "duration=7: use 5 or 10."),
            ("google-veo-3", {"duration": 5}, "duration=5: use 4, 6 or 8."),
            ("openai-sora-2-pro", {"duration": 7}, "duration=7: use 4, 8 or 12."),
            ("luma-ray-v3-2-text-to-video", {"duration": 7}, "duration=7: use 5 or 10."),
            ("happyhorse-1.0-t2v", {"duration": 20}, "duration=20: use 3 to 15."),
            ("ltx-2-3-quality-text-to-video", {"duration": 60}, "duration=60: use 0.38 to 20."),
            ("ltx-2-3-fast-text-to-video", {"duration": 7}, "duration=7: use 6 or 8 (6 to 20 are offered)."),
        ],
    )
    def test_a_length_that_is_not_offered(
        self, live: ModelList, model_id: str, words: dict[str, Any], problem: str
    ) -> None:
        assert say(live, model_id, **words).problems == [problem]

    def test_half_seconds_where_whole_ones_are_wanted(self, live: ModelList) -> None:
        assert say(live, "happyhorse-1.0-t2v", duration=4.5).problems == ["duration=4.5: use whole seconds, 3 to 15."]

    def test_a_length_that_follows_the_sound_can_be_said(self, live: ModelList) -> None:
        said = say(live, "ltx-2-3-quality-audio-to-video", input_audio="a.mp3", duration=10)
        assert said.body["num_frames"] == 241
        assert said.body["match_audio_length"] is False
        assert said.problems == []

    def test_frames_without_a_rate(self) -> None:
        one = only(num_frames={"type": "integer", "maximum": 120})
        said = translate(ask(duration=5), one)
        assert "num_frames" not in said.body
        assert "Give num_frames in model_parameters" in said.problems[0]

    def test_no_say_in_the_length(self, live: ModelList) -> None:
        said = say(live, "kling-video-v3-pro-motion-control", input_image="a.png", input_video="v.mp4", duration=5)
        assert "its length follows input_video" in said.problems[0]

    def test_beside_shots(self, live: ModelList) -> None:
        shots = [{"prompt": "a", "duration": 4}, {"prompt": "b", "duration": 6}]
        o3 = "kling-video-o3-pro-reference-to-video"
        assert say(live, o3, multi_prompt=shots, duration=10).problems == []
        assert "duration" not in say(live, o3, multi_prompt=shots, duration=10).body
        assert "the shots are 10 s long in all" in say(live, o3, multi_prompt=shots, duration=12).problems[0]


class TestShapeAndSize:
    @pytest.mark.parametrize(
        ("model_id", "word", "expected"),
        [
            ("openai-sora-2-pro", "16:9", {"aspect_ratio": "landscape"}),
            ("openai-sora-2-pro", "9:16", {"aspect_ratio": "portrait"}),
            ("openai-sora-2-pro", "Portrait", {"aspect_ratio": "portrait"}),
            ("bytedance-seedance-2-0-text-to-video", "auto", {"aspect_ratio": "adaptive"}),
            ("flux-3-video", "adaptive", {"aspect_ratio": "auto"}),
            ("kling-video-v2-6-pro-text-to-video", "landscape", {"aspect_ratio": "16:9"}),
            ("kling-video-v2-6-pro-text-to-video", "square", {"aspect_ratio": "1:1"}),
            ("kling-video-v2-6-pro-text-to-video", "9x16", {"aspect_ratio": "9:16"}),
            ("ltx-2-3-quality-text-to-video", "16:9", {"resolution": "landscape_16_9"}),
            ("ltx-2-3-quality-text-to-video", "3:4", {"resolution": "portrait_4_3"}),
            ("wan-ai-wan2-1-t2v-14b-diffusers", "1:1", {"width": 480, "height": 480}),
            ("wan-ai-wan2-2-ti2v-5b-diffusers", "16:9", {"width": 1280, "height": 720}),
        ],
    )
    def test_aspect_ratio(self, live: ModelList, model_id: str, word: str, expected: dict[str, Any]) -> None:
        said = say(live, model_id, aspect_ratio=word)
        assert expected.items() <= said.body.items()
        assert said.problems == []

    def test_the_nearest_aspect_ratio_is_named_first(self, live: ModelList) -> None:
        assert say(live, "kling-video-v2-6-pro-text-to-video", aspect_ratio="21:9").problems == [
            "aspect_ratio=21:9: use 16:9, 1:1 or 9:16."
        ]

    @pytest.mark.parametrize(
        ("model_id", "word", "expected"),
        [
            ("happyhorse-1.0-t2v", "720p", "720P"),
            ("google-veo-3-1", "4K", "4k"),
            ("minimax-h3", "2k", "2K"),
            ("minimax-h3", "1440p", "2K"),
            ("ltx-2-3-pro", "2160p", "4k"),
            ("ltx-2-3-fast-text-to-video", "4k", "2160p"),
            ("openai-sora-2-pro", "High", "high"),
        ],
    )
    def test_resolution(self, live: ModelList, model_id: str, word: str, expected: str) -> None:
        said = say(live, model_id, resolution=word)
        assert said.body["resolution"] == expected
        assert said.problems == []

    def test_resolution_under_another_name(self, live: ModelList) -> None:
        assert (
            say(live, "topazlabs-video-upscale", input_video="v.mp4", resolution="4K").body["target_resolution"] == "4k"
        )

    def test_the_nearest_resolution_is_named_first(self, live: ModelList) -> None:
        assert say(live, "happyhorse-1.0-t2v", resolution="900p").problems == ["resolution=900p: use 720P or 1080P."]
        assert say(live, "happyhorse-1.0-t2v", resolution="4k").problems == ["resolution=4k: use 1080P or 720P."]

    def test_the_shape_of_a_first_frame_stays(self, live: ModelList) -> None:
        said = say(live, "kling-video-o1-image-to-video", start_image="s.png", aspect_ratio="16:9")
        assert "its shape follows the first frame" in said.problems[0]
        assert "Leave it out, or use " in said.problems[0]


class TestSound:
    def test_a_flag(self, live: ModelList) -> None:
        assert say(live, "google-veo-3", generate_audio=True).body["generate_audio"] is True

    def test_asked_for_where_there_always_is_some(self, live: ModelList) -> None:
        said = say(live, "google-veo-3-1", generate_audio=True)
        assert "generate_audio" not in said.body
        assert said.problems == []

    def test_no_sound_where_there_always_is_some(self, live: ModelList) -> None:
        said = say(live, "google-veo-3-1", generate_audio=False)
        assert said.problems == []
        assert said.warnings == ["google-veo-3-1 always makes sound; it has no way to switch it off."]

    def test_no_sound_where_there_never_is_any(self, live: ModelList) -> None:
        said = say(live, "kling-video-o1-image-to-video", start_image="s.png", generate_audio=False)
        assert (said.problems, said.warnings) == ([], [])

    def test_sound_where_there_is_none(self, live: ModelList) -> None:
        said = say(live, "kling-video-o1-image-to-video", start_image="s.png", generate_audio=True)
        assert "generate_audio has no place" in said.problems[0]
        others = said.problems[0].partition("or use ")[2].rstrip(".").replace(" or ", ", ").split(", ")
        assert all(live[other].sound and live[other].slot("image", "first_frame") for other in others)


class TestWordsWithoutAPlace:
    def test_models_that_have_one_are_named(self, live: ModelList) -> None:
        said = say(live, "kling-video-v2-6-pro-text-to-video", start_image="s.png")
        assert said.problems == [
            "start_image has no place in kling-video-v2-6-pro-text-to-video. Leave it out, or use "
            "kling-video-v2-6-pro-image-to-video, bytedance-seedance-2-0-image-to-video or wan-v2-7-image-to-video."
        ]
        assert "s.png" not in str(said.body)

    def test_in_the_bundled_list_they_pass_under_the_hubs_name(self, bundled: ModelList) -> None:
        said = say(bundled, "kling-video-v2-6-pro-text-to-video", start_image="s.png", end_image="e.png", seed=3)
        assert said.problems == []
        assert said.body["input_image"] == "s.png"
        assert said.body["tail_image_url"] == "e.png"
        assert said.body["seed"] == 3
        assert len(said.warnings) == 3
        assert {place.reference for place in said.media} == {"s.png", "e.png"}

    def test_an_unknown_model_is_told_everything(self, live: ModelList) -> None:
        stranger = live.known("brand-new-model")
        words = {"duration": 7, "aspect_ratio": "7:5", "resolution": "9k", "input_image": ["a.png", "b.png"], "seed": 1}
        said = translate(ask(**words, start_image="s.png", generate_audio=False), stranger)
        assert said.problems == []
        assert said.body == {
            "model": "brand-new-model",
            "prompt": "A red balloon rises",
            **words,
            "start_image_url": "s.png",
            "generate_audio": False,
        }
        assert "unchecked" in said.warnings[0]

    def test_an_unknown_model_gets_shots_as_they_are(self, live: ModelList) -> None:
        shots = [{"prompt": "a", "duration": 5}, {"prompt": "b"}]
        said = translate(ask(multi_prompt=shots), live.known("brand-new-model"))
        assert said.body["multi_prompt"] == shots
        assert said.problems == []


class TestModelParameters:
    def test_unknown_ones_pass_with_a_warning_and_the_live_schema_holds(self, live: ModelList) -> None:
        said = say(live, "kling-video-v2-6-pro-text-to-video", model_parameters={"cfg_scale": 99, "cfg_scal": 1})
        assert said.problems == ["cfg_scale=99: use 0 to 10."]
        assert said.body["cfg_scale"] == 99 and said.body["cfg_scal"] == 1
        assert any("Did you mean cfg_scale?" in warning for warning in said.warnings)

    def test_they_win_over_what_was_translated(self, live: ModelList) -> None:
        said = say(live, "kling-video-v2-6-pro-text-to-video", duration=5, model_parameters={"duration": 10})
        assert said.body["duration"] == 10
        assert said.warnings == ["duration and model_parameters.duration differ: duration is taken."]

    def test_enums_in_any_letter_case_and_numbers_as_text(self, live: ModelList) -> None:
        said = say(live, "ltx-2-3-pro-text-to-video", model_parameters={"camera_motion": "Dolly_In", "fps": "48"})
        assert said.body["camera_motion"] == "dolly_in"
        assert said.body["fps"] == 48
        assert (said.problems, said.warnings) == ([], [])

    def test_a_real_zero(self, live: ModelList) -> None:
        assert say(live, "happyhorse-1.0-t2v", model_parameters={"seed": 0}).body["seed"] == 0

    def test_both_an_own_and_a_common_place(self, live: ModelList) -> None:
        """`input_images` is taken by the caller; what is common goes to the place that is left."""
        said = say(
            live, "wan-v2-7-reference-to-video", input_image="s.png", model_parameters={"reference_images": ["r.png"]}
        )
        assert said.body["reference_images"] == ["r.png"]
        assert said.body["input_image"] == "s.png"


class TestRequired:
    def test_what_has_a_default_is_said(self, live: ModelList) -> None:
        said = say(live, "kling-video-v3-pro-motion-control", input_image="a.png", input_video="v.mp4")
        assert said.body["character_orientation"] == "video"
        assert said.problems == []

    def test_what_is_missing_is_named_in_the_words_of_the_request(self, live: ModelList) -> None:
        assert say(live, "kling-video-v3-pro-motion-control").problems == [
            "kling-video-v3-pro-motion-control needs input_image.",
            "kling-video-v3-pro-motion-control needs input_video.",
        ]
        assert say(live, "kling-video-o1-image-to-video").problems == [
            "kling-video-o1-image-to-video needs start_image (input_image)."
        ]

    def test_every_problem_at_once(self, live: ModelList) -> None:
        said = say(
            live,
            "kling-video-v2-6-pro-text-to-video",
            duration=7,
            aspect_ratio="21:9",
            start_image="s.png",
            resolution="720p",
            num_generations=9,
        )
        assert len(said.problems) == 5


class TestOfTheHub:
    def test_inline_results_exist_on_the_blocking_route_only(self, live: ModelList) -> None:
        request, known = ask(response_format="b64_json"), live["google-veo-3"]
        assert "response_format" not in translate(request, known).body
        assert translate(request, known, route="sync").body["response_format"] == "b64_json"

    def test_how_many(self, live: ModelList) -> None:
        known = live["google-veo-3"]
        assert translate(ask(num_generations=3), known).body["num_generations"] == 3
        assert "between 1 and 4" in translate(ask(num_generations=5), known).problems[0]
        assert "the blocking route makes one" in translate(ask(num_generations=2), known, route="sync").problems[0]

    def test_who_pays(self, live: ModelList) -> None:
        assert translate(ask(target_namespace="studio"), live["google-veo-3"]).body["target_namespace"] == "studio"

    def test_a_schema_that_lists_the_hubs_own_words(self) -> None:
        made = model(prompt=PROMPT, model={"type": "string"}, required=["model", "prompt"])
        assert translate(ask(), ModelList.of([made])[made.id]).problems == []
