"""LangChain's own standard tests for every tool, through the sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from langchain_tests.integration_tests import ToolsIntegrationTests
from langchain_tests.unit_tests import ToolsUnitTests

from oxen_video_tools import langchain as window
from oxen_video_tools.langchain.toolkit import TOOLS
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.settings import Settings
from oxen_video_tools.studio import AsyncStudio
from oxen_video_tools.studio.portal import Portal

from .calls import FOX, call

#: Arguments of each tool; one that is missing here is called with none. "ID" is a video that there is.
EXAMPLES: dict[str, dict[str, Any]] = {
    "PlanVideo": {"multi_prompt": [{"prompt": "wide", "duration": 3}, {"prompt": "close"}]},
    "MakeStills": {"prompt": "A fox", "cast": [{"name": "Rex", "look": "old dog"}], "max_cost_usd": 1.0},
    "GenerateVideo": {**FOX, "max_cost_usd": 1.0, "input_image": []},
    "GetVideo": {"generation_ids": ["ID"], "wait_seconds": 5.0},
    "ListVideos": {"limit": 3, "status": "succeeded"},
    "CancelVideo": {"generation_id": "ID"},
    "FindVideoModels": {"query": "kling", "needs": ["audio"]},
    "InspectVideo": {"video": "ID"},
    "SaveVideo": {"videos": ["ID"], "filename": "standard"},
}


class Standard:
    """The studio and the video that all of them share."""

    tool_name: str
    portal: Portal[Any]
    made: str

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _studio(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
        folder: Path = tmp_path_factory.mktemp("videos")
        with Sandbox(picture_height=90) as hub:
            settings = Settings(api_key="k", base_url=hub.base_url, ledger="memory:", output_dir=folder)
            portal = Portal(partial(AsyncStudio.open, settings))
            made = window.GenerateVideo(studio=portal).invoke(call(**FOX))
            cls.portal, cls.made = portal, made.artifact["generation_id"]
            yield
            portal.close()

    @property
    def tool_constructor(self) -> Any:
        return getattr(window, self.tool_name)

    @property
    def tool_constructor_params(self) -> dict[str, Any]:
        return {"studio": self.portal}

    @property
    def tool_invoke_params_example(self) -> dict[str, Any]:
        example = {
            name: [self.made] if value == ["ID"] else value for name, value in EXAMPLES.get(self.tool_name, {}).items()
        }
        return {name: self.made if value == "ID" else value for name, value in example.items()}

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        return {"OXEN_API_KEY": "from-env"}, {}, {"api_key": "from-env"}


def _classes() -> Iterator[tuple[str, type]]:
    for name in (tool.__name__ for tool in TOOLS.values()):
        for kind, base in (("Unit", ToolsUnitTests), ("Integration", ToolsIntegrationTests)):
            made = type(f"Test{name}{kind}", (Standard, base), {"tool_name": name, "__module__": __name__})
            yield made.__name__, made


globals().update(_classes())


def test_the_examples_are_those_of_tools() -> None:
    assert EXAMPLES.keys() <= {tool.__name__ for tool in TOOLS.values()}
