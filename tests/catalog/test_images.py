"""Image models: translated, checked, priced and chosen, each against its own raw schema."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from oxen_video_tools.catalog.catalog import ModelList, image_snapshot, snapshot
from oxen_video_tools.catalog.describe import describe_line, describe_model
from oxen_video_tools.catalog.images import choose_image, image_route, picture_slot, translate_image
from oxen_video_tools.catalog.model_info import ModelInfo
from oxen_video_tools.catalog.pricing import estimate
from oxen_video_tools.catalog.translate import Translation
from oxen_video_tools.hub.records import VideoModel
from oxen_video_tools.request import ImageRequest

IDS = sorted(image_snapshot())
GPT = {
    "low": {"1K": 0.004, "2K": 0.009, "4K": 0.035},
    "medium": {"1K": 0.031, "2K": 0.071, "4K": 0.281},
    "high": {"1K": 0.13, "2K": 0.29, "4K": 1.13},
}
# Rates as copies of live records had them in September 2026.
RATES: dict[str, dict[str, Any]] = {
    "gpt-image-2": {"cost_per_image": None, "cost_per_image_grid": GPT},
    "nano-banana-2": {
        "cost_per_image": 0.1313,
        "cost_per_image_grid": {"high": {"512": 0.0585, "1K": 0.0871, "2K": 0.1313, "4K": 0.1963}},
    },
    "z-image-turbo": {"cost_per_image": 0.01},
    "black-forest-labs-flux-2-klein-9b": {"cost_per_image": 0.02},
    "xai-grok-imagine-image-edit": {"cost_per_image": 0.022},
    "bytedance-seedream-5-lite": {"cost_per_image": 0.04},
    "bytedance-seedream-5-pro": {"cost_per_image": 0.045},
    "nano-banana-2-lite": {"cost_per_image": 0.0442},
    "ideogram-v4": {"cost_per_image": 0.06},
    "flux-2-pro": {"cost_per_image": 0.10},
    "google-nano-banana-pro": {"cost_per_image": 0.15},
    "topazlabs-bloom-2-image": {"method": "per_provider_credit", "cost_per_credit": 0.08},
}


def priced(model: VideoModel) -> VideoModel:
    rate = RATES.get(model.id)
    return VideoModel.parse(dict(model.raw) | {"pricing": {"method": "per_image"} | rate if rate else None})


@pytest.fixture(scope="module")
def images() -> ModelList:
    """The image models, as if the hub listed them just now with these rates."""
    return ModelList.of([*snapshot().values(), *map(priced, image_snapshot().values())]).images


def picture(count: int = 0, **words: Any) -> ImageRequest:
    links = [f"https://example.com/{number}.png" for number in range(1, count + 1)]
    return ImageRequest(**{"prompt": "A lighthouse at dusk", "input_image": links} | words)


def refused(body: Mapping[str, Any], known: ModelInfo) -> list[str]:
    """What the model's own raw schema has against a body."""
    raw = dict(known.model.request_schema or {})
    own = {name: value for name, value in body.items() if name not in ("model", "num_generations", "target_namespace")}
    unknown = [name for name in own if name not in raw["properties"]]
    return [*unknown, *(error.message for error in Draft202012Validator(raw).iter_errors(own))]


def test_both_kinds_of_model_are_kept_apart(images: ModelList) -> None:
    bundled = ModelList.bundled()
    assert (len(bundled), len(bundled.images)) == (78, 34)
    assert not set(bundled) & set(bundled.images)
    assert images.live
    assert images["gpt-image-2"].pricing is not None
    assert all(one.pricing is None for one in bundled.images.values()), "only the live list tells prices"


@pytest.mark.parametrize("model_id", IDS)
@pytest.mark.parametrize("level", ["draft", "standard", "best"])
def test_a_body_is_what_the_raw_schema_accepts(model_id: str, level: str, images: ModelList) -> None:
    known = images[model_id]
    slot = picture_slot(known)
    counts = [0, 1, 3] if slot is not None and slot.many and (slot.most or 3) >= 3 else [1] if slot else [0]
    for count in counts:
        if slot is not None and slot.required and count == 0:
            continue
        words = {} if known.takes("text") else {"prompt": None}
        made = translate_image(picture(count, level=level, aspect_ratio="1:1", **words), known, models=images)
        assert not made.problems
        assert refused(made.body, known) == []
        assert len([one for one in made.media if one.kind == "image"]) == count
        assert image_route(made.body, known) == (
            "edit" if count or known.model.endpoint == "/images/edit" else "generate"
        )


@pytest.mark.parametrize("model_id", IDS)
def test_the_bundled_list_never_stops_a_picture(model_id: str) -> None:
    known = ModelList.bundled().images[model_id]
    request = picture(20, aspect_ratio="7:1", resolution="16K", quality="splendid", seed=7, negative_prompt="rain")
    assert translate_image(request, known).problems == []


