"""Cast and stills through the studio: pictures before motion, each paid once, only what changed paid again."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode
from collections.abc import AsyncIterator, Callable
from copy import deepcopy
from dataclasses import replace
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from oxen_video_tools.errors import (
    Declined,
    GenerationFailed,
    InvalidRequest,
    NeedsApproval,
    OverBudget,
    OxenError,
    TimedOut,
)
from oxen_video_tools.ledger.records import micros
from oxen_video_tools.media import pool
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.settings import Settings
from oxen_video_tools.studio import AsyncStudio, batch
from oxen_video_tools.studio.results import Progress

from .swift import Swift

Open = Callable[..., AsyncStudio]
I2V = "kling-video-v2-6-pro-image-to-video"
MIRA = {"name": "Mira", "look": "woman of 40, grey coat"}
BEN = {"name": "Ben", "look": "boy of 9, red cap"}
FILM: dict[str, Any] = {
    "multi_prompt": [
        {"prompt": "Mira waits at the harbour at dusk.", "duration": 5},
        {"prompt": "Ben runs up to Mira at the harbour at dusk.", "duration": 5},
        {"prompt": "The harbour at dusk, empty.", "duration": 5},
    ],
    "cast": [MIRA, BEN],
    "stills": True,
    "model": I2V,
}


@pytest.fixture
async def studio(opened: Open) -> AsyncIterator[AsyncStudio]:
    yield opened(clock=Swift())


def made(hub: Sandbox) -> list[dict[str, Any]]:
    return list(hub.ledger()["generations"])


def with_shot(film: dict[str, Any], shot: int, **changes: Any) -> dict[str, Any]:
    changed = deepcopy(film)
    changed["multi_prompt"][shot - 1] |= changes
    return changed


class TestStills:
    async def test_one_each_numbered_and_paid_once(self, studio: AsyncStudio, hub: Sandbox) -> None:
        stills = await studio.stills(**FILM)
        assert [one.shot for one in stills.stills] == [1, 2, 3]
        assert all(one.video.status == "succeeded" and one.video.url for one in stills.stills)
        assert len(made(hub)) == 5, "two sheets and three stills"
        assert stills.sheet is not None
        assert len(stills.sheet) <= 100_000
        assert Image.open(BytesIO(stills.sheet)).format == "JPEG"
        assert stills.cost_usd == sum((Decimal(one["cost"]) for one in made(hub)), Decimal(0))
        again = await studio.stills(**FILM)
        assert [one.video.generation_id for one in again.stills] == [one.video.generation_id for one in stills.stills]
        assert all(one.video.reused for one in again.stills)
        assert len(made(hub)) == 5

    async def test_another_take_of_one(self, studio: AsyncStudio, hub: Sandbox) -> None:
        first = await studio.stills(**FILM)
        second = await studio.stills(**with_shot(FILM, 3, still_take=2))
        same = [
            a.video.generation_id == b.video.generation_id for a, b in zip(first.stills, second.stills, strict=True)
        ]
        assert same == [True, True, False]
        assert [one.take for one in second.stills] == [1, 1, 2]
        assert len(made(hub)) == 6

    async def test_the_cast_is_in_the_body_by_the_models_own_address(self, studio: AsyncStudio, hub: Sandbox) -> None:
        await studio.stills(**FILM)
        bodies = [one.get("body", one) for one in made(hub)]
        still = next(one for one in bodies if "runs up" in str(one))
        assert str(still).count("http") >= 2, "both sheets are sent"
        assert "Mira (@Image" in str(still)
        assert "Ben (@Image" in str(still)

    async def test_a_single_picture(self, studio: AsyncStudio, hub: Sandbox, tmp_path: Path) -> None:
        stills = await studio.stills(prompt="A lighthouse in a storm", level="draft", aspect_ratio="1:1")
        [one] = stills.stills
        assert one.video.status == "succeeded"
        saved = await studio.save(one.video.generation_id)
        assert saved.file.suffix == ".png"
        assert saved.width == saved.height
        assert len(made(hub)) == 1
        assert [(video.kind, video.duration) for video in await studio.list()] == [("still", None)]

    async def test_a_named_model_and_quality(self, studio: AsyncStudio, hub: Sandbox) -> None:
        await studio.stills(prompt="A lighthouse", image_model="gpt-image-2", quality="low")
        [one] = made(hub)
        assert one["model"] == "gpt-image-2"
        rates = (await studio.find_models())[0]
        assert rates is not None
        assert Decimal(one["cost"]) < Decimal("0.03"), "the dear default was not left to the hub"


class TestFilms:
    async def test_each_shot_begins_with_its_still(self, studio: AsyncStudio, hub: Sandbox) -> None:
        plan = await studio.plan(**FILM)
        assert plan.ok
        assert [(one.kind, one.name) for one in plan.pictures] == [
            ("sheet", "Mira"),
            ("sheet", "Ben"),
            ("still", "Shot 1"),
            ("still", "Shot 2"),
            ("still", "Shot 3"),
        ]
        assert {one.name: one.held_by for one in plan.cast} == {"Mira": "first frame", "Ben": "first frame"}
        video = await studio.generate(**FILM, wait_seconds=200)
        assert video.status == "succeeded"
        assert len(made(hub)) == 5 + 3
        spent = sum((Decimal(one["cost"]) for one in made(hub)), Decimal(0))
        assert plan.price_usd == spent, "missing stills are in the price"
        assert [one.name for one in video.cast] == ["Mira", "Ben"]

    async def test_what_was_looked_at_is_what_is_filmed(self, studio: AsyncStudio, hub: Sandbox) -> None:
        stills = await studio.stills(**FILM)
        plan = await studio.plan(**FILM)
        assert all(one.already for one in plan.pictures)
        assert [one.generation_id for one in plan.pictures if one.kind == "still"] == [
            one.video.generation_id for one in stills.stills
        ]
        await studio.generate(**FILM, wait_seconds=200)
        assert len(made(hub)) == 5 + 3

    async def test_a_still_made_anew_makes_its_shot_new_and_only_that(self, studio: AsyncStudio, hub: Sandbox) -> None:
        first = await studio.generate(**FILM, wait_seconds=200)
        before = len(made(hub))
        changed = with_shot(FILM, 3, still_take=2)
        plan = await studio.plan(**changed)
        assert [one.name for one in plan.pictures if not one.already] == ["Shot 3"]
        assert [clip.already for clip in plan.clips] == [True, True, False]
        second = await studio.generate(**changed, wait_seconds=200)
        assert len(made(hub)) == before + 2, "one still and one clip"
        ids = [[shot.generation_id for shot in video.shots] for video in (first, second)]
        assert [a == b for a, b in zip(*ids, strict=True)] == [True, True, False]
        again = await studio.generate(**changed, wait_seconds=200)
        assert again.reused
        assert len(made(hub)) == before + 2

    async def test_a_still_of_another_model_is_the_still_of_its_shot(self, studio: AsyncStudio, hub: Sandbox) -> None:
        await studio.stills(**FILM, image_model="flux-2-pro")
        plan = await studio.plan(**FILM)
        stills = [one for one in plan.pictures if one.kind == "still"]
        assert all(one.already and one.model == "flux-2-pro" for one in stills)
        await studio.generate(**FILM, wait_seconds=200)
        assert len(made(hub)) == 5 + 3

    async def test_sheets_without_stills_hold_by_references(self, studio: AsyncStudio, hub: Sandbox) -> None:
        film = {**FILM, "stills": None, "model": "happyhorse-1.1-r2v"}
        plan = await studio.plan(**film)
        assert [one.kind for one in plan.pictures] == ["sheet", "sheet"]
        assert {one.held_by for one in plan.cast} == {"reference pictures"}
        video = await studio.generate(**film, wait_seconds=200)
        assert video.status == "succeeded"
        assert len(made(hub)) == 2 + 3
        sheets = {one.sheet for one in (await studio.plan(**film)).cast}
        assert sheets == {one["generation_id"] for one in made(hub)[:2]}

    async def test_a_model_without_pictures_gets_no_sheets(self, studio: AsyncStudio) -> None:
        plan = await studio.plan(prompt="Mira waits.", cast=[MIRA], model="kling-video-v2-6-pro-text-to-video")
        assert plan.pictures == ()
        assert [one.held_by for one in plan.cast] == ["words"]
        assert any("held by words alone" in text and "would hold it by pictures" in text for text in plan.warnings)

    async def test_still_and_references_where_the_model_takes_both(self, studio: AsyncStudio) -> None:
        plan = await studio.plan(**{**FILM, "model": "gemini-omni-flash-preview"})
        assert {one.held_by for one in plan.cast} == {"reference pictures"}
        both = plan.jobs[1].body
        assert both["first_frame_image"].startswith("made:")
        assert len(both["input_image"]) == 2

    async def test_one_who_is_kept_is_found_by_name(self, studio: AsyncStudio, hub: Sandbox, tmp_path: Path) -> None:
        Image.new("RGB", (400, 600), "red").save(tmp_path / "mira.png")
        await studio.add_cast(name="Mira", look="grey coat", images=[str(tmp_path / "mira.png")])
        asked = {"prompt": "Mira waits.", "cast": ["mira"], "model": "happyhorse-1.1-r2v", "duration": 3}
        plan = await studio.plan(**asked)
        assert plan.ok, plan.problems
        assert plan.pictures == (), "there is a picture already"
        assert [one.held_by for one in plan.cast] == ["reference pictures"]
        assert (await studio.generate(**asked, wait_seconds=100)).status == "succeeded"

    async def test_a_preview_moves_over_the_stills_that_are_there(self, studio: AsyncStudio, hub: Sandbox) -> None:
        from oxen_video_tools.media.contact_sheet import frame_at

        film = {**FILM, "resolution": "480p"}
        before: Any = await studio.plan(**film, animatic=True)
        drawn = frame_at(before.preview, 2.0)
        await studio.stills(**film)
        after: Any = await studio.plan(**film, animatic=True)
        assert frame_at(after.preview, 2.0) != drawn
        assert after.sheet is not None
        assert len(made(hub)) == 5, "a preview is free"

    async def test_the_default_holds_together_and_says_what_that_costs(self, studio: AsyncStudio) -> None:
        plan = await studio.plan(prompt="Mira waits.", cast=[MIRA])
        assert {one.held_by for one in plan.cast} <= {"elements", "reference pictures"}
        assert "holds together" in plan.warnings[0]
        assert "/s; the cheapest that can make this" in plan.warnings[0]
        draft = await studio.plan(prompt="Mira waits.", cast=[MIRA], level="draft")
        best = await studio.plan(prompt="Mira waits.", cast=[MIRA], level="best")
        assert draft.price_usd is not None
        assert best.price_usd is not None
        assert draft.price_usd < best.price_usd


class TestMoney:
    async def test_pictures_and_clips_hold_their_money_together(self, studio: AsyncStudio, hub: Sandbox) -> None:
        """While the first still is under way, all of the call is reserved; when it stops, nothing of the rest is."""
        ledger, scope = studio._session.ledger, await studio._session.scope()

        async def held() -> int:
            return (await ledger.funds(scope, studio._session.clock.time())).committed

        one = {"prompt": "A harbour at dusk.", "stills": True, "model": I2V, "duration": 5}
        plan = await studio.plan(**one)
        price, drawn = plan.price_usd, plan.pictures[0].price_usd
        assert price is not None and drawn is not None
        hub.faults.add("stuck")
        call = asyncio.ensure_future(studio.generate(**one, wait_seconds=100))
        while not made(hub) or await held() != micros(price):
            assert not call.done()
            await asyncio.sleep(0.01)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        while await held() != micros(drawn):
            await asyncio.sleep(0.01)
        film = {**FILM, "cast": []}
        before, whole = await held(), (await studio.plan(**film)).price_usd
        assert whole is not None
        hub.faults.add("stuck", calls="1,2,3")
        begun = await studio.generate(**film, wait_seconds=0)
        assert await held() == before + micros(whole)
        stopped = await studio.cancel(begun.generation_id)
        assert stopped.status == "cancelled"
        assert all(one["model"] != I2V for one in made(hub)), "no clip was sent"
        assert {one["status"] for one in made(hub)[1:]} <= {"cancelled"}, "and what ran was stopped"

    async def test_a_budget_counts_both_at_once(self, opened: Open, hub: Sandbox) -> None:
        price = (await opened(clock=Swift()).plan(**FILM)).price_usd
        assert price is not None
        short = opened(clock=Swift(), budget=price - Decimal("0.01"))
        with pytest.raises(OverBudget):
            await short.generate(**FILM)
        assert made(hub) == [], "not even a sheet was made"
        assert (await opened(clock=Swift(), budget=price).generate(**FILM, wait_seconds=200)).status == "succeeded"

    async def test_shots_with_the_same_words_share_their_still(self, studio: AsyncStudio, hub: Sandbox) -> None:
        shots = [{"prompt": "A harbour.", "duration": 5}] * 2
        film = {"multi_prompt": shots, "stills": True, "model": I2V}
        price = (await studio.plan(**film)).price_usd
        assert [one.video.status for one in (await studio.stills(**film)).stills] == ["succeeded"] * 2
        assert len(made(hub)) == 1
        video = await studio.generate(**film, wait_seconds=200)
        assert video.status == "succeeded" and len(made(hub)) == 1 + 2
        assert price == sum((Decimal(one["cost"]) for one in made(hub)), Decimal(0))

    async def test_a_cap_counts_pictures_too(self, studio: AsyncStudio, hub: Sandbox) -> None:
        price = (await studio.plan(**FILM)).price_usd
        assert price is not None
        with pytest.raises(OverBudget):
            await studio.generate(**FILM, max_cost_usd=price - Decimal("0.01"))
        with pytest.raises(OverBudget):
            await studio.stills(**FILM, max_cost_usd=Decimal("0.01"))
        assert made(hub) == []

    async def test_asked_once_for_all_of_it(self, opened: Open, hub: Sandbox) -> None:
        asked: list[Decimal] = []
        studio = opened(clock=Swift(), approve_above=Decimal("0.01"))

        def approve(question: Any) -> bool:
            asked.append(question.cost_usd)
            return True

        price = (await studio.plan(**FILM)).price_usd
        video = await studio.generate(**FILM, approve=approve, wait_seconds=200)
        assert video.status == "succeeded"
        assert asked == [price]

    async def test_nobody_agreed(self, opened: Open, hub: Sandbox) -> None:
        studio = opened(clock=Swift(), approve_above=Decimal("0.01"))
        with pytest.raises(NeedsApproval):
            await studio.stills(**FILM)
        with pytest.raises(Declined):
            await studio.stills(**FILM, approve=lambda _: False)
        assert made(hub) == []

    async def test_stills_that_are_there_cost_nothing(self, opened: Open, hub: Sandbox) -> None:
        await opened(clock=Swift()).stills(**FILM)
        assert (await opened(clock=Swift(), max_cost=Decimal("0.001")).stills(**FILM)).stills[0].video.reused


class TestWhatGoesWrong:
    @pytest.mark.parametrize(
        ("cast", "words"),
        [
            ([{"name": "Mira"}], "neither look nor images"),
            ([MIRA, {"name": "mira", "look": "x"}], "there twice"),
            ([{"name": f"N{number}", "look": "x"} for number in range(9)], "at most 8"),
        ],
    )
    async def test_a_cast_that_can_not_be(
        self, studio: AsyncStudio, hub: Sandbox, cast: list[dict[str, str]], words: str
    ) -> None:
        film = {**FILM, "cast": cast}
        assert any(words in problem for problem in (await studio.plan(**film)).problems)
        with pytest.raises(InvalidRequest, match=words) as raised:
            await studio.generate(**film)
        assert raised.value.charged == "no"
        assert made(hub) == []

    @pytest.mark.parametrize(
        ("picture", "words", "fix"),
        [
            ("{hub}/nothing.png", "cast Mira", "Give a link that opens, a path or an id."),
            ("/nowhere/mira.png", "can't be read: No such file", "Give an https URL, a path, or the id"),
            ("https://127.0.0.1:9/mira.png", "inside this machine's network", "Give a public https URL."),
        ],
    )
    async def test_a_picture_of_a_member_that_can_not_be_reached(
        self, studio: AsyncStudio, hub: Sandbox, picture: str, words: str, fix: str
    ) -> None:
        film = {**FILM, "cast": [{"name": "Mira", "images": [picture.format(hub=hub.base_url)]}, BEN]}
        assert any(words in problem for problem in (await studio.plan(**film)).problems)
        with pytest.raises(OxenError) as raised:
            await studio.generate(**film)
        assert words in raised.value.message and fix in f"{raised.value.message} {raised.value.fix}"
        assert raised.value.charged == "no" and made(hub) == []

    async def test_a_model_that_can_hold_nobody(self, studio: AsyncStudio, hub: Sandbox) -> None:
        words = await studio.plan(prompt="Mira waits.", cast=[MIRA], model="kling-video-v2-6-pro-text-to-video")
        assert any("held by words alone" in text and "would hold it by pictures" in text for text in words.warnings)
        with pytest.raises(InvalidRequest, match="prompt has no place in topazlabs-video-upscale") as raised:
            await studio.generate(
                prompt="Mira waits.", cast=[MIRA], model="topazlabs-video-upscale", input_video=f"{hub.base_url}/a.mp4"
            )
        assert ", or use " in raised.value.message and raised.value.charged == "no" and made(hub) == []

    async def test_nothing_to_draw(self, studio: AsyncStudio) -> None:
        with pytest.raises(InvalidRequest, match="nothing to draw"):
            await studio.stills(cast=[MIRA])

    async def test_a_filter_is_named_with_the_way_on(self, studio: AsyncStudio, hub: Sandbox) -> None:
        hub.faults.add("moderated", calls="1")
        with pytest.raises(GenerationFailed, match="sheet of") as raised:
            await studio.generate(**FILM, wait_seconds=100)
        fix = raised.value.fix or ""
        assert "bytedance-seedream-5-pro has no flag for faces or filters. Change the words" in fix
        hub.faults.add("moderated", calls="1")
        with pytest.raises(GenerationFailed, match="still of Shot 1") as raised:
            await studio.generate(
                prompt="A crowd.", stills=True, model=I2V, wait_seconds=100, cast=[], level="best", duration=5
            )
        assert "Nothing was paid for the video" in (raised.value.fix or "")
        assert not [one for one in made(hub) if one["model"] == I2V], "no clip was paid"

    async def test_a_clip_that_a_filter_refuses_names_the_models_flags(self, studio: AsyncStudio, hub: Sandbox) -> None:
        model = "bytedance-seedance-2-0-reference-to-video"
        hub.faults.add("moderated", calls="1,2")
        one = await studio.generate(prompt="A crowd.", model=model, wait_seconds=100)
        assert one.status == "failed" and "input_face_images and input_face_videos for real faces" in one.fix
        shots = [{"prompt": "A crowd.", "duration": 5}, {"prompt": "A square.", "duration": 5}]
        film = await studio.generate(multi_prompt=shots, model=model, wait_seconds=100)
        assert film.status == "failed" and "input_face_images" in (film.error or "")

    @pytest.mark.parametrize(
        "words",
        [
            {"prompt": "Mira waits.", "cast": [{"name": "Mira", "look": "woman of 40"}], "duration": 5},
            {"multi_prompt": [{"prompt": "A fox.", "duration": 5}, {"prompt": "A dog.", "duration": 5}]},
        ],
        ids=["sheet", "still"],
    )
    async def test_what_was_paid_for_other_pictures_is_said(
        self, studio: AsyncStudio, hub: Sandbox, words: dict[str, Any]
    ) -> None:
        hub.faults.add("fail", "The provider failed.", calls="2")
        with pytest.raises(GenerationFailed, match="still of Shot") as raised:
            await studio.generate(**words, stills=True, model=I2V, wait_seconds=100)
        assert sorted(Decimal(one["cost"]) for one in made(hub)) == [0, Decimal("0.04")], "one picture was paid"
        assert raised.value.charged == "yes" and "$0.04 was paid for other pictures" in (raised.value.fix or "")

    async def test_one_still_that_fails_leaves_the_others(self, studio: AsyncStudio, hub: Sandbox) -> None:
        film = {**FILM, "cast": []}
        hub.faults.add("fail", "The provider failed.", calls="2")
        stills = await studio.stills(**film)
        states = sorted(one.video.status for one in stills.stills)
        assert states == ["failed", "succeeded", "succeeded"]
        assert stills.sheet is not None

    async def test_time_runs_out_and_the_same_call_goes_on(self, studio: AsyncStudio, hub: Sandbox) -> None:
        hub.faults.add("stuck", calls="1")
        film = {**FILM, "cast": []}
        begun = await studio.generate(**film, wait_seconds=0)
        assert begun.status == "queued" and begun.generation_id.startswith("film-")
        assert not [one for one in made(hub) if one["model"] == I2V], "the clips wait for all stills"
        hub.faults.clear()
        again = await studio.generate(**film, wait_seconds=0)
        assert again.generation_id == begun.generation_id and again.reused
        one = {"prompt": "Mira waits.", "cast": [MIRA], "stills": True, "model": I2V}
        hub.faults.add("stuck", calls="1")
        with pytest.raises(TimedOut) as raised:
            await studio.generate(**one, wait_seconds=0.2)
        assert "Call again" in (raised.value.fix or "")


async def test_a_servers_pictures_are_decoded_in_child_processes(
    hub: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many more than a caller may have waiting: what is paid for is never turned away."""

    def here(*_: Any, **__: Any) -> None:
        raise AssertionError("decoded in the server's own process")

    for name in ("probe.picture_size", "probe.measure", "contact_sheet.numbered_sheet", "contact_sheet.stacked"):
        monkeypatch.setattr(f"oxen_video_tools.media.{name}", here)
    monkeypatch.setitem(pool._turns, asyncio.get_running_loop(), pool.Turns(1, waiting=1))
    settings = Settings(api_key="k", base_url=hub.base_url, ledger="memory:", output_dir=tmp_path, save="always")
    async with AsyncStudio(settings, clock=Swift(), isolated="somebody") as studio:
        drawn = await studio.stills(**{**FILM, "cast": []})
        assert len(drawn.stills) == 3 and all(one.video.file and one.video.file.is_file() for one in drawn.stills)
        saved = await studio.save(drawn.stills[0].video.generation_id)
        with Image.open(saved.file) as picture:
            assert (saved.width, saved.height) == picture.size
        assert drawn.sheet is not None and Image.open(BytesIO(drawn.sheet)).format == "JPEG"


