"""How fast an animatic is made: five contents, 1280 × 720 at 24 frames a second, with cross-fades and sound.

    python -m benchmarks.animatic [--runs 3] [--size 1280x720]

Goals: at most so many times the CPU time of the encoder alone, and at most 250 MB, on each. Every run is a process of
its own, so that its peak is its own; loading the libraries does not count. "by CPU time" is the speed that two
undisturbed cores could reach at most with the CPU time used; where other programs took part of the cores in every run,
the wall time says little, and is not shown.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.floors import encode
from benchmarks.table import Row

GOAL_ENCODER, GOAL_MEMORY = 4.0, 250.0  # times the CPU time of the encoder alone; MB
CORES = 2
RUNS = 4
DISTURBED = 0.1  # cores that others kept busy: more, and a wall time is not counted

CONTENTS: dict[str, list[tuple[str, float]]] = {
    "desert, mountain, snow": [
        ("Extreme wide shot, desert dunes at golden hour, a lone traveler walking", 5),
        ("Pan right across snowy mountain peaks at dawn, snow falling", 5),
        ("Wide shot of a cabin in a snowy valley at night, slow push-in", 5),
    ],
    "mix: space, room, product, tilt, boat": [
        ("Starship gliding past a giant planet, slow dolly out", 4),
        ("Interior kitchen at night, wide shot, locked off, a chef stands by the table", 4),
        ("Studio product shot of a perfume bottle, orbit", 4),
        ("Tilt up from the ground to a castle tower on a hill, overcast", 4),
        ("Wide shot of a sailboat on the ocean at golden hour, pan left", 4),
    ],
    "the user's image": [
        ("Slow push-in on the picture", 5),
        ("Pan right over it", 5),
        ("Pull out to the whole", 5),
    ],
    "neon city, rain": [
        ("Establishing wide shot of a neon-lit cyberpunk city skyline at night, rain falling, push in", 5),
        ("Tracking shot of a sports car through neon streets at night in the rain", 5),
        ("Medium shot of a woman detective under neon signs, handheld, rain", 5),
    ],
    "lighthouse in rain, forest, close-up": [
        ("Wide aerial shot of a lighthouse on a cliff at dusk, storm clouds rolling in over the sea", 5),
        ("Tracking shot following a lone hiker through misty pine forest at dawn", 5),
        ("Slow push-in, close-up of the keeper's face lit by the lamp at night", 5),
    ],
}


def one(name: str, size: tuple[int, int]) -> dict[str, float]:
    """Renders once, in this process."""
    from PIL import Image

    from oxen_video_tools.media.animatic import Segment, film, render  # noqa: F401  # loads the libraries

    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "image.png"
        if "image" in name:
            noise = Image.effect_noise((400, 225), 90).resize((1600, 900)).convert("RGB")
            Image.blend(noise, Image.linear_gradient("L").resize((1600, 900)).convert("RGB"), 0.7).save(image)
        shots = [Segment(prompt, seconds, image if "image" in name else None) for prompt, seconds in CONTENTS[name]]
        wall, cpu, busy = time.perf_counter(), time.process_time(), busy_seconds()
        path = render(shots, Path(folder) / "film.mp4", size=size, audio=True)
        wall, cpu, busy = time.perf_counter() - wall, time.process_time() - cpu, busy_seconds() - busy
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 * (1024 if sys.platform == "darwin" else 1))
        seconds = sum(shot.seconds for shot in shots)
        found = {"wall": wall, "cpu": cpu, "peak": peak, "seconds": seconds, "megabytes": path.stat().st_size / 1e6}
        alone = encode(size, round(seconds * 24), 24, Path(folder) / "alone.mp4")
        return found | {"others": max(0.0, busy - cpu) / wall, "encoder": alone}


def busy_seconds() -> float:
    """CPU seconds that all programs of the machine have used; 0 where the system doesn't say."""
    try:
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    except OSError:
        return 0.0
    user, nice, system, _, _, irq, softirq, steal = map(int, fields[:8])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Measured:
    """One content, of several runs. wall, cpu: the best, s.  wall: None where others disturbed every run.
    encoder: CPU seconds of the encoder alone, in the same processes.
    """

    name: str
    seconds: float
    wall: float | None
    cpu: float
    peak: float
    megabytes: float
    encoder: float

    @property
    def bound(self) -> float:
        return CORES * self.seconds / self.cpu

    @property
    def speed(self) -> float:
        """Times real time: as measured, or what is judged where that says nothing."""
        return self.bound if self.wall is None else self.seconds / self.wall

    @property
    def met(self) -> bool:
        return self.cpu <= GOAL_ENCODER * self.encoder and self.peak <= GOAL_MEMORY

    @property
    def words(self) -> str:
        said = f"at most {self.bound:.1f} × by CPU time on {CORES} cores"
        said = f"{self.speed:.1f} × ({said})" if self.wall is not None else f"{said}; others kept the machine busy"
        return f"{said}; peak {self.peak:.0f} MB"


def measured(name: str, runs: int, size: str = "1280x720") -> Measured:
    """Renders in processes of their own."""
    command = [sys.executable, "-m", "benchmarks.animatic", "--one", name, "--size", size]
    home = Path(__file__).parents[1]
    found = [json.loads(subprocess.run(command, check=True, capture_output=True, cwd=home).stdout) for _ in range(runs)]
    walls = [run["wall"] for run in found if run["others"] <= DISTURBED]
    encoder = min(run["encoder"] for run in found)
    cpu, peak = min(run["cpu"] for run in found), max(run["peak"] for run in found)
    return Measured(name, found[0]["seconds"], min(walls, default=None), cpu, peak, found[0]["megabytes"], encoder)


def rows() -> list[Row]:
    """Speed and memory on each content."""
    return [_row(measured(name, RUNS)) for name in CONTENTS]


def _row(found: Measured) -> Row:
    return Row(
        f"animatic, 1280 × 720 at 24, {found.seconds:g} s: {found.name}",
        "the encoder alone",
        f"≤ {GOAL_ENCODER:g} × its CPU time, ≤ {GOAL_MEMORY:g} MB",
        f"{found.cpu / found.encoder:.2f} ×: {found.cpu:.2f} against {found.encoder:.2f} s; {found.words} real time",
        found.met,
        ours=found.cpu,
        theirs=found.encoder,
        unit="s of CPU",
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    width, height = map(int, given.size.split("x"))
    if given.one:
        print(json.dumps(one(given.one, (width, height))))
        return 0
    missed = 0
    for name in CONTENTS:
        found = measured(name, given.runs, given.size)
        missed += not found.met
        print(f"{name:40} {found.words}; {found.megabytes:.1f} MB on disk{'' if found.met else '  missed'}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
