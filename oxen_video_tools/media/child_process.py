"""Decoding, joining and drawing in a process of their own: what goes wild takes nobody with it, and memory comes back.

The process gets no key and no settings, some of the processors, so much memory and so much time, and writes one file
at most. It ends with whoever started it. Questions and answers are JSON, a line each, which can hold nothing but
values: a broken decoder must not reach the parent through its answer.

A process that opened a stranger's file ends with its answer. One that only drew words stays for the next drawing, since
loading the libraries takes longer than a short film; it ends by itself when nothing was asked of it for a while.
"""

from __future__ import annotations

import base64
import json
import os
import queue
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from anyio import CapacityLimiter, to_thread

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
DRAWINGS = 20  # that one process answers before another takes its place
IDLE_SECONDS = 15.0  # after which a process that waits for a drawing ends
MOST_IDLE = 2

_KEPT: tuple[str, ...] = ("PATH", "PYTHONHOME", "SYSTEMROOT", "LANG", "LC_ALL", "TMPDIR", "TEMP", "TMP", "VIRTUAL_ENV")
_KEPT += ("HOME", "USERPROFILE", "WINDIR")  # where fonts may lie
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
@overload
def run_in_child(work: Literal["draw"], path: Path | str, **limits: Any) -> None: ...


def run_in_child(
    work: str,
    path: Path | str,
    *,
    seconds: float = SECONDS,
    memory: int = MEMORY,
    writes: int = 0,
    on_progress: Told | None = None,
    **options: Any,
) -> Any:
    """`probe`, `measure`, `inspect`, `contact_sheet`, `last_frame` or `draw`; the same answers, the same errors.

    seconds: of CPU and of waiting.
    memory: bytes of address space (not limited on Windows).
    writes: bytes that a file may get.
    on_progress: hears 0 to 1 in this thread; what it raises ends the process.
    options: of the work.
    Raises also InputUnreadable where the process died over the file, TimedOut where it took too
    long.
    """
    options = {"path": str(path), **options}
    call = _Call(work, options, seconds=seconds, memory=memory, writes=writes, on_progress=on_progress)
    return _answer(work, Path(path).name, call.run(Path(path).name))


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
    """The same from an event loop, for every kind of work; cancelling it ends the process at once.

    options: JSON values.
    name: of the file, for a person.
    on_progress: is called in another thread.
    """
    call = _Call(work, options, seconds=seconds, memory=memory, writes=writes, on_progress=on_progress)
    try:
        told = await to_thread.run_sync(call.run, name, abandon_on_cancel=True, limiter=CapacityLimiter(1))
    finally:
        call.end()
    return _answer(work, name, told)