class TestShownInANotebook:
    async def test_plan_stills_and_film_as_themselves(self, opened: Open, hub: Sandbox) -> None:
        studio = opened(clock=Swift(), save="always")
        planned = (await studio.plan(**FILM))._repr_html_()
        assert "Shot 2" in planned and "Mira is held by" in planned and "Job 3" in planned
        drawn = (await studio.stills(**FILM))._repr_html_()
        assert drawn.count("data:image/jpeg") == 1 and "shot 3, take 1: succeeded" in drawn
        film = (await studio.generate(**FILM))._repr_html_()
        assert 'src="data:video/mp4;base64,' in film and 'poster="data:image/jpeg;base64,' in film
        for page in (planned, drawn, film):
            assert "http" not in page, "a link that is signed would be kept with the notebook"

    async def test_without_a_file_the_line_that_fetches_it(self, opened: Open) -> None:
        video = await opened(clock=Swift(), save="never").generate(prompt="A fox", duration=5)
        page = replace(video, words="A <b>fox</b>")._repr_html_()
        assert video.url and f"studio.save(&#x27;{video.generation_id}&#x27;)" in page
        assert "<b>" not in page and "&lt;b&gt;" in page and "http" not in page

    async def test_programs_without_html_get_words_or_a_picture(self, opened: Open) -> None:
        studio = opened(clock=Swift(), save="always")
        signed = "https://example.com/face.png?X-Amz-Signature=abcdef"
        plan = (await studio.plan(prompt="It turns", start_image=signed))._repr_mimebundle_()
        drawn = (await studio.stills(**FILM))._repr_mimebundle_()
        film = (await studio.generate(**FILM))._repr_mimebundle_()
        [line] = await batch.run(studio, batch.read(['{"prompt": "A fox", "duration": 5}']))
        assert line.video and line.video.url
        for forms in (drawn, film, line._repr_mimebundle_()):
            picture = Image.open(BytesIO(b64decode(forms["image/jpeg"])))
            assert picture.format == "JPEG" and forms["text/html"].startswith("<div")
        assert plan["text/plain"].splitlines()[0].startswith("kling-video-v2-6-pro-image-to-video: ")
        assert "shot 3, take 1: succeeded" in drawn["text/plain"] and "<" not in film["text/plain"]
        told = line._repr_mimebundle_(include=["text/plain"])
        assert list(told) == ["text/plain"] and told["text/plain"].startswith("line 1\nA fox\nsucceeded, ")
        assert "image/jpeg" not in line._repr_mimebundle_(exclude=["image/jpeg"])
        for forms in (plan, drawn, film, told):
            assert "abcdef" not in json.dumps(forms) and "http://" not in json.dumps(forms)

    async def test_a_line_of_a_batch_without_a_video_says_why(self, opened: Open, hub: Sandbox) -> None:
        hub.faults.add("fail", "The provider failed.")
        [line] = await batch.run(opened(clock=Swift()), batch.read(['{"prompt": "A fox", "duration": 5}']))
        assert "The provider failed." in line._repr_mimebundle_()["text/plain"]

    def test_progress_prints_as_a_line(self) -> None:
        assert str(Progress("g1", "processing", 0.3, elapsed=7, typical=60)) == "g1: processing, 7 s of about 60 s"


