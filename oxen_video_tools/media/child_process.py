"""Looking at a stranger's file in a process of its own, for servers: a decoder that goes wild takes nobody with it.

The child gets no key and no settings, may use so much memory and so much time, and can write no file. It answers in
JSON, which can hold nothing but values: a broken decoder must not reach the parent through its answer.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, Literal, overload

from .. import errors
from .contact_sheet import contact_sheet
from .decode import last_frame
from .inspect import Inspection, inspect
from .probe import Probe, probe

MEMORY = 2 << 30  # bytes of address space
SECONDS = 60.0
MOST_ANSWER = 64 << 20  # bytes

_KEPT = ("PATH", "PYTHONPATH", "PYTHONHOME", "SYSTEMROOT", "LANG", "LC_ALL", "TMPDIR", "TEMP", "VIRTUAL_ENV")
_WORK: Mapping[str, Callable[..., Any]] = {
    "probe": probe,
    "inspect": inspect,
    "contact_sheet": contact_sheet,
    "last_frame": last_frame,
}


@overload
def run_in_child(work: Literal["probe"], path: Path | str, **limits: Any) -> Probe: ...
@overload
def run_in_child(work: Literal["inspect"], path: Path | str, **limits: Any) -> Inspection: ...
@overload
def run_in_child(work: Literal["contact_sheet", "last_frame"], path: Path | str, **limits: Any) -> bytes: ...


def run_in_child(work: str, path: Path | str, *, seconds: float = SECONDS, memory: int = MEMORY, **options: Any) -> Any:
    """`probe`, `inspect`, `contact_sheet` or `last_frame` of `path` in a process with limits; the same answers, errors.

    seconds: of CPU and of waiting.  memory: bytes of address space (not limited on Windows).  options: of the work.
    Raises also InputUnreadable where the child died over the file, TimedOut where it took too long.
    """
    asked = {"work": work, "path": str(path), "options": options, "seconds": seconds, "memory": memory}
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environment |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-m", "oxen_video_tools.media.child_process"]
    try:
        done = subprocess.run(  # noqa: S603  # our own interpreter and module; the path is data on its input
            command,
            input=json.dumps(asked).encode(),
            capture_output=True,
            timeout=seconds,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise errors.TimedOut(f"Looking at {Path(path).name} took more than {seconds:g} s.", retry=False) from error
    return _answer(work, Path(path), done)


def _answer(work: str, path: Path, done: subprocess.CompletedProcess[bytes]) -> Any:
    try:
        told = json.loads(done.stdout[:MOST_ANSWER]) if done.returncode == 0 else None
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise errors.InputUnreadable(f"{path.name} can't be read: the decoder broke over it.")
    if "error" in told:
        raise _error(told)
    value: Any = told.get("value")
    if work in ("contact_sheet", "last_frame"):
        return base64.b64decode(value)
    return Probe(**value) if work == "probe" else _inspection(value)


def _inspection(value: dict[str, Any]) -> Inspection:
    value |= {name: tuple(value[name]) for name in ("cuts", "warnings")}
    value |= {name: tuple((start, end) for start, end in value[name]) for name in ("black", "frozen")}
    return Inspection(**value | {"sheet": base64.b64decode(value["sheet"])})


def _error(told: dict[str, Any]) -> errors.OxenError:
    kinds = (errors.InputUnreadable, errors.NotInstalled, errors.InvalidRequest)
    kind = next((kind for kind in kinds if kind.kind == told["error"]), errors.InputUnreadable)
    return kind(str(told.get("message")), fix=told.get("fix"))


def _limit(seconds: float, memory: int) -> None:
    """What this process may use from here on. Windows has no such limits: there only the parent's patience counts."""
    if sys.platform == "win32":
        return
    import resource

    for what, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, int(seconds) + 1),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(part) if isinstance(part, bytes) else part for name, part in asdict(value).items()}
    return value


def main() -> None:
    """Reads one question from the standard input and answers it on the standard output."""
    asked = json.load(sys.stdin)
    _limit(asked["seconds"], asked["memory"])
    try:
        told = {"value": _plain(_WORK[asked["work"]](asked["path"], **asked["options"]))}
    except errors.OxenError as error:
        told = error.answer()
    except MemoryError:
        told = {"error": "input_unreadable", "message": f"{Path(asked['path']).name} needs too much memory."}
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
