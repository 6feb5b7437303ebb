"""The same people in every shot: what each of the 78 models has for it, and the bodies that come of a cast."""

from __future__ import annotations

import re
from collections import Counter
from fnmatch import fnmatchcase
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from oxen_video_tools.catalog.cast import Holding, cast_problems, cast_warnings, filter_advice, holding, named_in
from oxen_video_tools.catalog.catalog import ModelList
from oxen_video_tools.catalog.model_info import ModelInfo
from oxen_video_tools.catalog.translate import Translation, translate
from oxen_video_tools.hub.records import VideoModel
from oxen_video_tools.request import Member, VideoRequest
from oxen_video_tools.settings import Settings
from oxen_video_tools.studio.plan import Plan, make_plan
from oxen_video_tools.studio.videos import shots_of

from .conftest import IDS, O3

# Families as the pages of August 2026 describe them: models, how many, best means, pictures at most (by slot; in all),
# address, and whether pictures of the cast go together with a first frame.
FAMILIES: list[tuple[list[str], int, str, int | None, int | None, str | None, bool]] = [
    (["bytedance-seedance-2-0*-reference-to-video"], 3, "reference pictures", 9, 9, "@Image{n}", False),
    (["bytedance-seedance-2-5-reference-to-video"], 1, "reference pictures", 30, 30, "@Image{n}", False),
    (["bytedance-seedance-*-image-to-video"], 4, "first frame", 1, None, None, False),
    (["bytedance-seedance-*-text-to-video"], 4, "words", None, None, None, False),
    (["kling-video-o3-omni"], 1, "elements", None, 7, "@Element{n}", True),
    (["kling-video-o1-reference-to-video"], 1, "elements", None, 7, "@Element{n}", False),
    (["kling-video-o1-video-to-video-edit"], 1, "elements", None, 4, "@Element{n}", False),
    (["kling-video-o1-image-to-video", "kling-video-v2-*-image-to-video"], 3, "first frame", 1, None, None, False),
    (["kling-video-v2-6-pro-text-to-video"], 1, "words", None, None, None, False),
    (["kling-video-v3-pro-motion-control"], 1, "elements", 1, None, "@Element{n}", False),
    (["gemini-omni-flash-preview"], 1, "reference pictures", None, None, "@Image{n}", True),
    (["wan-v2-7-reference-to-video"], 1, "reference pictures", None, 5, "@Image{n}", True),
    (["wan-v2-7-image-to-video", "wan-v2-6-image-to-video"], 2, "first frame", 1, None, None, False),
    (["wan-v2-7-edit-video"], 1, "reference pictures", 1, None, None, False),
    (["wan-v2-6-reference-to-video", "wan-v2-7-text-to-video", "wan-v3-0-video"], 3, "words", None, None, None, False),
    (["wan-ai-*"], 4, "words", None, None, None, False),
    (["happyhorse-*-r2v"], 2, "reference pictures", 9, None, "@Image{n}", False),
    (["happyhorse-1.0-video-edit"], 1, "reference pictures", 5, None, "@Image{n}", False),
    (["happyhorse-*-i2v"], 2, "first frame", 1, None, None, False),
    (["happyhorse-*-t2v"], 2, "words", None, None, None, False),
    (["minimax-h3"], 1, "reference pictures", 9, None, None, False),
    (["luma-ray-v3-2-image-to-video"], 1, "reference pictures", None, None, None, True),
    (["luma-ray-v3-2-text-to-video"], 1, "reference pictures", None, None, None, False),
    (["luma-ray-v3-2-video-to-video"], 1, "first frame", 1, None, None, False),
    (["luma-ray-v3-2-reframe"], 1, "words", None, None, None, False),
    (["flux-3-video"], 1, "first frame", 10, None, None, False),
    (["google-veo-3*", "openai-sora-2-pro"], 5, "first frame", 1, None, None, False),
    (["ltx-2-3-quality-reference-video-to-video"], 1, "reference pictures", 1, None, None, False),
    (
        ["ltx-*-image-to-video", "ltx-2-3-pro", "ltx-2-3-pro-22b*", "ltx-*-audio-to-video"],
        7,
        "first frame",
        1,
        None,
        None,
        False,
    ),
    (["ltx-*-text-to-video", "*-retake", "*-extend-video", "*-hdr"], 7, "words", None, None, None, False),
    (["xai-grok-*image-to-video"], 2, "first frame", 1, None, None, False),
    (["xai-grok-*-edit-video"], 1, "words", None, None, None, False),
    (["topazlabs-*", "bytedance-depth-anything-video", "sam-3-video"], 10, "words", None, None, None, False),
]
LOOKS = {"Mira": "woman of 40, grey coat", "Ben": "boy of 9, red cap", "Rex": "old brown dog"}
PROMPT = "Mira waits at the harbour. Ben runs up to Mira, and Rex follows."


