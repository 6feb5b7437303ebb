"""What an assistant offers while a person types: model ids, values that a model allows, ids of their videos."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from mcp.types import (
    Completion,
    CompletionArgument,
    CompletionContext,
    PromptReference,
    ResourceTemplateReference,
)

from ..errors import OxenError
from .service import Service

if TYPE_CHECKING:
    from mcp.server import MCPServer

    from ..studio import AsyncStudio

MOST = 100  # values that the protocol allows in one answer
RATIOS = ("16:9", "9:16", "1:1", "4:3", "3:4", "21:9")
LENGTHS = ("5", "8", "10", "15", "30")


def add_completions(server: MCPServer[Service], service: Service) -> None:
    """Enter them into the server."""

    @server.completion()  # type: ignore[no-untyped-call,untyped-decorator]  # the SDK left its types out
    async def complete(
        ref: PromptReference | ResourceTemplateReference,
        argument: CompletionArgument,
        context: CompletionContext | None,
    ) -> Completion | None:
        model = ((context.arguments if context else None) or {}).get("model", "")
        try:
            async with service.studio_now() as studio:
                return matching(argument.value, await values(studio, ref, argument.name, model))
        except OxenError:
            return None  # a suggestion less: what is wrong shows when the prompt is taken


async def values(studio: AsyncStudio, ref: Any, name: str, model: str) -> Sequence[str]:
    """Everything that may stand for this argument."""
    if isinstance(ref, ResourceTemplateReference):
        if "models/" in ref.uri:
            return await _models(studio)
        return await _videos(studio) if "generations/" in ref.uri else ()
    if name == "model":
        return await _models(studio)
    if name == "generation_id":
        return await _videos(studio)
    if name == "aspect_ratio":
        return await _ratios(studio, model) or RATIOS
    if name == "seconds":
        return await _lengths(studio, model) or LENGTHS
    return ()


async def _models(studio: AsyncStudio) -> Sequence[str]:
    return [known.id for known in await studio.find_models()]


async def _videos(studio: AsyncStudio) -> Sequence[str]:
    return [video.generation_id for video in await studio.list(limit=MOST)]


async def _ratios(studio: AsyncStudio, model: str) -> Sequence[str]:
    return (await studio.find_models(model=model))[0].frame.ratios if model else ()


async def _lengths(studio: AsyncStudio, model: str) -> Sequence[str]:
    if not model:
        return ()
    length = (await studio.find_models(model=model))[0].length
    return [f"{seconds:g}" for seconds in length.choices] if length else ()


def matching(typed: str, among: Iterable[str]) -> Completion:
    """Those that begin with what was typed, then those that hold it."""
    wanted, all_values = typed.casefold(), list(among)
    begin = [value for value in all_values if value.casefold().startswith(wanted)]
    hold = [value for value in all_values if wanted in value.casefold() and value not in begin]
    found = begin + hold
    return Completion(values=found[:MOST], total=len(found), has_more=len(found) > MOST)