class _Child:
    """One process. Used by one thread at a time, but for `kill`. answered: questions so far."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(  # noqa: S603  # our own interpreter and module; what is asked is data
            command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment()
        )
        self.answered = 0

    def ask(self, question: bytes, on_progress: Told | None) -> tuple[dict[str, Any] | None, bool]:
        """Its answer, None where it died; and whether it began at all."""
        assert self.process.stdin is not None
        with suppress(OSError):  # it is gone
            self.process.stdin.write(question)
            self.process.stdin.flush()
        told = self._next()
        begun = told is not None
        while told is not None and "progress" in told:
            if on_progress is not None and isinstance(told["progress"], (int, float)):
                on_progress(min(1.0, max(0.0, float(told["progress"]))))
            told = self._next()
        self.answered += 1
        return told, begun

    def _next(self) -> dict[str, Any] | None:
        assert self.process.stdout is not None
        try:
            told = json.loads(self.process.stdout.readline(MOST_ANSWER))
        except (ValueError, OSError):
            return None
        return told if isinstance(told, dict) else None

    def kill(self) -> None:
        """It is gone when this returns."""
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        self.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with suppress(OSError):
                pipe.close()


_idle: list[_Child] = []
_lock = threading.Lock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_idle.clear)


class _Call:
    """One question to a process, which is a new one for everything that opens a file."""

    def __init__(
        self,
        work: str,
        options: Mapping[str, Any],
        *,
        seconds: float,
        memory: int,
        writes: int,
        on_progress: Told | None,
    ) -> None:
        self.stays = work == "draw" and not any(shot["image"] for shot in options["shots"])
        asked = {"work": work, "options": dict(options), "seconds": seconds, "memory": memory}
        asked |= {"writes": writes, "stays": self.stays}
        self.question = json.dumps(asked).encode() + b"\n"
        self.work, self.seconds, self.on_progress = work, seconds, on_progress
        self.child: _Child | None = None
        self.lock = threading.Lock()
        self.over = self.late = False

    def run(self, name: str) -> dict[str, Any] | None:
        """What the process answered; None where it died. Raises TimedOut. name: of the file, for a person."""
        timer = threading.Timer(self.seconds, self._end_late)
        timer.daemon = True
        timer.start()
        told = None
        try:
            told, begun = self._ask(new=not self.stays)
            if not begun and self.stays and not self.over:  # one that waited ended by itself just now
                told, _ = self._ask(new=True)
        finally:
            timer.cancel()
            self._give_back(told is not None)
        if told is None and self.late:
            doing = {"draw": "Drawing", "cut": "Joining"}.get(self.work, "Looking at")
            raise errors.TimedOut(f"{doing} {name} took more than {self.seconds:g} s.", retry=False)
        return told

    def _ask(self, *, new: bool) -> tuple[dict[str, Any] | None, bool]:
        self._give_back(False)
        with self.lock:
            if self.over:
                return None, True
            with _lock:
                waiting = _idle.pop() if _idle and not new else None
            self.child = child = waiting or _Child()
        return child.ask(self.question, self.on_progress)

    def _give_back(self, answered: bool) -> None:
        with self.lock:
            child, self.child = self.child, None
            fit = answered and self.stays and not self.over
        if child is None:
            return
        with _lock:
            if fit and child.answered < DRAWINGS and len(_idle) < MOST_IDLE and child.process.poll() is None:
                _idle.append(child)
                return
        child.close()

    def _end_late(self) -> None:
        self.late = True
        self.end()

    def end(self) -> None:
        """Nobody wants the answer any more, or has it."""
        with self.lock:
            self.over = True
            child = self.child
        if child is not None:
            child.kill()


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


def _answer(work: str, name: str, told: dict[str, Any] | None) -> Any:
    if told is None or ("error" not in told and "value" not in told):
        if work == "draw":
            raise errors.Internal("The preview's process ended before the preview was finished.", charged="no")
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
    "frame_at": base64.b64decode,
    "sound_part": base64.b64decode,
    "numbered_sheet": base64.b64decode,
    "stacked": base64.b64decode,
    "picture_size": tuple,
    "cut": lambda _: None,
    "draw": lambda _: None,
}


# -- in the child ------------------------------------------------------------------------------------------------------


_WORK = {  # by name: what starts these processes must not load what they load
    **{"probe": "probe:probe", "measure": "probe:measure", "inspect": "inspect:inspect", "cut": "join:join"},
    **{"contact_sheet": "contact_sheet:contact_sheet", "last_frame": "contact_sheet:last_frame"},
    **{"frame_at": "contact_sheet:frame_at", "sound_part": "clips:sound_part"},
    **{"numbered_sheet": "contact_sheet:numbered_sheet", "stacked": "contact_sheet:stacked_from_text"},
    **{"picture_size": "probe:picture_size", "draw": "animatic.film:draw"},
}


def main() -> None:
    """Answers the questions on the standard input: one, or several drawings."""
    questions: queue.Queue[bytes] = queue.Queue()
    threading.Thread(target=_listen, args=(questions,), daemon=True).start()
    stays = True
    while stays:
        try:
            asked = json.loads(questions.get(timeout=IDLE_SECONDS))
        except queue.Empty:
            return
        stays = asked["stays"]
        _say({"progress": 0.0})
        _limit(asked["seconds"], asked["memory"], asked["writes"], for_good=not stays)
        try:
            told = {"value": _plain(work(asked["work"], asked["options"]))}
        except errors.OxenError as error:
            told = error.answer()
        except MemoryError:
            told = {"error": "input_unreadable", "message": "It needs too much memory."}
        _say(told)


def _listen(questions: queue.Queue[bytes]) -> None:
    """The parent keeps our input open for as long as it waits: where it dies, nobody wants the answer any more."""
    rest = b""
    with suppress(OSError):
        while part := os.read(0, 1 << 16):
            *lines, rest = (rest + part).split(b"\n")
            for line in lines:
                questions.put(line)
    os._exit(1)


def work(kind: str, options: dict[str, Any]) -> Any:
    """Do it here and now, with nothing around it. Raises what the functions of this package raise."""
    with require_media_extra():
        module, _, function = _WORK[kind].partition(":")
        do = getattr(import_module(f".{module}", __package__), function)
        if kind in ("cut", "draw"):
            do(**options, on_progress=lambda fraction: _say({"progress": round(fraction, 3)}))
            return None
        if "path" in options:
            return do(Path(options.pop("path")), **options)
        return do(**options)


def _limit(seconds: float, memory: int, writes: int, *, for_good: bool) -> None:
    """What this process may use from here on. for_good: it can never have more.

    Windows has no such limits: there only the parent's patience counts.
    """
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, some_of(os.sched_getaffinity(0)))
    if sys.platform == "win32":
        return
    import resource

    for what, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, int(time.process_time() + seconds) + 1),
        (resource.RLIMIT_FSIZE, writes),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most if for_good else hard))


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