def family(model_id: str) -> tuple[list[str], int, str, int | None, int | None, str | None, bool]:
    return next(one for one in FAMILIES if any(fnmatchcase(model_id, pattern) for pattern in one[0]))


def member(name: str, count: int = 1, **words: Any) -> Member:
    images = [f"https://media.example/{name.lower()}-{number}.png" for number in range(1, count + 1)]
    return Member(**{"name": name, "look": LOOKS.get(name), "images": images} | words)


def cast_of(count: int, pictures: int = 1) -> list[Member]:
    return [member(name, pictures) for name in list(LOOKS)[:count]]


def ask(known: ModelInfo, **words: Any) -> VideoRequest:
    """A request that this model can make, without pictures."""
    given: dict[str, Any] = {"model": known.id, "prompt": PROMPT}
    for slot in known.slots:
        if slot.required and slot.kind == "video":
            given["input_video"] = "https://media.example/source.mp4"
        if slot.required and slot.kind == "audio":
            given["input_audio"] = "https://media.example/voice.mp3"
    if "aspect_ratio" in known.parameters and known.parameters["aspect_ratio"].required:
        given["aspect_ratio"] = "9:16"
    return VideoRequest(**given | words)


def made(known: ModelInfo, cast: list[Member], models: ModelList | None = None, **words: Any) -> Translation:
    return translate(ask(known, cast=cast, **words), known, models=models)


def refused(body: dict[str, Any], known: ModelInfo) -> list[str]:
    own = {name: value for name, value in body.items() if name != "model"}
    return [error.message for error in Draft202012Validator(known.model.request_schema or {}).iter_errors(own)]


def test_every_model_belongs_to_a_family_and_every_family_is_whole() -> None:
    counted = Counter(id(family(model_id)) for model_id in IDS)
    assert [(one[0], counted[id(one)]) for one in FAMILIES if counted[id(one)] != one[1]] == []
    assert sum(counted.values()) == 78


@pytest.mark.parametrize("model_id", IDS)
def test_what_a_model_has_is_known(model_id: str, live: ModelList) -> None:
    _, _, best, most, in_all, address, beside = family(model_id)
    found = holding(live[model_id])
    assert (found.best, found.most_in_all, found.beside_first_frame) == (best, in_all, beside)
    if found.means:
        assert (found.means[0].most, found.means[0].address) == (most, address)


