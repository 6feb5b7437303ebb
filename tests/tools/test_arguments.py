"""What a language model may write into the arguments, and what it then means."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from oxen_video_tools.request import VideoRequest
from oxen_video_tools.tools import TABLE
from oxen_video_tools.tools.arguments import (
    FindArguments,
    GenerateArguments,
    GetArguments,
    ListArguments,
    SaveArguments,
)

NOTHING = ("", None, "null", 0, "0", "0s", "0.0", 0.0)


def filler(schema: dict[str, Any]) -> Any:
    """What a model in strict mode writes into a field that it has nothing to say for."""
    return {"string": "", "array": [], "integer": 0, "number": None, "boolean": None}[schema["type"]]


def test_a_request_filled_with_nothing_asks_for_nothing() -> None:
    fields = TABLE["generate_video"].schema["properties"]
    request = GenerateArguments.model_validate({name: filler(field) for name, field in fields.items()})
    assert request.video.given() == {}
    assert (request.take, request.max_cost_usd, request.wait_seconds) == (None, None, None)


@pytest.mark.parametrize("nothing", NOTHING)
@pytest.mark.parametrize("name", ["duration", "seed", "num_generations", "take"])
def test_a_number_that_is_nothing_is_not_given(name: str, nothing: Any) -> None:
    assert getattr(GenerateArguments.model_validate({"prompt": "a", name: nothing}), name) is None


def test_zero_dollars_and_zero_seconds_are_meant() -> None:
    request = GenerateArguments.model_validate({"prompt": "a", "max_cost_usd": 0, "wait_seconds": 0})
    assert request.max_cost_usd == Decimal(0)
    assert request.wait_seconds == 0


@pytest.mark.parametrize("bad", [{"max_cost_usd": -1}, {"wait_seconds": -1}, {"max_cost_usd": "NaN"}, {"take": -1}])
def test_a_negative_limit_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        GenerateArguments.model_validate({"prompt": "a"} | bad)


def test_a_list_may_come_as_json_text() -> None:
    shots = [{"prompt": "wide", "duration": 3}, {"prompt": "close"}]
    assert GenerateArguments(multi_prompt=json.dumps(shots)).video.given() == {"multi_prompt": shots}
    assert GetArguments(generation_ids='["a", "b"]').generation_ids == ["a", "b"]


def test_one_string_is_a_list_of_one() -> None:
    assert GetArguments(generation_ids="gen_1").generation_ids == ["gen_1"]
    assert SaveArguments(videos="gen_1").videos == ["gen_1"]
    assert GenerateArguments(prompt="a", input_image="https://a/b.png").input_image == ["https://a/b.png"]
    assert FindArguments(needs="audio").needs == ["audio"]


@pytest.mark.parametrize("text", ['{"scene": "wide"}', "[1]", "null and void", '"quoted"'])
def test_a_prompt_that_looks_like_json_stays_text(text: str) -> None:
    assert GenerateArguments(prompt=text).prompt == text


@pytest.mark.parametrize("value", [{"cfg_scale": 0.5}, '{"cfg_scale": 0.5}'])
def test_model_parameters_are_an_object_or_its_text(value: Any) -> None:
    assert GenerateArguments(prompt="a", model_parameters=value).model_parameters == {"cfg_scale": 0.5}


@pytest.mark.parametrize("value", ["[1]", "cfg_scale=0.5", "7"])
def test_model_parameters_that_are_no_object_are_refused(value: str) -> None:
    with pytest.raises(ValidationError):
        GenerateArguments(prompt="a", model_parameters=value)


def test_a_word_that_is_no_argument_is_left_aside_and_one_about_money_is_refused() -> None:
    request = GenerateArguments.model_validate({"prompt": "a", "aspectratio": "16:9", "sessionId": "x"})
    assert request.aspect_ratio == "16:9" and any("sessionId" in note for note in request.read_as)
    with pytest.raises(ValidationError, match="max_cost_usd"):
        GenerateArguments.model_validate({"prompt": "a", "limit": 1})


def test_ids_are_needed() -> None:
    for empty in ([], "", None):
        with pytest.raises(ValidationError):
            GetArguments(generation_ids=empty)


def test_a_status_in_any_letters() -> None:
    assert ListArguments(status="Succeeded ").status == "succeeded"
    assert ListArguments(status="").status is None
    with pytest.raises(ValidationError):
        ListArguments(status="perhaps")


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda c: st.lists(c) | st.dictionaries(st.text(), c)
    )
)
def test_whatever_is_written_either_fits_or_is_a_validation_error(value: Any) -> None:
    for row in TABLE.values():
        for name in row.arguments.model_fields:
            try:
                row.arguments.model_validate({name: value})
            except ValidationError:
                continue


@given(st.sampled_from(sorted(VideoRequest.model_fields)), st.sampled_from(["", None, "null"]))
def test_any_word_left_empty_is_not_given(name: str, nothing: Any) -> None:
    assert GenerateArguments.model_validate({name: nothing}).video.given() == {}
