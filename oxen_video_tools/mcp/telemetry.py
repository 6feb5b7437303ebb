"""What operators see of each tool call: attributes on the SDK's OpenTelemetry span, and one line in the log.

Both carry ids, money and outcome; neither carries a key, a prompt or a link.
"""

from __future__ import annotations

import json
import time
from typing import Any

from mcp.server.context import CallNext, HandlerResult
from mcp.types import CallToolResult
from opentelemetry import trace

from .callers import caller_of
from .logs import LOG
from .service import Request

NAMES = {
    "generation_id": "oxen.generation_id",
    "status": "oxen.status",
    "model": "oxen.model",
    "cost_usd": "oxen.cost_usd",
    "cost_is": "oxen.cost_is",
    "price_usd": "oxen.price_usd",
    "reused": "oxen.reused",
    "error": "oxen.error",
    "charged": "oxen.charged",
}


async def observe(ctx: Request, call_next: CallNext) -> HandlerResult:
    """Middleware: describes every tool call after it ended."""
    if ctx.method != "tools/call":
        return await call_next(ctx)
    began = time.perf_counter()
    outcome, facts = "crashed", dict[str, Any]()
    try:
        result = await call_next(ctx)
        outcome, facts = described(result)
        return result
    finally:
        caller = caller_name(ctx)
        span = trace.get_current_span()
        span.set_attribute("oxen.outcome", outcome)
        span.set_attribute("oxen.caller", caller)
        for name, value in facts.items():
            span.set_attribute(NAMES[name], value)
        tool = str((ctx.params or {}).get("name", ""))[:64]
        ms = round((time.perf_counter() - began) * 1000)
        LOG.info("call", extra={"facts": {"tool": tool, "outcome": outcome, "ms": ms, "caller": caller, **facts}})


def caller_name(ctx: Request) -> str:
    """A digest of the caller's key, or `local`, or `nobody`."""
    try:
        return caller_of(ctx.request).name
    except Exception:  # whatever is wrong with the key is the call's to tell
        return "nobody"


def described(result: HandlerResult) -> tuple[str, dict[str, Any]]:
    """How a call ended, and the facts of its answer that may be seen."""
    wire = result.model_dump(by_alias=True, mode="json") if isinstance(result, CallToolResult) else result
    if not isinstance(wire, dict):
        return "asked", {}
    if wire.get("resultType") == "task":
        return "task", {"generation_id": str(wire.get("taskId")), "status": str(wire.get("status"))}
    if wire.get("isError"):
        return "error", _known(_parsed(wire.get("content")))
    if "content" in wire:
        return "ok", _known(wire.get("structuredContent") or {})
    return "asked", {}


def _parsed(content: Any) -> dict[str, Any]:
    try:
        found = json.loads(content[0]["text"])
    except (TypeError, LookupError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _known(facts: dict[str, Any]) -> dict[str, Any]:
    """Only what has a name above, and only plain values."""
    return {name: facts[name] for name in NAMES if isinstance(facts.get(name), str | int | float | bool)}