def test_the_sums_are_those_of_the_pages(live: ModelList) -> None:
    found = {model_id: holding(live[model_id]) for model_id in IDS}
    by_pictures = [model_id for model_id, one in found.items() if one.best not in ("words", "first frame")]
    together = [model_id for model_id, one in found.items() if one.beside_first_frame]
    assert len(by_pictures) == 18
    assert sorted(together) == [
        "gemini-omni-flash-preview",
        "kling-video-o3-omni",
        "luma-ray-v3-2-image-to-video",
        "wan-v2-7-reference-to-video",
    ]
    assert {one.rank for one in found.values()} == {0, 1, 2, 3}


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("model_id", IDS)
def test_a_body_is_what_the_raw_schema_accepts(model_id: str, count: int, live: ModelList) -> None:
    known = live[model_id]
    if not known.takes("text"):
        pytest.skip("it takes no prompt, so nobody is named")
    translation = made(known, cast_of(count, pictures=2), live)
    assert translation.problems == []
    assert refused(translation.body, known) == []
    assert [one.name for one in translation.held] == list(LOOKS)[:count]
    by_picture = [one for one in translation.held if one.pictures]
    sent = {place.reference for place in translation.media}
    assert all(set(one.pictures) <= sent for one in by_picture), "what is said to be sent is sent"
    for one in by_picture:
        addressed = one.address is not None and f"{one.name} ({one.address})" in translation.body["prompt"]
        assert addressed == (one.address is not None)
    weak = [one.name for one in translation.held if one.held_by == "words"]
    assert bool(weak) == any("held by words alone" in text for text in translation.warnings)
    if family(model_id)[2] in ("elements", "reference pictures"):
        assert translation.held[0].held_by == family(model_id)[2]


@pytest.mark.parametrize("model_id", IDS)
def test_an_address_means_the_picture_of_its_member(model_id: str, live: ModelList) -> None:
    """Whoever reads the body as the model does finds behind each address the pictures of the right member."""
    known = live[model_id]
    if not known.takes("text"):
        return
    translation = made(known, cast_of(3), live)
    counted: dict[str, list[str]] = {"image": [], "element": []}
    slots = sorted(known.slots, key=lambda one: one.role != "reference_face")  # faces are numbered first
    for slot in slots:
        value = translation.body.get(slot.name)
        if slot.kind == "image" and slot.role in ("reference", "reference_face", "elements") and value:
            items = value if isinstance(value, list) else [value]
            for item in items:
                link = item.get(slot.item or "url") if isinstance(item, dict) else item
                counted["element" if slot.role == "elements" else "image"].append(str(link))
    for one in translation.held:
        for noun, number in re.findall(r"@?(Image|Element) ?(\d+)", one.address or ""):
            assert one.name.lower() in counted[noun.lower()][int(number) - 1]


