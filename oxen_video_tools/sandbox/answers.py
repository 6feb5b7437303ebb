"""The hub's error bodies, in both of its forms (Oxen docs, async queue and models overview: Errors)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TITLES = {
    "unauthenticated": "You must be authenticated to access this resource",
    "bad_request": "Bad Request",
    "unauthorized": "You are not allowed to access this resource",
    "invalid_params": "The parameters are invalid",
    "resource_not_found": "The requested resource could not be found",
    "insufficient_credits": "You have run out of credits.",
    "update_required": "Update Required",
    "payload_too_large": "The request body is too large",
    "upstream": "The model's provider did not answer",
    "unknown_error": "Something went wrong",
}


class Refusal(Exception):
    """An answer other than the one asked for. `body` is the JSON that goes over the wire."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body
        self.headers = dict(headers or {})


def typed(status: int, kind: str, detail: str | None = None) -> Refusal:
    """The documented long form: `{"error": {"type", "title", "detail"?}, "status", "status_message"}`."""
    error = {"type": kind, "title": TITLES.get(kind, kind.replace("_", " "))}
    if detail is not None:
        error["detail"] = detail
    return Refusal(status, {"error": error, "status": "error", "status_message": kind})


def worded(status: int, words: str) -> Refusal:
    """The documented short form: `{"error": {"message": …}}`."""
    return Refusal(status, {"error": {"message": words}})


def not_found() -> Refusal:
    return typed(404, "resource_not_found")


def model_not_found(name: object) -> Refusal:
    return worded(404, f"Model not found: {name}")
