"""Decoding and joining strangers' files in a process of their own: what goes wild takes nobody with it.

The process gets no key and no settings, some of the processors, so much memory and so much time, and writes one file
at most. It ends with whoever started it. It answers in JSON, a line each, which can hold nothing but values: a broken
decoder must not reach the parent through its answer.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import anyio

from .. import errors
from .probe import require_media_extra

if TYPE_CHECKING:
    from .inspect import Inspection
    from .probe import Measures, Probe

MEMORY = 2 << 30  # bytes of address space
SECONDS = 60.0  # for looking at one file
CUTTING = 180.0  # seconds for joining
MOST_ANSWER = 64 << 20  # bytes
MOST_PROCESSORS = 4  # each decoding thread wants address space of its own

_KEPT: tuple[str, ...] = ("PATH", "PYTHONHOME", "SYSTEMROOT", "LANG", "LC_ALL", "TMPDIR", "TEMP", "TMP", "VIRTUAL_ENV")
_KEPT += ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH")  # where FFmpeg's libraries may lie
_ALONE = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2", "PYTHONIOENCODING": "utf-8"}
_KINDS = (errors.InputUnreadable, errors.NotInstalled, errors.InvalidRequest)
Told = Callable[[float], None]


@overload
def run_in_child(work: Literal["probe"], path: Path | str, **limits: Any) -> Probe: ...
@overload
def run_in_child(work: Literal["measure"], path: Path | str, **limits: Any) -> Measures: ...
@overload
def run_in_child(work: Literal["inspect"], path: Path | str, **limits: Any) -> Inspection: ...
@overload
def run_in_child(work: Literal["contact_sheet", "last_frame"], path: Path | str, **limits: Any) -> bytes: ...


def run_in_child(work: str, path: Path | str, *, seconds: float = SECONDS, memory: int = MEMORY, **options: Any) -> Any:
    """`probe`, `measure`, `inspect`, `contact_sheet` or `last_frame` of `path`; the same answers, the same errors.

    seconds: of CPU and of waiting.  memory: bytes of address space (not limited on Windows).  options: of the work.
    Raises also InputUnreadable where the process died over the file, TimedOut where it took too long.
    """
    name = Path(path).name
    asked = _question(work, {"path": str(path), **options}, seconds, memory)
    try:
        done = subprocess.run(  # noqa: S603  # our own interpreter and module; the path is data on its input
            command(), input=asked, capture_output=True, timeout=seconds, env=environment(), check=False
        )
    except subprocess.TimeoutExpired as error:
        raise _late(name, seconds) from error
    told = [_told(line) for line in done.stdout[:MOST_ANSWER].splitlines()[-1:]] if done.returncode == 0 else []
    return _answer(work, name, told[0] if told else None)


async def run_child(
    work: str,
    options: Mapping[str, Any],
    *,
    name: str,
    seconds: float = SECONDS,
    memory: int = MEMORY,
    writes: int = 0,
    on_progress: Told | None = None,
) -> Any:
    """The same on an event loop, for every kind of work; cancelling it ends the process at once.

    options: JSON values.  name: of the file, for a person.  writes: bytes that a file may get.
    """
    process = await asyncio.create_subprocess_exec(
        *command(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(),
        limit=MOST_ANSWER,
    )
    try:
        with anyio.fail_after(seconds):
            assert process.stdin is not None
            process.stdin.write(_question(work, options, seconds, memory, writes=writes, stays=True))
            with suppress(ConnectionError):
                await process.stdin.drain()
            told = await _last(process, on_progress)
    except TimeoutError:
        raise _late(name, seconds) from None
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    return _answer(work, name, told)


async def _last(process: asyncio.subprocess.Process, on_progress: Told | None) -> dict[str, Any] | None:
    assert process.stdout is not None
    while True:
        try:
            told = _told(await process.stdout.readline())
        except ValueError:  # a line without end
            return None
        if told is None or "progress" not in told:
            return told
        if on_progress is not None and isinstance(told["progress"], (int, float)):
            on_progress(min(1.0, max(0.0, float(told["progress"]))))


def command() -> list[str]:
    """Our own interpreter, which takes no module from the working folder; this package lies where it lies here."""
    root = str(Path(__file__).parents[2])
    own = f"import sys; sys.path[:] = [one for one in sys.path if one] + [{root!r}]"
    alone = ["-P"] if sys.version_info >= (3, 11) else []
    return [sys.executable, *alone, "-c", f"{own}; from oxen_video_tools.media.child_process import main; main()"]


def environment() -> dict[str, str]:
    """What a child needs to find its libraries, and nothing that is secret."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    folders = [one for one in os.environ.get("PYTHONPATH", "").split(os.pathsep) if Path(one).is_absolute()]
    here = Path.cwd().resolve()
    folders = [one for one in folders if Path(one).resolve() != here]
    return kept | _ALONE | ({"PYTHONPATH": os.pathsep.join(folders)} if folders else {})


