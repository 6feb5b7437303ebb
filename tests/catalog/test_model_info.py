"""What follows from a schema: media and their roles, lengths, sound; and which of several sources is believed."""

from __future__ import annotations

from typing import Any

import pytest

from oxen_video_tools.catalog.catalog import ModelList, snapshot
from oxen_video_tools.catalog.describe import describe_model
from oxen_video_tools.catalog.model_info import ModelInfo
from oxen_video_tools.catalog.schema import Parameter, meaning, pages
from oxen_video_tools.hub.records import VideoModel
from tests.catalog.conftest import IDS, O3, ask, model

URI = {"type": "string", "format": "uri"}


def known(**properties: Any) -> ModelInfo:
    made = model(**properties)
    return ModelList.of([made])[made.id]


@pytest.mark.parametrize("model_id", IDS)
def test_roles_are_derived_as_the_snapshot_has_them(model_id: str, bundled: ModelList) -> None:
    """The hub's own schemas carry no `x-media`: name, type and description must do."""
    for name, parameter in bundled[model_id].parameters.items():
        bare = {key: value for key, value in parameter.spec.items() if key != "x-media"}
        told = parameter.spec.get("x-media")
        expected = (told["kind"], told["role"]) if told else None
        assert meaning(Parameter.of(name, bare)) == expected, name


@pytest.mark.parametrize(
    ("name", "spec", "expected"),
    [
        ("image_url", URI, ("image", "first_frame")),
        ("start_image_url", URI, ("image", "first_frame")),
        ("image", {"anyOf": [{"type": "string"}, {"type": "null"}]}, ("image", "first_frame")),
        ("last_image", {"type": ["string", "null"]}, ("image", "last_frame")),
        ("end_frame", URI, ("image", "last_frame")),
        ("reference_image_urls", {"type": "array", "items": {"type": "string"}}, ("image", "reference")),
        ("subject_images", {"type": "array", "items": {"type": "string"}}, ("image", "reference")),
        ("keyframes", {"type": "array", "items": {"type": "string"}}, ("image", "keyframes")),
        ("video", URI, ("video", "source")),
        ("driving_video_urls", {"type": "array", "items": {"type": "string"}}, ("video", "reference")),
        ("pose_video_url", URI, ("video", "control")),
        ("music_url", URI, ("audio", "driving_audio")),
        ("mask_image_url", URI, ("image", "mask")),
        ("image_strength", {"type": "number"}, None),
        ("keep_audio", {"type": "boolean"}, None),
        ("video_quality", {"type": "string", "enum": ["low", "high"]}, None),
        ("negative_prompt", {"type": "string"}, None),
        ("callback_url", URI, None),
    ],
)
def test_roles_in_models_that_nobody_has_seen(name: str, spec: dict[str, Any], expected: object) -> None:
    assert meaning(Parameter.of(name, spec)) == expected


def test_alternatives_of_a_schema_are_laid_together() -> None:
    parameter = Parameter.of(
        "duration", {"anyOf": [{"type": "integer", "minimum": 3}, {"const": "auto"}, {"type": "null"}], "default": 5}
    )
    assert parameter.types == ("integer",)
    assert parameter.span == (3, None)
    chosen = Parameter.of("x", {"oneOf": [{"const": "a"}, {"enum": ["b", "c"]}]})
    assert chosen.enum == ("a", "b", "c")


@pytest.mark.parametrize(
    ("properties", "seconds", "value"),
    [
        ({"duration": {"type": "integer", "enum": [5, 10]}}, 5, 5),
        ({"duration": {"type": "string", "enum": ["5", "10"]}}, 10, "10"),
        ({"duration": {"type": "string", "enum": ["5s", "10s"]}}, 10, "10s"),
        ({"duration": {"type": ["integer", "string"], "enum": ["auto", 4, 5]}}, -1, "auto"),
        ({"duration": {"type": "integer", "enum": [-1, 4, 5]}}, -1, -1),
        ({"duration": {"type": "integer", "enum": [0, 4, 5]}}, -1, 0),
        ({"duration": {"type": "number", "minimum": 2, "maximum": 16}}, 2.5, 2.5),
        ({"duration": {"type": "integer", "minimum": 2, "maximum": 16}}, 3.0, 3),
        ({"duration": {"type": "string", "default": "5s"}}, 7, "7s"),
        ({"seconds": {"type": "string", "enum": ["4", "8", "12"]}}, 8, "8"),
        ({"retake_duration": {"type": "number", "minimum": 2}}, 4, 4),
        (
            {
                "num_frames": {"type": "integer", "default": 121, "minimum": 9},
                "fps": {"type": "integer", "default": 24},
            },
            5,
            121,
        ),
        (
            {"num_frames": {"type": "integer", "default": 81}, "frames_per_second": {"type": "number", "default": 16}},
            5,
            81,
        ),
        ({"num_frames": {"type": "integer", "default": 100}, "fps": {"type": "integer", "default": 25}}, 4, 100),
    ],
)
def test_a_length_in_the_models_own_form(properties: dict[str, Any], seconds: float, value: object) -> None:
    length = known(**properties).length
    assert length is not None
    assert length.say(seconds, {}) == value
    assert type(length.say(seconds, {})) is type(value)


def test_frames_follow_the_rate_that_is_asked_for() -> None:
    length = known(
        num_frames={"type": "integer", "default": 121, "minimum": 9}, fps={"type": "integer", "default": 24}
    ).length
    assert length is not None
    assert length.say(5, {"fps": 48}) == 241
    assert length.read(241, {"fps": 48}) == 5


