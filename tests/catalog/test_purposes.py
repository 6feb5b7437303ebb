"""What models are for, and searches that name the need that failed and what comes nearest."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from oxen_video_tools.catalog import schema
from oxen_video_tools.catalog.catalog import ModelList, snapshot
from oxen_video_tools.catalog.selection import PURPOSES, choose, purpose, purpose_of, purposes, serving
from oxen_video_tools.hub.records import VideoModel
from oxen_video_tools.request import VideoRequest
from oxen_video_tools.settings import Settings
from oxen_video_tools.studio.plan import make_plan

from .conftest import IDS, listed, model

RATE: Mapping[str, float] = {"topazlabs-rhea-video": 0.01, "topazlabs-video-upscale": 0.2}


@pytest.fixture(scope="module")
def priced() -> ModelList:
    def told(one: VideoModel) -> VideoModel:
        rate = {"method": "per_video_output_second", "cost_per_second": RATE.get(one.id, 0.1 + len(one.id) / 1000)}
        return VideoModel.parse(dict(one.raw) | {"pricing": rate})

    return ModelList.of([told(one) for one in snapshot().values()])


@pytest.mark.parametrize("wanted", PURPOSES)
def test_what_the_data_names_is_listed_and_can_do_it(wanted: str, bundled: ModelList) -> None:
    told = schema.purposes()[wanted]
    assert set(told) <= set(IDS)
    for model_id in told:
        assert any(slot.kind in ("video", "audio") for slot in bundled[model_id].slots)
    assert serving(bundled, wanted) == told


def test_most_models_simply_make_videos(bundled: ModelList) -> None:
    with_one = [model_id for model_id in IDS if purposes(bundled[model_id])]
    assert len(with_one) == len({name for one in PURPOSES for name in schema.purposes()[one]}) == 27
    assert purposes(bundled["kling-video-v2-6-pro-text-to-video"]) == ()
    assert purposes(bundled["wan-v2-7-image-to-video"]) == ("lip_sync", "extend")


@pytest.mark.parametrize(
    ("model_id", "field", "wanted"),
    [
        ("acme-video-upscaler-9", "input_video", "upscale"),
        ("acme-lipsync-2", "audio_url", "lip_sync"),
        ("acme-extend-video", "input_video", "extend"),
        ("acme-retake", "input_video", "retake"),
        ("acme-reframe", "input_video", "reframe"),
        ("acme-edit-video", "input_video", "edit"),
        ("acme-motion-control", "input_video", "motion_control"),
        ("sam-4-video", "input_video", "cut_out"),
        ("acme-depth-2", "input_video", "depth"),
    ],
)
def test_a_new_model_is_known_by_its_name(model_id: str, field: str, wanted: str) -> None:
    new = listed(model(model_id, **{"prompt": {"type": "string"}, field: {"type": "string", "format": "uri"}}))
    assert purposes(new[model_id]) == (wanted,)
    without = listed(model(model_id, prompt={"type": "string"}, input_image={"type": "string", "format": "uri"}))
    assert purposes(without[model_id]) == (), "a name alone is not enough where the model takes no such medium"


@pytest.mark.parametrize(
    ("said", "wanted"),
    [("lip sync", "lip_sync"), ("Lip-Sync", "lip_sync"), ("upscaler", "upscale"), ("v2v", "edit"), ("anime", None)],
)
def test_a_purpose_in_other_words(said: str, wanted: str | None) -> None:
    assert purpose(said) == wanted


class TestSearching:
    def test_a_purpose_as_a_need(self, priced: ModelList) -> None:
        for wanted in PURPOSES:
            found = priced.search(None, [wanted])
            assert [one.id for one in found] == schema.purposes()[wanted]
            assert found.note == ""

    def test_the_cheapest_of_a_purpose(self, priced: ModelList) -> None:
        assert priced.search("cheap", ["upscale"])[0].id == "topazlabs-rhea-video"

    def test_a_purpose_in_the_words_of_the_query(self, bundled: ModelList) -> None:
        assert "upscale" in purposes(bundled.search("upscale this", ["4k"])[0])

    def test_the_need_that_failed_and_the_nearest(self, priced: ModelList) -> None:
        found = priced.search(None, ["4k", "30 s"])
        assert found.note.startswith('No model meets "30 s" together with "4k". The nearest: ltx-2-3-fast-')
        assert "20 s" in found.note
        assert found.note.endswith("These meet the rest.")
        assert all({"4k", "2160p"} & set(one.frame.resolutions) for one in found)
        assert found[0].length is not None
        assert found[0].length.offers(20), "the nearest stands first"

    def test_a_price_that_nobody_has(self, priced: ModelList) -> None:
        found = priced.search(None, ["under $0.001/s", "upscale"])
        assert 'No model meets "under $0.001/s" together with "upscale"' in found.note
        assert "The nearest: topazlabs-rhea-video ($0.01/s)" in found.note
        assert found[0].id == "topazlabs-rhea-video"

    def test_a_shape_that_nobody_has(self, bundled: ModelList) -> None:
        found = bundled.search(None, ["7:1", "retake"])
        assert found.note.startswith('No model meets "7:1" together with "retake".')
        assert [one.id for one in found] == schema.purposes()["retake"]

    def test_alone_and_impossible(self, bundled: ModelList) -> None:
        found = bundled.search(None, ["under $1/s"])
        assert found.note == 'No model meets "under $1/s".', "the bundled list knows no prices"

    def test_who_can_hold_a_cast(self, bundled: ModelList) -> None:
        found = bundled.search(None, ["cast"])
        assert len(found) == 18

    def test_pictures_are_found_as_well(self, bundled: ModelList) -> None:
        assert bundled.images.search("nano banana pro")[0].id == "google-nano-banana-pro"


VIDEO = "https://media.example/clip.mp4"


class TestAskedFor:
    """A request says what it wants done with its input, and gets a model for that."""

    @pytest.mark.parametrize(
        ("prompt", "wanted"),
        [
            ("upscale this to 4k", "upscale"),
            ("Please upscale the hummingbird video to 4K.", "upscale"),
            ("Make it 4k", "upscale"),
            ("Extend the clip by 4 seconds", "extend"),
            ("make this longer", "extend"),
            ("Make it vertical", "reframe"),
            ("turn the trailer into 9:16", "reframe"),
            ("A depth map, please", "depth"),
            ("cut out the dog", "cut_out"),
            ("Remove the background", "cut_out"),
            ("Redo it with a smile", "retake"),
            ("Replace the car with a horse", "edit"),
        ],
    )
    def test_words_name_a_purpose(self, prompt: str, wanted: str, priced: ModelList) -> None:
        request = VideoRequest(prompt=prompt, input_video=VIDEO)
        assert purpose_of(request) == wanted
        choice = choose(request, priced)
        assert choice.purpose == wanted and choice.model_id in serving(priced, wanted)

    @pytest.mark.parametrize(
        "prompt", ["A dancer in the rain", "He extends his arm", "The wall continues to the horizon", "It snows"]
    )
    def test_what_the_video_shows_is_no_purpose(self, prompt: str) -> None:
        assert purpose_of(VideoRequest(prompt=prompt, input_video=VIDEO)) is None
        assert purpose_of(VideoRequest(prompt="upscale this to 4k")) is None, "nothing is there to be upscaled"

    def test_words_without_a_place_have_done_their_part(self, priced: ModelList) -> None:
        plan = make_plan(VideoRequest(prompt="upscale this to 4k", input_video=VIDEO), priced, Settings())
        assert plan.ok and "upscale" in plan.reason
        assert plan.jobs[0].body.get("target_resolution", plan.jobs[0].body.get("resolution")) == "4k"
        assert "prompt" not in plan.jobs[0].body and any("your words chose it" in one for one in plan.warnings)

    def test_a_model_that_is_named_stays(self, priced: ModelList) -> None:
        named = VideoRequest(prompt="upscale this", input_video=VIDEO, model="kling-video-o1-video-to-video-edit")
        assert choose(named, priced).model_id == named.model

    def test_a_default_that_serves_the_purpose_is_taken(self, priced: ModelList) -> None:
        request = VideoRequest(prompt="upscale this", input_video=VIDEO)
        assert choose(request, priced, "topazlabs-rhea-video").model_id == "topazlabs-rhea-video"

    def test_without_words_a_resolution_says_it(self, priced: ModelList) -> None:
        assert choose(VideoRequest(input_video=VIDEO, resolution="4k"), priced).purpose == "upscale"

    def test_a_talking_head_is_found_in_these_words(self, priced: ModelList) -> None:
        for said in ("talking head", "avatar", "lipsync"):
            assert priced.search(said, []).note == ""
            assert priced.search(said, [])[0].id in serving(priced, "lip_sync"), said
