"""Which records of the hub may be what became of which jobs: pure rules over what was sent and what is echoed.

Two questions, two rules. **Is it absent?** Only if nothing that the hub shows could be it: no record since the POST,
by the hub's own time, that has its model or its words, however they are spelled. **Is this it?** Only if a mark of ours
says so (a seed or a folder that nobody else has), or if exactly one record says all that was sent and exactly one job
of ours could have made it. Whatever lies between is ambiguous, and a person decides.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .identity import DEFAULTS, link_name
from .inputs import is_url
from .ledger.records import Job

if TYPE_CHECKING:
    from ..hub import Generation

TOLERANCE = 5.0  # seconds between the clocks of the hub's own machines; `Date` and `enqueued_at` may be whole seconds
MISSET = 86_400.0  # seconds that this machine's clock may be wrong by, where the hub's time of the POST is not known
FOLDER = "oxen-video/"  # a `target_directory` of ours begins with it and ends with a word that nobody else has
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
_NOT_COMPARED = ("model", "target_namespace", "response_format", "num_generations")
_ID = re.compile(r"[A-Za-z0-9._]+(?:-[A-Za-z0-9._]+)+")  # "kling-video-v2-6-pro": an id, and no name for people
_LENGTH = re.compile(r"(-?\d{1,9}(?:\.\d{1,9})?)\s*(?:s|sec|seconds?)?", re.I)
_PART = 12  # signs of a prompt that are enough to know it by, where the hub cut or lengthened it


# ---- is this it? -----------------------------------------------------------------------------------------------------


def is_its_record(job: Job, record: Generation) -> bool:
    """Whether a record says all that was sent, since it was sent."""
    if job.hub_sent is None or record.enqueued_at is None or record.enqueued_at < job.hub_sent - TOLERANCE:
        return False
    if record.model is not None and record.model != job.model:
        return False
    return _echoes(job.body, _echoed(record))


def is_marked(job: Job, record: Generation) -> bool:
    """Whether a record carries a mark that only this job has."""
    echoed, marks = _echoed(record), marks_of(job)
    return any(_same(value, echoed.get(name)) for name, value in marks.items()) and may_be_its_record(job, record)


def marks_of(job: Job) -> dict[str, Any]:
    """What was put into a body only so that its record can be told from any other: never what the caller gave."""
    given = {**job.asked, **(job.asked.get("model_parameters") or {})}
    found = {}
    if job.body.get("seed") is not None and given.get("seed") is None:
        found["seed"] = job.body["seed"]
    folder = job.body.get("target_directory")
    if isinstance(folder, str) and folder.startswith(FOLDER) and given.get("target_directory") is None:
        found["target_directory"] = folder
    return found


def _echoed(record: Generation) -> dict[str, Any]:
    echoed = dict(record.parameters)
    if record.prompt is not None:
        echoed.setdefault("prompt", record.prompt)
    return echoed


def _echoes(sent: Mapping[str, Any], echoed: Mapping[str, Any]) -> bool:
    for name, value in echoed.items():
        if value is None or name in _NOT_COMPARED:
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
    """What two spellings of one value have in common: 5, 5.0, "5" and "5s"; "é" as one sign or two; one line end or
    another; a link with one signature or another.
    """
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, str):
        text = " ".join(unicodedata.normalize("NFC", value).split())
        if is_url(text) and not text.startswith("data:") and " " not in text:
            return link_name(text)
        length = _LENGTH.fullmatch(text)
        return float(length[1]) if length else text
    if isinstance(value, (int, float)):
        return float(value)
    if isinstance(value, Mapping):
        return {name: _bare(item) for name, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return _bare(value[0]) if len(value) == 1 else [_bare(item) for item in value]
    return value


# ---- is it absent? ---------------------------------------------------------------------------------------------------


def may_be_its_record(job: Job, record: Generation) -> bool:
    """Whether a record can't be ruled out: since the POST, with the job's model or its words. What a record does not
    tell rules nothing out.
    """
    return _since(job, record) and (_model_alike(job, record) or _words_alike(job, record))


def could_be_its_record(job: Job, record: Generation) -> bool:
    """Whether a person may say that it is the job's: since the POST, with the job's model and its words."""
    return _since(job, record) and _model_alike(job, record) and _words_alike(job, record)


def _since(job: Job, record: Generation) -> bool:
    if record.enqueued_at is None:
        return True
    begun = since(job)
    return begun is None or record.enqueued_at >= begun


def since(job: Job) -> float | None:
    """From when on, by the hub's own time, what became of a job may show."""
    if job.hub_sent is not None:
        return job.hub_sent - TOLERANCE
    return None if job.sent is None else job.sent - MISSET


