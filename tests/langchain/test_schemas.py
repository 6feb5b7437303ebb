"""The tools as each provider's converter shows them to its model."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from langchain_core.utils.function_calling import convert_to_openai_tool

from oxen_video_tools.langchain import OxenVideoToolkit
from oxen_video_tools.langchain.toolkit import TOOLS
from oxen_video_tools.tools import TABLE

NAMES = list(TABLE)


@pytest.fixture
def tool(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("OXEN_VIDEO_REPOSITORIES", "ours/films")  # without it one argument is hidden
    return TOOLS[request.param]()


each_tool = pytest.mark.parametrize("tool", NAMES, indirect=True)


def objects(schema: Any) -> list[dict[str, Any]]:
    found = [schema] if isinstance(schema, dict) and schema.get("type") == "object" else []
    inner = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    return [*found, *(one for part in inner for one in objects(part))]


@each_tool
def test_openai_sees_what_the_table_says(tool: Any) -> None:
    row, shown = TABLE[tool.name], convert_to_openai_tool(tool)["function"]
    assert (shown["name"], shown["description"]) == (row.name, row.description)
    parameters = shown["parameters"]
    assert parameters["properties"] == row.schema["properties"]
    assert parameters.get("required", []) == row.schema.get("required", [])
    assert "$ref" not in json.dumps(shown)


def test_the_whole_list_is_small_as_openai_sees_it() -> None:
    shown = [convert_to_openai_tool(tool) for tool in OxenVideoToolkit().get_tools()]
    assert len(json.dumps(shown)) <= 1_500 * len(TABLE)  # characters; of which the wrapping is some 600 in all


@each_tool
def test_openai_strict(tool: Any) -> None:
    """Its rules: every field required, no object open, no default, no format that it does not know."""
    shown = convert_to_openai_tool(tool, strict=True)["function"]
    assert shown["strict"]
    for one in objects(shown["parameters"]):
        assert one["additionalProperties"] is False
        assert set(one["required"]) == set(one["properties"])
        assert all(field.get("type") for field in one["properties"].values())
    text = json.dumps(shown)
    assert not any(
        f'"{word}"' in text for word in ("default", "format", "minLength", "minItems", "pattern", "oneOf", "allOf")
    )


@each_tool
def test_anthropic(tool: Any) -> None:
    convert = pytest.importorskip("langchain_anthropic.chat_models").convert_to_anthropic_tool
    shown = convert(tool)
    assert shown["input_schema"]["properties"] == TABLE[tool.name].schema["properties"]


@each_tool
def test_anthropic_strict(tool: Any) -> None:
    transform = pytest.importorskip("anthropic").transform_schema
    parameters = convert_to_openai_tool(tool)["function"]["parameters"]
    shown = transform(parameters)
    assert shown["properties"].keys() == parameters["properties"].keys()
    for name, field in shown["properties"].items():
        assert "enum" in field or field["type"] == parameters["properties"][name]["type"]


@each_tool
def test_gemini(tool: Any, caplog: pytest.LogCaptureFixture) -> None:
    functions = pytest.importorskip("langchain_google_genai._function_utils")
    with caplog.at_level(logging.WARNING):
        shown = functions.convert_to_genai_function_declarations([tool])
    (declared,) = shown[0].function_declarations
    properties = declared.parameters.properties
    for name, field in TABLE[tool.name].schema["properties"].items():
        assert properties[name].type.name == field["type"].upper()
        assert (properties[name].enum or []) == field.get("enum", [])
        if field["type"] == "array":
            assert properties[name].items.type.name == field["items"]["type"].upper()
    assert caplog.text == ""


@each_tool
def test_what_third_parties_read_is_the_same(tool: Any) -> None:
    row = TABLE[tool.name]
    assert tool.args_schema.model_json_schema()["properties"] == row.schema["properties"]
    assert {name: {"type": one["type"]} for name, one in tool.args.items()} == {
        name: {"type": one["type"]} for name, one in row.schema["properties"].items()
    }
