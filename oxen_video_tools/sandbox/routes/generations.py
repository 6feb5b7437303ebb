"""`/api/ai/queue` and `/api/ai/generations` (Oxen docs, async queue)."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from ..faults import Fired
from ..http import Refusal, drop, json_body, model_not_found, not_found, typed, worded
from ..hub import Listener, SimulatedHub
from ..models import Model
from ..store import ACTIVE, Job
from ..validate import COUNT, NO_PROMPT_FOR_A_PICTURE, TEXT_ONLY

# What both paid endpoints check before a job is taken (Oxen docs, async queue: Validation).

_MOST = 4
_NAMESPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


@dataclass(frozen=True)
class Order:
    """A request that may be taken. body: what each record will echo."""

    model: Model
    body: dict[str, Any]
    namespace: str
    count: int


def order(hub: SimulatedHub, body: Mapping[str, Any], *, only: str | None = None) -> Order:
    """Raises the hub's refusal when the model, the count, the namespace or the credits are not in order.

    only: "video" or "image", for the routes that make but one of them.
    """
    model = _model(hub, body.get("model"), only)
    count = body.get("num_generations", 1)
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= _MOST:
        raise worded(400, COUNT)
    for name in ("target_namespace", "target_repo", "target_directory"):
        if not isinstance(body.get(name, ""), str):
            raise typed(400, "invalid_params", f"{name} must be a string")
    namespace = body.get("target_namespace") or hub.options.username
    if not is_ours(hub, namespace):
        raise typed(404, "resource_not_found", f"Namespace not found: {namespace}")
    if hub.credits_left is not None and hub.price(model, body) * count > hub.credits_left:
        raise typed(402, "insufficient_credits")
    return Order(model, {name: body[name] for name in body if name not in _NOT_ECHOED}, namespace, count)


_NOT_ECHOED = ("model", "num_generations")  # the record has `model_name`, and is one of them


def is_ours(hub: SimulatedHub, namespace: str) -> bool:
    """Whether the account may keep results there and let it pay."""
    if namespace == hub.options.username:
        return True
    named = hub.options.namespaces
    return namespace in named if named is not None else _NAMESPACE.fullmatch(namespace) is not None


def _model(hub: SimulatedHub, name: object, only: str | None) -> Model:
    if name is None or name == "":
        raise typed(400, "invalid_params", "model is required")
    model = hub.models.get(name) if isinstance(name, str) else None
    if model is None:
        raise model_not_found(name)
    if model.media_type is None or (only is not None and model.media_type != only):
        raise Refusal(415, {"error": {"detail": TEXT_ONLY}})
    return model


# `videos/generate`, `images/generate` and `images/edit`: the request blocks until the result is there.
#
# Oxen docs, video generation, image generation, image editing.

_LONGEST = 20 * 60.0  # seconds that a request may block


async def generate(hub: SimulatedHub, request: Request) -> Response:
    return await _make(hub, request, await json_body(request), "video")


async def generate_image(hub: SimulatedHub, request: Request) -> Response:
    body = await json_body(request)
    if not body.get("prompt"):
        raise worded(400, NO_PROMPT_FOR_A_PICTURE)
    return await _make(hub, request, body, "image")


async def edit_image(hub: SimulatedHub, request: Request) -> Response:
    """Like `images/generate`, with pictures in `input_image`."""
    body = await json_body(request)
    if not body.get("input_image"):
        raise worded(400, "input_image is required")
    return await _make(hub, request, body, "image")


async def _make(hub: SimulatedHub, request: Request, body: Mapping[str, Any], kind: str) -> Response:
    placed = order(hub, body, only=kind)
    await hub.fetch_inputs(placed.model, placed.body)
    fired: Fired = request.state.fired
    count = placed.count if kind == "image" else 1
    jobs = hub.accept(
        placed.model, placed.body, namespace=placed.namespace, route="generate", faults=fired, count=count
    )
    try:
        jobs = [await asyncio.wait_for(hub.finished(job), _LONGEST) for job in jobs]
    except TimeoutError:
        raise typed(504, "upstream") from None
    for job in jobs:
        if job.status != "succeeded":
            raise worded(400, job.error or f"The generation was {job.status}.")
    return JSONResponse(await _answer(hub, jobs, str(body.get("response_format", "url"))))


async def _answer(hub: SimulatedHub, jobs: list[Job], form: str) -> dict[str, Any]:
    first = jobs[0]
    kind = first.media_type
    fired = hub.faults.draw("result")
    results = [await _result(hub, job, form, fired) for job in jobs]
    if "quirk" in fired and fired["quirk"].given == "old" and "url" in results[0]:
        return {f"{kind}_url": results[0]["url"]}
    created = int(first.completed_at or hub.now)
    return {"created": created, "model": first.model, f"{kind}s": [] if "no_url" in fired else results}


async def _result(hub: SimulatedHub, job: Job, form: str, fired: Fired) -> dict[str, str]:
    if form != "b64_json":
        return {"url": hub.result_url(job, expired="expired_url" in fired)}
    inline = base64.b64encode((await hub.result(job)).read_bytes()).decode()
    return {"b64_json": f"data:{_TYPES[job.media_type]};base64,{inline}" if "quirk" in fired else inline}


_TYPES = {"video": "video/mp4", "image": "image/png"}


# A job as the wire shows it (Oxen docs, async queue: List Generations), and the odd forms seen on it.


def record(hub: SimulatedHub, job: Job) -> dict[str, Any]:
    """The documented record: its own fields, and every parameter of the request. Times are Unix seconds."""
    fired = hub.faults.draw("result") if job.status == "succeeded" else Fired()
    url = hub.result_url(job, expired="expired_url" in fired) if job.status == "succeeded" else None
    shown = {
        "generation_id": job.generation_id,
        "model_name": job.model,
        "prompt": job.body.get("prompt"),
        "media_type": job.media_type,
        "status": job.status,
        "result_url": None if "no_url" in fired else url,
        "error_message": job.error if job.status == "failed" else None,
        "enqueued_at": _seconds(job.enqueued_at),
        "started_at": _seconds(job.started_at),
        "completed_at": _seconds(job.completed_at),
        "target_namespace": job.namespace,
    }
    shown = shown | {name: value for name, value in job.body.items() if name not in shown}
    return _odd(shown, fired["quirk"].given) if "quirk" in fired else shown


def _seconds(moment: float | None) -> int | None:
    return None if moment is None else int(moment)


def _odd(shown: dict[str, Any], quirk: str) -> dict[str, Any]:
    """A form that other clients have met."""
    if quirk == "relative":
        url = urlsplit(shown["result_url"])
        return shown | {"result_url": f"{url.path}?{url.query}"}
    if quirk == "nested":
        return shown | {"result_url": None, "videos": [{"url": shown["result_url"]}]}
    if quirk == "milliseconds":
        return shown | {name: shown[name] * 1000 for name in ("enqueued_at", "started_at", "completed_at")}
    if quirk == "old":
        kept = {name: value for name, value in shown.items() if name not in ("model_name", "result_url")}
        return kept | {"model": shown["model_name"], "video_url": shown["result_url"]}
    if quirk == "unknown":
        return shown | {"status": "finalizing", "result_url": None}
    return {"generation": shown}


_COLUMNS = {"model": "model", "media_type": "media_type", "repo": "repo", "folder": "folder"}
_MOST_PAGE = 100


async def enqueue(hub: SimulatedHub, request: Request) -> Response:
    placed = order(hub, await json_body(request))
    await hub.fetch_inputs(placed.model, placed.body)
    fired: Fired = request.state.fired
    _strangers(hub, placed, fired)
    jobs = hub.accept(
        placed.model, placed.body, namespace=placed.namespace, route="queue", count=placed.count, faults=fired
    )
    return JSONResponse({"generations": [{"generation_id": job.generation_id, "status": "queued"} for job in jobs]})


def _strangers(hub: SimulatedHub, placed: Order, fired: Fired) -> None:
    """Jobs that other clients of the same account enqueue at the same time."""
    bodies = [placed.body] if "twin" in fired else []
    bodies += [
        {"prompt": f"Somebody else's idea no. {number + 1}"} for number in range(int(fired.seconds("other_clients")))
    ]
    for body in bodies:
        hub.accept(placed.model, body, namespace=placed.namespace, route="queue", stranger=True)


async def listing(hub: SimulatedHub, request: Request) -> Response:
    asked = request.query_params
    where: dict[str, object] = {column: asked[name] for name, column in _COLUMNS.items() if name in asked}
    where |= {"namespace": asked.get("namespace") or hub.options.username, "route": "queue"}
    jobs = hub.listed(where, (asked["status"],) if asked.get("status") else ACTIVE)
    fired: Fired = request.state.fired
    if "short_list" in fired:
        jobs = jobs[: int(fired.seconds("short_list"))]
    return JSONResponse({"count": len(jobs), "generations": [record(hub, job) for job in jobs]})


async def one(hub: SimulatedHub, request: Request) -> Response:
    return JSONResponse(record(hub, _asked_for(hub, request)))


async def cancel(hub: SimulatedHub, request: Request) -> Response:
    job = _asked_for(hub, request)
    hub.cancel(job)
    return JSONResponse({"status": "success", "generation_id": job.generation_id})


def _asked_for(hub: SimulatedHub, request: Request) -> Job:
    job = hub.job(request.path_params["generation_id"])
    if job is None:
        raise not_found()
    return job


async def history(hub: SimulatedHub, request: Request) -> Response:
    """Newest first, with what each cost. Oxen's server, generations."""
    page, page_size = _number(request, "page", 1), min(_number(request, "page_size", 20), _MOST_PAGE)
    namespace = request.query_params.get("namespace") or hub.options.username
    where = {"namespace": namespace}
    jobs = hub.store.jobs(where, newest_first=True, limit=page_size, offset=(page - 1) * page_size)
    charged = hub.store.jobs(where, ("succeeded",))  # of this namespace
    return JSONResponse(
        {
            "generations": [_billed(hub, job) for job in jobs],
            "total_cost": str(sum((Decimal(job.cost or 0) for job in charged), Decimal(0))),
            "page": page,
            "page_size": page_size,
            "count": len(jobs),
            "total_count": hub.store.count(where),
        }
    )