def _question(
    work: str, options: Mapping[str, Any], seconds: float, memory: int, *, writes: int = 0, stays: bool = False
) -> bytes:
    asked = {"work": work, "options": dict(options), "seconds": seconds, "memory": memory}
    asked |= {"writes": writes, "stays": stays}
    return json.dumps(asked).encode() + b"\n"


def _late(name: str, seconds: float) -> errors.TimedOut:
    return errors.TimedOut(f"Looking at {name} took more than {seconds:g} s.", retry=False)


def _told(line: bytes) -> dict[str, Any] | None:
    try:
        told = json.loads(line)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def _answer(work: str, name: str, told: dict[str, Any] | None) -> Any:
    if told is None or ("error" not in told and "value" not in told):
        raise errors.InputUnreadable(f"{name} can't be read: the decoder broke over it.")
    if "error" in told:
        kind = next((kind for kind in _KINDS if kind.kind == told["error"]), errors.InputUnreadable)
        raise kind(str(told.get("message")), fix=told.get("fix"))
    try:
        return _VALUES[work](told["value"])
    except (TypeError, ValueError, KeyError):
        raise errors.InputUnreadable(f"{name} can't be read: the decoder broke over it.") from None


def _inspection(value: dict[str, Any]) -> Inspection:
    from .inspect import Inspection

    value |= {name: tuple(value[name]) for name in ("cuts", "warnings")}
    value |= {name: tuple((start, end) for start, end in value[name]) for name in ("black", "frozen")}
    return Inspection(**value | {"sheet": base64.b64decode(value["sheet"])})


def _probe(value: dict[str, Any]) -> Probe:
    from .probe import Probe

    return Probe(**value)


def _measures(value: dict[str, Any]) -> Measures:
    from .probe import Measures

    return Measures(**value)


_VALUES: Mapping[str, Callable[[Any], Any]] = {
    "probe": _probe,
    "measure": _measures,
    "inspect": _inspection,
    "contact_sheet": base64.b64decode,
    "last_frame": base64.b64decode,
    "cut": lambda _: None,
    "draw": lambda _: None,
}


# -- in the child ------------------------------------------------------------------------------------------------------


def main() -> None:
    """Reads one question from the standard input and answers it on the standard output."""
    asked = json.loads(sys.stdin.buffer.readline())
    if asked["stays"]:
        threading.Thread(target=_end_with_the_parent, daemon=True).start()
    _limit(asked["seconds"], asked["memory"], asked["writes"])
    try:
        told = {"value": _plain(work(asked["work"], asked["options"]))}
    except errors.OxenError as error:
        told = error.answer()
    except MemoryError:
        told = {"error": "input_unreadable", "message": "It needs too much memory."}
    _say(told)


def _end_with_the_parent() -> None:
    """The parent keeps our input open for as long as it waits: where it dies, nobody wants the answer any more."""
    with suppress(OSError):
        while os.read(0, 1):
            pass
    os._exit(1)


def work(kind: str, options: dict[str, Any]) -> Any:
    """Do it here and now, with nothing around it. Raises what the functions of this package raise."""
    with require_media_extra():
        return _done(kind, options)


def _done(kind: str, options: dict[str, Any]) -> Any:
    if kind == "cut":
        from .cut import cut

        return cut(**options, on_progress=lambda fraction: _say({"progress": round(fraction, 3)}))
    if kind == "draw":
        return _draw(**options)
    path = options.pop("path")
    if kind == "inspect":
        from .inspect import inspect

        return inspect(path, **options)
    if kind == "measure":
        from .probe import measure

        return measure(Path(path))
    if kind == "probe":
        from .probe import probe

        return probe(path, **options)
    if kind == "contact_sheet":
        from .contact_sheet import contact_sheet

        return contact_sheet(path, **options)
    from .contact_sheet import last_frame

    return last_frame(path, **options)


def _draw(shots: list[dict[str, Any]], path: str, **film: Any) -> None:
    """An animatic, in bounds already."""
    from .animatic import Segment
    from .animatic.film import Film

    drawn = tuple(Segment(**shot | {"image": Path(shot["image"]) if shot["image"] else None}) for shot in shots)
    Film(drawn, **film).write(Path(path), lambda fraction: _say({"progress": round(fraction, 3)}))


def _limit(seconds: float, memory: int, writes: int) -> None:
    """What this process may use from here on. Windows has no such limits: there only the parent's patience counts."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, some_of(os.sched_getaffinity(0)))
    if sys.platform == "win32":
        return
    import resource

    for what, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, int(seconds) + 1),
        (resource.RLIMIT_FSIZE, writes),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))


def some_of(processors: set[int], most: int = MOST_PROCESSORS) -> set[int]:
    """The processors that a child uses: FFmpeg starts as many threads as it sees, each with memory of its own."""
    return set(random.sample(sorted(processors), most)) if len(processors) > most else processors


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(part) if isinstance(part, bytes) else part for name, part in asdict(value).items()}
    return value


def _say(told: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
