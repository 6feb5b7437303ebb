"""A tool of `tools.TABLE` as a LangChain tool: synchronous and native asynchronous, content and artifact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from langchain_core.tools import BaseTool, ToolException
from langchain_core.utils import secret_from_env
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, ValidationError

from ..errors import NotFound, OxenError, invalid_arguments
from ..settings import Settings
from ..studio.portal import Portal, shared
from .approval import Approval, ask
from .langgraph import Keyframes, Receipt, aemit, akeeping, attach_pictures, emit, keeping, question_id

if TYPE_CHECKING:
    from ..studio import AsyncStudio
    from ..studio.prepare import Prepared
    from ..studio.stills import PreparedStills
    from ..tools import Reply, ToolSpec


# Where a tool's calls go: one studio for all tools with the same settings, on a thread of its own.

SECRET = frozenset({"api_key", "ledger"})  # a ledger's URL may hold a password


@dataclass(frozen=True)
class Opening:
    """Opens a studio. Equal settings make equal openings, and so share one studio.

    It pickles without its secrets; they are read from the environment again where it is unpickled.
    """

    settings: Settings

    def __call__(self) -> AbstractAsyncContextManager[AsyncStudio]:
        from ..studio import AsyncStudio

        return AsyncStudio.open(self.settings)

    def __reduce__(self) -> tuple[Any, ...]:
        names = {one.name for one in fields(Settings)} - SECRET
        return reopen, ({name: getattr(self.settings, name) for name in names},)


def reopen(public: Mapping[str, Any]) -> Opening:
    """An opening with the secrets of this process."""
    here = Settings.read(base_url=public["base_url"], sandbox=public["sandbox"] or None)
    return Opening(replace(Settings(**public), **{name: getattr(here, name) for name in SECRET}))


def public(settings: Settings) -> Settings:
    """The same without its secrets."""
    return replace(settings, api_key=None, ledger=None)


def portal_to(settings: Settings) -> Portal[AsyncStudio]:
    """The process's one way to the studio with these settings."""
    return shared(Opening(settings))


WAIT, LONGEST = 900.0, 3600.0  # seconds

_call_id: ContextVar[str | None] = ContextVar("oxen_video_tool_call_id", default=None)


def explain(error: Any) -> str:
    """What the model reads when its arguments do not fit. Nothing was sent."""
    return invalid_arguments(error).words if isinstance(error, ValidationError) else str(error)


@contextmanager
def as_tool_exception() -> Iterator[None]:
    """Only our own failures become the tool's answer: LangGraph's interrupts are exceptions, too."""
    try:
        yield
    except OxenError as error:
        raise ToolException(error.words) from error


@dataclass(frozen=True)
class _Ready:
    """What was prepared for a call.

    asked: US dollars that this very call has asked about the first time, 0 where that is now.
    shown: whether it has asked about this very sum before.
    """

    prepared: Prepared | PreparedStills | None = None
    asked: Decimal = Decimal(0)
    shown: bool = False
    approved_usd: Decimal | None = None

    def agreed(self, approval: Approval) -> _Ready:
        """With what a person agrees to. Raises Declined or NeedsApproval."""
        question = self.prepared.question if self.prepared is not None else None
        if question is None:
            return self
        if approval == "middleware":  # it has asked before this tool ran: its yes covers what this call cost then
            return replace(self, approved_usd=self.asked or question.cost_usd)
        return replace(self, approved_usd=ask(question, self.asked, self.shown))