def _billed(hub: SimulatedHub, job: Job) -> dict[str, Any]:
    costs = {"succeeded": job.cost, "failed": "0", "cancelled": "0"}
    return record(hub, job) | {"cost": costs.get(job.status)}


def _number(request: Request, name: str, otherwise: int) -> int:
    text = request.query_params.get(name) or str(otherwise)
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= 1_000_000:
        raise typed(400, "invalid_params", f"{name} must be a positive integer")
    return int(text)


# `GET /api/events`: completion events as they happen (Oxen docs, async queue: Completion Events).

NAME = "media_generation_completed"
_HELD = 1.0  # seconds that an event out of order waits for the one to overtake it


async def events(hub: SimulatedHub, request: Request) -> Response:
    listener = hub.events.listen()  # before the headers go out: whoever has them misses nothing
    written = _pieces(_written(hub, request, listener), request.state.fired)
    return StreamingResponse(written, media_type="text/event-stream", headers={"cache-control": "no-cache"})


async def _written(hub: SimulatedHub, request: Request, listener: Listener) -> AsyncIterator[str]:
    fired: Fired = request.state.fired
    cut_after = int(fired.seconds("events_cut")) if "events_cut" in fired else None
    sent = 0
    try:
        while True:
            if cut_after is not None and sent >= cut_after:
                await drop(request)
            if "events_silent" in fired:
                if await listener.next(float("inf")) is None:
                    return
                continue
            try:
                payload = await listener.next(hub.options.keep_alive)
            except TimeoutError:
                yield ": keep-alive\n\n"
                continue
            if payload is None:
                return
            for one in await _in_order(payload, listener, fired):
                yield _event(one, fired)
                sent += 1
    finally:
        hub.events.leave(listener)


