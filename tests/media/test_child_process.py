from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from pathlib import Path

import av
import pytest

from oxen_video_tools.errors import InputUnreadable, InvalidRequest, RateLimited, TimedOut
from oxen_video_tools.media.animatic import Segment
from oxen_video_tools.media.child_process import command, environment, run_in_child, some_of
from oxen_video_tools.media.contact_sheet import last_frame
from oxen_video_tools.media.inspect import inspect
from oxen_video_tools.media.pool import Turns, cut_in_child, draw_in_child, look
from oxen_video_tools.media.probe import measure, probe
from tests.clocks import HUNG


def test_a_child_answers_as_the_functions_do(moving: Path) -> None:
    assert run_in_child("probe", moving) == probe(moving)
    assert run_in_child("inspect", moving) == inspect(moving)
    assert run_in_child("last_frame", moving) == last_frame(moving)
    assert len(run_in_child("contact_sheet", moving, frames=4, max_bytes=30_000)) <= 30_000


def test_its_errors_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"no video")
    with pytest.raises(InputUnreadable, match=r"clip\.mp4"):
        run_in_child("probe", path)


def test_too_much_memory_ends_the_child_only(tmp_path: Path) -> None:
    path = tmp_path / "large.mp4"
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=24, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 4096, 2160, "yuv420p"
        for _ in range(3):
            out.mux(video.encode(av.VideoFrame(4096, 2160, "yuv420p")))
        out.mux(video.encode())
    assert run_in_child("probe", path).width == 4096
    with pytest.raises(InputUnreadable):
        run_in_child("last_frame", path, memory=300 << 20)


def test_patience_ends(moving: Path) -> None:
    with pytest.raises(TimedOut):
        run_in_child("inspect", moving, seconds=0.01)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no limits on Windows")
def test_the_child_knows_no_key(moving: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    spy = tmp_path / "spy"
    spy.mkdir()
    (spy / "sitecustomize.py").write_text(
        f"import os; open({str(tmp_path / 'seen')!r}, 'w').write(' '.join(os.environ))"
    )
    monkeypatch.setenv("OXEN_API_KEY", "secret-key")
    monkeypatch.setenv("OPENAI_API_KEY", "secret-key")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/ffmpeg/lib")
    monkeypatch.setenv("PYTHONPATH", str(spy))
    run_in_child("probe", moving)
    seen = (tmp_path / "seen").read_text().split()
    assert "PYTHONPATH" in seen and "LD_LIBRARY_PATH" in seen
    assert not [name for name in seen if "KEY" in name]


@pytest.mark.parametrize("path", ["", ".", "here", ":", "lib:"])
def test_nothing_of_the_working_folder_is_run(
    moving: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: str
) -> None:
    for name in ("copy", "json", "av", "numpy", "sitecustomize", "oxen_video_tools"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'run')!r}, 'w'); raise SystemExit(3)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path) if path == "here" else path)
    assert run_in_child("probe", moving) == probe(moving)
    assert not (tmp_path / "run").exists()


def test_it_uses_some_processors_of_many() -> None:
    """Each decoding thread wants address space: on 64 processors a child would run into its limit."""
    many = set(range(3, 67))
    assert len(some_of(many)) == 4 and some_of(many) < many
    assert some_of({5, 9}) == {5, 9}


# -- on an event loop, in turn -----------------------------------------------------------------------------------------


async def test_the_same_answers_on_a_loop(moving: Path, tmp_path: Path) -> None:
    assert await look("probe", moving) == probe(moving)
    assert await look("measure", moving) == measure(moving)
    assert await look("inspect", moving) == inspect(moving)
    (tmp_path / "clip.mp4").write_bytes(b"no video")
    with pytest.raises(InputUnreadable, match=r"clip\.mp4"):
        await look("last_frame", tmp_path / "clip.mp4")
    with pytest.raises(TimedOut):
        await look("inspect", moving, seconds=0.01)


