"""The 24 rules between parameters that Oxen's pages state: none can be broken silently."""

from __future__ import annotations

from typing import Any

import pytest

from oxen_video_tools.catalog.catalog import ModelList
from oxen_video_tools.catalog.translate import translate
from oxen_video_tools.catalog.validate import check, unsuitable_media
from oxen_video_tools.request import VideoRequest

from .conftest import ask, model

V, A, P, Q = "v.mp4", "a.mp3", "p.png", "q.png"
EDIT = {"input_video": V, "prompt": "x"}
# model, a body that breaks the rule, one that keeps it, whether it is sure where a live schema states it, the words
RULES: list[tuple[str, dict[str, Any], dict[str, Any], bool, str]] = [
    (
        "bytedance-seedance-2-5-reference-to-video",
        {"input_videos": [V], "duration": 5},
        {"input_videos": [V], "aspect_ratio": "adaptive"},
        False,
        "duration=auto",
    ),
    ("flux-3-video", {"input_images": [P], "input_video": V}, {"input_images": [P]}, True, "can't go together"),
    ("google-veo-3-1-fast", {"resolution": "4k", "duration": 4}, {"resolution": "4k"}, True, "needs duration=8"),
    (
        "google-veo-3-1-lite",
        {"resolution": "1080p", "duration": 6},
        {"resolution": "720p", "duration": 6},
        True,
        "needs duration=8",
    ),
    ("google-veo-3-1", {"duration": 4}, {"resolution": "720p", "duration": 4}, True, "needs duration=8"),
    (
        "kling-video-o3-omni",
        {"tail_image_url": P},
        {"tail_image_url": P, "start_image_url": Q},
        True,
        "needs start_image_url",
    ),
    (
        "kling-video-o3-omni",
        {"input_image": [P], "generate_audio": True},
        {"generate_audio": True},
        False,
        "must be false",
    ),
    (
        "kling-video-o3-omni",
        {"input_video": V, "duration": 5},
        {"input_video": V, "duration": 5, "video_mode": "reference"},
        False,
        "ignored",
    ),
    (
        "kling-video-o3-omni",
        {"start_image_url": P, "aspect_ratio": "1:1"},
        {"input_image": [P], "aspect_ratio": "1:1"},
        False,
        "out",
    ),
    (
        "kling-video-v3-pro-motion-control",
        {"input_image": P, "input_video": V, "character_orientation": "image", "elements": [{"frontal_image_url": P}]},
        {"input_image": P, "input_video": V, "character_orientation": "image"},
        True,
        "needs character_orientation=video",
    ),
    (
        "ltx-2-3-fast-image-to-video",
        {"input_image": P, "duration": 12, "fps": 50},
        {"input_image": P, "duration": 12},
        True,
        "needs fps=25",
    ),
    (
        "ltx-2-3-fast-text-to-video",
        {"duration": 20, "resolution": "2160p"},
        {"duration": 10, "resolution": "2160p"},
        True,
        "needs resolution=1080p",
    ),
    (
        "ltx-2-3-pro-audio-to-video",
        {"input_audio": A, "prompt": ""},
        {"input_audio": A, "input_image": P, "prompt": ""},
        True,
        "Give input_image or prompt",
    ),
    (
        "ltx-2-3-quality-reference-video-to-video",
        {"input_video": V, "skip_control_preprocess": True},
        {"input_video": V, "skip_control_preprocess": False},
        True,
        "needs control_video_url",
    ),
    (
        "ltx-2-3-quality-reference-video-to-video",
        {"input_video": V, "preserve_original_video": True, "control_video_url": V},
        {"input_video": V, "preserve_original_video": True, "control_video_url": V, "skip_control_preprocess": True},
        True,
        "needs skip_control_preprocess",
    ),
    (
        "luma-ray-v3-2-image-to-video",
        {"input_image": P, "loop": True, "duration": "10s"},
        {"input_image": P, "loop": True},
        True,
        "loop does not go with",
    ),
    (
        "luma-ray-v3-2-text-to-video",
        {"loop": True, "duration": "10s"},
        {"loop": False, "duration": "10s"},
        True,
        "loop does not go with",
    ),
    (
        "luma-ray-v3-2-video-to-video",
        {"input_video": V, "auto_controls": True, "edit_strength": "flex_1"},
        {"input_video": V, "edit_strength": "flex_1"},
        True,
        "can't go together",
    ),
    (
        "luma-ray-v3-2-video-to-video",
        {"input_video": V, "exr_export": True},
        {"input_video": V, "exr_export": True, "hdr": True, "resolution": "720p"},
        True,
        "needs hdr",
    ),
    (
        "luma-ray-v3-2-video-to-video",
        {"input_video": V, "hdr": True},
        {"input_video": V, "hdr": True, "resolution": "1080p"},
        True,
        "needs resolution=720p or 1080p",
    ),
    (
        "minimax-h3",
        {"input_image": P, "input_videos": [V]},
        {"input_image": P, "tail_image_url": Q},
        True,
        "can't go together",
    ),
    (
        "topazlabs-astra-2-video",
        {"input_video": V, "creativity": 0.5},
        {"input_video": V, "creativity": 0.5, "prompt": ""},
        False,
        "max frames 450",
    ),
    ("wan-v2-7-image-to-video", {"input_image": P, "input_video": V}, {"input_video": V}, True, "can't go together"),
    (
        "wan-v2-7-reference-to-video",
        {"reference_videos": [{"url": V}], "duration": 15},
        {"reference_images": [{"url": P}], "duration": 15},
        True,
        "needs duration=2 to 10",
    ),
]
NAMED = [f"{model_id}-{words}" for model_id, *_, words in RULES]


