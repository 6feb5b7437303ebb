"""How fast an animatic is made: five contents, 1280 × 720 at 24 frames a second, with sound; and what it leaves behind.

    python -m benchmarks.animatic [--runs 3] [--size 1280x720] [--painter FOLDER]

Goals: at least 2.5 × the speed of the painter that the cards replaced, whose code is taken from the repository's
history; at least 0.6 × the speed of the encoder alone, which gets the same frames as they are drawn, prepared
beforehand; at most 200 MB on each; and a process that asked for a hundred previews holds at most 50 MB more than
before. All take turns, each in a process of its own, so that they meet the same load; ratios are medians of the pairs
of runs, by wall time, with processor time beside it. Loading the libraries does not count. --painter: a work tree of
a9a0c65, where the history is not at hand.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING
from unittest.mock import patch

from benchmarks.table import Row

if TYPE_CHECKING:
    from oxen_video_tools.media.animatic.film import Film

GOAL_ENCODER, GOAL_PAINTER, GOAL_MEMORY, GOAL_KEPT = 0.6, 2.5, 200.0, 50.0
RUNS = 3
PREVIEWS = 100
PAINTER = "a9a0c65"  # the last commit with the painter

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
            found |= encoder_alone(made, Path(folder))
        return found


def encoder_alone(made: Film, folder: Path) -> dict[str, float]:
    """The same frames as they are drawn, prepared beforehand in parts, through the same encoder and nothing else.

    "encoder": each frame is encoded. "pairs": as the film does it, that encodes a frame once and repeats it once.
    """
    import av

    from oxen_video_tools.media.animatic import film
    from oxen_video_tools.media.mp4 import mp4_output

    with patch.dict(film.X264, qp="0"):  # without loss
        path = made.write(folder / "frames.mp4", lambda _: None)
    found = {}
    for what, step in ("encoder", 1), ("pairs", made.step):
        wall = cpu = 0.0
        with mp4_output(folder / "again.mp4") as target, av.open(str(path)) as source:
            video = film.VideoWriter(target, made)
            frames = source.decode(video=0)
            shown = [range(n, min(n + step, cut.end)) for cut in made.cuts() for n in range(cut.start, cut.end, step)]
            for first in range(0, len(shown), 48):
                part = [([next(frames) for _ in numbers], numbers) for numbers in shown[first : first + 48]]
                for equal, _ in part:
                    equal[0].pict_type = 0  # the encoder's own choice
                began, used = time.perf_counter(), time.process_time()
                for equal, numbers in part:
                    video.encode(equal[0], numbers)
                wall, cpu = wall + time.perf_counter() - began, cpu + time.process_time() - used
            video.close()
        found |= {f"{what}_wall": wall, f"{what}_cpu": cpu}
    return found


@dataclass(frozen=True)
class Measured:
    """One content, of several runs: medians of the ratios of runs that took turns. painter: None where not measured.

    pairs: against the encoder alone that, like the film, repeats equal frames by itself.
    """

    name: str
    seconds: float
    speed: float
    encoder: float
    encoder_cpu: float
    pairs: float
    painter: float | None
    painter_cpu: float | None
    peak: float
    megabytes: float
    load: float

    @property
    def met(self) -> tuple[bool, bool]:
        """Against the encoder and by memory; against the painter."""
        return self.encoder >= GOAL_ENCODER and self.peak <= GOAL_MEMORY, (self.painter or 0.0) >= GOAL_PAINTER

    @property
    def against_encoder(self) -> str:
        said = f"{self.encoder:.2f} × (CPU {self.encoder_cpu:.2f} ×; {self.pairs:.2f} × one that repeats equal frames)"
        return f"{said}, {self.speed:.1f} × real time; peak {self.peak:.0f} MB; {self.megabytes:.1f} MB on disk"

    @property
    def against_painter(self) -> str:
        if self.painter is None:
            return "not measured: the history does not hold it"
        return f"{self.painter:.1f} × (CPU {self.painter_cpu:.1f} ×); load {self.load:.1f}"


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
        median(one["pairs_wall"] / one["wall"] for one in ours),
        median(two["wall"] / one["wall"] for one, two in pairs) if pairs else None,
        median(two["cpu"] / one["cpu"] for one, two in pairs) if pairs else None,
        max(one["peak"] for one in ours),
        ours[0]["megabytes"],
        os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0,
    )


@contextmanager
def painters_tree(given: Path | None = None) -> Iterator[Path | None]:
    """The package as it was with the painter, out of the repository's history; None where that is not at hand."""
    home = Path(__file__).parents[1]
    done = subprocess.run(["git", "archive", PAINTER, "oxen_video_tools"], cwd=home, capture_output=True)
    with tempfile.TemporaryDirectory() as folder:
        if given is None and done.returncode == 0:
            with tarfile.open(fileobj=io.BytesIO(done.stdout)) as package:
                package.extractall(folder, filter="data")
            given = Path(folder)
        yield given


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
    with painters_tree() as painter:
        return [*(row for name in CONTENTS for row in _rows(measured(name, RUNS, painter=painter))), left]


def _rows(found: Measured) -> Iterator[Row]:
    what, met = f"animatic, 1280 × 720 at 24, {found.seconds:g} s: {found.name}", found.met
    yield Row(
        what,
        "the encoder alone",
        f"≥ {GOAL_ENCODER:g} × its speed, ≤ {GOAL_MEMORY:g} MB",
        found.against_encoder,
        met[0],
        ours=found.encoder,
        unit="× the encoder alone",
    )
    yield Row(
        f"the same: {found.name}",
        f"the painter of {PAINTER}",
        f"≥ {GOAL_PAINTER:g} × its speed",
        found.against_painter,
        met[1] if found.painter is not None else None,
        ours=found.painter,
        unit="× the painter",
    )


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
    with painters_tree(given.painter) as painter:
        for name in CONTENTS:
            found = measured(name, given.runs, given.size, painter)
            print(name)
            for row in _rows(found):
                missed += row.met is False
                verdict = {True: "met", False: "missed", None: ""}[row.met]
                print(f"  {row.against}, goal {row.goal}: {row.result}  {verdict}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
