"""How fast an animatic is made: five contents, 1280 × 720 at 24 frames a second, with sound; and what it leaves behind.

    python -m benchmarks.animatic [--runs 3] [--size 1280x720] [--painter FOLDER]

Goals: at least 0.6 × the speed of the encoder alone, which gets the same frames prepared beforehand; at most 200 MB on
each; and a process that asked for a hundred previews holds at most 50 MB more than before. Encoder and animatic take
turns in one process each, so that both meet the same load; CPU time is told beside the wall time. Loading the libraries
does not count. --painter: a work tree of the commit before the cards (a9a0c65), whose painter is measured in turn; the
goal is 2.5 × its speed.
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
from fractions import Fraction
from pathlib import Path
from statistics import median

from benchmarks.table import Row

GOAL_ENCODER, GOAL_PAINTER, GOAL_MEMORY, GOAL_KEPT = 0.6, 2.5, 200.0, 50.0
RUNS = 3
PREVIEWS = 100

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


def shots_of(name: str, folder: Path) -> list[object]:
    from PIL import Image

    from oxen_video_tools.media.animatic import Segment

    image = folder / "image.png"
    if "image" in name:
        noise = Image.effect_noise((400, 225), 90).resize((1600, 900)).convert("RGB")
        Image.blend(noise, Image.linear_gradient("L").resize((1600, 900)).convert("RGB"), 0.7).save(image)
    return [Segment(prompt, seconds, image if "image" in name else None) for prompt, seconds in CONTENTS[name]]


def one(name: str, size: tuple[int, int], what: str) -> dict[str, float]:
    """Renders once, in this process. what: "film" or "painter", which is the same by the code of its own tree."""
    from oxen_video_tools.media.animatic import film

    with tempfile.TemporaryDirectory() as folder:
        shots = shots_of(name, Path(folder))
        made = film.Film(tuple(shots), *size, 24, 0, True, "ANIMATIC PREVIEW")
        wall, cpu = time.perf_counter(), time.process_time()
        path = made.write(Path(folder) / "film.mp4", lambda _: None)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 * (1024 if sys.platform == "darwin" else 1))
        found = {"wall": wall, "cpu": cpu, "peak": peak, "seconds": sum(shot.seconds for shot in shots)}
        found["megabytes"] = path.stat().st_size / 1e6
        if what == "film":
            found |= encoder_alone(made, path, Path(folder) / "again.mp4")
        return found


def encoder_alone(made: object, path: Path, out: Path) -> dict[str, float]:
    """The same frames, decoded beforehand in parts, through the same encoder and nothing else."""
    import av

    from oxen_video_tools.media.animatic.film import _video_stream
    from oxen_video_tools.media.mp4 import mp4_output

    wall = cpu = 0.0
    with mp4_output(out) as target, av.open(str(path)) as source:
        video, part = _video_stream(target, made), []

        def encode() -> tuple[float, float]:
            began, used = time.perf_counter(), time.process_time()
            for frame in part:
                target.mux(video.encode(frame))
            return time.perf_counter() - began, time.process_time() - used

        for number, frame in enumerate(source.decode(video=0)):
            frame.pts, frame.time_base, frame.pict_type = number, Fraction(1, 24), 0
            part.append(frame)
            if len(part) == 48:
                spent = encode()
                wall, cpu, part = wall + spent[0], cpu + spent[1], []
        spent = encode()
        target.mux(video.encode())
    return {"encoder_wall": wall + spent[0], "encoder_cpu": cpu + spent[1]}


@dataclass(frozen=True)
class Measured:
    """One content, of several runs: medians of the ratios of runs that took turns. painter: None where not measured."""

    name: str
    seconds: float
    speed: float
    encoder: float
    encoder_cpu: float
    painter: float | None
    painter_cpu: float | None
    peak: float
    megabytes: float
    load: float

    @property
    def met(self) -> bool:
        fast = self.painter is None or self.painter >= GOAL_PAINTER
        return self.encoder >= GOAL_ENCODER and fast and self.peak <= GOAL_MEMORY

    @property
    def words(self) -> str:
        said = f"{self.encoder:.2f} × the encoder alone (CPU {self.encoder_cpu:.2f} ×), {self.speed:.1f} × real time"
        if self.painter is not None:
            said += f", {self.painter:.1f} × the painter before (CPU {self.painter_cpu:.1f} ×)"
        return f"{said}; peak {self.peak:.0f} MB; load {self.load:.1f}"


def measured(name: str, runs: int, size: str = "1280x720", painter: Path | None = None) -> Measured:
    """Renders in processes of their own, in turns with the painter."""
    ours, before = [], []
    for _ in range(runs):
        ours.append(run(name, size, "film", Path(__file__).parents[1]))
        if painter is not None:
            before.append(run(name, size, "painter", painter))
    pairs = list(zip(ours, before, strict=bool(before)))
    return Measured(
        name,
        ours[0]["seconds"],
        median(one["seconds"] / one["wall"] for one in ours),
        median(one["encoder_wall"] / one["wall"] for one in ours),
        median(one["encoder_cpu"] / one["cpu"] for one in ours),
        median(two["wall"] / one["wall"] for one, two in pairs) if pairs else None,
        median(two["cpu"] / one["cpu"] for one, two in pairs) if pairs else None,
        max(one["peak"] for one in ours),
        ours[0]["megabytes"],
        os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0,
    )


def run(name: str, size: str, what: str, tree: Path) -> dict[str, float]:
    """This file, with the package of that tree."""
    command = [sys.executable, str(Path(__file__)), "--one", name, "--size", size, "--what", what]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tree), str(Path(__file__).parents[1])])}
    done = subprocess.run(command, check=True, capture_output=True, cwd=tree, env=environment)
    return dict(json.loads(done.stdout))


def kept() -> tuple[float, float]:
    """MB that this process, and it with its workers, hold more after a hundred previews."""
    from oxen_video_tools.media import child_process
    from oxen_video_tools.media.animatic import Segment, render

    before = resident(os.getpid())
    with tempfile.TemporaryDirectory() as folder:
        for n in range(PREVIEWS):
            shots = [
                Segment(f"Take {n}: {prompt}", 0.5) for prompt, _ in CONTENTS["mix: space, room, product, tilt, boat"]
            ]
            render(shots, Path(folder) / f"{n}.mp4", audio=True, seed=n)
    grown = resident(os.getpid()) - before
    return grown, grown + sum(resident(one.process.pid) for one in child_process._idle)


def resident(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return float("nan")
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), 0.0)


def rows() -> list[Row]:
    """Speed and memory on each content; what a hundred previews leave behind."""
    own, workers = kept()
    left = Row(
        f"memory held after {PREVIEWS} previews at 720p",
        "before the first",
        f"≤ {GOAL_KEPT:g} MB more",
        f"{own:.1f} MB more; {workers:.0f} MB with the worker, which ends after 15 s without work",
        own <= GOAL_KEPT,
        ours=own,
        unit="MB",
    )
    return [*(_row(measured(name, RUNS)) for name in CONTENTS), left]


def _row(found: Measured) -> Row:
    goal = f"≥ {GOAL_ENCODER:g} × the encoder, ≤ {GOAL_MEMORY:g} MB"
    what = f"animatic, 1280 × 720 at 24, {found.seconds:g} s: {found.name}"
    return Row(what, "the encoder alone", goal, found.words, found.met, ours=found.encoder, unit="× the encoder alone")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--painter", type=Path, help="a work tree of the commit before the cards")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--what", default="film", help=argparse.SUPPRESS)
    given = parser.parse_args()
    width, height = map(int, given.size.split("x"))
    if given.one:
        print(json.dumps(one(given.one, (width, height), given.what)))
        return 0
    missed = 0
    for name in CONTENTS:
        found = measured(name, given.runs, given.size, given.painter)
        missed += not found.met
        print(f"{name:40} {found.words}; {found.megabytes:.1f} MB on disk{'' if found.met else '  missed'}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
