"""A request becomes a plan: one job, or the jobs of a film; its price, its reason, and every problem."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from oxen_video_tools.catalog.catalog import ModelList, snapshot
from oxen_video_tools.catalog.translate import translate
from oxen_video_tools.errors import InvalidRequest
from oxen_video_tools.hub.records import VideoModel
from oxen_video_tools.request import VideoRequest
from oxen_video_tools.settings import Settings
from oxen_video_tools.studio.plan import Plan, make_plan

from .conftest import O3, O3_RECORD, ask

WHOLE = {
    "model": "kling-video-v2-6-pro-text-to-video",
    "duration": 5,
    "aspect_ratio": "16:9",
    "generate_audio": False,
}  # the API's defaults, said
T2V, I2V = "kling-video-v2-6-pro-text-to-video", "kling-video-v2-6-pro-image-to-video"


@pytest.fixture(scope="module")
def live() -> ModelList:
    rate = {"method": "per_video_output_second", "cost_per_second": "0.10"}
    return ModelList.of(
        [
            *(VideoModel.parse(dict(one.raw) | {"pricing": rate}) for one in snapshot().values()),
            VideoModel.parse(O3_RECORD),
        ]
    )


def plan(models: ModelList, settings: Settings | None = None, **words: Any) -> Plan:
    return make_plan(ask(**words), models, settings or Settings())


def shots(*seconds: float) -> list[dict[str, Any]]:
    return [{"prompt": f"shot {number}", "duration": one} for number, one in enumerate(seconds, 1)]


class TestOneJob:
    def test_what_would_be_sent(self, live: ModelList) -> None:
        made = plan(live, duration=5)
        assert made.ok
        assert made.film is None
        assert [job.body for job in made.jobs] == [WHOLE | {"prompt": "A red balloon rises"}]
        assert made.price.usd == Decimal("0.50")
        assert made.jobs[0].seconds == 5
        assert made.reason == "chosen for text alone; it makes 5 s"

    def test_problems_stop_it(self, live: ModelList) -> None:
        made = plan(live, model=T2V, duration=7, start_image="s.png")
        assert not made.ok
        with pytest.raises(InvalidRequest) as caught:
            made.raise_for_problems()
        assert caught.value.problems == made.problems
        assert len(made.problems) == 2
        plan(live).raise_for_problems()

    def test_native_shots(self, live: ModelList) -> None:
        made = plan(live, multi_prompt=shots(5, 5))
        assert made.model == O3
        assert made.film is None
        assert made.jobs[0].shots == (0, 1)
        assert made.jobs[0].seconds == 10
        assert made.price.usd == Decimal("2.24")

    def test_a_length_left_to_the_model_is_not_certain(self, live: ModelList) -> None:
        made = plan(live, model="bytedance-seedance-2-0-text-to-video", model_parameters={"duration": -1})
        assert made.jobs[0].seconds is None
        assert made.price.usd == Decimal("1.5")
        assert made.price.text.startswith("at most")
        assert plan(live, model="bytedance-seedance-2-0-text-to-video").jobs[0].body["duration"] == 5

    def test_without_the_live_list(self) -> None:
        made = plan(ModelList.bundled(), duration=5)
        assert made.ok
        assert "could not be read" in made.warnings[0]
        assert made.price.usd is None

    def test_a_model_that_is_not_listed(self, live: ModelList) -> None:
        made = plan(live, model="kling-video-v2-6-text-to-video", duration=5)
        assert made.ok
        assert T2V in made.warnings[0]
        gone = plan(ModelList.bundled(), model=O3)
        assert "left the list of models in 2026-07" in gone.warnings[0]


class TestNamespace:
    def test_the_settings_own(self, live: ModelList) -> None:
        made = plan(live, Settings(namespace="studio"))
        assert made.jobs[0].body["target_namespace"] == "studio"
        assert made.request.target_namespace is None, "the request stays what was asked"

    def test_one_that_is_allowed(self, live: ModelList) -> None:
        settings = Settings(namespace="studio", namespaces=("films",))
        assert plan(live, settings, target_namespace="films").jobs[0].body["target_namespace"] == "films"
        assert plan(live, settings, target_namespace="rich").problems == (
            "target_namespace=rich: use films or studio.",
        )

    def test_where_nothing_is_settled(self, live: ModelList) -> None:
        assert plan(live, target_namespace="mine").jobs[0].body["target_namespace"] == "mine"


class TestFilms:
    def test_a_job_for_each_shot(self, live: ModelList) -> None:
        made = plan(live, model=T2V, multi_prompt=shots(5, 10, 5), aspect_ratio="9:16")
        assert made.ok
        assert made.film == "separate shots"
        assert [job.body["prompt"] for job in made.jobs] == ["shot 1", "shot 2", "shot 3"]
        assert [job.body["duration"] for job in made.jobs] == [5, 10, 5]
        assert all(job.body["aspect_ratio"] == "9:16" for job in made.jobs)
        assert [job.shots for job in made.jobs] == [(0,), (1,), (2,)]
        assert made.price.usd == Decimal("2.0")
        assert made.price.text == "$2.00 for 3 clips"
        assert f"3 shots in 3 clips, joined by hard cuts: {T2V} takes one prompt a job" in made.reason

    def test_one_take_only_where_it_is_asked_for(self, live: ModelList) -> None:
        cut = plan(live, model=I2V, multi_prompt=shots(5, 5), input_image=["s.png"])
        assert cut.film == "separate shots" and all(job.first_frame is None for job in cut.jobs)
        refused = plan(live, model=T2V, multi_prompt=shots(5, 5), continuous=True)
        assert f"continuous: {T2V} takes no first frame. Leave continuous out, or use " in refused.problems[0]
        named = refused.problems[0].rpartition("use ")[2].rstrip(".").replace(" or ", ", ").split(", ")
        assert all(live[one].slot("image", "first_frame") for one in named)

    def test_one_take_where_a_first_frame_is_taken(self, live: ModelList) -> None:
        made = plan(live, model=I2V, multi_prompt=shots(5, 5, 5), start_image="s.png", continuous=True)
        assert made.film == "one take"
        assert made.jobs[0].body["input_image"] == "s.png"
        assert made.jobs[0].first_frame is None
        for job in made.jobs[1:]:
            assert job.first_frame == ("input_image",)
            assert "input_image" not in job.body
            assert job.media == ()
            assert job.filled({}, "https://hub/last.png")["input_image"] == "https://hub/last.png"
        assert "each begins with the last frame of the one before" in made.reason

    def test_one_take_through_keyframes(self, live: ModelList) -> None:
        made = plan(live, model="flux-3-video", multi_prompt=shots(5, 5), end_image="e.png", continuous=True)
        job = made.jobs[1]
        assert made.film == "one take"
        assert job.first_frame == ("input_images", 0)
        assert job.body["input_images"] == ["e.png"]
        assert [place.path for place in job.media] == [("input_images", 0)]
        sent = job.filled({("input_images", 0): "https://hub/e.png"}, "https://hub/last.png")
        assert sent["input_images"] == ["https://hub/last.png", "https://hub/e.png"]

    def test_frames_at_both_ends_of_the_film(self, live: ModelList) -> None:
        model_id = "bytedance-seedance-2-0-image-to-video"
        ends = {"start_image": "s.png", "end_image": "e.png", "continuous": True}
        made = plan(live, model=model_id, multi_prompt=shots(5, 5, 5), **ends)
        assert made.ok
        assert [job.body.get("input_image") for job in made.jobs] == ["s.png", None, None]
        assert [job.body.get("tail_image_url") for job in made.jobs] == [None, None, "e.png"]

    def test_references_go_to_every_job(self, live: ModelList) -> None:
        model_id = "happyhorse-1.0-r2v"
        made = plan(live, model=model_id, multi_prompt=shots(5, 5), input_image=["a.png"])
        assert made.film == "separate shots"
        assert all(job.body["reference_images"] == ["a.png"] for job in made.jobs)
        assert all(len(job.media) == 1 for job in made.jobs)

    def test_references_and_a_first_frame_may_exclude_each_other(self, live: ModelList) -> None:
        wanted: dict[str, Any] = {"model": "minimax-h3", "multi_prompt": shots(5, 5), "input_image": ["a.png"]}
        assert plan(live, **wanted).ok
        assert not plan(live, **wanted, continuous=True).ok

    def test_groups_where_shots_fit_together(self, live: ModelList) -> None:
        made = plan(live, model=O3, multi_prompt=shots(5, 5, 5, 5, 8))
        assert made.ok
        assert [job.shots for job in made.jobs] in ([(0, 1, 2), (3, 4)], [(0, 1), (2, 3, 4)])
        assert all(sum(shot["duration"] for shot in job.body["multi_prompt"]) <= 15 for job in made.jobs)
        assert made.film == "separate shots"
        assert "makes 15 s at most in one job" in made.reason

    def test_no_group_is_too_short(self, live: ModelList) -> None:
        made = plan(live, model=O3, multi_prompt=shots(5, 5, 5, 1))
        assert made.ok
        assert [sum(shot["duration"] for shot in job.body["multi_prompt"]) for job in made.jobs] in ([10, 6], [5, 11])

    def test_a_shot_that_fits_nowhere_is_a_problem(self, live: ModelList) -> None:
        made = plan(live, model=O3, multi_prompt=shots(16, 5))
        assert not made.ok
        assert any("Shot 1: duration=16: Input should be" in problem for problem in made.problems)

    def test_a_length_that_is_not_offered_names_its_shot(self, live: ModelList) -> None:
        made = plan(live, model=T2V, multi_prompt=shots(5, 7, 5))
        assert made.problems == ("Shot 2: duration=7: use 5 or 10.",)

    def test_what_is_wrong_with_all_of_them_is_said_once(self, live: ModelList) -> None:
        made = plan(live, model=T2V, multi_prompt=shots(5, 5), resolution="4k")
        assert len(made.problems) == 1
        assert not made.problems[0].startswith("Shot")

    def test_shots_without_a_length(self, live: ModelList) -> None:
        told = [{"prompt": "a"}, {"prompt": "b"}]
        assert [job.body["duration"] for job in plan(live, model=T2V, multi_prompt=told).jobs] == [5, 5]
        veo = plan(live, model="google-veo-3", multi_prompt=told)
        assert [job.body["duration"] for job in veo.jobs] == [8, 8], "5 s are not offered: its own default"

    def test_one_shot_is_no_film(self, live: ModelList) -> None:
        made = plan(live, model=T2V, multi_prompt=shots(10))
        assert made.film is None
        assert made.jobs[0].body == WHOLE | {"prompt": "shot 1", "duration": 10}

    def test_several_versions_of_one_shot(self, live: ModelList) -> None:
        made = plan(live, model=T2V, multi_prompt=shots(5), num_generations=3)
        assert made.ok
        assert made.jobs[0].body["num_generations"] == 3
        assert made.price.usd == Decimal("1.5")

    def test_a_film_is_made_once_a_call(self, live: ModelList) -> None:
        made = plan(live, model=T2V, multi_prompt=shots(5, 5), num_generations=2)
        assert "call again with take=2" in made.problems[0]
        assert all("num_generations" not in job.body for job in made.jobs)

    def test_the_sum_beside_it(self, live: ModelList) -> None:
        assert plan(live, model=T2V, multi_prompt=shots(5, 5), duration=10).ok
        assert (
            "the shots are 10 s long in all" in plan(live, model=T2V, multi_prompt=shots(5, 5), duration=20).problems[0]
        )

    def test_no_film_without_an_end(self, live: ModelList) -> None:
        made = plan(live, model=T2V, multi_prompt=shots(*[5] * 101))
        assert "a film has at most 100" in made.problems[0]

    def test_both_prompts_are_no_film(self, live: ModelList) -> None:
        made = plan(live, model=T2V, prompt="x", multi_prompt=shots(5, 5))
        assert any("Cannot provide both" in problem for problem in made.problems)

    def test_a_model_that_nobody_knows_is_a_problem_and_offline_it_gets_the_shots(self, live: ModelList) -> None:
        assert (
            plan(live, model="brand-new-model", multi_prompt=shots(5, 20)).problems[0].startswith("No model brand-new")
        )
        request = VideoRequest(model="brand-new-model", multi_prompt=shots(5, 20))
        made = make_plan(request, ModelList.bundled(), Settings())
        assert made.film is None
        assert made.ok
        assert len(made.jobs[0].body["multi_prompt"]) == 2

    def test_offline_it_is_a_film_too(self) -> None:
        made = make_plan(VideoRequest(model=T2V, multi_prompt=shots(5, 5)), ModelList.bundled(), Settings())
        assert made.film == "separate shots"
        assert made.ok


class TestWords:
    def test_the_style_is_in_every_prompt(self, live: ModelList) -> None:
        made = plan(live, model=T2V, multi_prompt=shots(5, 5), style="16 mm film, hard light")
        assert [job.body["prompt"] for job in made.jobs] == [
            "shot 1. 16 mm film, hard light",
            "shot 2. 16 mm film, hard light",
        ]
        assert plan(live, prompt="A fox!", style="ink").jobs[0].body["prompt"] == "A fox! ink"

    def test_what_a_neighbour_says_and_a_shot_leaves_out(self, live: ModelList) -> None:
        told = [
            {"prompt": "Wide shot of Tokyo at night in the rain"},
            {"prompt": "Close-up of the detective, night"},
            {"prompt": "He lights a cigarette at night, rain"},
        ]
        made = plan(live, model=T2V, multi_prompt=told)
        missing = [word for word in made.warnings if "names no" in word]
        assert [word.partition(", shot")[0] for word in missing] == [
            "Shot 2 names no weather",
            "Shot 2 names no place",
        ]
        assert 'says "rain"' in missing[0] and "put it into style" in missing[0]
        assert not [
            w for w in plan(live, model=T2V, multi_prompt=told, style="rain, Tokyo").warnings if "names no" in w
        ]

    def test_a_change_to_one_of_several_shots_in_a_clip_has_a_price(self, live: ModelList) -> None:
        [said] = [word for word in plan(live, multi_prompt=shots(5, 5, 5)).warnings if "are one clip" in word]
        assert "Shots 1 to 3 are one clip: a change to one of them makes all of them anew ($3.36)." in said
        assert "cheapest model that makes each shot by itself is " in said


class TestDefaults:
    """What the key says, the body says: 5 s, 16:9, silent."""

    def test_a_default_that_is_not_offered_gives_way_and_the_plan_says_so(self, live: ModelList) -> None:
        made = plan(live, model="google-veo-3")
        assert made.ok
        assert made.jobs[0].body["duration"] == 8 and made.jobs[0].body["aspect_ratio"] == "16:9"
        assert any("does not make 5 s, the default" in word for word in made.warnings)

    def test_a_medium_decides_the_frame(self, live: ModelList) -> None:
        model_id = "bytedance-seedance-2-0-image-to-video"
        assert "aspect_ratio" not in plan(live, model=model_id, start_image="s.png").jobs[0].body
        assert plan(live, model=model_id, start_image="s.png", aspect_ratio="1:1").jobs[0].body["aspect_ratio"] == "1:1"

    @pytest.mark.parametrize("model_id", sorted(snapshot()))
    def test_no_model_is_worse_off_for_them(self, live: ModelList, model_id: str) -> None:
        bare, whole = (
            translate(ask(model=model_id), live[model_id], models=live, defaults=defaults) for defaults in (False, True)
        )
        assert set(whole.problems) <= set(bare.problems)
        assert bare.body.items() <= (whole.body | {"duration": bare.body.get("duration")}).items()

    def test_every_shot_of_a_list_says_its_length(self, live: ModelList) -> None:
        made = plan(live, multi_prompt=[{"prompt": "a"}, {"prompt": "b", "duration": 3}])
        assert [shot["duration"] for shot in made.jobs[0].body["multi_prompt"]] == [5, 3]

    def test_the_source_tells_the_length_and_so_the_price(self, live: ModelList) -> None:
        topaz = next(name for name in live if "topaz" in name)
        unknown = make_plan(ask(prompt=None, model=topaz, input_video="v.mp4"), live, Settings())
        known = make_plan(ask(prompt=None, model=topaz, input_video="v.mp4"), live, Settings(), lengths={"v.mp4": 4.6})
        assert unknown.jobs[0].seconds is None
        assert known.jobs[0].seconds == 4.6
        assert known.price.usd == Decimal("0.50"), "a part of a second may be billed as a whole one"


def test_the_blocking_route(live: ModelList) -> None:
    made = plan(live, Settings(route="sync"), response_format="b64_json")
    assert made.jobs[0].body["response_format"] == "b64_json"
    assert "response_format" not in plan(live, response_format="b64_json").jobs[0].body
