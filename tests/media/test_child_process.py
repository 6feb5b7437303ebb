from __future__ import annotations

import os
from pathlib import Path

import av
import pytest

from oxen_video_tools.errors import InputUnreadable, TimedOut
from oxen_video_tools.media.child_process import run_in_child
from oxen_video_tools.media.decode import last_frame
from oxen_video_tools.media.inspect import inspect
from oxen_video_tools.media.probe import probe


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
    monkeypatch.setenv("PYTHONPATH", str(spy))
    run_in_child("probe", moving)
    seen = (tmp_path / "seen").read_text()
    assert "PYTHONPATH" in seen
    assert "OXEN" not in seen
