"""Spans carry ids and money, and no secret."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from mcp import Client
from opentelemetry import trace

from oxen_video_tools.mcp import build_server
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.settings import Settings

from .conftest import KEY, QUIET
from .serving import words


class Span(trace.NonRecordingSpan):
    """A span that keeps what it is told."""

    def __init__(self, name: str) -> None:
        super().__init__(trace.INVALID_SPAN_CONTEXT)
        self.name = name
        self.facts: dict[str, Any] = {}

    def is_recording(self) -> bool:
        return True

    def set_attribute(self, key: str, value: Any) -> None:
        self.facts[key] = value

    def set_attributes(self, attributes: Any) -> None:
        self.facts.update(attributes)

    def record_exception(self, exception: BaseException, *_: Any, **__: Any) -> None:
        self.facts["exception"] = repr(exception)

    def set_status(self, status: Any, description: str | None = None) -> None:
        self.facts["status"] = f"{status} {description or ''}"


class Tracer(trace.NoOpTracer):
    def __init__(self, spans: list[Span]) -> None:
        self.spans = spans

    @contextmanager
    def start_as_current_span(self, name: str, *_: Any, attributes: Any = None, **__: Any) -> Iterator[Span]:  # type: ignore[override]
        span = Span(name)
        span.facts.update(attributes or {})
        self.spans.append(span)
        with trace.use_span(span):
            yield span


class Provider(trace.NoOpTracerProvider):
    def __init__(self) -> None:
        self.spans: list[Span] = []

    def get_tracer(self, *_: Any, **__: Any) -> Tracer:
        return Tracer(self.spans)


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> list[Span]:
    provider = Provider()
    from mcp.shared import _otel

    monkeypatch.setattr(_otel, "_tracer", provider.get_tracer(), raising=False)
    return provider.spans


async def test_a_call_is_described_by_its_outcome(settings: Settings, hub: Sandbox, spans: list[Span]) -> None:
    prompt = "a fox that is nobody's business"
    async with Client(build_server(settings=settings, options=QUIET)) as client:
        video = words(await client.call_tool("generate_video", {"prompt": prompt}))
        await client.call_tool("get_video", {"generation_ids": ["nothing"]})
    made, lost = (span.facts for span in spans if span.name.startswith("tools/call") and "oxen.outcome" in span.facts)
    assert made["oxen.outcome"] == "ok" and made["oxen.generation_id"] == video["generation_id"]
    assert made["oxen.cost_usd"] == pytest.approx(0.35) and made["oxen.model"] == video["model"]
    assert (lost["oxen.outcome"], lost["oxen.error"], lost["oxen.charged"]) == ("error", "not_found", "no")
    everything = str([span.facts for span in spans])
    for secret in (KEY, prompt, "oxen_signature"):
        assert secret not in everything


async def test_a_question_is_no_outcome_yet(settings: Settings, spans: list[Span]) -> None:
    server = build_server(settings=replace(settings, approve_above=Decimal("0.01")), options=QUIET)
    async with Client(server, elicitation_callback=lambda *_: None) as client:  # type: ignore[arg-type]  # never called
        await client.session.call_tool("generate_video", {"prompt": "a fox"}, allow_input_required=True)
    assert [span.facts["oxen.outcome"] for span in spans if "oxen.outcome" in span.facts] == ["asked"]
