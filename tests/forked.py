"""Python programs that start at once: a process that has imported the package already forks for each.

`[*python(), "-m", "oxen_video_tools.cli", "models"]` is a command like `[sys.executable, "-m", …]`: a process of its
own with its environment, folder, streams and end, without the second of processor time that the imports take. For
programs whose answer is what a test looks at. What is promised about starting, imports and signals is tried on the
interpreter itself.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parents[1]
LOADED = (
    "oxen_video_tools.catalog.search",
    "oxen_video_tools.cli.app",
    "oxen_video_tools.cli.doctor",
    "oxen_video_tools.cli.videos",
    "oxen_video_tools.hub.client",
    "oxen_video_tools.hub.downloads",
    "oxen_video_tools.hub.events",
    "oxen_video_tools.ledger.sqlite",
    "oxen_video_tools.mcp.server",
    "oxen_video_tools.media.animatic.film",
    "oxen_video_tools.media.contact_sheet",
    "oxen_video_tools.media.inspect",
    "oxen_video_tools.media.join",
    "oxen_video_tools.media.pool",
    "oxen_video_tools.sandbox.server",
    "oxen_video_tools.studio.studio",
    "oxen_video_tools.studio.waiter",
    "rich.table",
    "typer.rich_utils",
    "uvicorn.protocols.http.h11_impl",
)
#: What the command of a test runs: it hands its streams over, waits for the end, and passes on what it is told.
CLIENT = Path(__file__).with_name("forked_client.py")


#: An environment variable: the program's pauses, as those between two tries, last a hundredth.
NAPS = "TESTS_NAPS"
#: What programs with an agent import besides.
AGENTS = ("oxen_video_tools.langchain", "langchain.agents", "langgraph.checkpoint.sqlite")


def python(*more: str, options: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The beginning of a command that runs Python with the package already imported.

    more: modules that are imported too.  options: the interpreter's own, as `-X dev`.
    """
    with _starting:
        return _python(more, options)


_starting = threading.Lock()


@cache
def _python(more: tuple[str, ...], options: tuple[str, ...]) -> tuple[str, ...]:
    if not hasattr(socket, "send_fds") or sys.platform != "linux":
        return (sys.executable, *options)
    folder = Path(tempfile.mkdtemp(prefix="oxen-forks-"))
    address = folder / "s"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OXEN_", "LANGSMITH_"))}
    before = [sys.executable, *options] if options or not more else _python((), ())  # it has imported most already
    command = [*before, "-m", "tests.forked", str(address), *more]
    server = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment | {"OPENBLAS_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert server.stdout is not None and server.stdin is not None
    assert server.stdout.readline() == b"ready\n"
    owner, stdin = os.getpid(), server.stdin

    def end() -> None:
        if os.getpid() == owner:
            stdin.close()  # it ends with its input
            server.wait()
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(end)
    return (sys.executable, "-I", "-S", str(CLIENT), str(address))


def fork_media(server: Callable[[], tuple[str, ...]] = python) -> None:
    """From now on what this process decodes and draws is done in processes of such a server: they have nothing to
    import any more, and are otherwise what they were. `tests/media` goes the package's own way."""
    from oxen_video_tools.media import child_process

    real = child_process.command
    child_process.command = lambda: [*server(), *real()[-2:]]


def serve(address: str) -> dict[str, Any]:
    """Fork for whoever asks, until the standard input ends. Returns in each child, with what it shall run."""
    import selectors

    listening = socket.socket(socket.AF_UNIX)
    listening.bind(address)
    listening.listen(64)
    woken, wake = socket.socketpair()
    for one in (woken, wake):
        one.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake.fileno())
    waiting = selectors.DefaultSelector()
    for source in (0, listening, woken):
        waiting.register(source, selectors.EVENT_READ)
    clients: dict[int, socket.socket] = {}  # process: who waits for it
    print("ready", flush=True)
    while True:
        for key, _ in waiting.select():
            if key.fd == 0:
                if not os.read(0, 100):
                    os._exit(0)
            elif key.fileobj is listening:
                client, _ = listening.accept()
                asked, streams = _asked(client)
                if not (process := os.fork()):
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever started the tests ignores
                    waiting.close()
                    for open_one in (listening, woken, wake, client, *clients.values()):
                        open_one.close()
                    for number, stream in enumerate(streams):
                        os.dup2(stream, number)
                        os.close(stream)
                    return asked
                for stream in streams:
                    os.close(stream)
                clients[process] = client
                waiting.register(client, selectors.EVENT_READ, process)
                client.sendall(process.to_bytes(8, "big"))
            elif key.fileobj is woken:
                woken.recv(4096)
                _buried(clients, waiting)
            elif key.data in clients:  # its client was killed: nobody waits for it any more
                waiting.unregister(key.fileobj)
                os.kill(key.data, signal.SIGKILL)


