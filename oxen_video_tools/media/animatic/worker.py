"""Drawing in a process of its own: it hands its memory back, and a hostile picture takes nobody with it.

A process is kept for the next film and ends by itself when nothing was asked of it for a while. It speaks JSON, a line
each: a film on its input, progress and the end or an error on its output.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ... import errors
from .film import Segment

FILMS = 20  # that one process draws before another takes its place
IDLE_SECONDS = 15.0
KEPT = 2  # processes that wait for work
PATIENCE = 120.0, 4.0  # seconds that a film may take, and how many more for each of its own

_ENVIRONMENT: tuple[str, ...] = (
    "PATH",
    "PYTHONPATH",
    "PYTHONHOME",
    "SYSTEMROOT",
    "HOME",
    "WINDIR",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "TEMP",
)
_ENVIRONMENT += ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")  # by which the interpreter may find its own library
_KINDS = (errors.InputUnreadable, errors.InvalidRequest, errors.NotInstalled)
_idle: list[_Worker] = []
_lock = threading.Lock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_idle.clear)


def in_worker(
    shots: Sequence[Segment], path: Path, asked: dict[str, Any], on_progress: Callable[[float], None]
) -> Path:
    """The film at `path`. Raises what `Film.write` raises, and Internal where the process dies or takes too long."""
    segments = [asdict(shot) | {"image": str(shot.image.absolute()) if shot.image else None} for shot in shots]
    line = json.dumps(asked | {"shots": segments, "path": str(path.absolute())})
    seconds = PATIENCE[0] + PATIENCE[1] * sum(shot.seconds for shot in shots)
    worker = _taken()
    try:
        if not worker.ask(line):  # it ended by itself just now
            worker.stop()
            worker = _Worker()
            worker.ask(line)
        worker.answer(seconds, on_progress)
    except errors.OxenError:
        worker.give_back()
        raise
    except BaseException:
        worker.stop()
        path.with_name(f".{path.name}.part").unlink(missing_ok=True)
        raise
    worker.give_back()
    return path


def _taken() -> _Worker:
    with _lock:
        return _idle.pop() if _idle else _Worker()


class _Worker:
    """One such process. Used by one thread at a time."""

    def __init__(self) -> None:
        alone = ["-P"] if sys.version_info >= (3, 11) else []
        self.process = subprocess.Popen(  # noqa: S603  # our own interpreter and module; prompts are data on its input
            [sys.executable, *alone, "-m", "oxen_video_tools.media.animatic"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ} | {"OPENBLAS_NUM_THREADS": "1"},
        )
        self.films = 0
        self.told: dict[str, Any] | None = None

    def ask(self, line: str) -> bool:
        """Hand over a film; False where the process is gone."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()
            self.told = self._next()
        except OSError:
            return False
        return self.told is not None

    def _next(self) -> dict[str, Any] | None:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        return json.loads(line) if line.endswith(b"\n") else None

    def answer(self, seconds: float, on_progress: Callable[[float], None]) -> None:
        """Wait for the end, within `seconds`."""
        timer = threading.Timer(seconds, self.process.kill)
        timer.daemon = True
        timer.start()
        try:
            told = self.told
            while told is not None and "progress" in told:
                on_progress(told["progress"])
                told = self._next()
        finally:
            timer.cancel()
        self.films += 1
        if told is None:
            self.stop()
            raise errors.Internal("The preview's process ended before the preview was finished.", charged="no")
        if "error" in told:
            kind = next((kind for kind in _KINDS if kind.kind == told["error"]), errors.Internal)
            raise kind(str(told["message"]), fix=told.get("fix"))

    def give_back(self) -> None:
        with _lock:
            if self.process.poll() is None and self.films < FILMS and len(_idle) < KEPT:
                _idle.append(self)
                return
        self.stop()

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()


def serve() -> None:
    """Draws films from the standard input until it ends, or nothing has come for a while."""
    from .film import Film

    while True:
        timer = threading.Timer(IDLE_SECONDS, os._exit, (0,))
        timer.daemon = True
        timer.start()
        line = sys.stdin.readline()
        timer.cancel()
        if not line:
            return
        asked = json.loads(line)
        path = Path(asked.pop("path"))
        shots = tuple(
            Segment(**shot | {"image": Path(shot["image"]) if shot["image"] else None}) for shot in asked.pop("shots")
        )
        _tell(progress=0.0)
        told = [0.0]

        def progress(share: float, told: list[float] = told) -> None:
            if share >= told[0] + 0.02 or share == 1.0:
                told[0] = share
                _tell(progress=share)

        try:
            Film(shots, **asked).write(path, progress)
        except errors.OxenError as error:
            _tell(**error.answer())
        except Exception as error:
            _tell(error="internal", message=f"The preview could not be drawn: {type(error).__name__}.")
        else:
            _tell(done=True)


def _tell(**words: Any) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()