class TestWhatItCosts:
    @pytest.mark.parametrize(
        ("level", "usd"), [("draft", "0.004"), ("standard", "0.071"), ("best", "0.29"), (None, "0.071")]
    )
    def test_a_dear_default_is_never_left_to_the_hub(self, level: str | None, usd: str, images: ModelList) -> None:
        body = translate_image(picture(level=level), images["gpt-image-2"]).body
        assert {"quality", "resolution"} <= body.keys()
        price = estimate(body, images["gpt-image-2"])
        assert (price.usd, price.unpriced) == (Decimal(usd), ())
        assert "at most" not in price.text

    def test_not_even_where_no_price_is_known(self) -> None:
        body = translate_image(picture(), ModelList.bundled().images["gpt-image-2"]).body
        assert body["quality"] == "medium"

    def test_what_was_asked_for_wins(self, images: ModelList) -> None:
        asked = picture(level="draft", quality="high", resolution="4k")
        body = translate_image(asked, images["gpt-image-2"]).body
        assert (body["quality"], body["resolution"]) == ("high", "4K")
        body = translate_image(picture(model_parameters={"quality": "low"}), images["gpt-image-2"]).body
        assert body["quality"] == "low"

    def test_a_grid_of_one_quality_is_read_by_size(self, images: ModelList) -> None:
        known = images["nano-banana-2"]
        for size, usd in (("512", "0.0585"), ("1K", "0.0871"), ("4K", "0.1963")):
            assert estimate(translate_image(picture(resolution=size), known).body, known).usd == Decimal(usd)

    def test_an_open_size_counts_as_the_dearest(self, images: ModelList) -> None:
        price = estimate({"prompt": "x", "quality": "low", "resolution": "auto"}, images["gpt-image-2"])
        assert price.usd == Decimal("0.035")
        assert price.text.startswith("at most $0.035")

    def test_each_picture_is_paid(self, images: ModelList) -> None:
        known = images["ideogram-v4"]
        assert estimate(translate_image(picture(num_generations=3), known).body, known).usd == Decimal("0.18")
        several = translate_image(picture(model_parameters={"num_images": 4}), known).body
        assert estimate(several, known).usd == Decimal("0.24"), "all are billed"

    def test_credits_and_no_price_say_so(self, images: ModelList) -> None:
        by_credit = estimate({"input_image": "https://example.com/1.png"}, images["topazlabs-bloom-2-image"])
        assert (by_credit.usd, by_credit.unpriced) == (None, ("the provider's credits",))
        assert "$0.08 each" in by_credit.text
        assert estimate({"prompt": "x"}, images["qwen-image-2512"]).text.startswith("unknown: the list names no price")

    def test_lines_tell_the_lowest(self, images: ModelList) -> None:
        assert describe_line(images["gpt-image-2"]).startswith("gpt-image-2: from $0.004 each")
        assert "medium 2k $0.071" in describe_model(images["gpt-image-2"])["price"]