class TestMeans:
    def test_elements_hold_several_pictures_of_one(self, live: ModelList) -> None:
        body = made(live["kling-video-o3-omni"], [member("Mira", 6), member("Ben")]).body
        assert body["elements"] == [
            {
                "frontal_image_url": "https://media.example/mira-1.png",
                "reference_image_urls": [f"https://media.example/mira-{n}.png" for n in (2, 3, 4)],
            },
            {"frontal_image_url": "https://media.example/ben-1.png"},
        ]
        assert body["prompt"].startswith(
            "Mira (@Element1) waits at the harbour. Ben (@Element2) runs up to Mira (@Element1)"
        )

    def test_real_faces_go_where_they_belong_and_are_numbered_first(self, live: ModelList) -> None:
        known = live["bytedance-seedance-2-0-reference-to-video"]
        cast = [member("Mira"), member("Ben", real_face=True), member("Rex")]
        translation = made(known, cast, input_image=["https://media.example/harbour.png"])
        body = translation.body
        assert body["input_face_images"] == ["https://media.example/ben-1.png"]
        assert body["input_images"] == [f"https://media.example/{name}.png" for name in ("harbour", "mira-1", "rex-1")]
        assert [one.address for one in translation.held] == ["@Image3", "@Image1", "@Image4"]
        assert [one.held_by for one in translation.held] == [
            "reference pictures",
            "face pictures",
            "reference pictures",
        ]
        assert any("real_face: true" in text and "Mira and Rex" in text for text in translation.warnings)

    @pytest.mark.parametrize(
        "model_id", [one for one in IDS if fnmatchcase(one, "bytedance-seedance-*-image-to-video")]
    )
    def test_a_real_face_in_a_frame_is_flagged_where_the_model_asks(self, model_id: str, live: ModelList) -> None:
        known, still = live[model_id], {"start_image": "https://media.example/still.png"}
        for real, flag in ((True, True), (False, None), (None, None)):
            translation = made(known, [member("Mira", real_face=real)], **still)
            assert translation.body.get("input_image_has_face") is flag
            assert "tail_image_url_has_face" not in translation.body
            assert refused(translation.body, known) == []
            assert any("real_face: true" in text for text in translation.warnings) == (real is None)
        ends = {**still, "end_image": "https://media.example/end.png"}
        assert made(known, [member("Mira", real_face=True)], **ends).body["tail_image_url_has_face"] is True
        own = made(
            known, [member("Rex"), member("Mira", real_face=True)], start_image="https://media.example/rex-1.png"
        )
        assert "input_image_has_face" not in own.body, "the frame is the picture of somebody else"
        assert "input_image_has_face" not in made(known, [member("Ben", real_face=True)], prompt="Rain.", **still).body

    def test_what_a_model_has_for_faces_and_filters_is_named(self, live: ModelList) -> None:
        assert filter_advice(live["bytedance-seedance-2-0-reference-to-video"]) == (
            "bytedance-seedance-2-0-reference-to-video has input_face_images and input_face_videos for real faces, "
            "which real_face: true in cast sets."
        )
        assert "safety_tolerance in model_parameters" in filter_advice(live["flux-3-video"])
        assert "input_image_has_face" in filter_advice(live["bytedance-seedance-2-0-image-to-video"])
        assert filter_advice(live["google-veo-3-1"]) == "google-veo-3-1 has no flag for faces or filters."

    def test_ones_own_pictures_keep_their_numbers(self, live: ModelList) -> None:
        known = live["happyhorse-1.1-r2v"]
        asked = {"prompt": "@Image1 behind Mira", "input_image": ["https://media.example/plate.png"]}
        body = made(known, cast_of(1), **asked).body
        assert body["prompt"] == "@Image1 behind Mira (@Image2)"

    def test_a_still_and_references_together(self, live: ModelList) -> None:
        for model_id in ("gemini-omni-flash-preview", "luma-ray-v3-2-image-to-video", "wan-v2-7-reference-to-video"):
            translation = made(live[model_id], cast_of(2), start_image="https://media.example/still.png")
            assert {one.held_by for one in translation.held} == {"reference pictures"}
            assert translation.media[0].reference != translation.media[-1].reference
            assert len(translation.media) == 3

    def test_a_still_instead_of_references(self, live: ModelList) -> None:
        for model_id in ("minimax-h3", "kling-video-v2-6-pro-image-to-video"):
            translation = made(live[model_id], cast_of(2), start_image="https://media.example/still.png")
            assert {one.held_by for one in translation.held} == {"first frame"}
            assert [one.reference for one in translation.media] == ["https://media.example/still.png"]
            assert "Mira (woman of 40, grey coat)" in translation.body["prompt"]
            assert not [text for text in translation.warnings if "words alone" in text]

    def test_without_an_address_the_look_says_who_it_is(self, live: ModelList) -> None:
        translation = made(live["minimax-h3"], cast_of(2))
        assert translation.body["input_images"] == [f"https://media.example/{one}-1.png" for one in ("mira", "ben")]
        assert translation.body["prompt"].startswith("Mira (woman of 40, grey coat) waits")

    def test_words_alone_names_what_would_be_better(self, live: ModelList) -> None:
        translation = made(live["kling-video-v2-6-pro-text-to-video"], cast_of(1), live)
        (warning,) = [text for text in translation.warnings if "words alone" in text]
        assert "takes no pictures" in warning
        assert "would hold it by pictures" in warning

    def test_who_does_not_fit_is_named(self, live: ModelList) -> None:
        people = [member(name, 3, look="a face") for name in ("Ann", "Bob", "Cid", "Dan", "Eve", "Fay")]
        asked = ask(
            live["wan-v2-7-reference-to-video"], prompt="Ann, Bob, Cid, Dan, Eve and Fay at a table.", cast=people
        )
        translation = translate(asked, live["wan-v2-7-reference-to-video"], models=live)
        assert [one.held_by for one in translation.held] == ["reference pictures"] * 5 + ["words"]
        assert len(translation.body["reference_images"]) == 5
        assert any("Fay is held by words alone" in text and "no room" in text for text in translation.warnings)
        assert translation.problems == []

    def test_a_video_leaves_less_room(self, live: ModelList) -> None:
        known = live["kling-video-o3-omni"]
        assert (holding(known).most_in_all, holding(known, with_video=True).most_in_all) == (7, 4)
        people = [member(name) for name in ("Ann", "Bob", "Cid", "Dan", "Eve")]
        prompt = "Ann, Bob, Cid, Dan and Eve at a table."
        asked = ask(known, prompt=prompt, cast=people, input_video="https://media.example/source.mp4")
        assert len(translate(asked, known).body["elements"]) == 4

    def test_a_required_picture_is_that_of_a_member(self, live: ModelList) -> None:
        body = made(live["kling-video-v3-pro-motion-control"], cast_of(1)).body
        assert body["input_image"] == "https://media.example/mira-1.png"
        assert body["elements"] == [{"frontal_image_url": "https://media.example/mira-1.png"}]
        translation = made(live["kling-video-o1-image-to-video"], cast_of(1))
        assert translation.body["input_image"] == "https://media.example/mira-1.png"
        assert any("stills=true" in text for text in translation.warnings)

    def test_who_is_not_named_is_not_sent(self, live: ModelList) -> None:
        translation = made(live["happyhorse-1.1-r2v"], cast_of(3), prompt="Ben alone in the rain.")
        assert translation.body["reference_images"] == ["https://media.example/ben-1.png"]
        assert [one.name for one in translation.held] == ["Ben"]

    def test_what_the_live_model_says_of_addresses_wins(self, live: ModelList) -> None:
        raw = dict(live["happyhorse-1.1-r2v"].model.raw)
        schema = raw["request_schema"]
        prompt = schema["properties"]["prompt"] | {"x-media-references": {"pattern": "[Image {n}]"}}
        raw["request_schema"] = schema | {"properties": schema["properties"] | {"prompt": prompt}}
        known = ModelList.of([VideoModel.parse(raw)])[str(raw["id"])]
        assert made(known, cast_of(1)).body["prompt"].startswith("Mira ([Image 1]) waits")

    def test_a_model_that_nobody_has_seen(self) -> None:
        raw = {
            "id": "new",
            "endpoint": "/videos/generate",
            "request_schema": {
                "type": "object",
                "properties": {
                    "prompt": {"type": "string", "description": "Name pictures as <image1>."},
                    "reference_images": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
                    "first_frame_url": {"type": "string"},
                },
            },
        }
        known = ModelList.of([VideoModel.parse(raw)])["new"]
        assert holding(known) == Holding(holding(known).means, None, True)
        body = made(known, cast_of(2)).body
        assert body["prompt"].startswith("Mira (<image1>) waits at the harbour. Ben (<image2>)")

    def test_several_shots_in_one_job(self, live: ModelList) -> None:
        shots = [{"prompt": "Mira waits.", "duration": 3}, {"prompt": "Ben runs to Mira.", "duration": 4}]
        request = VideoRequest(model=O3, multi_prompt=shots, cast=cast_of(2))
        body = translate(request, live[O3]).body
        assert [one["prompt"] for one in body["multi_prompt"]] == [
            "Mira (@Element1) waits.",
            "Ben (@Element2) runs to Mira (@Element1).",
        ]


