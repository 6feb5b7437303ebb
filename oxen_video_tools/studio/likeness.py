"""Which records of the hub may be what became of which jobs: pure rules over what was sent and what is echoed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..redaction import unsigned
from .identity import DEFAULTS
from .inputs import is_url
from .ledger.records import Job

if TYPE_CHECKING:
    from ..hub import Generation

TOLERANCE = 5.0  # seconds between our clock, put right by the hub's `Date`, and its `enqueued_at`
# A record may name these although they were not sent: the API's defaults. Any other common word makes it another
# request's record.
_COMMON = frozenset(
    [
        "prompt",
        "multi_prompt",
        "duration",
        "aspect_ratio",
        "resolution",
        "input_image",
        "start_image",
        "end_image",
        "input_video",
        "input_audio",
        "generate_audio",
        "negative_prompt",
        "seed",
        "num_generations",
    ]
)
_DEFAULT = {**DEFAULTS, "duration": 5}


def is_its_record(job: Job, record: Generation, offset: float = 0.0) -> bool:
    """Whether a record may be what became of a job. offset: seconds that the hub's clock is ahead of ours."""
    if job.sent is None or record.enqueued_at is None:
        return False
    if record.enqueued_at < job.sent + offset - TOLERANCE:
        return False
    if record.model is not None and record.model != job.model:
        return False
    echoed = dict(record.parameters)
    if record.prompt is not None:
        echoed.setdefault("prompt", record.prompt)
    return _echoes(job.body, echoed)


def _echoes(sent: Mapping[str, Any], echoed: Mapping[str, Any]) -> bool:
    for name, value in echoed.items():
        if value is None or name in ("model", "target_namespace", "response_format", "num_generations"):
            continue
        if name in sent:
            if not _same(sent[name], value):
                return False
        elif name in _COMMON and value not in ("", [], {}) and not _same(value, _DEFAULT.get(name)):
            return False
    return True


def _same(ours: Any, theirs: Any) -> bool:
    return bool(_bare(ours) == _bare(theirs))


def _bare(value: Any) -> Any:
    """What two spellings of one value have in common: 5, 5.0 and "5"; a link with one signature or another."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, str):
        text = value.strip()
        if is_url(text) and not text.startswith("data:") and "\n" not in text:
            return unsigned(text)
        try:
            return float(text)
        except ValueError:
            return text
    if isinstance(value, (int, float)):
        return float(value)
    if isinstance(value, Mapping):
        return {name: _bare(item) for name, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return _bare(value[0]) if len(value) == 1 else [_bare(item) for item in value]
    return value


def assigned(
    unclear: Sequence[Job], sending: Sequence[Job], records: Sequence[Generation], offset: float = 0.0
) -> dict[str, list[Generation]]:
    """Which records belong to which unclear jobs, where that can be told.

    sending: jobs whose answer is still awaited; a record that may be theirs is left alone.  records: held by no intent.
    """
    given: dict[str, list[Generation]] = {}
    for jobs, candidates in _groups([*unclear, *sending], records, offset):
        waiting = {job.job for job in sending}
        expected = sum(job.expects for job in jobs)
        if any(job.job in waiting for job in jobs) or not candidates or len(candidates) != expected:
            continue
        given |= _dealt(jobs, candidates, offset)
    return given


def _groups(
    jobs: Sequence[Job], records: Sequence[Generation], offset: float
) -> Iterable[tuple[list[Job], list[Generation]]]:
    """Jobs that could be taken for each other, with every record that could be one of theirs."""
    left = {job.job: job for job in jobs}
    fits = {job.job: {one.generation_id for one in records if is_its_record(job, one, offset)} for job in jobs}
    while left:
        name, first = next(iter(left.items()))
        group, ids = [first], set(fits[name])
        del left[name]
        grown = True
        while grown:
            near = [job for job in left.values() if fits[job.job] & ids or _alike(job, group)]
            for job in near:
                del left[job.job]
                ids |= fits[job.job]
            group += near
            grown = bool(near)
        yield group, [one for one in records if one.generation_id in ids]


def _alike(job: Job, group: Sequence[Job]) -> bool:
    return any(job.body == other.body for other in group)


def _dealt(jobs: Sequence[Job], records: Sequence[Generation], offset: float) -> dict[str, list[Generation]]:
    """In the order of time; nothing at all where that does not fit."""
    waiting = sorted(records, key=lambda one: (one.enqueued_at or 0.0, one.generation_id))
    given: dict[str, list[Generation]] = {}
    for job in sorted(jobs, key=lambda job: (job.sent or 0.0, job.job)):
        given[job.job], waiting = waiting[: job.expects], waiting[job.expects :]
        if not all(is_its_record(job, one, offset) for one in given[job.job]):
            return {}
    return given
