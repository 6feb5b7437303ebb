"""Floors: the least that this machine takes for work like ours.

A goal is a ratio to one of them, measured in the same run, so that a slow machine, or a busy one, does not make code
look slower that has not changed.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median


def milliseconds(work: Callable[[], object], times: int) -> float:
    """The median of several runs."""
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        taken.append((time.perf_counter() - begun) * 1e3)
    return median(taken)


class DurableWrites:
    """Two commits that wait for the disk, to a SQLite file: what no ledger can do without around a paid request."""

    def __init__(self, folder: Path) -> None:
        self._file = sqlite3.connect(folder / "floor.db", isolation_level=None)
        self._file.execute("pragma journal_mode = wal")
        self._file.execute("pragma synchronous = full")
        self._file.execute("create table row (id integer primary key, words text)")

    def write(self) -> None:
        """Write a row twice, each time into a transaction of its own."""
        for _ in range(2):
            self._file.execute("begin immediate")
            self._file.execute("insert into row (words) values (?)", ("x" * 500,))
            self._file.execute("commit")

    def close(self) -> None:
        self._file.close()


def python() -> None:
    """A fixed piece of plain Python: a small document written as JSON, read again and walked, fifty times."""
    document = {"models": [{"id": f"model-{n}", "inputs": ["text", "image"], "cost": n / 7} for n in range(10)]}
    for _ in range(50):
        read = json.loads(json.dumps(document))
        sum(one["cost"] for one in read["models"] if "image" in one["inputs"])


def encode(size: tuple[int, int], frames: int, rate: int, path: Path) -> float:
    """CPU seconds of the encoder alone, as the animatic sets it up: so many frames of slowly moving shades."""
    import av
    import numpy as np

    width, height = size
    shades = np.add.outer(np.arange(height), np.arange(width + frames)) % 256
    planes = np.full((height // 2, width), 128, np.uint8)
    begun = time.process_time()
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=rate, options={"preset": "ultrafast", "qp": "24", "bf": "0"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        for n in range(frames):
            picture = np.concatenate([shades[:, n : n + width].astype(np.uint8), planes])
            for packet in video.encode(av.VideoFrame.from_ndarray(picture, format="yuv420p")):
                out.mux(packet)
        out.mux(video.encode())
    return time.process_time() - begun