WAN = "wan-v2-7-text-to-video"


class TestShotsInOnePrompt:
    """Wan 2.7 takes timed lines: "Shot 1 [0-3s] Wide angle: …" (its page)."""

    @staticmethod
    def plan(live: ModelList, *seconds: float, cast: int = 1, **words: Any) -> Plan:
        names = list(LOOKS)[: max(1, cast)]
        shots = [
            {"prompt": f"{names[number % len(names)]} at the harbour, part {number}.", "duration": one}
            for number, one in enumerate(seconds)
        ]
        people = [member(name, 0) for name in names] if cast else []
        return make_plan(VideoRequest(model=WAN, multi_prompt=shots, cast=people, **words), live, Settings())

    @pytest.mark.parametrize("count", [1, 3])
    def test_they_are_sent_in_the_pages_own_form(self, count: int, live: ModelList) -> None:
        made = self.plan(live, 3, 4.0, 5, cast=count, style="Grainy 16 mm.")
        [job] = made.jobs
        assert made.ok and job.shots == (0, 1, 2) and made.film is None
        assert refused(job.body, live[WAN]) == []
        assert job.body["duration"] == 12 and "multi_prompt" not in job.body
        lead, *lines = job.body["prompt"].split("\n")
        assert lead == "Grainy 16 mm." and job.body["prompt"].count("Grainy") == 1
        assert [line.split("] ")[0] for line in lines] == ["Shot 1 [0-3s", "Shot 2 [3-7s", "Shot 3 [7-12s"]
        assert "Mira (woman of 40, grey coat) at the harbour" in lines[0]
        assert "timed lines of its prompt" in made.reason
        assert [text for text in made.warnings if "are one clip: a change to one of them" in text]
        assert [seconds for _, seconds in shots_of(job.body)] == [3, 4, 5]
        assert shots_of(job.body)[1][0].endswith("part 1. Grainy 16 mm.")

    def test_the_clip_is_no_longer_than_the_model_makes(self, live: ModelList) -> None:
        made = self.plan(live, 5, 5, 5, 5, 4)
        assert [sum(seconds or 0 for _, seconds in shots_of(job.body)) for job in made.jobs] in ([15, 9], [10, 14])
        assert all(refused(job.body, live[WAN]) == [] for job in made.jobs)
        assert made.film == "separate shots"

    def test_a_prompt_with_all_looks_stays_within_the_limit(self, live: ModelList) -> None:
        made = self.plan(live, 3, 3, 3, style="x" * 380)
        assert len(made.jobs) > 1
        assert all(len(job.body["prompt"]) <= 500 for job in made.jobs)
        assert all("(woman of 40, grey coat)" in job.body["prompt"] for job in made.jobs), "no look was cut off"

    @pytest.mark.parametrize("words", [{"cast": 0}, {"continuous": True}])
    def test_elsewhere_each_shot_is_made_by_itself(self, words: dict[str, Any], live: ModelList) -> None:
        made = self.plan(live, 3, 4, 5, **words)
        assert len(made.jobs) in (1, 3) and all("Shot 1 [" not in job.body["prompt"] for job in made.jobs)

    def test_what_is_only_supposed_is_never_sent(self, live: ModelList) -> None:
        model_id = "wan-v2-7-reference-to-video"
        assert live[model_id].shots_in_prompt is not None
        shots = [{"prompt": "Mira waits.", "duration": 3}, {"prompt": "Mira runs.", "duration": 4}]
        made = make_plan(VideoRequest(model=model_id, multi_prompt=shots, cast=cast_of(1)), live, Settings())
        assert [job.body["prompt"] for job in made.jobs] == ["Mira (@Image1) waits.", "Mira (@Image1) runs."]

    def test_words_that_look_like_lines_and_are_none(self) -> None:
        for prompt in ("Shot 1 [0-3s] alone", "Shot 1 [0-3s] a\nShot 3 [3-5s] b", "Shot 1 [0-3s] a\nShot 2 [4-5s] b"):
            assert shots_of({"prompt": prompt, "duration": 5}) == [(prompt, 5)]


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("model_id", [*IDS, O3])
def test_a_film_of_every_model_is_planned_with_a_cast(model_id: str, count: int, live: ModelList) -> None:
    """With references and with stills: every body is what the raw schema accepts, and holds who its shots name."""
    known = live[model_id]
    if not known.takes("text"):
        pytest.skip("it takes no prompt, so nobody is named")
    asked = ask(known).given() | {"prompt": None}
    names = list(LOOKS)[:count]
    shots = [{"prompt": f"{name} waits at the harbour."} for name in names] + [
        {"prompt": f"{' and '.join(names)} walk."}
    ]
    for stills in (False, True):
        request = VideoRequest(**asked | {"multi_prompt": shots, "cast": cast_of(count), "stills": stills})
        drawn = {number: f"https://media.example/still-{number}.png" for number in range(len(shots))}
        plan = make_plan(request, live, Settings(), stills=drawn if stills else None)
        if stills and (known.slot("image", "first_frame", "keyframes") is None or plan.problems):
            assert plan.problems, "who takes no first frame, or not beside its source, says so"
            continue
        assert plan.problems == ()
        assert [refused(job.body, known) for job in plan.jobs] == [[]] * len(plan.jobs)
        assert sorted(index for job in plan.jobs for index in job.shots) == list(range(len(shots)))
        for job in plan.jobs:
            seen = {name for index in job.shots for name in names if name in shots[index]["prompt"]}
            assert {one.name for one in job.held} == seen
            begins = [place.reference for place in job.media if place.reference in drawn.values()]
            assert begins == ([drawn[job.shots[0]]] if stills else [])
            if stills:
                assert "words" not in {one.held_by for one in job.held}