def _asked(client: socket.socket) -> tuple[dict[str, Any], list[int]]:
    head, streams, _, _ = socket.recv_fds(client, 8, 3)
    size, data = int.from_bytes(head, "big"), b""
    while len(data) < size:
        data += client.recv(size - len(data))
    return json.loads(data), streams


def _buried(clients: dict[int, socket.socket], waiting: Any) -> None:
    """Tell the clients of processes that ended how they did."""
    while clients:
        process, status = os.waitpid(-1, os.WNOHANG)
        if not process:
            return
        client = clients.pop(process)
        with suppress(KeyError):  # it was killed, and is no longer waited for
            waiting.unregister(client)
        with suppress(OSError):
            client.sendall(os.waitstatus_to_exitcode(status).to_bytes(8, "big", signed=True))
        client.close()


def become(asked: dict[str, Any]) -> None:
    """Be the interpreter that was asked for: `-m module`, `-c code` or a file, and its arguments."""
    import io
    import runpy

    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    tempfile.tempdir = None
    if NAPS in os.environ:
        from oxen_video_tools.clock import SystemClock

        sleep = SystemClock.sleep
        SystemClock.sleep = lambda clock, seconds: sleep(clock, seconds / 100)  # type: ignore[method-assign]
    sys.stdin = io.TextIOWrapper(open(0, "rb", closefd=False), "utf-8")  # noqa: SIM115
    sys.stdout = io.TextIOWrapper(open(1, "wb", closefd=False), "utf-8")  # noqa: SIM115
    sys.stderr = io.TextIOWrapper(open(2, "wb", closefd=False), "utf-8", "backslashreplace", line_buffering=True)  # noqa: SIM115
    what, *rest = asked["arguments"]
    sys.path[0] = asked["folder"] if what in ("-m", "-c") else str(Path(what).resolve().parent)
    sys.path[1:1] = [one for one in os.environ.get("PYTHONPATH", "").split(os.pathsep) if one and one not in sys.path]
    if what == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif what == "-c":
        sys.argv = ["-c", *rest[1:]]
        main = sys.modules["__main__"] = ModuleType("__main__")
        exec(compile(rest[0], "<string>", "exec"), vars(main))  # what `python -c` does
    else:
        sys.argv = [what, *rest]
        runpy.run_path(what, run_name="__main__")


def end(program: Callable[[dict[str, Any]], None], asked: dict[str, Any]) -> None:
    """Run it and end as Python does, but leave the memory to the system: nobody looks at it any more."""
    status = 0
    try:
        program(asked)
    except SystemExit as left:
        if not isinstance(left.code, int | None):
            raise
        status = left.code or 0
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads, as Python does first
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status & 0xFF)


if __name__ == "__main__":
    import gc
    import importlib

    for name in (*LOADED, *sys.argv[2:]):
        importlib.import_module(name)
    itself = (sys.executable, "-I", "-S", str(CLIENT), sys.argv[1])
    fork_media(lambda: itself)
    gc.freeze()
    if sys.warnoptions:  # then what is said at the very end counts
        become(serve(sys.argv[1]))
    else:
        end(become, serve(sys.argv[1]))