class VideoTool(BaseTool):
    """One tool of `tools.TABLE`; `toolkit` makes a class for each.

    An option with the name of one of the tool's arguments settles it: the agent neither sees nor sets it
    (`GenerateVideo(model="…", max_cost_usd=2)`); `pinned={…}` does the same for all of them.

    api_key: from OXEN_API_KEY if left out; needed at the first call, not before.
    base_url, sandbox, settings: as in `Settings`.
    studio: a `Portal` to use instead.
    wait: seconds to wait where the model names none (OXEN_VIDEO_WAIT, else 900).
    longest: the most it may ask for.
    approval: "interrupt" asks through LangGraph where the graph has a checkpointer; "middleware" leaves asking to the
    agent's own middleware.
    keyframes: how a contact sheet is shown: "none"; "tool", in the tool's message; "message", in one after it.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid", defer_build=True)
    row: ClassVar[ToolSpec]

    name: str = ""  # these two, and args_schema, are the row's
    description: str = ""
    api_key: SecretStr | None = Field(
        default_factory=secret_from_env("OXEN_API_KEY", default=None), exclude=True, repr=False
    )
    base_url: str | None = None
    sandbox: bool | None = None
    settings: Settings | None = Field(default=None, exclude=True, repr=False)
    studio: Portal[Any] | None = Field(default=None, exclude=True, repr=False)
    pinned: dict[str, Any] = Field(default_factory=dict)
    wait: float | None = Field(default=None, ge=0)
    longest: float = Field(default=LONGEST, gt=0)
    approval: Approval = "interrupt"
    keyframes: Keyframes = "none"
    response_format: Literal["content", "content_and_artifact"] = "content_and_artifact"
    handle_tool_error: Any = True  # else create_agent lets a foreseen failure end the run
    handle_validation_error: Any = explain

    _row: ToolSpec = PrivateAttr()
    _portal: Portal[Any] | None = PrivateAttr(None)

    def __init__(self, **options: Any) -> None:
        own = self.row.arguments.model_fields.keys() - type(self).model_fields.keys()
        pinned = dict(options.pop("pinned", None) or {}) | {name: options.pop(name) for name in own & options.keys()}
        words = {"name": self.row.name, "description": self.row.description, "pinned": pinned}
        super().__init__(**words | options)
        self._show()

    def _show(self) -> None:
        """What the agent sees: the row's arguments less those that are settled."""
        from ..tools import hidden

        self._row = self.row.without(hidden(self._public_settings()), self.pinned)
        self.args_schema = self._row.arguments

    @property
    def tool_call_schema(self) -> Any:
        """What a chat model is shown. LangChain would build the same anew, and before 1.1 lose our types on the way."""
        return self._row.arguments

    # ---- where it runs ------------------------------------------------------------------------------------------

    def _public_settings(self) -> Settings:
        """For what an agent may see; what is wrong with the environment is said at the first call."""
        try:
            return self._settings()
        except OxenError:
            return Settings()

    def _settings(self) -> Settings:
        given: dict[str, Any] = {"base_url": self.base_url, "sandbox": self.sandbox}
        key = self.api_key.get_secret_value() if self.api_key else None
        if self.settings is None:
            return Settings.read(api_key=key, **given)
        if key and ("api_key" in self.model_fields_set or self.settings.api_key is None):
            given["api_key"] = key
        return replace(self.settings, **{name: value for name, value in given.items() if value is not None})

    @property
    def portal(self) -> Portal[AsyncStudio]:
        """The way to the studio. Raises OxenError where the environment can't be used."""
        if self.studio is not None:
            return self.studio
        if self._portal is None:
            settings = self._settings()
            if not (settings.api_key or settings.sandbox):  # the key may be there at the next call
                return portal_to(settings)
            self._portal = portal_to(settings)
        return self._portal

    # ---- one call -------------------------------------------------------------------------------------------------

    def run(self, tool_input: Any, *args: Any, tool_call_id: str | None = None, **options: Any) -> Any:
        token = _call_id.set(tool_call_id)  # injecting it would put it into the schema
        try:
            return super().run(tool_input, *args, tool_call_id=tool_call_id, **options)
        finally:
            _call_id.reset(token)

    async def arun(self, tool_input: Any, *args: Any, tool_call_id: str | None = None, **options: Any) -> Any:
        token = _call_id.set(tool_call_id)
        try:
            return await super().arun(tool_input, *args, tool_call_id=tool_call_id, **options)
        finally:
            _call_id.reset(token)

    def _run(self, *text: str, **arguments: Any) -> tuple[Any, dict[str, Any]]:
        request = self._request(text, arguments)
        with as_tool_exception():
            studio, receipt = self.portal, self._receipt(request)
            made = receipt.read() if receipt else None
            ready = _Ready()
            if self._row.prepares and made is None:
                ready = studio.call(lambda one, _: self._prepare(one, request), emit)
                ready = ready.agreed(self.approval)
            reply = studio.call(
                lambda one, report: self._reply(one, request, report, ready, made), keeping(receipt, emit)
            )
            if receipt:
                receipt.keep(reply.structured["generation_id"])
        return self._shown(reply)

    async def _arun(self, *text: str, **arguments: Any) -> tuple[Any, dict[str, Any]]:
        request = self._request(text, arguments)
        with as_tool_exception():
            studio, receipt = self.portal, self._receipt(request)
            made = await receipt.aread() if receipt else None
            ready = _Ready()
            if self._row.prepares and made is None:
                ready = await studio.acall(lambda one, _: self._prepare(one, request), aemit)
                ready = ready.agreed(self.approval)
            reply = await studio.acall(
                lambda one, report: self._reply(one, request, report, ready, made), akeeping(receipt, aemit)
            )
            if receipt:
                await receipt.akeep(reply.structured["generation_id"])
        return self._shown(reply)

    def _parse_input(self, tool_input: str | dict[str, Any], *_: Any, **__: Any) -> dict[str, Any]:
        """What the model wrote, read and checked; a bare string is the first argument. LangChain itself would drop what
        is read under another name than it was written.
        """
        model = self._row.arguments
        if isinstance(tool_input, str):
            tool_input = {next(iter(self._row.schema["properties"])): tool_input}
        request = model.model_validate(tool_input)
        return {name: getattr(request, name) for name in model.model_fields}

    def _request(self, text: Sequence[str], arguments: dict[str, Any]) -> BaseModel:
        """LangChain hands over checked fields one by one."""
        return self._row.arguments.model_validate(
            dict(zip(self._row.schema["properties"], text, strict=False)) | arguments
        )

    def _receipt(self, request: BaseModel) -> Receipt | None:
        return Receipt.of(_call_id.get(), request) if self._row.prepares else None

    async def _prepare(self, studio: AsyncStudio, request: Any) -> _Ready:
        """Runs on the studio's loop. What this call would pay for, and what it asked for the first time."""
        prepared = await self._row.prepare(studio, request)
        question = prepared.question if prepared is not None else None
        if question is None:
            return _Ready(prepared)
        name = question_id(_call_id.get(), request)
        if name is None:
            return _Ready(prepared)
        first, before = await studio.asked_for(name, question.cost_usd)
        _, shown = await studio.asked_for(f"{name}:{question.cost_usd.normalize():f}", question.cost_usd)
        return _Ready(prepared, first if before else Decimal(0), shown)

    async def _reply(self, studio: AsyncStudio, request: Any, report: Any, ready: _Ready, made: str | None) -> Reply:
        """Runs on the studio's loop. made: the generation that this very call made before the graph died."""
        from ..tools import TABLE, Call

        wait = next(one for one in (self.wait, studio.settings.wait, WAIT) if one is not None)
        call = Call(wait, self.longest, report, prepared=ready.prepared, approved_usd=ready.approved_usd)
        if made is None:
            return await self._pictured(studio, await self._row.run(studio, request, call))
        get = TABLE["get_video"]
        again = get.arguments.model_validate(
            {"generation_ids": [made], "wait_seconds": getattr(request, "wait_seconds", None)}
        )
        try:
            return await self._pictured(studio, await get.run(studio, again, call))
        except NotFound:
            return await self._pictured(studio, await self._row.run(studio, request, call))

    async def _pictured(self, studio: AsyncStudio, reply: Reply) -> Reply:
        """With a contact sheet of a video that has just been made, where pictures are wanted."""
        if self.keyframes == "none" or reply.images or not self._row.shows_video:
            return reply
        if reply.structured.get("status") != "succeeded":
            return reply
        from ..tools import TABLE, Call

        look = TABLE["inspect_video"]
        try:
            seen = await look.run(
                studio, look.arguments.model_validate({"videos": [reply.structured["generation_id"]]}), Call(0, 0)
            )
        except OxenError:  # the video is there all the same, and it is paid
            return reply
        return replace(reply, images=seen.images)

    def _shown(self, reply: Reply) -> tuple[Any, dict[str, Any]]:
        return attach_pictures(reply, self.keyframes, self.name, _call_id.get())

    # ---- copies ---------------------------------------------------------------------------------------------------

    def __getstate__(self) -> dict[Any, Any]:
        """Without the key, and without what is made anew where it is unpickled."""
        state = dict(super().__getstate__())
        left_out: dict[str, Any] = {"api_key": None, "args_schema": None}
        if self.settings is not None:
            left_out["settings"] = public(self.settings)
        state["__dict__"] = state["__dict__"] | left_out
        state["__pydantic_fields_set__"] = set(state["__pydantic_fields_set__"]) - {"api_key"}
        state["__pydantic_private__"] = None
        return state

    def __setstate__(self, state: dict[Any, Any]) -> None:
        fresh = {name: private.get_default() for name, private in type(self).__private_attributes__.items()}
        super().__setstate__(state | {"__pydantic_private__": fresh})
        self.api_key = secret_from_env("OXEN_API_KEY", default=None)()
        self._show()
