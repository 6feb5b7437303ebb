"""Whatever is asked of whichever model: the body is valid, or a problem says why it is not."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from oxen_video_tools.catalog.catalog import ModelList, snapshot
from oxen_video_tools.catalog.describe import describe_line, describe_model
from oxen_video_tools.catalog.pricing import estimate
from oxen_video_tools.catalog.translate import translate
from oxen_video_tools.catalog.validate import check
from oxen_video_tools.hub.records import VideoModel
from oxen_video_tools.request import VideoRequest
from oxen_video_tools.settings import Settings
from oxen_video_tools.studio.plan import make_plan

from . import requests
from .conftest import IDS, O3_RECORD

LIVE = ModelList.of([*snapshot().values(), VideoModel.parse(O3_RECORD)])
BUNDLED = ModelList.bundled()
WORDS = st.text(max_size=12) | st.sampled_from(requests.ASPECTS + requests.RESOLUTIONS)
LINKS = st.sampled_from(
    ["https://media.example/a.png", "/home/me/b.png", "0f9c1d4e-1111-4222-8333-444455556666", "data:x"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
SHOTS = st.lists(
    st.fixed_dictionaries({"prompt": st.text(max_size=20)}, optional={"duration": st.integers(-1, 20)}), max_size=6
)
REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "prompt": st.text(max_size=30) | st.sampled_from(requests.WORDS),
        "multi_prompt": SHOTS,
        "duration": st.integers(-2, 60) | st.floats(0.1, 60),
        "aspect_ratio": WORDS,
        "resolution": WORDS,
        "input_image": st.lists(LINKS, max_size=12),
        "start_image": LINKS,
        "end_image": LINKS,
        "input_video": LINKS,
        "input_audio": LINKS,
        "generate_audio": st.booleans(),
        "negative_prompt": st.text(max_size=20),
        "seed": st.integers(-3, 2**33),
        "num_generations": st.integers(-1, 8),
        "response_format": st.sampled_from(["url", "b64_json"]),
        "model_parameters": st.dictionaries(
            st.sampled_from(["cfg_scale", "fps", "draft", "loop", "elements"]), JSON, max_size=2
        ),
    },
)


def blamed(error: ValidationError) -> str:
    """The parameter that a schema's complaint is about."""
    if error.absolute_path:
        return str(error.absolute_path[0])
    return next(name for name in error.validator_value if name not in error.instance)


@settings(max_examples=300, deadline=None)
@given(words=REQUESTS, model_id=st.sampled_from(IDS))
def test_valid_or_a_problem_for_each_reason(words: dict[str, Any], model_id: str) -> None:
    known = LIVE[model_id]
    said = translate(VideoRequest(**words), known, models=LIVE)
    own = {name: value for name, value in said.body.items() if name != "model"}
    found = check(said.body, known).found
    for error in Draft202012Validator(known.model.request_schema or {}).iter_errors(own):
        name = blamed(error)
        numeric_text = error.validator == "type" and known.parameters[name].is_number  # read as the number it is
        shapeless = any(slot.name == name and not slot.shape_is_told for slot in known.slots)
        assert numeric_text or shapeless or any(name in finding.fields and finding.certain for finding in found), error
        by_parameter = name in words.get("model_parameters", {})
        assert said.problems or by_parameter or numeric_text or shapeless


@settings(max_examples=200, deadline=None)
@given(words=REQUESTS, model_id=st.sampled_from([*IDS, "nobody-knows-it"]), live=st.booleans())
def test_a_plan_is_always_made(words: dict[str, Any], model_id: str | None, live: bool) -> None:
    models = LIVE if live else BUNDLED
    for chosen in (model_id, None):
        plan = make_plan(VideoRequest(**words, model=chosen), models, Settings())
        assert plan.jobs
        assert plan.ok == (not plan.problems)
        for job in plan.jobs:
            assert job.body["model"] == plan.model
            assert "response_format" not in job.body
            assert job.price.usd is None or job.price.usd >= 0
            for place in job.media:
                value: Any = job.body
                for step in place.path:
                    value = value[step]
                assert value == place.reference
        made = [index for job in plan.jobs for index in job.shots]
        assert made == list(range(len(plan.request.multi_prompt)))


@settings(max_examples=150, deadline=None)
@given(model_id=st.sampled_from(IDS), words=REQUESTS, data=st.data())
def test_no_schema_makes_it_fall_over(model_id: str, words: dict[str, Any], data: st.DataObject) -> None:
    """The hub's schemas change weekly, and nobody promised their form."""
    schema: Any = dict(snapshot()[model_id].request_schema or {})
    properties = dict(schema["properties"])
    for name in data.draw(st.lists(st.sampled_from(sorted(properties)), max_size=3)):
        keys = ["type", "enum", "minimum", "maximum", "items", "default", "x-limits", "x-media", "description", "anyOf"]
        properties[name] = {**properties[name], data.draw(st.sampled_from(keys)): data.draw(JSON)}
    changed = {
        **schema,
        "properties": properties,
        data.draw(st.sampled_from(["required", "rules", "basic"])): data.draw(JSON),
    }
    record = {"id": model_id, "request_schema": changed, "pricing": data.draw(JSON), "endpoint": "/videos/generate"}
    models = ModelList.of([VideoModel.parse(record)])
    plan = make_plan(VideoRequest(**words, model=model_id), models, Settings())
    assert plan.model == model_id
    known = models[model_id]
    assert len(describe_line(known)) <= 120 or len(known.id) > 120
    assert describe_model(known)["model"] == model_id
    assert estimate(plan.jobs[0].body, known).text
    models.search("kling", ["10 s", "start_image", "under $0.2/s", "9:16"])
