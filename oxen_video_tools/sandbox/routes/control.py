"""`/sandbox/…`, which the hub does not have: what was charged (for tests), and faults that are set while it runs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..faults import KINDS, Fault
from ..http import json_body, model_not_found, typed
from ..hub import SimulatedHub
from ..models import Model, search
from ..store import ACTIVE, Job


async def ledger(hub: SimulatedHub, _: Request) -> Response:
    return JSONResponse(read_ledger(hub))


def read_ledger(hub: SimulatedHub) -> dict[str, Any]:
    """What was charged. Money is in US dollars, as decimal strings; the prices are invented.

    charged: for what succeeded.
    committed: that, and what is still running.
    accepted: how many generations were taken.
    charged_to_others: for jobs that a fault let other clients of the account enqueue; they count nowhere else.
    requests: how often each endpoint was called.
    """
    hub.advance()
    jobs = hub.store.jobs()
    own = [job for job in jobs if not job.stranger]
    left = hub.credits_left
    return {
        "currency": "USD",
        "prices": "invented by the sandbox",
        "charged": _dollars([job for job in own if job.status == "succeeded"]),
        "committed": _dollars([job for job in own if job.status in (*ACTIVE, "succeeded")]),
        "accepted": len(own),
        "charged_to_others": _dollars([job for job in jobs if job.stranger and job.status == "succeeded"]),
        "credits_left": None if left is None else str(left),
        "generations": [_line(job) for job in jobs],
        "requests": dict(hub.requests),
    }


def _dollars(jobs: list[Job]) -> str:
    return str(sum((Decimal(job.cost or 0) for job in jobs), Decimal(0)))


def _line(job: Job) -> dict[str, Any]:
    return {
        "generation_id": job.generation_id,
        "model": job.model,
        "route": job.route,
        "namespace": job.namespace,
        "status": job.status,
        "cost": job.cost if job.status == "succeeded" else "0",
        "stranger": job.stranger,
        "enqueued_at": job.enqueued_at,
        "body": job.body,
    }


async def faults(hub: SimulatedHub, _: Request) -> Response:
    kinds = {name: kind.words for name, kind in KINDS.items()}
    return JSONResponse({"faults": hub.faults.told(), "kinds": kinds})


async def add_faults(hub: SimulatedHub, request: Request) -> Response:
    """`{"fault": "late=3@2"}` or `{"faults": […]}`. All of them, or none."""
    body = await json_body(request)
    asked = body.get("faults", [body["fault"]] if "fault" in body else None)
    if not isinstance(asked, list) or not asked:
        raise typed(400, "invalid_params", 'send {"fault": "…"} or {"faults": ["…"]}')
    try:
        parsed = [Fault.parse(str(text)) for text in asked]
    except ValueError as error:
        raise typed(400, "invalid_params", str(error)) from None
    for fault in parsed:
        hub.faults.add(fault)
    return await faults(hub, request)


async def clear_faults(hub: SimulatedHub, request: Request) -> Response:
    """`?fault=late`, or all."""
    name = request.query_params.get("fault")
    if name is None:
        hub.faults.clear()
    else:
        hub.faults.remove(name)
    return await faults(hub, request)


# `/api/ai/models` and `/api/users/me` (Oxen docs, models overview). The list needs no key.


async def listing(hub: SimulatedHub, request: Request) -> Response:
    developer = request.query_params.get("developer_name", "").lower()
    return _shown(
        [model for model in hub.models.values() if developer in ("", model.listed["developer"]["name"].lower())]
    )


async def found(hub: SimulatedHub, request: Request) -> Response:
    words = request.query_params.get("search")
    if not words:
        raise typed(400, "invalid_params", "search is required")
    return _shown(search(hub.models, words))


async def one(hub: SimulatedHub, request: Request) -> Response:
    return JSONResponse(_asked_for(hub, request).listed)


async def activate(hub: SimulatedHub, request: Request) -> Response:
    return _switched(hub, request, "active")


async def deactivate(hub: SimulatedHub, request: Request) -> Response:
    return _switched(hub, request, "inactive")


async def me(hub: SimulatedHub, _: Request) -> Response:
    user = {"username": hub.options.username, "name": "Sandbox", "email": "sandbox@example.com"}
    return JSONResponse({"status": "success", "status_message": "resource_found", "user": user})


def _shown(models: list[Model]) -> Response:
    return JSONResponse({"object": "list", "data": [model.listed for model in models]})


def _asked_for(hub: SimulatedHub, request: Request) -> Model:
    name = request.path_params["model"]
    model = hub.models.get(name)
    if model is None:
        raise model_not_found(name)
    return model


def _switched(hub: SimulatedHub, request: Request, status: str) -> Response:
    """Base models are always active and have no deployments."""
    model = _asked_for(hub, request)
    for deployment in model.listed["deployments"]:
        deployment["status"] = status
    return JSONResponse(model.listed)