def _model_alike(job: Job, record: Generation) -> bool:
    """Only another id is another model: a name for people may be anybody's."""
    if record.model is None or not _ID.fullmatch(record.model):
        return True
    return record.model.casefold() == job.model.casefold()


def _words_alike(job: Job, record: Generation) -> bool:
    ours, theirs = _words(job.body), _words(_echoed(record))
    if not theirs:
        return True
    if not ours:
        return False
    short, long = sorted((ours, theirs), key=len)
    return short == long or (len(short) >= _PART and short in long)


def _words(body: Mapping[str, Any]) -> str:
    """All that is to be seen, letters and digits only: nothing that a hub does to spelling changes it."""
    shots = body.get("multi_prompt")
    told = (
        [shot.get("prompt") if isinstance(shot, Mapping) else shot for shot in shots] if isinstance(shots, list) else []
    )
    whole = " ".join(str(one) for one in (body.get("prompt"), *told) if one)
    return "".join(sign for sign in unicodedata.normalize("NFKC", whole).casefold() if sign.isalnum())


# ---- which is whose --------------------------------------------------------------------------------------------------


def assigned(
    unclear: Sequence[Job], sending: Sequence[Job], records: Sequence[Generation]
) -> dict[str, list[Generation]]:
    """Which records belong to which unclear jobs, where that can be told.

    sending: jobs whose answer is still awaited; a record that may be theirs is left alone.  records: held by no intent.
    """
    given, left = _marked_ones(unclear, sending, records)
    open_ones = [job for job in unclear if job.job not in given]
    for job in open_ones:
        near = [one for one in left if resembles(job, one)]
        rivals = [other for other in (*open_ones, *sending) if other.job != job.job]
        sure = len(near) == job.expects and all(is_its_record(job, one) for one in near)
        if sure and not any(resembles(rival, one) for rival in rivals for one in near):
            given[job.job] = _in_order(near)
    return given


def _marked_ones(
    unclear: Sequence[Job], sending: Sequence[Job], records: Sequence[Generation]
) -> tuple[dict[str, list[Generation]], list[Generation]]:
    """What marks alone tell; and the records that carry nobody's."""
    given: dict[str, list[Generation]] = {}
    taken: set[str] = set()
    jobs = (*unclear, *sending)
    for job in jobs:
        its = [one for one in records if is_marked(job, one) and not _is_marked_by_another(job, jobs, one)]
        taken |= {one.generation_id for one in its}
        if len(its) > job.expects:  # somebody made a variation with the same seed
            its = [one for one in its if is_its_record(job, one)]
        if len(its) == job.expects and job in unclear:
            given[job.job] = _in_order(its)
    return given, [one for one in records if one.generation_id not in taken]


def _is_marked_by_another(job: Job, jobs: Iterable[Job], record: Generation) -> bool:
    return any(other.job != job.job and is_marked(other, record) for other in jobs)


def resembles(job: Job, record: Generation) -> bool:
    """Whether somebody who looks at both could take the record for the job's: the words are what people know it by."""
    return _since(job, record) and (_words_alike(job, record) if _words(job.body) else _model_alike(job, record))


def _in_order(records: Iterable[Generation]) -> list[Generation]:
    return sorted(records, key=lambda one: (one.enqueued_at or 0.0, one.generation_id))
