"""The models as a live list would show them, and as the bundled list does."""

from __future__ import annotations

import pytest

from oxen_video_tools.catalog.catalog import ModelList, snapshot
from oxen_video_tools.hub.records import VideoModel
from oxen_video_tools.request import VideoRequest

IDS = sorted(snapshot())
O3 = "kling-video-o3-pro-reference-to-video"
# What the hub's own record of it held (Oxen docs: its generated page): neither prompt nor multi_prompt nor duration.
O3_RECORD = {
    "id": O3,
    "display_name": "Kling O3 Pro - Reference to Video",
    "endpoint": "/videos/generate",
    "capabilities": {"input": ["text", "image"], "output": ["video"]},
    "pricing": {"method": "per_video_output_second", "cost_per_second": 0.224},
    "request_schema": {
        "type": "object",
        "required": [],
        "properties": {
            "start_image_url": {"type": "string", "format": "uri"},
            "tail_image_url": {"type": "string", "format": "uri"},
            "input_image": {"type": "array", "items": {"type": "string"}},
            "elements": {"type": "array", "items": {"type": "object"}},
            "negative_prompt": {"type": "string"},
            "aspect_ratio": {"type": "string", "enum": ["9:16", "1:1", "16:9"], "default": "16:9"},
            "generate_audio": {"type": "boolean", "default": False},
        },
    },
}


def listed(*models: VideoModel, **changes: object) -> ModelList:
    """A live list of just these."""
    return ModelList.of(models)


def model(
    model_id: str = "new-model", description: str = "", pricing: object = None, **properties: object
) -> VideoModel:
    """A model that nobody has seen before. Properties named in `required` are."""
    required = properties.pop("required", [])
    schema = {"type": "object", "required": required, "properties": properties}
    record = {"id": model_id, "description": description, "pricing": pricing, "endpoint": "/videos/generate"}
    return VideoModel.parse(record | {"request_schema": schema})


def ask(**words: object) -> VideoRequest:
    """A request with a prompt, unless the words say otherwise."""
    if "multi_prompt" not in words:
        words = {"prompt": "A red balloon rises"} | words
    return VideoRequest(**words)


@pytest.fixture(scope="session")
def live() -> ModelList:
    """All 78 models and Kling O3, as if the hub listed them just now; each of them has a price."""
    rate = {"method": "per_video_output_second", "cost_per_second": 0.3}
    priced = [VideoModel.parse(dict(one.raw) | {"pricing": rate}) for one in snapshot().values()]
    return ModelList.of([*priced, VideoModel.parse(O3_RECORD)])


@pytest.fixture(scope="session")
def bundled() -> ModelList:
    """The models that come with the package."""
    return ModelList.bundled()
