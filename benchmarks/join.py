"""How fast clips are joined when both streams are copied, beside `ffmpeg -f concat -c copy` on the same files.

    python benchmarks/join.py [--clips 6] [--seconds 5] [--ffmpeg PATH]

Without --ffmpeg, the one on PATH or of the package imageio-ffmpeg is used; without any, only our numbers are printed.
Wall time and CPU time of the best of several runs: on a shared machine the CPU time is the honest one.
"""

from __future__ import annotations

import argparse
import importlib.util
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from oxen_video_tools.media.join import join

GOAL = 0.8  # of ffmpeg's speed
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


def measured(work: Callable[[], object], runs: int) -> tuple[float, float]:
    """Best wall and best CPU seconds, of this process and its children."""
    found = []
    for _ in range(runs):
        wall, used = time.perf_counter(), cpu()
        work()
        found.append((time.perf_counter() - wall, cpu() - used))
    return min(wall for wall, _ in found), min(used for _, used in found)


def cpu() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def tell(name: str, taken: tuple[float, float], size: float) -> None:
    wall, used = taken
    print(f"{name:18} {wall * 1e3:7.0f} ms wall {used * 1e3:7.0f} ms CPU {size / wall:7.0f} MB/s")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--ffmpeg")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clips = [noisy_clip(folder / f"{n}.mp4", given.seconds, n) for n in range(given.clips)]
        size = sum(clip.stat().st_size for clip in clips) / 1e6
        print(f"{len(clips)} clips, {size:.1f} MB, both streams copied")
        joined = join(clips, folder / "film.mp4")
        if not (joined.video_copied and joined.audio_copied):
            raise SystemExit(f"not copied: {joined.why}")
        ours = measured(lambda: join(clips, folder / "film.mp4"), given.runs)
        tell("join", ours, size)
        binary = ffmpeg_binary(given.ffmpeg)
        if binary is None:
            print("no ffmpeg to compare with")
            return 0
        (folder / "list.txt").write_text("".join(f"file '{clip}'\n" for clip in clips))
        command = [binary, "-v", "error", "-y", "-f", "concat", "-safe", "0", "-i", str(folder / "list.txt")]
        command += ["-c", "copy", "-movflags", "+faststart", str(folder / "theirs.mp4")]
        theirs = measured(lambda: subprocess.run(command, check=True), given.runs)
        speed = theirs[0] / ours[0]
        tell("ffmpeg concat copy", theirs, size)
        print(f"{speed:.2f} x ffmpeg's speed; the goal is {GOAL} x: {'met' if speed >= GOAL else 'missed'}")
        return 0 if speed >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
