"""Prompts for people to pick (direct a video of several shots, review a video, make a product teaser), completion of
their arguments, and the skills of this package.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from mcp.server.context import HandlerResult
from mcp.server.extension import Extension, MethodBinding, ResourceBinding
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resources import TextResource
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INVALID_PARAMS,
    Completion,
    CompletionArgument,
    CompletionContext,
    PaginatedRequestParams,
    PromptReference,
    RequestParams,
    ResourceTemplateReference,
)
from pydantic import AnyUrl, Field

from ..errors import OxenError, only_oxen_errors
from ..request import Shot, VideoRequest
from .service import Request, Service

if TYPE_CHECKING:
    from mcp.server import MCPServer

    from ..catalog.model_info import ModelInfo
    from ..studio import AsyncStudio


ModelId = Annotated[str, Field(description="Model id; chosen for several shots if left out.")]
Seconds = Annotated[str, Field(description="Length of the whole video in seconds.")]
Ratio = Annotated[str, Field(description='"16:9", "9:16", "1:1", …')]

DIRECT = """Direct a video of several shots from this brief:

{brief}

Model: {model} ({why}).
{limits}

1. Write the shots in order, {length}. Each shot is one camera setup in 1 to 3 sentences: size of shot, \
subject, action, camera movement, light and place. Repeat in every shot what must stay the same (who, \
clothing, place, style), for a shot knows nothing of the others. No text on screen, no cuts inside a shot.
2. Show the shots to me as a numbered list with their seconds.
3. Call plan_video with multi_prompt, model="{model}" and aspect_ratio="{ratio}"; animatic=true shows a free \
preview. Correct what it calls a problem.
4. Tell me the price and wait for my yes. Then call generate_video with the same arguments, once."""

REVIEW = """Review the video {generation_id} before anybody shows it.{brief}

1. Call get_video with generation_ids=["{generation_id}"]; if it is not finished, wait for it.
2. Call inspect_video with videos=["{generation_id}"] and look at the contact sheet, shot by shot: is what was \
asked for there, does it stay the same from shot to shot (people, clothing, place, light), are hands, faces \
and objects whole, do black or frozen stretches or a cut in a wrong place stand in the answer?
3. Give each shot a verdict: keep, or retake with what to change and why. Be strict about faults that a viewer \
sees and easy on taste.
4. If all are good, say so and offer save_video. If some are not, show the changed request and its price \
(plan_video), and wait for my yes before generate_video with take=2: retakes are paid."""

TEASER = """Make a short teaser for this product:

{product}{audience}

Model: {model} ({why}).
{limits}

