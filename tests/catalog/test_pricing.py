"""What a body may cost: each method and rate of the hub's API, and what could not be priced."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from oxen_video_tools.catalog.catalog import ModelList
from oxen_video_tools.catalog.model_info import ModelInfo
from oxen_video_tools.catalog.pricing import Price, dollars, estimate, per_second, total

from .conftest import model

SECONDS = {"type": "integer", "enum": [5, 10], "default": 5}
RESOLUTION = {"type": "string", "enum": ["720p", "1080P", "4k"], "default": "720p"}
SOUND = {"type": "boolean", "default": False}


def priced(pricing: object, description: str = "", **properties: Any) -> ModelInfo:
    made = model(pricing=pricing, description=description, prompt={"type": "string"}, **properties)
    return ModelList.of([made])[made.id]


def usd(known: ModelInfo, **body: Any) -> str | None:
    amount = estimate({"prompt": "x", **body}, known).usd
    return None if amount is None else f"{amount.normalize():f}"


@pytest.mark.parametrize("rate", [0.07, "0.07", "$0.07"])
@pytest.mark.parametrize("method", ["per_video_output_second", "per_audio_output_second", None])
def test_by_the_second(rate: object, method: str | None) -> None:
    known = priced({"method": method, "cost_per_second": rate}, duration=SECONDS)
    assert usd(known, duration=10) == "0.7"
    assert usd(known) == "0.35", "the default length"
    assert estimate({"duration": 10}, known).text == "$0.70 (10 s at $0.07/s)"
    assert estimate({"duration": 10}, known).is_known


def test_several_at_once() -> None:
    known = priced({"cost_per_second": 0.07}, duration=SECONDS)
    assert usd(known, duration=5, num_generations=4) == "1.4"
    assert estimate({"duration": 5, "num_generations": 4}, known).text == "$1.40 (4 × 5 s at $0.07/s)"


def test_by_resolution_in_any_letter_case() -> None:
    table = {"720P": "0.1", "1080p": "0.2", "2160p": "0.5"}
    known = priced({"cost_per_second_by_resolution": table}, duration=SECONDS, resolution=RESOLUTION)
    assert usd(known) == "0.5"
    assert usd(known, resolution="1080P") == "1"
    assert usd(known, resolution="4k") == "2.5"


def test_a_resolution_without_a_rate_counts_as_the_dearest() -> None:
    table = {"720p": "0.1", "1080p": "0.2"}
    known = priced({"cost_per_second_by_resolution": table}, duration=SECONDS, resolution=RESOLUTION)
    price = estimate({"resolution": "4k"}, known)
    assert price.usd == Decimal("1.0")
    assert price.text == "at most $1.00 (5 s at $0.20/s; the dearest resolution)"


@pytest.mark.parametrize(
    ("body", "expected"),
    [({}, "0.5"), ({"resolution": "1080P"}, "1"), ({"resolution": "4k"}, "1"), ({"resolution": "720p"}, "0.5")],
)
def test_high_resolution(body: dict[str, Any], expected: str) -> None:
    rates = {"cost_per_second": 0.1, "cost_per_second_high_res": 0.2}
    assert usd(priced(rates, duration=SECONDS, resolution=RESOLUTION), **body) == expected


def test_high_resolution_by_a_word() -> None:
    words = {"type": "string", "enum": ["standard", "high"], "default": "standard"}
    known = priced({"cost_per_second": 0.1, "cost_per_second_high_res": 0.2}, duration=SECONDS, resolution=words)
    assert (usd(known), usd(known, resolution="high")) == ("0.5", "1")


def test_sound() -> None:
    rates = {"cost_per_second": 0.1, "cost_per_second_with_audio": 0.15}
    known = priced(rates, duration=SECONDS, generate_audio=SOUND)
    assert usd(known) == "0.5"
    assert usd(known, generate_audio=True) == "0.75"
    loud = priced(rates, duration=SECONDS, generate_audio={"type": "boolean", "default": True})
    assert usd(loud) == "0.75", "on unless it is switched off"
    assert usd(loud, generate_audio=False) == "0.5"
    always = priced(rates, "Makes clips with native audio.", duration=SECONDS)
    assert usd(always) == "0.75"


def test_sound_and_resolution_together_are_an_upper_bound() -> None:
    rates = {
        "cost_per_second": 0.1,
        "cost_per_second_with_audio": 0.15,
        "cost_per_second_by_resolution": {"720p": 0.1, "4k": 0.4},
    }
    known = priced(rates, duration=SECONDS, generate_audio=SOUND, resolution=RESOLUTION)
    assert usd(known, resolution="4k", generate_audio=True) == "2.25"


def test_a_length_left_to_the_model_is_an_upper_bound() -> None:
    auto = {"type": "integer", "enum": [-1, 4, 15], "default": -1}
    known = priced({"cost_per_second": 0.1}, duration=auto)
    for body in ({}, {"duration": -1}):
        price = estimate(body, known)
        assert price.usd == Decimal("1.5")
        assert price.text == "at most $1.50 (15 s at $0.10/s; the model decides the length, up to 15 s)"
        assert price.is_known
    assert usd(known, duration=4) == "0.4"


def test_no_length_said_and_no_default() -> None:
    known = priced({"cost_per_second": 0.1}, duration={"type": "integer", "minimum": 1, "maximum": 15})
    assert estimate({}, known).text == "at most $1.50 (15 s at $0.10/s; no length said, up to 15 s)"


def test_frames() -> None:
    frames = {"type": "integer", "default": 121, "minimum": 9, "maximum": 481}
    known = priced({"cost_per_second": 0.1}, num_frames=frames, fps={"type": "integer", "default": 24})
    assert usd(known) == "0.5"
    assert usd(known, num_frames=241) == "1"
    assert usd(known, num_frames=241, fps=48) == "0.5"


def test_as_long_as_its_input() -> None:
    video = {"type": "string", "format": "uri", "x-limits": {"media_seconds": [3, 60], "output_cap_seconds": 15}}
    known = priced({"cost_per_second": 0.1}, input_video=video)
    price = estimate({"input_video": "v.mp4"}, known)
    assert price.usd == Decimal("1.5")
    assert "as long as its input, up to 15 s" in price.text


def test_a_length_that_nothing_bounds() -> None:
    known = priced({"cost_per_second": 0.1}, input_video={"type": "string", "format": "uri"})
    price = estimate({"input_video": "v.mp4"}, known)
    assert price == Price(None, ("the length of the result",), "unknown: $0.10/s, and nothing says how long it will be")


def test_a_length_that_a_rule_ignores(live: ModelList) -> None:
    omni = live["kling-video-o3-omni"]
    record = dict(omni.model.raw) | {"pricing": {"cost_per_second": 1}, "request_schema": omni.model.request_schema}
    from oxen_video_tools.hub.records import VideoModel

    known = ModelList.of([VideoModel.parse(record)])[omni.id]
    assert usd(known, duration=3) == "3"
    assert usd(known, duration=3, input_video="v.mp4") is None, "an edit is as long as its input"
    assert usd(known, duration=3, input_video="v.mp4", video_mode="reference") == "3"


def test_shots() -> None:
    known = priced({"cost_per_second": 0.224}, multi_prompt={"type": "array", "items": {"type": "object"}})
    assert usd(known, multi_prompt=[{"prompt": "a", "duration": 4}, {"prompt": "b"}]) == "2.016"


@pytest.mark.parametrize(
    ("pricing", "unpriced"),
    [
        ({"method": "time", "cost_per_second": 0.001}, "computing time"),
        ({"method": "token", "output_cost_per_token": 1e-6}, "tokens"),
        ({"method": "per_moon", "cost_per_second": 1}, "method per_moon"),
        ({"method": "per_video_output_second"}, "the rate of these settings"),
        ({"method": "per_image"}, "the whole price"),
        (None, "the whole price"),
    ],
)
def test_what_cannot_be_priced_is_unknown(pricing: object, unpriced: str) -> None:
    price = estimate({}, priced(pricing, duration=SECONDS))
    assert price.usd is None
    assert unpriced in price.unpriced
    assert price.text.startswith("unknown: ")
    assert not price.is_known


def test_per_image() -> None:
    known = priced({"method": "per_image", "cost_per_image": "0.4"}, duration=SECONDS)
    assert usd(known, num_generations=2) == "0.8"


def test_no_price_is_ever_invented(bundled: ModelList) -> None:
    for known in bundled.values():
        price = estimate({"prompt": "x", "duration": 5}, known)
        assert price.usd is None
        assert price.unpriced


class TestBlindness:
    """What the rates don't speak of and the descriptions say costs more."""

    def test_a_setting_that_costs_more(self) -> None:
        smooth = {"type": "boolean", "default": False, "description": "Interpolate frames. More expensive."}
        known = priced({"cost_per_second": 0.1}, duration=SECONDS, interpolate_frames=smooth)
        price = estimate({"duration": 5, "interpolate_frames": True}, known)
        assert price.usd == Decimal("0.5")
        assert price.unpriced == ("interpolate_frames",)
        assert price.text == "$0.50 (5 s at $0.10/s), and more for interpolate_frames"
        assert estimate({"duration": 5}, known).is_known

    def test_a_resolution_that_costs_more(self) -> None:
        size = RESOLUTION | {"description": "720p, or 1080p at twice the cost. 1080p costs more per second."}
        flat = priced({"cost_per_second": 0.1}, duration=SECONDS, resolution=size)
        assert estimate({"resolution": "4k"}, flat).unpriced == ("resolution",)
        assert estimate({"resolution": "720p"}, flat).is_known, "the default"
        told = priced({"cost_per_second_by_resolution": {"4k": 1}}, duration=SECONDS, resolution=size)
        assert estimate({"resolution": "4k"}, told).is_known

    def test_what_costs_the_same(self) -> None:
        sound = SOUND | {"description": "Make sound. Pricing is the same either way."}
        assert estimate(
            {"generate_audio": True}, priced({"cost_per_second": 1}, duration=SECONDS, generate_audio=sound)
        ).is_known

    def test_a_rate_that_nobody_here_can_read(self) -> None:
        known = priced({"cost_per_second": 0.1, "cost_per_megapixel": 0.01}, duration=SECONDS)
        assert estimate({}, known).unpriced == ("cost_per_megapixel",)


class TestTogether:
    def test_a_sum(self) -> None:
        one = Price(Decimal("0.35"), (), "$0.35")
        assert total([one, one]) == Price(Decimal("0.70"), (), "$0.70 for 2 clips")
        assert total([one]) is one

    def test_what_is_missing_stays_said(self) -> None:
        price = total(
            [Price(Decimal(1), (), "at most $1.00"), Price(None, ("tokens",), "unknown"), Price(None, ("tokens",), "")]
        )
        assert price == Price(Decimal(1), ("tokens",), "at most $1.00 for 3 clips, and more for tokens")
        assert total([Price(None, ("tokens",), "unknown: a"), Price(None, ("tokens",), "")]).usd is None

    def test_amounts(self) -> None:
        assert [dollars(Decimal(one)) for one in ("0.7", "12", "0.224", "0.00012", "1.2345")] == [
            "$0.70",
            "$12.00",
            "$0.224",
            "$0.0001",
            "$1.23",
        ]

    def test_the_lowest_rate(self) -> None:
        assert per_second(priced({"cost_per_second_by_resolution": {"720p": 0.2, "480p": 0.1}})) == Decimal("0.1")
        assert per_second(priced(None)) is None
