"""What a model's server says about a request, in the hub's words; and that no request whatever breaks the sandbox."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oxen_video_tools.sandbox.models import all_models, cost, pricing
from oxen_video_tools.sandbox.render import length, shot_list, size
from oxen_video_tools.sandbox.validate import PREFIX, limit_problem, problem, rule_problem

from .conftest import KLING, SHOTS

MODELS = all_models()
IMAGE = "https://example.com/a.png"


@pytest.mark.parametrize(
    ("model", "body", "words"),
    [
        (KLING, {"prompt": "A", "duration": 7}, "duration value '7' is invalid. Try using duration='5' instead"),
        (
            KLING,
            {"prompt": "A", "aspect_ratio": "4:3"},
            f"{PREFIX}aspect_ratio: Input should be '9:16', '16:9' or '1:1'",
        ),
        (KLING, {"prompt": "A", "cfg_scale": 11}, f"{PREFIX}cfg_scale: Input should be less than or equal to 10"),
        (KLING, {"prompt": "A", "cfg_scale": -1}, f"{PREFIX}cfg_scale: Input should be greater than or equal to 0"),
        (KLING, {"prompt": 7}, f"{PREFIX}prompt: Input should be a valid string"),
        (KLING, {"prompt": "A", "generate_audio": "yes"}, f"{PREFIX}generate_audio: Input should be a valid boolean"),
        (KLING, {"prompt": "A", "negative_prompt": None}, f"{PREFIX}negative_prompt: Input should be a valid string"),
        (KLING, {"multi_prompt": [{"prompt": "A"}]}, f"{PREFIX}prompt: Field required"),
        (KLING, {}, f"{PREFIX}Value error, Either 'prompt' or 'multi_prompt' must be provided."),
        ("happyhorse-1.0-i2v", {"prompt": "A"}, f"{PREFIX}input_image: Field required"),
        ("topazlabs-video-upscale", {}, f"{PREFIX}Value error, Either 'prompt' or 'multi_prompt' must be provided."),
        (SHOTS, {"multi_prompt": "A"}, "Input should be a valid list"),
        (SHOTS, {"multi_prompt": ["A"]}, "Input should be a valid dictionary"),
        (SHOTS, {"multi_prompt": [{"duration": 5}]}, "Field required"),
        (SHOTS, {"multi_prompt": [{"prompt": 5}]}, "Input should be a valid string"),
        (SHOTS, {"multi_prompt": [{"prompt": "x" * 513}]}, "String should have at most 512 characters"),
        (SHOTS, {"multi_prompt": [{"prompt": "A", "duration": 0}]}, "Input should be '1', '2', '3'"),
        (SHOTS, {"multi_prompt": [{"prompt": "A", "duration": 2.5}]}, "Input should be '1', '2', '3'"),
        (SHOTS, {"multi_prompt": [{"prompt": "A", "duration": True}]}, "Input should be '1', '2', '3'"),
        (SHOTS, {"prompt": "A", "duration": 2}, "duration value '2' is invalid. Try using duration='5' instead"),
        (SHOTS, {"prompt": "A", "duration": 16}, "Input should be '1', '2', '3'"),
        (SHOTS, {"prompt": "x" * 513}, f"{PREFIX}prompt: String should have at most 512 characters"),
        (
            SHOTS,
            {"prompt": "A", "tail_image_url": IMAGE},
            f"{PREFIX}Value error, 'tail_image_url' requires 'start_image_url'.",
        ),
        (SHOTS, {"prompt": "A", "elements": [{}]}, f"{PREFIX}elements.0.frontal_image_url: Field required"),
        (
            SHOTS,
            {"prompt": "A", "input_image": [IMAGE] * 5},
            f"{PREFIX}input_image: At most 4 references in all, not 5",
        ),
        (
            SHOTS,
            {
                "prompt": "A",
                "input_image": [IMAGE] * 2,
                "elements": [{"frontal_image_url": IMAGE, "reference_image_urls": [IMAGE] * 3}],
            },
            f"{PREFIX}input_image: At most 4 references in all, not 6",
        ),
        (
            "google-veo-3-1",
            {"prompt": "A", "duration": 4, "resolution": "1080p"},
            f"{PREFIX}duration: Input should be 8",
        ),
        ("google-veo-3-1", {"prompt": "A", "duration": 4}, f"{PREFIX}duration: Input should be 8"),
        (
            "flux-3-video",
            {"prompt": "A", "input_images": [IMAGE], "input_video": IMAGE},
            f"{PREFIX}Value error, 'input_images' cannot be combined with 'input_video'.",
        ),
        (
            "ltx-2-3-pro-audio-to-video",
            {"input_audio": IMAGE},
            f"{PREFIX}Value error, one of 'input_image', 'prompt' is required.",
        ),
        ("wan-v2-7-text-to-video", {"prompt": "x" * 501}, f"{PREFIX}prompt: String should have at most 500 characters"),
        ("happyhorse-1.0-t2v", {"prompt": "A", "seed": -1}, f"{PREFIX}seed: Input should be"),
        (
            "luma-ray-v3-2-text-to-video",
            {"prompt": "A", "loop": True, "duration": "10s"},
            f"{PREFIX}loop: Value error, not supported",
        ),
    ],
)
def test_what_is_wrong(model, body, words):
    assert (problem(MODELS[model], body) or "").startswith(words)


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (KLING, {"prompt": "A", "duration": 10, "anything_else": [1, {"x": None}]}),  # unknown words pass through
        (KLING, {"prompt": "A", "duration": "10", "cfg_scale": "0.7"}),
        ("google-veo-3-1", {"prompt": "A", "duration": 4, "resolution": "720p"}),
        ("luma-ray-v3-2-text-to-video", {"prompt": "A", "loop": True, "duration": "5s"}),
        ("topazlabs-video-upscale", {"input_video": IMAGE}),  # an upscaler wants no words
        ("my-custom-model", {"prompt": "A", "duration": 1234}),  # no schema, no check
        (SHOTS, {"multi_prompt": [{"prompt": "A", "duration": 1}, {"prompt": "B", "duration": 2}]}),
        (SHOTS, {"multi_prompt": [{"prompt": "A", "duration": 5}], "duration": 99}),  # `duration` goes with `prompt`
        (SHOTS, {"prompt": "A", "start_image_url": IMAGE, "tail_image_url": IMAGE}),
    ],
)
def test_what_is_fine(model, body):
    assert problem(MODELS[model], body) is None


def test_every_rule_of_the_pages_can_strike():
    """Each kind of rule but those that only tell what is ignored, or whose condition is prose."""
    kinds = {rule["rule"] for model in MODELS.values() for rule in (model.accepts or {}).get("rules", ())}
    told = {"forces", "ignored_when", "omit_when", "limit"}
    told |= {"value_means", "sets_pixels", "only_when", "affects_price", "no_price_effect", "one_result_per_request"}
    assert kinds - told == {
        "excludes",
        "requires",
        "requires_value",
        "one_of_required",
        "not_supported",
    }
    prose = {"rule": "requires_value", "when": "video editing/extension", "then": {"duration": ["auto"]}}
    assert rule_problem(prose, {"duration": 5}, {"duration": 5}) is None
    spans = {"rule": "requires_value", "when": "reference_videos set", "then": {"duration": [2, 10]}}
    given = {"reference_videos": [IMAGE], "duration": 7}
    assert rule_problem(spans, given, given) is None
    assert rule_problem(spans, given | {"duration": 11}, given | {"duration": 11})


def test_limits_that_several_parameters_share():
    limits = {"x-limits": {"max_items": 9, "max_total_references": 5}}
    properties = {"images": limits, "videos": limits}
    assert limit_problem(properties, {"images": ["a"] * 3, "videos": ["a"] * 2}) is None
    assert limit_problem(properties, {"images": ["a"] * 3, "videos": ["a"] * 3}).endswith(
        "At most 5 references in all, not 6"
    )


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
NAMES = sorted(
    {name for model in MODELS.values() for name in model.properties} | {"multi_prompt", "prompt", "duration"}
)
SHOT = st.dictionaries(st.sampled_from(["prompt", "duration", "x"]), JSON, max_size=3)
BODIES = st.dictionaries(st.sampled_from(NAMES), JSON | st.lists(SHOT, max_size=4), max_size=8)


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(sorted(name for name, model in MODELS.items() if model.media_type)), BODIES)
def test_no_body_breaks_the_checks(name, body):
    model = MODELS[name]
    words = problem(model, body, lambda url, kind: True)
    assert words is None or (isinstance(words, str) and words)
    if words is None:  # what is taken can be shown and priced
        shots = shot_list(model, body)
        assert 0 < shots.seconds <= 600
        assert all(side % 2 == 0 and 64 <= side <= 3840 for side in shots.size)
        assert cost(model.listed["pricing"], body, shots.seconds) >= 0


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from([KLING, SHOTS, "my-custom-model", "flux-3-video"]),
    body=BODIES,
    path=st.sampled_from(["queue", "videos/generate"]),
)
def test_no_body_breaks_the_wire(http, name, body, path):
    answer = http.post(f"/api/ai/{path}", json={"model": name} | body)
    assert answer.status_code in (200, 400, 402, 404, 413, 415), answer.text
    answer.json()


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ({"duration": 7}, 7),
        ({"duration": "10s"}, 10),
        ({"duration": "8"}, 8),
        ({"duration": "auto"}, 5),
        ({"duration": -1}, 5),
        ({"duration": 0}, 5),
        ({"seconds": "12"}, 12),
        ({"num_frames": 48}, 2),
        ({"num_frames": 48, "fps": 48}, 1),
        ({}, 5),
        ({"duration": 9999}, 60),
    ],
)
def test_length(words, seconds):
    assert length(words) == seconds


@pytest.mark.parametrize(
    ("ratio", "resolution", "pixels"),
    [
        ("16:9", "720p", (1280, 720)),
        ("9:16", "1080P", (1080, 1920)),
        ("1:1", "480p", (480, 480)),
        ("landscape", "standard", (1280, 720)),
        ("portrait", "high", (1080, 1920)),
        ("adaptive", None, (1280, 720)),
        (None, "2K", (2560, 1440)),
        (None, "4k", (3840, 2160)),
        (None, "portrait_4_3", (720, 960)),
        ("21:9", "4k", (3840, 1646)),
        ("1:2.39", "720p", (720, 1720)),
        ("0:0", "", (1280, 720)),
    ],
)
def test_size(ratio, resolution, pixels):
    assert size(ratio, resolution) == pixels


def test_prices_say_where_they_come_from():
    told = {name: model.listed["pricing"] for name, model in MODELS.items()}
    assert told[KLING]["cost_per_second"] == 0.07
    assert "documentation" in told[KLING]["note"]
    others = [one for name, one in told.items() if one and not name.startswith("kling")]
    assert all("Invented" in one["note"] for one in others)
    assert any(one is None for one in told.values())  # the hub's pricing may be null
    by_resolution = told["ltx-2-3-fast-text-to-video"]
    assert pricing(MODELS["ltx-2-3-fast-text-to-video"].listed) == by_resolution


def test_what_a_job_costs():
    told = {"method": "per_video_output_second", "cost_per_second": 0.1, "cost_per_second_with_audio": 0.2}
    by_resolution = told | {"cost_per_second_by_resolution": {"1080P": 0.3}}
    assert str(cost(told, {}, 5)) == "0.5000"
    assert str(cost(told, {"generate_audio": True}, 5)) == "1.0000"
    assert str(cost(by_resolution, {"resolution": "1080p"}, 5)) == "1.5000"
    assert str(cost(told | {"cost_per_second_high_res": 0.4}, {"resolution": "4k"}, 5)) == "2.0000"
    assert str(cost({"method": "per_image", "cost_per_image": 0.03}, {}, 5)) == "0.03"
    assert cost(None, {}, 5) > 0
