"""Each of the 78 models: a request in the common words becomes a body that its own schema accepts."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from oxen_video_tools.catalog.catalog import ModelList
from oxen_video_tools.catalog.model_info import MEDIA, NOT_A_PARAMETER, ModelInfo, has_place, slots_for
from oxen_video_tools.catalog.translate import translate
from oxen_video_tools.request import VideoRequest

from .conftest import IDS

LINK = "https://media.example/{}"
COMMON = (*VideoRequest.model_fields, "model")


def everything(known: ModelInfo) -> dict[str, Any]:
    """All that the common words can say to this model at once, its rules kept."""
    words: dict[str, Any] = {"model": known.id}
    if known.takes("text"):
        words["prompt"] = "A red balloon rises"
    excluded = {name for rule in known.rules if rule.told["rule"] == "excludes" for name in rule.told["with"]}
    for word in MEDIA:
        slots = slots_for(known, word)
        if slots and slots[0].name not in excluded:
            words[word] = [LINK.format(word)] if word == "input_image" else LINK.format(word)
    frames = {
        slot.name for word in ("start_image", "end_image") if word in words for slot in slots_for(known, word)[:1]
    }
    if not {slot.name for slot in slots_for(known, "input_image")} - frames:
        words.pop("input_image", None)
    if known.length is not None:
        words["duration"] = known.length.choices[-1] if known.length.choices else min(6, known.length.span()[1] or 6)
    if known.frame.ratios or known.frame.in_pixels:
        words["aspect_ratio"] = "16:9"
    if known.frame.resolutions:
        words["resolution"] = known.frame.resolutions[0].upper()
    if known.audio_flag is not None:
        words["generate_audio"] = True
    for word in ("negative_prompt", "seed"):
        if has_place(known, word):
            words[word] = "blur" if word == "negative_prompt" else 7
    return words


def valid(body: dict[str, Any], known: ModelInfo) -> list[str]:
    """What `jsonschema` has against a body."""
    own = {name: value for name, value in body.items() if name != "model"}
    return [error.message for error in Draft202012Validator(known.model.request_schema or {}).iter_errors(own)]


@pytest.mark.parametrize("model_id", IDS)
def test_common_words_become_a_valid_body(model_id: str, live: ModelList) -> None:
    known = live[model_id]
    request = VideoRequest(**everything(known))
    said = translate(request, known, models=live)
    assert said.problems == []
    assert valid(said.body, known) == []


@pytest.mark.parametrize("model_id", IDS)
def test_nothing_that_was_asked_for_is_lost(model_id: str, live: ModelList) -> None:
    known = live[model_id]
    request = VideoRequest(**everything(known))
    said = translate(request, known, models=live)
    sent = str(said.body)
    for word in MEDIA:
        for reference in (
            [getattr(request, word)] if isinstance(getattr(request, word), str) else getattr(request, word) or []
        ):
            assert reference in sent
            assert reference in {place.reference for place in said.media}
    if request.prompt:
        assert said.body["prompt"] == request.prompt


def example(known: ModelInfo, *, with_basics: bool) -> dict[str, Any]:
    """The example body of a page: what is required, what has a default and, in one of its tabs, what is basic."""
    schema = known.model.request_schema or {}
    basics = schema.get("basic", []) if with_basics else []
    body: dict[str, Any] = {"model": known.id}
    for name, parameter in known.parameters.items():
        if parameter.default is not None and parameter.default != []:
            body[name] = parameter.default
        elif name == "prompt" and (parameter.required or with_basics):
            body[name] = "<prompt>"
        elif parameter.required or name in basics:
            body[name] = parameter.enum[0] if parameter.enum else _example_value(known, name)
    return body


def _example_value(known: ModelInfo, name: str) -> Any:
    slot = next((slot for slot in known.slots if slot.name == name), None)
    link = LINK.format(name)
    if slot is None:
        return link
    item: Any = link if slot.item is None else {slot.item: link}
    return [item] if slot.many else link


@pytest.mark.parametrize("model_id", IDS)
def test_a_body_copied_from_a_page_passes_unchanged(model_id: str, live: ModelList) -> None:
    """Whoever copies a page's example word by word: what is no common word goes into model_parameters."""
    known = live[model_id]
    body = example(known, with_basics=True)
    common = {name: value for name, value in body.items() if name in COMMON and value not in (0, "", "auto")}
    common = {name: value for name, value in common.items() if not (name == "duration" and isinstance(value, str))}
    rest = {name: value for name, value in body.items() if name not in common}
    request = VideoRequest(**common, model_parameters=rest)
    unwanted = {rule.told["field"] for rule in known.rules if rule.told["rule"] == "omit_when"}  # left out, and said so
    expected = {name: value for name, value in body.items() if name not in unwanted}
    assert translate(request, known, models=live).body == expected


@pytest.mark.parametrize("model_id", IDS)
def test_the_bundled_list_never_stops_a_request(model_id: str, bundled: ModelList) -> None:
    """Only what is certain is a problem, and the bundled schemas are not."""
    known = bundled[model_id]
    request = VideoRequest(
        model=model_id,
        prompt="A red balloon rises",
        duration=97,
        aspect_ratio="17:3",
        resolution="huge",
        start_image="a.png",
        end_image="b.png",
        input_image=["c.png"] * 40,
        input_video="d.mp4",
        input_audio="e.mp3",
        seed=-5,
        negative_prompt="y" * 9000,
        model_parameters={"nobody": "knows"},
    )
    said = translate(request, known, models=bundled)
    assert said.problems == []
    assert said.warnings


def test_model_parameters_are_never_a_way_to_pay_differently(live: ModelList) -> None:
    known = live["google-veo-3-1"]
    for name in NOT_A_PARAMETER:
        said = translate(VideoRequest(prompt="x", model_parameters={name: "other"}), known)
        assert any(name in problem and "argument of its own" in problem for problem in said.problems)
        assert said.body["model"] == known.id
        assert said.body.get(name) != "other"


@pytest.mark.parametrize(
    "name",
    [
        *(
            "target_repo",
            "Target-Repo",
            "targetRepo",
            "TARGET REPO",
            "target.directory",
            "target_dir",
            "ｔａｒｇｅｔ＿ｒｅｐｏ",
        ),
        *("webhook", "webhook_url", "webHookUrl", "web-hook", "callback", "callback_url", "call_back_uri"),
        *("api_key", "apiKey", "X-API-Key", "Authorization", "auth_token"),
        *("Model", "Num-Generations", "numGenerations", "targetNamespace"),
    ],
)
@pytest.mark.parametrize("deep", [False, True])
def test_nor_to_send_a_result_elsewhere(live: ModelList, name: str, deep: bool) -> None:
    known = live["google-veo-3-1"]
    own = name.lower().replace("-", "").replace("_", "") in ("model", "numgenerations")
    if deep and own:
        return  # inside an object these are the model's own words
    given: dict[str, Any] = {"options": [{name: "https://evil.example"}]} if deep else {name: "https://evil.example"}
    said = translate(VideoRequest(prompt="x", model_parameters=given), known)
    assert any("does not belong in model_parameters" in problem for problem in said.problems)
    if not deep:
        assert name not in said.body or said.body[name] == known.id
