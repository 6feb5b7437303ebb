"""`/api/ai/queue` and `/api/ai/generations` (Oxen docs, async queue)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..answers import not_found, typed
from ..backlot import Backlot
from ..faults import Fired
from ..store import ACTIVE, Job
from ..wire import json_body
from .orders import Order, order
from .records import record

_COLUMNS = {"model": "model", "media_type": "media_type", "repo": "repo", "folder": "folder"}
_MOST_PAGE = 100


async def enqueue(lot: Backlot, request: Request) -> Response:
    placed = order(lot, await json_body(request))
    await lot.fetch_inputs(placed.model, placed.body)
    fired: Fired = request.state.fired
    _strangers(lot, placed, fired)
    jobs = lot.accept(
        placed.model, placed.body, namespace=placed.namespace, route="queue", count=placed.count, faults=fired
    )
    return JSONResponse({"generations": [{"generation_id": job.generation_id, "status": "queued"} for job in jobs]})


def _strangers(lot: Backlot, placed: Order, fired: Fired) -> None:
    """Jobs that other clients of the same account enqueue at the same time."""
    bodies = [placed.body] if "twin" in fired else []
    bodies += [
        {"prompt": f"Somebody else's idea no. {number + 1}"} for number in range(int(fired.seconds("other_clients")))
    ]
    for body in bodies:
        lot.accept(placed.model, body, namespace=placed.namespace, route="queue", stranger=True)


async def listing(lot: Backlot, request: Request) -> Response:
    asked = request.query_params
    where: dict[str, object] = {column: asked[name] for name, column in _COLUMNS.items() if name in asked}
    where |= {"namespace": asked.get("namespace") or lot.options.username, "route": "queue"}
    jobs = lot.listed(where, (asked["status"],) if asked.get("status") else ACTIVE)
    fired: Fired = request.state.fired
    if "short_list" in fired:
        jobs = jobs[: int(fired.seconds("short_list"))]
    return JSONResponse({"count": len(jobs), "generations": [record(lot, job) for job in jobs]})


async def one(lot: Backlot, request: Request) -> Response:
    return JSONResponse(record(lot, _asked_for(lot, request)))


async def cancel(lot: Backlot, request: Request) -> Response:
    job = _asked_for(lot, request)
    lot.cancel(job)
    return JSONResponse({"status": "success", "generation_id": job.generation_id})


def _asked_for(lot: Backlot, request: Request) -> Job:
    job = lot.job(request.path_params["generation_id"])
    if job is None:
        raise not_found()
    return job


async def history(lot: Backlot, request: Request) -> Response:
    """Newest first, with what each cost. Oxen's server, generations."""
    page, page_size = _number(request, "page", 1), min(_number(request, "page_size", 20), _MOST_PAGE)
    namespace = request.query_params.get("namespace") or lot.options.username
    where = {"namespace": namespace}
    jobs = lot.store.jobs(where, newest_first=True, limit=page_size, offset=(page - 1) * page_size)
    charged = lot.store.jobs(where, ("succeeded",))  # of this namespace
    return JSONResponse(
        {
            "generations": [_billed(lot, job) for job in jobs],
            "total_cost": str(sum((Decimal(job.cost or 0) for job in charged), Decimal(0))),
            "page": page,
            "page_size": page_size,
            "count": len(jobs),
            "total_count": lot.store.count(where),
        }
    )


def _billed(lot: Backlot, job: Job) -> dict[str, Any]:
    costs = {"succeeded": job.cost, "failed": "0", "cancelled": "0"}
    return record(lot, job) | {"cost": costs.get(job.status)}


def _number(request: Request, name: str, otherwise: int) -> int:
    text = request.query_params.get(name) or str(otherwise)
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= 1_000_000:
        raise typed(400, "invalid_params", f"{name} must be a positive integer")
    return int(text)