async def _in_order(payload: Mapping[str, Any], listener: Listener, fired: Fired) -> list[Mapping[str, Any]]:
    """One event, or as many as a fault makes of it."""
    told = [payload]
    if "events_out_of_order" in fired:
        try:
            overtaking = await listener.next(_HELD)
        except TimeoutError:
            overtaking = None
        told = [overtaking, payload] if overtaking is not None else told
    return [one for one in told for _ in range(2 if "events_duplicated" in fired else 1)]


def _event(payload: Mapping[str, Any], fired: Fired) -> str:
    if "events_unnamed" in fired:
        return f"data: {json.dumps({'event': NAME} | dict(payload))}\n\n"
    words = f"event: {NAME}\ndata: {json.dumps(payload)}\n\n"
    return _NOISE + words if "events_noise" in fired else words


_NOISE = (
    ": a comment\n\n"
    'event: deployment_status_changed\ndata: {"id": "my-custom-model",\ndata:  "status": "active"}\n\n'
    "id: 7\nretry: 3000\n\n"
)


async def _pieces(written: AsyncIterator[str], fired: Fired) -> AsyncIterator[bytes]:
    """The stream as bytes; cut into small pieces and with CRLF where a fault says so."""
    size = int(fired.seconds("events_chopped"))
    async for words in written:
        if not size:
            yield words.encode()
            continue
        whole = words.replace("\n", "\r\n").encode()
        for start in range(0, len(whole), size):
            yield whole[start : start + size]
            await asyncio.sleep(0)
