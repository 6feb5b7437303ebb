"""A job as the wire shows it (Oxen docs, async queue: List Generations), and the odd forms seen on it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from ..backlot import Backlot
from ..faults import Fired
from ..store import Job


def record(lot: Backlot, job: Job) -> dict[str, Any]:
    """The documented record: its own fields, and every parameter of the request. Times are Unix seconds."""
    fired = lot.faults.draw("result") if job.status == "succeeded" else Fired()
    url = lot.result_url(job, expired="expired_url" in fired) if job.status == "succeeded" else None
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