O3 = "kling-video-o3-pro-reference-to-video"
WAN = "wan-v2-7-text-to-video"
THREE = [shot | {"duration": 4} for shot in FILM["multi_prompt"]]


class TestMeans:
    """Stills, references in each clip, or several shots in one clip: which was chosen, why, what else would cost."""

    async def test_native_shots_where_they_hold_as_well(self, studio: AsyncStudio) -> None:
        plan = await studio.plan(**FILM | {"model": None, "stills": None, "multi_prompt": THREE})
        assert plan.model == O3 and len(plan.jobs) == 1
        assert plan.means.startswith("3 shots in 1 clip (its own list), for $")
        assert "it holds Mira and Ben by elements, drawn together in each clip" in plan.means
        assert "With stills (" in plan.means and "it would cost $" in plan.means

    async def test_stills_that_are_asked_for_are_made_and_the_cheaper_way_is_told(self, studio: AsyncStudio) -> None:
        plan = await studio.plan(**FILM | {"model": O3, "multi_prompt": THREE})
        assert len(plan.jobs) == 3 and plan.means.startswith("One clip a shot, each begun with its still, for $")
        assert f"each begins with its still, for which {O3}'s own multi-shot job has no place" in plan.reason
        (told,) = [text for text in plan.warnings if "leave stills out" in text]
        assert told.startswith(f"3 shots in 1 clip (its own list) with {O3} would hold them by elements for $")
        native = await studio.plan(**FILM | {"model": O3, "multi_prompt": THREE, "stills": False})
        assert native.price.usd is not None and f"for ${native.price.usd:.2f} instead of" in told
        assert plan.price.usd is not None and plan.price.usd > native.price.usd
        assert str(plan.price.usd.quantize(Decimal("0.01"))) in native.means, "and the other way round"

    async def test_no_hint_where_stills_are_the_cheaper_way(self, studio: AsyncStudio) -> None:
        plan = await studio.plan(**FILM)
        assert f"with {O3} would hold them by elements for $" in plan.means
        assert not [text for text in plan.warnings if "leave stills out" in text]

    async def test_stills_nobody_asked_for_where_nothing_else_holds(self, studio: AsyncStudio, hub: Sandbox) -> None:
        left_open = {name: value for name, value in FILM.items() if name != "stills"}
        plan = await studio.plan(**left_open)
        assert [one.name for one in plan.pictures if one.kind == "still"] == ["Shot 1", "Shot 2", "Shot 3"]
        assert any("although none was asked for" in text and "stills: false" in text for text in plan.warnings)
        assert plan.price_usd == (await studio.plan(**FILM)).price_usd, "they are in the price"
        without = await studio.plan(**left_open, stills=False)
        assert not [one for one in without.pictures if one.kind == "still"]
        video = await studio.generate(**left_open, wait_seconds=200)
        assert video.status == "succeeded" and len(made(hub)) == 5 + 3
        assert (await studio.generate(**FILM, wait_seconds=200)).generation_id == video.generation_id

    async def test_shots_in_one_prompt_are_filmed_as_shots(self, studio: AsyncStudio, hub: Sandbox) -> None:
        told = ("Mira waits on a beach at noon.", "Mira and Ben in a forest at night.", "A snowy mountain at dawn.")
        shots = [{"prompt": prompt, "duration": 4} for prompt in told]
        film = FILM | {"model": WAN, "stills": None, "multi_prompt": shots}
        plan = await studio.plan(**film)
        assert plan.means.startswith("3 shots in 1 clip (timed in its prompt), for $")
        assert "by words, drawn together in each clip. With stills (" in plan.means
        video = await studio.generate(**film, wait_seconds=200)
        assert video.status == "succeeded" and video.means == plan.means
        [sent] = made(hub)
        assert sent["body"]["prompt"].startswith("Shot 1 [0-4s] Mira (woman of 40, grey coat) waits")
        assert "\nShot 3 [8-12s] A snowy" in sent["body"]["prompt"] and sent["body"]["duration"] == 12
        shown = await studio.inspect(video.generation_id)
        assert [round(cut) for cut in shown.cuts] == [4, 8], "the sandbox cuts where the lines say"