1. Write {length} shots with one idea: a hook in the first two seconds, the product in use, the detail that \
sells it, a last frame that leaves room for a logo. No text in the picture; it is added afterwards.{image}
2. Show me the shots, then call plan_video with multi_prompt, model="{model}" and aspect_ratio="{ratio}", with \
animatic=true for a free preview, and correct what it calls a problem.
3. Tell me the price and wait for my yes. Then call generate_video with the same arguments, once, and review \
the result with inspect_video before you show it to me."""


def add_prompts(server: MCPServer[Service], service: Service) -> None:
    """Register the prompts."""

    @server.prompt(title="Direct a multi-shot video")
    async def direct_multi_shot(
        brief: Annotated[str, Field(description="What the video is about, in your words.")],
        ctx: Context[Any],
        model: ModelId = "",
        seconds: Seconds = "",
        aspect_ratio: Ratio = "16:9",
    ) -> str:
        """From a brief to shots that fit the model, then plan, price and generation."""
        known, why = await chosen(service, ctx, model)
        return DIRECT.format(
            brief=brief.strip(), model=known.id, why=why, limits=limits(known, aspect_ratio),
            length=f"together {seconds} s" if seconds else "as many as the story needs", ratio=aspect_ratio or "16:9",
        )  # fmt: skip

    @server.prompt(title="Review a storyboard")
    async def storyboard_review(
        generation_id: Annotated[str, Field(description="The video to look at.")],
        brief: Annotated[str, Field(description="What it should have been.")] = "",
    ) -> str:
        """Look at the contact sheet of a video and decide which shots to make again."""
        asked = f" It should be: {brief.strip()}" if brief.strip() else ""
        return REVIEW.format(generation_id=generation_id.strip(), brief=asked)

    @server.prompt(title="Product teaser")
    async def product_teaser(
        product: Annotated[str, Field(description="The product and what is special about it.")],
        ctx: Context[Any],
        audience: Annotated[str, Field(description="Whom it is for.")] = "",
        image: Annotated[str, Field(description="URL or path of a picture of the product.")] = "",
        model: ModelId = "",
        seconds: Seconds = "10",
        aspect_ratio: Ratio = "9:16",
    ) -> str:
        """A teaser of a few shots for a product."""
        known, why = await chosen(service, ctx, model, image=image)
        picture = f' Give the product\'s picture as input_image=["{image}"] and say in each shot what it shows.'
        return TEASER.format(
            product=product.strip(), audience=f"\n\nFor: {audience.strip()}" if audience.strip() else "",
            model=known.id, why=why, limits=limits(known, aspect_ratio), image=picture if image else "",
            length=f"3 or 4 shots of together {seconds or 10} s:", ratio=aspect_ratio or "9:16",
        )  # fmt: skip


async def chosen(service: Service, ctx: Context[Any], model: str, image: str = "") -> tuple[ModelInfo, str]:
    """The named model, or the one that would be chosen for several shots; and why."""
    try:
        with only_oxen_errors():
            async with service.studio(ctx.request_context.request) as studio:
                return await _chosen(studio, model.strip(), image)
    except OxenError as error:
        raise MCPError(code=INVALID_PARAMS, message=f"{error.message} {error.fix or ''}".strip()) from error


async def _chosen(studio: AsyncStudio, model: str, image: str) -> tuple[ModelInfo, str]:
    why = "asked for"
    if not model:
        shots = [Shot(prompt="Wide shot", duration=5), Shot(prompt="Close-up", duration=5)]
        plan = await studio.plan(VideoRequest(multi_prompt=shots, input_image=[image] if image else []))
        model, why = plan.model, plan.reason
    known: ModelInfo = (await studio.find_models(model=model))[0]
    return known, why


def limits(known: ModelInfo, aspect_ratio: str = "") -> str:
    """The limits of a model as sentences for a prompt."""
    return "\n".join(f"- {line}" for line in (*_shots(known), *_shape(known, aspect_ratio), *_sound(known)))


def _shots(known: ModelInfo) -> list[str]:
    several, length = known.multi_shot, known.length
    if several is not None:
        together = f", together {several.least:g} to {several.most:g} s" if several.most else ""
        most = f", at most {several.count} shots" if several.count else ""
        words = f", each in at most {several.characters} characters" if several.characters else ""
        return [f"It takes several shots in one job: {several.shot_least:g} to {several.shot_most:g} s each{together}"
                f"{most}{words}."]  # fmt: skip
    film = "It makes one shot per job; the shots are made one by one and joined, and each is paid for."
    if length is None:
        return [film, "Nothing says how long a shot may be: plan_video tells."]
    if length.choices:
        return [film, f"A shot may last {' or '.join(f'{one:g}' for one in length.choices)} s."]
    least, most_seconds = length.span()
    return [film, f"A shot may last {least or 1:g} to {most_seconds:g} s."] if most_seconds else [film]


def _shape(known: ModelInfo, aspect_ratio: str) -> list[str]:
    ratios = known.frame.ratios
    if not ratios:
        return []
    from ..catalog.dimensions import same_ratio

    lines = [f"Aspect ratios: {', '.join(ratios)}."]
    if aspect_ratio and same_ratio(aspect_ratio, ratios) is None:
        lines.append(f"{aspect_ratio} is not among them: ask me which to take, or take another model.")
    return lines


def _sound(known: ModelInfo) -> list[str]:
    return {
        "always": ["It always makes sound: say in each shot what is heard."],
        "on request": ["It makes sound when generate_audio=true: then say in each shot what is heard."],
    }.get(known.sound or "", ["It makes no sound."])


# Completion while a person types: model ids, values that a model allows, ids of the person's videos.

MOST = 100  # values in one answer, by the protocol
RATIOS = ("16:9", "9:16", "1:1", "4:3", "3:4", "21:9")
LENGTHS = ("5", "8", "10", "15", "30")


def add_completions(server: MCPServer[Service], service: Service) -> None:
    """Register the completion of arguments."""

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
            return None  # no suggestions; the error appears when the prompt is used


async def values(studio: AsyncStudio, ref: Any, name: str, model: str) -> Sequence[str]:
    """All possible values of an argument."""
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
    """The values that begin with what was typed, then those that contain it."""
    wanted, all_values = typed.casefold(), list(among)
    begin = [value for value in all_values if value.casefold().startswith(wanted)]
    hold = [value for value in all_values if wanted in value.casefold() and value not in begin]
    found = begin + hold
    return Completion(values=found[:MOST], total=len(found), has_more=len(found) > MOST)


# The Skills extension (SEP-2640, protocol 2026-07-28): the skills of this package.
#
# A skill is a folder with a SKILL.md. Its files are resources under `skill://`. `skills/list` and `skills/get` state
# the SHA-256 and size of each file, so that a host can verify it, and ask its user again when it has changed.

SKILLS = "io.modelcontextprotocol/skills"
MODERN = frozenset({"2026-07-28"})
FRESH = {"resultType": "complete", "ttlMs": 300_000, "cacheScope": "public"}
PACKAGE = Path(__file__).parents[1]


class GetParams(RequestParams):
    uri: str


@dataclass(frozen=True)
class Skill:
    """One skill.

    frontmatter: what stands between the `---` of its SKILL.md.
    files: content by URI, SKILL.md first.
    """

    uri: str
    frontmatter: dict[str, str]
    files: dict[str, bytes]

    def entry(self) -> dict[str, Any]:
        """The skill as `skills/list` and `skills/get` return it."""
        manifest = [
            {"uri": uri, "digest": f"sha256:{hashlib.sha256(content).hexdigest()}", "size": len(content)}
            for uri, content in self.files.items()
        ]
        return {"uri": self.uri, "frontmatter": self.frontmatter, "resources": manifest}


class Skills(Extension):
    """Serves the skills of this package, or of another folder."""

    identifier = SKILLS

    def __init__(self, folder: Path | None = None) -> None:
        self._skills = {skill.uri: skill for skill in read_skills(folder or skills_folder())}

    def resources(self) -> Sequence[ResourceBinding]:
        return [
            ResourceBinding(
                TextResource(
                    uri=str(AnyUrl(uri)),
                    name=skill.frontmatter["name"] if uri == skill.uri else uri.removeprefix("skill://"),
                    description=skill.frontmatter["description"] if uri == skill.uri else None,
                    mime_type="text/markdown",
                    text=content.decode("utf-8"),
                )
            )
            for skill in self._skills.values()
            for uri, content in skill.files.items()
        ]

    def methods(self) -> Sequence[MethodBinding]:
        return [
            MethodBinding("skills/list", PaginatedRequestParams, self._list, MODERN),
            MethodBinding("skills/get", GetParams, self._get, MODERN),
        ]

    async def _list(self, _: Request, params: PaginatedRequestParams) -> HandlerResult:
        if params.cursor:  # all skills fit on one page, so we never gave a cursor
            raise MCPError(code=INVALID_PARAMS, message="There is no page with this cursor")
        return {**FRESH, "skills": [skill.entry() for skill in self._skills.values()]}

    async def _get(self, _: Request, params: GetParams) -> HandlerResult:
        skill = self._skills.get(params.uri)
        if skill is None:
            raise MCPError(code=INVALID_PARAMS, message=f"No skill {params.uri}")
        return {**FRESH, "skill": skill.entry()}


def skills_folder() -> Path:
    """The folder of the skills: in the installed package, or beside it in a checkout."""
    packed = PACKAGE / "skills"
    return packed if packed.is_dir() else PACKAGE.parent / "skills"


@cache
def read_skills(folder: Path) -> tuple[Skill, ...]:
    """All skills in the folder, by name. Only Markdown files count, and only folders with a SKILL.md."""
    return tuple(_read(main.parent) for main in sorted(folder.glob("*/SKILL.md")))


def _read(place: Path) -> Skill:
    root = f"skill://{place.name}"
    main = place / "SKILL.md"
    others = sorted(file for file in place.rglob("*.md") if file != main)
    files = {f"{root}/{file.relative_to(place).as_posix()}": file.read_bytes() for file in (main, *others)}
    return Skill(f"{root}/SKILL.md", frontmatter(files[f"{root}/SKILL.md"].decode("utf-8")), files)


def frontmatter(text: str) -> dict[str, str]:
    """The front matter of a SKILL.md: its lines `name: value` between two `---`. Our skills use no other YAML."""
    lines = text.split("---", 2)[1].strip().splitlines()
    pairs = (line.partition(": ") for line in lines)
    return {name.strip(): value.strip() for name, _, value in pairs}