class TestWords:
    def made(self, model_id: str, images: ModelList, count: int = 0, **words: Any) -> Translation:
        return translate_image(picture(count, **words), images[model_id], models=images)

    def test_one_size_in_many_words(self, images: ModelList) -> None:
        for model_id, name, value in (
            ("flux-2-pro", "resolution", "2 MP"),
            ("bytedance-seedream-4", "size", "2K"),
            ("xai-grok-imagine-image", "resolution", "2k"),
        ):
            assert self.made(model_id, images, resolution="2K").body[name] == value

    def test_one_shape_in_many_words(self, images: ModelList) -> None:
        assert self.made("ideogram-v4", images, aspect_ratio="16:9").body["image_size"] == "landscape_16_9"
        assert self.made("gpt-image-1-5", images, aspect_ratio="9:16").body["size"] == "portrait"
        assert self.made("gpt-image-2", images, aspect_ratio="16:9").body["aspect_ratio"] == "16:9"

    def test_without_a_word_for_the_shape_the_prompt_says_it(self, images: ModelList) -> None:
        made = self.made("z-image-turbo", images, aspect_ratio="16:9")
        assert made.body["prompt"].endswith("Aspect ratio 16:9.")
        assert "no word for aspect_ratio" in made.warnings[0]

    def test_one_quality_in_many_words(self, images: ModelList) -> None:
        assert self.made("ideogram-v4", images, quality="low").body["rendering_speed"] == "TURBO"
        assert self.made("black-forest-labs-flux-2-klein-9b", images, quality="high").body["output_quality"] == "high"
        made = self.made("flux-2-pro", images, quality="high")
        assert "quality=high is left out" in made.warnings[0], "output_quality there is a number of compression"

    def test_a_size_that_is_not_offered_is_a_problem(self, images: ModelList) -> None:
        (problem,) = self.made("nano-banana-2-lite", images, resolution="4K").problems
        assert "resolution=4K" in problem

    def test_too_many_pictures(self, images: ModelList) -> None:
        assert "takes 3 pictures" in self.made("qwen-image-edit-plus", images, 4).problems[0]
        assert "input_image has no place" in self.made("z-image-turbo", images, 1).problems[0]

    def test_a_picture_is_named_as_the_live_model_does(self, images: ModelList) -> None:
        raw = dict(image_snapshot()["flux-2-pro"].raw)
        schema = raw["request_schema"]
        prompt = schema["properties"]["prompt"] | {"x-media-references": {"pattern": "image {n}"}}
        raw["request_schema"] = schema | {"properties": schema["properties"] | {"prompt": prompt}}
        known = ModelList.of([VideoModel.parse(raw)]).images["flux-2-pro"]
        asked = picture(2, prompt="@Image2 beside @Image1")
        assert translate_image(asked, known).body["prompt"] == "image 2 beside image 1"
        assert translate_image(asked, images["flux-2-pro"]).body["prompt"] == "@Image2 beside @Image1"

    def test_style_pictures_and_masks_are_no_references(self, images: ModelList) -> None:
        assert picture_slot(images["krea-v2-large-text-to-image"]) is None
        body = {"prompt": "x", "image_style_references": [{"image_url": "https://example.com/1.png"}]}
        assert image_route(body, images["krea-v2-large-text-to-image"]) == "generate"

    def test_nothing_to_draw(self, images: ModelList) -> None:
        assert self.made("flux-2-pro", images, prompt=None).problems == ["prompt: say what the picture shows."]

    def test_a_stranger_gets_everything_as_it_is(self) -> None:
        known = ModelList.bundled().images.known("new-image-model")
        made = translate_image(picture(1, quality="high", resolution="2K"), known)
        assert made.problems == []
        assert made.body["quality"] == "high"
        assert made.body["input_image"] == ["https://example.com/1.png"]


class TestTheRoute:
    def test_a_live_model_that_says_edit_is_asked_there(self) -> None:
        record = {"id": "m", "endpoint": "/images/edit", "capabilities": {"output": ["image"]}}
        live = ModelList.of([VideoModel.parse(record)]).images["m"]
        assert image_route({"prompt": "x"}, live) == "edit"
        assert image_route({"prompt": "x"}, ModelList.bundled().images["flux-2-pro"]) == "generate"


class TestTheChoice:
    @pytest.mark.parametrize(
        ("level", "count", "model_id"),
        [
            ("draft", 0, "gpt-image-2"),
            ("draft", 2, "gpt-image-2"),
            ("standard", 0, "bytedance-seedream-5-pro"),
            (None, 3, "bytedance-seedream-5-pro"),
            ("standard", 11, "nano-banana-2"),
            ("best", 3, "google-nano-banana-pro"),
        ],
    )
    def test_by_level_and_references(self, level: str | None, count: int, model_id: str, images: ModelList) -> None:
        assert choose_image(picture(count, level=level), images).model_id == model_id

    def test_the_reason_names_the_price_beside_the_cheapest(self, images: ModelList) -> None:
        reason = choose_image(picture(2), images).reason
        assert "$0.045" in reason
        assert "the cheapest that can, black-forest-labs-flux-2-klein-9b, is $0.02" in reason

    def test_draft_goes_by_the_live_price(self) -> None:
        dear = {"method": "per_image", "cost_per_image": 0.5}
        listed = [VideoModel.parse(dict(one.raw) | {"pricing": dear}) for one in image_snapshot().values()]
        cheap = dict(image_snapshot()["nano-banana"].raw) | {"pricing": dear | {"cost_per_image": 0.001}}
        images = ModelList.of([*listed, VideoModel.parse(cheap)]).images
        assert choose_image(picture(1, level="draft"), images).model_id == "nano-banana"

    def test_a_model_without_a_price_comes_last(self) -> None:
        listed = [dict(one.raw) | {"pricing": None} for one in image_snapshot().values()]
        told = dict(image_snapshot()["nano-banana"].raw) | {"pricing": {"method": "per_image", "cost_per_image": 9}}
        images = ModelList.of([VideoModel.parse(one) for one in [*listed, told]]).images
        assert choose_image(picture(1, level="best"), images).model_id == "nano-banana"

    def test_neither_upscalers_nor_cutters_draw(self, images: ModelList) -> None:
        for level in ("draft", "standard", "best"):
            for count in (0, 1):
                assert "topaz" not in choose_image(picture(count, level=level), images).model_id
        assert choose_image(picture(1, model="sam-3-image"), images).asked
