"""The nine tools, and the toolkit that makes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.tools import BaseTool, BaseToolkit
from pydantic import ConfigDict, PrivateAttr

from .tool import Row, VideoTool, public


class PlanVideo(VideoTool):
    """Checks and prices a video before anything is paid."""

    row = Row("plan_video")


class MakeStills(VideoTool):
    """The first picture of each shot. Spends money, cents; the same still is paid once."""

    row = Row("make_stills")


class GenerateVideo(VideoTool):
    """Makes a video. Spends money; the same request is paid once."""

    row = Row("generate_video")


class GetVideo(VideoTool):
    """How a video stands, with a fresh link."""

    row = Row("get_video")


class ListVideos(VideoTool):
    """What is running or finished."""

    row = Row("list_videos")


class CancelVideo(VideoTool):
    """Stops a running job."""

    row = Row("cancel_video")


class FindVideoModels(VideoTool):
    """Models by words and needs."""

    row = Row("find_video_models")


class InspectVideo(VideoTool):
    """Looks at a video. `keyframes` says how the agent sees the contact sheet."""

    row = Row("inspect_video")


class SaveVideo(VideoTool):
    """Saves one or more clips as one file."""

    row = Row("save_video")


TOOLS: dict[str, type[VideoTool]] = {
    vars(one)["row"].name: one
    for one in (
        PlanVideo,
        MakeStills,
        GenerateVideo,
        GetVideo,
        ListVideos,
        CancelVideo,
        FindVideoModels,
        InspectVideo,
        SaveVideo,
    )
}


class OxenVideoToolkit(BaseToolkit):
    """All tools over one studio.

    tools: names, for only some of them.  read_only: only those that neither spend nor write.
    Every other option goes to each tool (`api_key`, `sandbox`, `wait`, `approval`, `keyframes`, …); one with the name
    of an argument, or in `pinned`, settles it in each tool that has it.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid", defer_build=True)
    tools: Sequence[str] | None = None
    read_only: bool = False
    _options: dict[str, Any] = PrivateAttr(default_factory=dict)

    def __init__(self, **options: Any) -> None:
        own = {name: options.pop(name) for name in ("tools", "read_only") if name in options}
        super().__init__(**own)
        unknown = set(self.tools or ()) - TOOLS.keys()
        if unknown:
            raise ValueError(f"no such tools: {', '.join(sorted(unknown))}; there are {', '.join(TOOLS)}")
        self._options = options
        self.get_tools()  # a wrong option is said here

    def get_tools(self) -> list[BaseTool]:
        """The tools, in the order in which they are best read."""
        chosen = [TOOLS[name] for name in TOOLS if self.tools is None or name in self.tools]
        return [one(**self._for(one)) for one in chosen if one.row.read_only or not self.read_only]

    def __getstate__(self) -> dict[Any, Any]:
        """Without the key: it is read from the environment again where the toolkit is unpickled."""
        state = dict(super().__getstate__())
        options = {name: value for name, value in self._options.items() if name != "api_key"}
        if (settings := options.get("settings")) is not None:
            options["settings"] = public(settings)
        state["__pydantic_private__"] = {"_options": options}
        return state

    def usd_per_second(self) -> dict[str, float]:
        """The dearest rate of each model whose live price is by the second, in US dollars: for `video_approval`."""
        portal = FindVideoModels(**self._for(FindVideoModels)).portal
        known: Sequence[Any] = portal.call(lambda studio, _: studio.find_models(), lambda _: None)
        return {one.id: rate for one in known if one.pricing and (rate := _dearest(one.pricing))}

    def _for(self, tool: type[VideoTool]) -> dict[str, Any]:
        """The options less what is settled of other tools' arguments."""
        options = dict(self._options)
        pinned = dict(options.pop("pinned", None) or {})
        everywhere = {name for one in TOOLS.values() for name in one.row.arguments.model_fields}
        for name in (everywhere - VideoTool.model_fields.keys()) & options.keys():
            pinned[name] = options.pop(name)
        unknown = pinned.keys() - everywhere
        if unknown:
            raise TypeError(f"no tool has {', '.join(sorted(unknown))}")
        has = tool.row.arguments.model_fields
        return options | {"pinned": {name: value for name, value in pinned.items() if name in has}}


def _dearest(pricing: Any) -> float | None:
    """US dollars a second at most, whatever the resolution and with sound."""
    by_resolution = pricing.cost_per_second_by_resolution or {}
    rates = [pricing.cost_per_second, pricing.cost_per_second_with_audio, pricing.cost_per_second_high_res]
    return max((float(rate) for rate in (*rates, *by_resolution.values()) if rate is not None), default=None)
