"""`/api/ai/models` and `/api/users/me` (Oxen docs, models overview). The list needs no key."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..answers import model_not_found, typed
from ..backlot import Backlot
from ..models import Model, search


async def listing(lot: Backlot, request: Request) -> Response:
    developer = request.query_params.get("developer_name", "").lower()
    return _shown(
        [model for model in lot.models.values() if developer in ("", model.listed["developer"]["name"].lower())]
    )


async def found(lot: Backlot, request: Request) -> Response:
    words = request.query_params.get("search")
    if not words:
        raise typed(400, "invalid_params", "search is required")
    return _shown(search(lot.models, words))


async def one(lot: Backlot, request: Request) -> Response:
    return JSONResponse(_asked_for(lot, request).listed)


async def activate(lot: Backlot, request: Request) -> Response:
    return _switched(lot, request, "active")


async def deactivate(lot: Backlot, request: Request) -> Response:
    return _switched(lot, request, "inactive")


async def me(lot: Backlot, _: Request) -> Response:
    user = {"username": lot.options.username, "name": "Sandbox", "email": "sandbox@example.com"}
    return JSONResponse({"status": "success", "status_message": "resource_found", "user": user})


def _shown(models: list[Model]) -> Response:
    return JSONResponse({"object": "list", "data": [model.listed for model in models]})


def _asked_for(lot: Backlot, request: Request) -> Model:
    name = request.path_params["model"]
    model = lot.models.get(name)
    if model is None:
        raise model_not_found(name)
    return model


def _switched(lot: Backlot, request: Request, status: str) -> Response:
    """Base models are always active and have no deployments."""
    model = _asked_for(lot, request)
    for deployment in model.listed["deployments"]:
        deployment["status"] = status
    return JSONResponse(model.listed)