def test_all_of_them_are_here(bundled: ModelList) -> None:
    stated = sorted(name for name, known in bundled.items() for rule in known.rules if "source" not in rule.told)
    assert len(stated) == 24
    assert sorted(model_id for model_id, *_ in RULES) == stated


@pytest.mark.parametrize(("model_id", "breaks", "keeps", "sure", "words"), RULES, ids=NAMED)
def test_breaking_it_is_told(
    live: ModelList,
    bundled: ModelList,
    model_id: str,
    breaks: dict[str, Any],
    keeps: dict[str, Any],
    sure: bool,
    words: str,
) -> None:
    broken, kept = {"prompt": "x", **breaks}, {"prompt": "x", **keeps}
    found = check(broken, live[model_id])
    assert any(words in text for text in (found.problems if sure else found.warnings)), found
    assert not any(words in finding.text for finding in check(kept, live[model_id]).found)
    assert check(kept, live[model_id]).problems == []
    offline = check(broken, bundled[model_id])
    assert any(words in text for text in offline.warnings), "what only the bundled list says is never sure"


@pytest.mark.parametrize(("model_id", "breaks", "keeps", "sure", "words"), RULES, ids=NAMED)
def test_by_way_of_model_parameters_it_is_told_too(
    live: ModelList, model_id: str, breaks: dict[str, Any], keeps: dict[str, Any], sure: bool, words: str
) -> None:
    """It passes then, or what nobody asked for is changed so that the rule is kept; either way it is said."""
    given = {name: value for name, value in breaks.items() if name != "prompt"}
    prompt = None if breaks.get("prompt") == "" else "x"
    said = translate(VideoRequest(prompt=prompt, model_parameters=given), live[model_id])
    assert [*said.problems, *said.warnings]
    assert given.items() <= said.body.items()


class TestFollowed:
    """A rule that can be kept without touching what was asked for is kept, and that is said."""

    def test_a_default_gives_way(self, live: ModelList) -> None:
        said = translate(ask(duration=4), live["google-veo-3-1"])
        assert said.body["resolution"] == "720p"
        assert said.problems == []
        assert said.warnings == [
            "resolution=720p is sent: with 1080p, the default, google-veo-3-1 does not make duration=4."
        ]

    def test_on_the_other_side_too(self, live: ModelList) -> None:
        said = translate(ask(input_video=V, model_parameters={"hdr": True}), live["luma-ray-v3-2-video-to-video"])
        assert said.body["resolution"] == "720p"
        assert said.problems == []
        said = translate(ask(resolution="4k", duration=8), live["google-veo-3-1"])
        assert said.warnings == []

    def test_what_was_asked_for_never_gives_way(self, live: ModelList) -> None:
        said = translate(ask(duration=4, resolution="4k"), live["google-veo-3-1"])
        assert (said.body["duration"], said.body["resolution"]) == (4, "4k")
        assert said.problems == ["resolution=4k needs duration=8, and duration=4 is not."]

    def test_what_a_page_wants_left_out_is(self, live: ModelList) -> None:
        said = translate(ask(start_image=P, aspect_ratio="16:9"), live["kling-video-o3-omni"])
        assert "aspect_ratio" not in said.body
        assert "left out" in said.warnings[0]


