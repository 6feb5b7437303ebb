"""The same request is found again however it was put; another one never is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxen_video_tools.request import VideoRequest
from oxen_video_tools.studio.identifiers import canonical_request, key_hash, origin_of, references, request_key


def key(namespace: str | None = None, prints: dict[str, str] | None = None, **words: Any) -> str:
    return request_key(canonical_request(VideoRequest(**words), namespace, prints or {}))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"prompt": "a"}, {"prompt": "a", "duration": 5}),
        ({"prompt": "a"}, {"prompt": "a", "duration": 0, "seed": 0, "model": "null", "negative_prompt": ""}),
        ({"prompt": "a"}, {"prompt": "a", "aspect_ratio": "16:9", "generate_audio": False, "num_generations": 1}),
        ({"prompt": "a", "duration": 5}, {"prompt": "a", "duration": 5.0}),
        ({"prompt": "a"}, {"prompt": "a", "response_format": "b64_json"}),
        ({"multi_prompt": [{"prompt": "x"}]}, {"multi_prompt": [{"prompt": "x", "duration": 5}]}),
        ({"multi_prompt": [{"prompt": "x"}]}, {"multi_prompt": '[{"prompt": "x"}]', "duration": 5}),
        (
            {"prompt": "a", "model_parameters": {"x": 1, "y": 2}},
            {"prompt": "a", "model_parameters": '{"y": 2, "x": 1.0}'},
        ),
        ({"prompt": "a", "input_image": "i.png"}, {"prompt": "a", "input_image": ["i.png"]}),
    ],
)
def test_one_request_has_one_key(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert key(**one) == key(**other)


@pytest.mark.parametrize(
    "other",
    [
        {"prompt": "b"},
        {"prompt": "a", "duration": 10},
        {"prompt": "a", "model": "kling"},
        {"prompt": "a", "seed": 1},
        {"prompt": "a", "generate_audio": True},
        {"prompt": "a", "num_generations": 2},
        {"prompt": "a", "target_namespace": "team"},
        {"multi_prompt": [{"prompt": "a"}]},
        {"prompt": "a", "model_parameters": {"seed": 0}},
        {"prompt": "a", "start_image": "i.png"},
    ],
)
def test_another_request_has_another_key(other: dict[str, Any]) -> None:
    assert key(prompt="a") != key(**other)


def test_media_are_what_they_are_not_where_they_lie() -> None:
    here = key(prompt="a", input_image="/a/face.png", prints={"/a/face.png": "sha256:1"})
    there = key(prompt="a", input_image="C:\\face.png", prints={"C:\\face.png": "sha256:1"})
    other = key(prompt="a", input_image="/a/face.png", prints={"/a/face.png": "sha256:2"})
    assert here == there != other


def test_who_pays_belongs_to_the_request() -> None:
    assert key("team", prompt="a") == key(prompt="a", target_namespace="team") != key(prompt="a")


def test_every_medium_is_named_once() -> None:
    request = VideoRequest(prompt="a", input_image=["x", "y"], start_image="x", input_video="v", input_audio="s")
    assert references(request) == ["x", "y", "v", "s"]


@given(st.dictionaries(st.sampled_from(["prompt", "model", "aspect_ratio"]), st.text(min_size=1)), st.integers(1, 60))
def test_a_key_does_not_depend_on_the_order_of_words(words: dict[str, str], duration: int) -> None:
    given = {**words, "duration": duration}
    assert key(**given) == key(**dict(reversed(list(given.items()))))


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://hub.oxen.ai", "https://hub.oxen.ai"),
        ("https://HUB.oxen.ai:443/", "https://hub.oxen.ai"),
        ("http://127.0.0.1:8000/x", "http://127.0.0.1:8000"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
    ],
)
def test_a_hub_has_one_spelling(url: str, origin: str) -> None:
    assert origin_of(url) == origin


def test_a_key_is_told_from_another_without_being_told() -> None:
    assert key_hash("secret-key") != key_hash("secret-kez")
    assert "secret" not in key_hash("secret-key")
