"""`GET /v/{id}?k=…`: to the saved file where this machine has it, else to a fresh URL of the hub's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from ..errors import HubUnavailable, OxenError, RateLimited
from .callers import Caller
from .doors import as_seen_from_afar
from .gate import Pace

if TYPE_CHECKING:
    from ..settings import Settings
    from ..studio.answers import Video
    from .links import Links
    from .service import Service

QUIET = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}
PAGE = "<!doctype html><meta charset=utf-8><title>Video</title><p>{}</p>"


class Playing:
    """The route. A link is asked for as often as a caller may call."""

    def __init__(self, service: Service, links: Links) -> None:
        self._service = service
        self._links = links
        self._pace = Pace(service.options.rate, service.clock)

    async def __call__(self, request: Request) -> Response:
        generation_id = request.path_params["id"]
        try:
            caller = await self._links.caller(generation_id, request.query_params.get("k", ""))
            self._pace.count(f"{caller.name} {generation_id}")
            async with self._service.studios.of(caller) as studio:
                video = await studio.get(generation_id)
        except RateLimited as error:
            return page("Too many requests.", 429, {"Retry-After": str(round(error.retry_after or 60))})
        except HubUnavailable:
            return page("The video can't be fetched right now.", 503, {"Retry-After": "60"})
        except OxenError:
            return page("There is no such video.", 404)
        return answer(video, caller, self._service.settings)


def answer(video: Video, caller: Caller, settings: Settings) -> Response:
    """The video as it stands."""
    if video.status == "succeeded":
        file = own_file(video, caller, settings)
        if file is not None:
            return FileResponse(file, media_type="video/mp4", headers=QUIET)
        if video.url and video.url.startswith(("https://", "http://")):
            return RedirectResponse(video.url, 302, headers=QUIET)
        return page("The video has no link.", 404)
    if not video.is_terminal:
        return page("The video is still being made. This page looks again by itself.", 202, {"Refresh": "10"})
    return page(f"The video is {video.status}.", 410)


def own_file(video: Video, caller: Caller, settings: Settings) -> Path | None:
    """The saved file, if it lies here in the caller's own folder."""
    if video.file is None:
        return None
    folder = settings.videos_folder if caller.local else as_seen_from_afar(settings, caller).videos_folder
    file = Path(video.file).resolve()
    return file if file.is_relative_to(folder.resolve()) and file.is_file() else None


def page(text: str, status: int, headers: dict[str, str] | None = None) -> Response:
    """A line for whoever opened the link."""
    return HTMLResponse(PAGE.format(text), status, {**QUIET, **(headers or {})})