def test_a_draft_uses_the_models_own_draft_mode(live: ModelList) -> None:
    for model_id in IDS:
        known = live[model_id]
        if known.takes("text"):
            sent = made(known, [], level="draft").body.get("draft")
            assert sent is (True if model_id == "flux-3-video" else None)
            assert "draft" not in made(known, [], level="best").body


class TestWords:
    @pytest.mark.parametrize(
        ("prompt", "written"),
        [
            ("Mira's coat, and Miranda's", "Mira (@Image1)'s coat, and Miranda's"),
            ("@Mira smiles", "Mira (@Image1) smiles"),
            ("MIRA is a brand", "MIRA is a brand"),
            ("Mira, Mira", "Mira (@Image1), Mira (@Image1)"),
        ],
    )
    def test_where_a_name_stands(self, prompt: str, written: str, live: ModelList) -> None:
        body = made(live["happyhorse-1.1-r2v"], cast_of(1), prompt=prompt).body
        assert body["prompt"] == written

    def test_names_of_two_words_and_other_letters(self, live: ModelList) -> None:
        cast = [member("Zoë Müller", look="a baker"), member("李明", look="a driver")]
        body = made(live["happyhorse-1.1-r2v"], cast, prompt="Zoë Müller waves to 李明 .").body
        assert body["prompt"] == "Zoë Müller (@Image1) waves to 李明 (@Image2) ."

    def test_a_prompt_stays_within_its_limit(self, live: ModelList) -> None:
        cast = [member("Mira", 0, look="x" * 300)]
        prompt = "Mira " + "walks on and on. " * 20
        body = made(live["wan-v2-7-text-to-video"], cast, prompt=prompt).body
        assert len(body["prompt"]) <= 500

    def test_who_is_named_where(self) -> None:
        assert [one.name for one in named_in(cast_of(3), "Rex sleeps", None, "Mira too")] == ["Mira", "Rex"]


class TestProblems:
    def test_each_with_its_fix(self) -> None:
        many = [member(f"N{number}") for number in range(9)]
        assert "at most 8" in cast_problems(many)[0]
        assert "there twice" in cast_problems([member("Mira"), member("mira")])[0]
        (bare,) = cast_problems([Member(name="Mira")])
        assert "neither look nor images" in bare
        assert "Say what Mira looks like" in bare
        assert cast_problems(cast_of(3)) == []

    def test_names_that_no_shot_uses(self) -> None:
        assert cast_warnings(cast_of(2), ["Mira waits.", "Rain."]) == [
            "cast: Ben is not used: no shot names it. Write the name where Ben is seen."
        ]

    def test_people_who_are_no_cast(self) -> None:
        found = cast_warnings(cast_of(1), ["Mira waits.", "In the rain Mira and Jonas walks home."])
        assert found == [
            "Jonas is named, and not in the cast: each shot will show somebody else. Add a look or a picture."
        ]
        assert cast_warnings(cast_of(1), ["Mira in Berlin, a Leica camera, Golden Hour."]) == []
        assert cast_warnings([], ["Jonas walks."]) == [], "without a cast nobody is expected to be held"