async def test_clips_are_joined_in_a_child(moving: Path, tmp_path: Path) -> None:
    told: list[float] = []
    out = tmp_path / "film.mp4"
    how = {"transition": "fade", "music": str(moving), "parts": [(0.2, 1.0), None]}
    await cut_in_child([moving, moving], out, how, on_progress=told.append)
    assert probe(out).duration == pytest.approx(2.53, abs=0.1)  # 0.8 s and 2 s, with a fade of a third of 0.8 s
    assert told and told == sorted(told) and told[-1] == 1.0
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]


async def test_an_animatic_is_drawn_in_a_child(tmp_path: Path) -> None:
    path = tmp_path / "preview.mp4"
    shots = [Segment("A fox in the snow", 0.5), Segment("A boat at night", 0.5)]
    assert await draw_in_child(shots, path, size=(321, 180), fps=12) == path
    found = probe(path)
    assert (found.width, found.height) == (320, 180) and found.duration == pytest.approx(1.0, abs=0.1)
    with pytest.raises(InvalidRequest):
        await draw_in_child([], path, size=(320, 180))
    drawing = asyncio.create_task(draw_in_child(shots * 40, tmp_path / "long.mp4", size=(1280, 720)))
    while not children():
        await asyncio.sleep(0.001)
    drawing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await drawing
    assert [one.name for one in tmp_path.iterdir()] == ["preview.mp4"]


def children() -> set[int]:
    """The processes that this one has started and that still run."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # a thread, or a process, that has just ended
            found |= set(map(int, (task / "children").read_text().split()))
    return {one for one in found if _runs(one)}


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads /proc")
async def test_whoever_leaves_takes_their_work_along(moving: Path) -> None:
    """Also where the work has begun, and where it waits."""
    before = children()
    calls = [asyncio.create_task(look("inspect", moving, caller="a")) for _ in range(5)]
    while not children() - before:
        await asyncio.sleep(0.001)
    for call in calls:
        call.cancel()
    ends = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(end) for end in ends} == {asyncio.CancelledError}
    assert not children() - before
    assert await look("probe", moving, caller="b") == probe(moving)  # its place is free again


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_child_ends_with_its_parent(tmp_path: Path) -> None:
    """Even where the parent was killed and could tidy up nothing: its end of the pipe is closed."""
    import subprocess

    asked = {"work": "probe", "options": {"path": str(tmp_path / "pipe.mp4")}, "seconds": 60, "memory": 2 << 30}
    os.mkfifo(tmp_path / "pipe.mp4")  # opening it waits for a writer that never comes
    child = subprocess.Popen(command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment())
    assert child.stdin is not None
    child.stdin.write(json.dumps(asked | {"writes": 0, "stays": False}).encode() + b"\n")
    child.stdin.flush()
    child.stdin.close()
    assert child.wait(timeout=HUNG) == 1


async def test_everybody_comes_in_turn() -> None:
    turns, order, gates = Turns(2, waiting=3), [], {}

    async def work(caller: str, number: int) -> None:
        async with turns.turn(caller):
            order.append(f"{caller}{number}")
            gate = gates[f"{caller}{number}"] = asyncio.Event()
            await gate.wait()

    async def settle() -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    tasks = [asyncio.create_task(work("a", n)) for n in range(4)]
    await settle()
    assert order == ["a0"]  # the other place is not for whoever has one
    with pytest.raises(RateLimited):
        await work("a", 9)
    tasks += [asyncio.create_task(work("b", n)) for n in range(2)]
    tasks += [asyncio.create_task(work("c", 0))]
    await settle()
    assert order == ["a0", "b0"]
    for _ in range(7):
        for name, gate in list(gates.items()):
            gates.pop(name)
            gate.set()
            await settle()
    await asyncio.gather(*tasks)
    assert sorted(order) == ["a0", "a1", "a2", "a3", "b0", "b1", "c0"]
    assert order.index("c0") < order.index("a2")  # who came last waits for nobody's whole queue


async def test_a_turn_that_is_given_up_goes_to_the_next() -> None:
    turns = Turns(1)
    async with turns.turn("a"):
        waiting = [asyncio.create_task(turns._turn(name, True)) for name in "bc"]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.sleep(0)
    await waiting[1]
    assert turns._working["c"] == 1
