"""How fast clips are joined when both streams are copied, beside `ffmpeg -f concat -c copy` on the same files.

    python -m benchmarks.join [--clips 6] [--seconds 5] [--ffmpeg PATH]

Without --ffmpeg, the one on PATH or of the package imageio-ffmpeg is used; without any, only our numbers are printed.
Wall time and CPU time of the best of several runs: on a shared machine the CPU time is the honest one.
"""

from __future__ import annotations

import argparse
import importlib.util
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from benchmarks.table import Row
from oxen_video_tools.media.join import join

Taken = tuple[float, float]  # wall and CPU seconds

GOAL = 0.8  # of ffmpeg's speed
CLIPS, SECONDS, RUNS = 6, 5.0, 5
RATE = 48_000


def noisy_clip(path: Path, seconds: float, seed: int) -> Path:
    """1280 × 720 at 24 frames a second, about 22 Mb/s, B-frames, AAC that ends with the picture."""
    random = np.random.default_rng(seed)
    tiles = random.integers(0, 70, (4, 720, 1280), np.uint8)
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as out:
        video = out.add_stream("libx264", rate=24, options={"preset": "veryfast", "b": "22M", "bf": "2", "g": "48"})
        video.width, video.height, video.pix_fmt = 1280, 720, "yuv420p"
        sound = out.add_stream("aac", rate=RATE, layout="stereo")
        for n in range(round(seconds * 24)):
            frame = av.VideoFrame(1280, 720, "yuv420p")
            for k, plane in enumerate(frame.planes):
                rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
                rows[:] = 128 if k else np.roll(tiles[n % 4], n * 9, 1) + 60
            frame.pts, frame.time_base = n, Fraction(1, 24)
            out.mux(video.encode(frame))
        out.mux(video.encode())
        samples = random.normal(0, 0.05, (2, round(seconds * RATE) // 1024 * 1024)).astype(np.float32)
        for start in range(0, samples.shape[1], 1024):
            part = np.ascontiguousarray(samples[:, start : start + 1024])
            block = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
            block.sample_rate, block.pts, block.time_base = RATE, start, Fraction(1, RATE)
            out.mux(sound.encode(block))
        out.mux(sound.encode())
    return path


def ffmpeg_binary(given: str | None) -> str | None:
    if given or shutil.which("ffmpeg"):
        return given or shutil.which("ffmpeg")
    if importlib.util.find_spec("imageio_ffmpeg"):
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    return None


def measured(works: Sequence[Callable[[], object]], runs: int) -> list[Taken]:
    """For each work the best wall and the best CPU seconds, of this process and its children. They take turns."""
    found: list[list[Taken]] = [[] for _ in works]
    for _ in range(runs):
        for work, taken in zip(works, found, strict=True):
            wall, used = time.perf_counter(), cpu()
            work()
            taken.append((time.perf_counter() - wall, cpu() - used))
    return [(min(wall for wall, _ in taken), min(used for _, used in taken)) for taken in found]


def cpu() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


@dataclass(frozen=True)
class Compared:
    """clips: how many.  megabytes: of all.  theirs: None where there is no ffmpeg to compare with."""

    clips: int
    megabytes: float
    ours: Taken
    theirs: Taken | None
    version: str

    @property
    def words(self) -> str:
        said = self._side("join", self.ours)
        if self.theirs is None:
            return f"{said}; no ffmpeg here to compare with"
        return f"{self.theirs[0] / self.ours[0]:.2f} × its speed: {said}; {self._side('ffmpeg', self.theirs)}"

    def _side(self, name: str, taken: Taken) -> str:
        return f"{name} {taken[0] * 1e3:.0f} ms, {self.megabytes / taken[0]:.0f} MB/s, {taken[1] * 1e3:.0f} ms of CPU"


def compared(clips: int, seconds: float, runs: int, ffmpeg: str | None = None) -> Compared:
    """Joins the same clips by turns, with both streams copied and the index in front."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = [noisy_clip(folder / f"{n}.mp4", seconds, n) for n in range(clips)]
        joined = join(paths, folder / "film.mp4")
        if not (joined.video_copied and joined.audio_copied):
            raise SystemExit(f"not copied: {joined.why}")
        works: list[Callable[[], object]] = [lambda: join(paths, folder / "film.mp4")]
        binary = ffmpeg_binary(ffmpeg)
        if binary is not None:
            (folder / "list.txt").write_text("".join(f"file '{path}'\n" for path in paths))
            command = [binary, "-v", "error", "-y", "-f", "concat", "-safe", "0", "-i", str(folder / "list.txt")]
            command += ["-c", "copy", "-movflags", "+faststart", str(folder / "theirs.mp4")]
            works.append(lambda: subprocess.run(command, check=True))
        taken = measured(works, runs)
        megabytes = sum(path.stat().st_size for path in paths) / 1e6
        return Compared(clips, megabytes, taken[0], taken[1] if binary else None, version_of(binary))


def version_of(binary: str | None) -> str:
    if binary is None:
        return "none here"
    said = subprocess.run([binary, "-version"], check=True, capture_output=True, text=True).stdout.split()
    return said[2] if len(said) > 2 else "of unknown version"


def rows() -> list[Row]:
    """One row; without an ffmpeg there is no verdict."""
    found = compared(CLIPS, SECONDS, RUNS)
    speeds = [found.megabytes / taken[0] for taken in (found.ours, found.theirs) if taken is not None]
    ratio = speeds[0] / speeds[1] if found.theirs else None
    return [
        Row(
            f"{found.clips} clips of {SECONDS:g} s, {found.megabytes:.0f} MB, joined; both streams copied",
            f"ffmpeg {found.version}, -f concat -c copy",
            f"≥ {GOAL:g} × its speed",
            found.words,
            None if ratio is None else ratio >= GOAL,
            limit="" if ratio else "install imageio-ffmpeg, or ffmpeg on the PATH, and it is measured side by side",
            ours=speeds[0],
            theirs=speeds[1] if ratio else None,
            unit="MB/s",
        )
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=CLIPS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--ffmpeg")
    given = parser.parse_args()
    found = compared(given.clips, given.seconds, given.runs, given.ffmpeg)
    print(f"{found.clips} clips, {found.megabytes:.1f} MB, both streams copied; ffmpeg {found.version}")
    print(found.words)


if __name__ == "__main__":
    main()