def test_rules_speak_the_words_of_the_request(live: ModelList) -> None:
    said = translate(ask(end_image=P), live["kling-video-o3-omni"])
    assert said.problems == ["end_image (tail_image_url) needs start_image_url."]


@pytest.mark.parametrize(
    "rule",
    [
        {"rule": "excludes"},
        {"rule": "excludes", "fields": 3, "with": None},
        {"rule": "nobody knows"},
        {"rule": 7},
        "text",
        None,
    ],
)
def test_a_rule_of_another_shape_is_left_alone(rule: object) -> None:
    made = model(prompt={"type": "string"})
    made.request_schema["rules"] = [rule]  # type: ignore[index]
    assert translate(ask(), ModelList.of([made])[made.id]).problems == []


class TestNumbersInProse:
    @pytest.mark.parametrize(
        ("model_id", "body", "words"),
        [
            (
                "bytedance-seedance-2-5-reference-to-video",
                {"input_images": [P] * 31},
                "input_images has 31 items: use at most 30.",
            ),
            (
                "bytedance-seedance-2-0-reference-to-video",
                {"input_images": [P] * 9, "input_videos": [V] * 3, "input_audios": [A] * 4},
                "16 references in all: use at most 15.",
            ),
            ("kling-video-o3-omni", {"input_image": [P] * 5, "input_video": V}, "5 references in all: use at most 4."),
            ("kling-video-o3-omni", {"input_image": [P] * 8}, "8 references in all: use at most 7."),
            ("wan-v2-7-text-to-video", {"prompt": "x" * 501}, "prompt has 501 characters: use at most 500."),
            ("wan-v3-0-video", {"seed": -1}, "seed=-1: use 0 to 2147483647."),
            ("flux-3-video", {"input_images": []}, "input_images has 0 items: use at least 1, or leave it out."),
        ],
    )
    def test_over_it(
        self, live: ModelList, bundled: ModelList, model_id: str, body: dict[str, Any], words: str
    ) -> None:
        body = {"prompt": "x", **body}
        assert any(words in problem for problem in check(body, live[model_id]).problems)
        offline = check(body, bundled[model_id])
        assert offline.problems == []
        assert any(words in warning for warning in offline.warnings)

    def test_of_a_file(self, live: ModelList) -> None:
        limits = live["happyhorse-1.0-video-edit"].parameters["input_video"].limits
        assert unsuitable_media(limits, size=50_000_000, width=1280, height=720, seconds=10, fps=24) == []
        assert unsuitable_media(limits, size=150_000_000, width=4000, height=200, seconds=2, fps=8) == [
            "150.0 MB: at most 100 MB",
            "2 s: at least 3 s",
            "200 pixels: at least 320 pixels",
            "4000 pixels: at most 2160 pixels",
            "4000x200: an aspect ratio from 1:2.5 to 2.5:1",
            "8 frames per second: more than 8",
        ]
        assert unsuitable_media(limits) == []

    def test_of_a_picture(self, live: ModelList) -> None:
        sora = live["openai-sora-2-pro"].parameters["input_image"].limits
        assert unsuitable_media(sora, width=1280, height=720) == []
        assert "exactly 720x1280" in unsuitable_media(sora, width=1920, height=1080)[0]
        assert unsuitable_media(live["happyhorse-1.0-r2v"].parameters["reference_images"].limits, width=400, height=800)
        assert unsuitable_media(
            live["lightricks-ltx-2-retake"].parameters["input_video"].limits, width=1280, height=720
        )