def test_frames_a_second_from_the_description_or_a_page() -> None:
    frames = {"type": "integer", "default": 81, "maximum": 120}
    assert known(description="Runs at 24 fps.", num_frames=frames).length.fps == 24  # type: ignore[union-attr]
    assert known(num_frames=frames).length.fps is None  # type: ignore[union-attr]
    page = ModelList.bundled()["wan-ai-wan2-1-t2v-1-3b-diffusers"].length
    assert page is not None
    assert page.say(5, {}) == 81


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        ("Makes clips with native synchronized audio.", "always"),
        ("Generate videos from images with audio.", "always"),
        ("Clips with optional synchronized audio.", None),
        ("Silent clips.", None),
    ],
)
def test_sound(description: str, expected: str | None) -> None:
    assert known(description=description, prompt={"type": "string"}).sound == expected
    assert known(description=description, generate_audio={"type": "boolean"}).sound == "on request"


def test_sound_of_the_bundled_models(bundled: ModelList) -> None:
    assert bundled["google-veo-3-1"].sound == "always"
    assert bundled["openai-sora-2-pro"].sound == "always"
    assert bundled["kling-video-v2-6-pro-text-to-video"].sound == "on request"
    assert bundled["kling-video-o1-image-to-video"].sound is None


class TestWhoIsBelieved:
    """The live list wins field by field; what it leaves out is filled in."""

    ID = "kling-video-v2-6-pro-text-to-video"

    def live(self, **record: Any) -> ModelInfo:
        return ModelList.of([VideoModel.parse({"id": self.ID, "endpoint": "/videos/generate"} | record)])[self.ID]

    def test_the_live_schema_wins(self) -> None:
        lengths = {"type": "integer", "enum": [3, 6]}
        one = self.live(request_schema={"properties": {"prompt": {"type": "string"}, "duration": lengths}})
        assert one.length is not None
        assert one.length.choices == (3, 6)
        assert one.parameters["duration"].certain
        assert "cfg_scale" not in one.parameters, "what the hub dropped is gone"

    def test_a_null_schema_is_filled_in_and_not_certain(self) -> None:
        one = self.live(request_schema=None, pricing={"cost_per_second": "0.07"})
        assert one.length is not None
        assert one.length.choices == (5, 10)
        assert not one.parameters["duration"].certain
        assert one.pricing is not None

    def test_notes_are_filled_in(self) -> None:
        model_id = "happyhorse-1.0-r2v"
        bare = {"type": "array", "items": {"type": "string"}}
        record = {
            "id": model_id,
            "endpoint": "videos/generate",
            "request_schema": {"properties": {"reference_images": bare}},
        }
        one = ModelList.of([VideoModel.parse(record)])[model_id]
        slot = one.slot("image", "reference")
        assert slot is not None
        assert slot.most == 9, "a page's number"
        assert "@Image1" in slot.parameter.description
        over = one.parameters["reference_images"]
        assert over.certain, "the type is the hub's own word"
        assert over.spec["x-limits-from"] == "pages", "the number is not"

    def test_prices_come_from_the_live_list_only(self) -> None:
        priced = VideoModel.parse({"id": "a", "endpoint": "/videos/generate", "pricing": {"cost_per_second": 1}})
        assert ModelList.of([priced])["a"].pricing is not None
        assert ModelInfo(priced).pricing is None
        assert all(one.pricing is None for one in ModelList.bundled().values())

    def test_what_makes_no_video_is_left_out(self) -> None:
        picture = {"id": "flux", "capabilities": {"output": ["image"]}, "request_schema": {}}
        assert list(ModelList.of([VideoModel.parse(picture), model("a")])) == ["a"]


class TestKlingO3:
    """Its record lists neither prompt nor multi_prompt nor duration: Oxen's page does."""

    def test_what_the_page_says_is_filled_in(self, live: ModelList) -> None:
        one = live[O3]
        assert one.multi_shot is not None
        assert (one.multi_shot.least, one.multi_shot.most, one.multi_shot.characters) == (3, 15, 512)
        assert one.takes("text")
        assert one.length is not None
        assert one.parameters["aspect_ratio"].certain
        assert not one.parameters["prompt"].certain

    def test_a_sister_is_not_taken_to_have_it_too(self, live: ModelList) -> None:
        omni = live["kling-video-o3-omni"]
        assert omni.multi_shot is None
        assert "not confirmed" in describe_model(omni)["multi_prompt"]

    def test_gone_from_the_list_it_is_still_known(self, bundled: ModelList) -> None:
        assert O3 not in bundled
        assert bundled.known(O3).multi_shot is not None
        assert not bundled.known(O3).listed


def test_every_documented_entry_names_its_source() -> None:
    told = pages()
    entries = [told["choices"], *told["families"], *told["models"].values()]
    entries += [entry[key] for entry in told["models"].values() for key in ("fps", "items") if key in entry]
    entries += [rule for entry in told["models"].values() for rule in entry.get("rules", ())]
    assert len(entries) > 80
    for entry in entries:
        assert entry["source"].startswith("https://"), entry
        assert isinstance(entry.get("confirmed", True), bool)
    assert {"confirmed": False}.items() <= told["families"][0].items()
    assert set(told["models"]) >= set(snapshot())


def test_choices_are_models_that_exist() -> None:
    told = pages()["choices"]
    named = {name for key, names in told.items() if key not in ("about", "source") for name in names}
    assert named <= {*snapshot(), O3}


def test_a_model_that_nobody_knows() -> None:
    stranger = ModelList.bundled().known("brand-new-model")
    assert not stranger.listed
    assert not stranger.has_schema
    assert ask(model="brand-new-model").model == stranger.id
