"""The tools as classes, derived from `tools.TABLE`, and the toolkit that makes them."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from types import new_class
from typing import TYPE_CHECKING, Any

from langchain_core.tools import BaseTool, BaseToolkit
from pydantic import ConfigDict, PrivateAttr

from .tool import VideoTool, public

if TYPE_CHECKING:
    from ..tools import ToolSpec


TOOLS: dict[str, type[VideoTool]]  # by the tool's name; made when it is first read
_CLASSES: dict[str, type[VideoTool]] = {}
_MAKING = Lock()


def tool_classes() -> dict[str, type[VideoTool]]:
    """The LangChain class of each tool, by the tool's name and in the table's order: `generate_video` is
    `GenerateVideo`.
    """
    with _MAKING:  # two threads must not make two classes of one name: copies are unpickled by it
        if not _CLASSES:
            from ..tools import TABLE

            _CLASSES.update({name: _class_of(spec) for name, spec in TABLE.items()})
    return _CLASSES


def _class_of(spec: ToolSpec) -> type[VideoTool]:
    name = spec.name.title().replace("_", "")
    members = {"__module__": __name__, "__qualname__": name, "__doc__": spec.summary, "row": spec}
    made: type[VideoTool] = new_class(name, (VideoTool,), exec_body=lambda body: body.update(members))
    return made


def __getattr__(name: str) -> Any:
    """The classes, once somebody asks for one: importing the toolkit does not load the tools."""
    if name == "TOOLS":
        return tool_classes()
    if not name.startswith("_"):
        for made in tool_classes().values():
            if made.__name__ == name:
                return made
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class OxenVideoToolkit(BaseToolkit):
    """All tools over one studio.

    tools: names, for only some of them.
    read_only: only those that neither spend nor write. Every other option goes to each tool (`api_key`, `sandbox`,
    `wait`, `approval`, `keyframes`, …); one with the name of an argument, or in `pinned`, settles it in each tool that
    has it.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid", defer_build=True)
    tools: Sequence[str] | None = None
    read_only: bool = False
    _options: dict[str, Any] = PrivateAttr(default_factory=dict)

    def __init__(self, **options: Any) -> None:
        own = {name: options.pop(name) for name in ("tools", "read_only") if name in options}
        super().__init__(**own)
        known = tool_classes()
        if unknown := set(self.tools or ()) - known.keys():
            raise ValueError(f"no such tools: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
        self._options = options
        self.get_tools()  # a wrong option is said here

    def get_tools(self) -> list[BaseTool]:
        """The tools, in the order in which they are best read."""
        chosen = [made for name, made in tool_classes().items() if self.tools is None or name in self.tools]
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
        finder = tool_classes()["find_video_models"]
        portal = finder(**self._for(finder)).portal
        known: Sequence[Any] = portal.call(lambda studio, _: studio.find_models(), lambda _: None)
        return {one.id: rate for one in known if one.pricing and (rate := _dearest(one.pricing))}

    def _for(self, tool: type[VideoTool]) -> dict[str, Any]:
        """The options less what is settled of other tools' arguments."""
        options = dict(self._options)
        pinned = dict(options.pop("pinned", None) or {})
        everywhere = {name for one in tool_classes().values() for name in one.row.arguments.model_fields}
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
