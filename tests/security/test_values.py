"""Numbers, nesting and halves of characters that nobody can mean end in words, never in a crash, in every tool."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from oxen_video_tools.errors import OxenError
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.studio import AsyncStudio
from oxen_video_tools.tools import TABLE, Call

HALF = "\ud800"
ODD: list[dict[str, Any]] = [
    *({"duration": number} for number in (10**9, 10**299, 10**400, 1e308)),
    *({"seed": 10**299}, {"num_generations": 10**200}, {"take": 10**200}, {"wait_seconds": 1e308}),
    *({name: HALF} for name in ("prompt", "model", "target_namespace", "start_image", "resolution")),
    *({"model_parameters": odd} for odd in ({"a": HALF}, {HALF: 1}, {"a": [HALF]}, {"a": 1e999}, {"a": 10**500})),
    *({"model_parameters": odd} for odd in ({"duration": 10**200}, "[" * 5000, '{"a":' * 400 + "1" + "}" * 400)),
    *({"multi_prompt": odd} for odd in ("[" * 3000, [{"prompt": "x", "duration": 10**200}], '["\\ud800"]')),
    *({"aspect_ratio": "9" * 400 + ":1"}, {"aspect_ratio": "1e400:1"}, {"resolution": "1e999p"}),
    *({"max_cost_usd": 10**299}, {"input_image": ["a\0b.png"]}),
]


@pytest.fixture(scope="module")
def hub() -> Iterator[Sandbox]:
    with Sandbox(picture_height=64) as running:
        yield running


async def told(hub: Sandbox, tool: str, **arguments: Any) -> str:
    """The kind of the answer: "ok", "invalid" or an error's."""
    async with AsyncStudio(base_url=hub.base_url, api_key=hub.api_key, ledger="memory:") as studio:
        row = TABLE[tool]
        try:
            await row.run(studio, row.arguments.model_validate(arguments), Call(0, 0))
        except ValidationError:
            return "invalid"
        except OxenError as error:
            return error.kind
    return "ok"


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: ascii(odd)[:40])
async def test_a_video_is_asked_for_with_odd_values(hub: Sandbox, odd: dict[str, Any]) -> None:
    request = {"prompt": None if "multi_prompt" in odd else "a fox", **odd}
    assert await told(hub, "generate_video", **request) not in ("internal", "submission_unclear")
    if not odd.keys() & {"take", "wait_seconds", "max_cost_usd"}:
        assert await told(hub, "plan_video", **request) != "internal"


@pytest.mark.parametrize(
    ("tool", "odd"),
    [
        ("get_video", {"generation_ids": [HALF]}),
        ("save_video", {"videos": [HALF]}),
        ("save_video", {"videos": ["x"], "filename": HALF}),
        ("inspect_video", {"video": f"{HALF}.mp4"}),
        ("find_video_models", {"query": HALF}),
        ("list_videos", {"limit": 10**300}),
        ("cancel_video", {"generation_id": f"a{HALF}"}),
    ],
)
async def test_nor_does_any_other_tool_crash(hub: Sandbox, tool: str, odd: dict[str, Any]) -> None:
    assert await told(hub, tool, **odd) == "invalid"


def test_it_is_soon_seen_that_something_is_nested_too_deep() -> None:
    deep: Any = 1
    for _ in range(5000):
        deep = [deep]
    began = time.process_time()
    with pytest.raises(ValidationError, match="more than 50 deep"):
        TABLE["plan_video"].arguments.model_validate({"prompt": "x", "model_parameters": {"a": deep}})
    assert time.process_time() - began < 2
