"""What a tool is made of. LangChain, MCP and the documentation show what stands here and define nothing themselves.

A tool is one function: its name is the tool's name, its docstring the description that a language model reads, its
annotations the models of arguments and answer, its body the handler. The functions stand in `handlers`; `tools.TABLE`
holds them in the same order.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_type_hints

from pydantic import BaseModel

from ..errors import only_oxen_errors
from ..redaction import all_visible
from ..request import inline_refs
from .answers import VideoAnswer, all_said, fitted
from .arguments import without

if TYPE_CHECKING:
    from ..settings import Settings
    from ..studio import AsyncStudio
    from ..studio.prepare import Prepared
    from ..studio.results import Progress
    from ..studio.stills import PreparedStills


SANDBOX = "This is the sandbox: pictures and prices are invented, nothing is charged."

Files = Literal["roots", "nowhere"]


async def _unheard(_: Progress) -> None: ...


@dataclass(frozen=True)
class Call:
    """What LangChain or MCP give along with one call.

    wait: seconds to wait when the agent names none.
    longest: seconds it may wait at most.
    report: where progress goes.
    prepared: what `Tool.prepare` worked out for this very call.
    approved_usd: US dollars that a person has agreed to.
    files: where local inputs may lie: in the settings' "roots", or "nowhere" for a caller on another machine.
    """

    wait: float
    longest: float
    report: Callable[[Progress], Awaitable[None]] = _unheard
    prepared: Any = None
    approved_usd: Decimal | None = None
    files: Files = "roots"

    def seconds(self, asked: float | None) -> float:
        """How long to wait."""
        return min(self.wait if asked is None else asked, self.longest)


@dataclass(frozen=True)
class Reply:
    """What a tool answers. images: JPEG bytes for a model; LangChain and MCP each show them in their way."""

    answer: BaseModel
    images: tuple[bytes, ...] = ()

    @cached_property
    def structured(self) -> dict[str, Any]:
        """The answer as plain JSON values: MCP's structured content, LangChain's artifact. Nothing in it acts on a
        terminal.
        """
        told: dict[str, Any] = all_visible(self.answer.model_dump(mode="json", by_alias=True))
        return told

    @cached_property
    def text(self) -> str:
        """The same as compact JSON text, which the model reads."""
        return json.dumps(self.structured, ensure_ascii=False, separators=(",", ":"))


Handler = Callable[["AsyncStudio", Any, Call], Awaitable["BaseModel | Reply"]]
Prepares = Callable[["AsyncStudio", Any, Files], Awaitable["Prepared | PreparedStills"]]


@dataclass(frozen=True)
class ToolSpec:
    """One tool.

    description: what a language model reads.
    summary: the same for people, in one sentence.
    arguments, answer: pydantic models.
    read_only, destructive, idempotent, open_world: the four hints of MCP.
    prepares: what a tool that spends works out before it asks a person.
    shows_video: the answer holds a video that a player can show.
    """

    name: str
    description: str
    summary: str
    arguments: type[BaseModel]
    answer: type[BaseModel]
    handler: Handler
    prepares: Prepares | None = None
    read_only: bool = True
    destructive: bool = False
    idempotent: bool = True
    open_world: bool = True
    shows_video: bool = False

    @property
    def schema(self) -> dict[str, Any]:
        """The arguments as a language model sees them: no `$ref`, no titles, no defaults."""
        return _heading_less(inline_refs(self.arguments.model_json_schema()))

    @property
    def answer_schema(self) -> dict[str, Any]:
        """The shape of the answer, without titles and defaults."""
        return _heading_less(inline_refs(self.answer.model_json_schema(mode="serialization")))

    def without(self, hidden: Collection[str] = (), settled: Mapping[str, Any] | None = None) -> ToolSpec:
        """The same tool less some arguments: those with a settled value always have it, hidden ones are never given.

        Raises TypeError for an argument that it has not, and pydantic's ValidationError for a value that does not fit.
        """
        values = dict(settled or {})
        gone = set(hidden) & self.arguments.model_fields.keys()
        if not (gone or values):
            return self
        arguments, filled = without(self.arguments, values, gone)

        async def handler(studio: AsyncStudio, request: Any, call: Call) -> BaseModel | Reply:
            return await self.handler(studio, filled(request), call)

        async def prepares(studio: AsyncStudio, request: Any, files: Files) -> Prepared | PreparedStills:
            assert self.prepares is not None
            return await self.prepares(studio, filled(request), files)

        return replace(self, arguments=arguments, handler=handler, prepares=prepares if self.prepares else None)

    async def prepare(
        self, studio: AsyncStudio, request: Any, files: Files = "roots"
    ) -> Prepared | PreparedStills | None:
        """What is worked out before anything is spent, once: `.question` is what to ask a person first. `run` takes it
        in its call. Raises nothing but OxenError.
        """
        with only_oxen_errors():
            return await self.prepares(studio, request, files) if self.prepares else None

    async def run(self, studio: AsyncStudio, request: Any, call: Call) -> Reply:
        """The answer. Raises nothing but OxenError."""
        with only_oxen_errors():
            made = await self.handler(studio, request, call)
            reply = made if isinstance(made, Reply) else Reply(made)
            notes = [*getattr(request, "read_as", ())]
            reply = replace(reply, answer=_finished(reply.answer, notes, sandbox=studio.settings.sandbox))
            _ = reply.text  # an answer that can't be written is a fault of the handler's
            return reply


def _finished(answer: BaseModel, notes: list[str], *, sandbox: bool) -> BaseModel:
    """First what a choice of ours costs, then how the call was read, and the sandbox says that it is one. An answer
    about one video stays small.
    """
    notes = [*notes, SANDBOX] if sandbox else notes
    if notes and "warnings" in type(answer).model_fields:
        told: list[str] = list(answer.warnings)  # type: ignore[attr-defined]  # seen
        first = [one for one in told[:1] if one == getattr(answer, "choice", None)]
        answer = answer.model_copy(update={"warnings": [*first, *all_said(notes), *told[len(first) :]]})
    return fitted(answer) if isinstance(answer, VideoAnswer) else answer


def _heading_less(schema: dict[str, Any]) -> dict[str, Any]:
    """Without the model's own docstring: the tool's description stands beside the schema."""
    return {key: value for key, value in schema.items() if key != "description"}


def hidden(settings: Settings) -> frozenset[str]:
    """Arguments that agents do not get to see: who pays is settled by OXEN_VIDEO_NAMESPACE, where it is set, and films
    are kept in no repository unless OXEN_VIDEO_REPOSITORIES names some.
    """
    paying = {"target_namespace"} if settings.namespace else set()
    return frozenset(paying | (set() if settings.repositories else {"repository"}))


def tool(summary: str, *, answer: type[BaseModel] | None = None, **facts: Any) -> Callable[[Handler], ToolSpec]:
    """Turn a handler into a tool.

    summary: one sentence for people: in the README, in the bundle's manifest, and as the LangChain class's docstring.
    answer: the answer's model, if the handler is annotated with `Reply`.
    facts: further fields of `ToolSpec`.
    """

    def enter(handler: Any) -> ToolSpec:
        hints = get_type_hints(handler, localns={"AsyncStudio": Any})
        return ToolSpec(
            name=handler.__name__,
            description=" ".join(handler.__doc__.split()),
            summary=summary,
            arguments=hints["request"],
            answer=answer or hints["return"],
            handler=handler,
            **facts,
        )

    return enter
