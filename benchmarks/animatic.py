"""How fast an animatic is made: five contents, 1280 × 720 at 24 frames a second, with cross-fades and sound.

    python benchmarks/animatic.py [--runs 3] [--size 1280x720]

Goals: at least 10 × real time on two cores and at most 250 MB, on each. Every run is a process of its own, so that its
peak is its own; loading the libraries does not count. On a shared machine the CPU time is the honest number: "bound" is
the speed that two undisturbed cores could reach at most with it.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

GOAL_SPEED, GOAL_MEMORY = 10.0, 250.0
CORES = 2

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
        wall, cpu = time.perf_counter(), time.process_time()
        path = render(shots, Path(folder) / "film.mp4", size=size, audio=True)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 * (1024 if sys.platform == "darwin" else 1))
        seconds = sum(shot.seconds for shot in shots)
        return {"wall": wall, "cpu": cpu, "peak": peak, "seconds": seconds, "megabytes": path.stat().st_size / 1e6}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    width, height = map(int, given.size.split("x"))
    if given.one:
        print(json.dumps(one(given.one, (width, height))))
        return 0
    missed = 0
    print(f"{'content':40} {'wall':>7} {'speed':>8} {'CPU':>7} {'bound':>8} {'peak':>8} {'file':>7}")
    for name in CONTENTS:
        command = [sys.executable, __file__, "--one", name, "--size", given.size]
        runs = [json.loads(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(given.runs)]
        wall, cpu = min(run["wall"] for run in runs), min(run["cpu"] for run in runs)
        peak, seconds = max(run["peak"] for run in runs), runs[0]["seconds"]
        good = seconds / wall >= GOAL_SPEED and peak <= GOAL_MEMORY
        missed += not good
        print(
            f"{name:40} {wall:5.2f} s {seconds / wall:6.1f} x {cpu:5.2f} s {CORES * seconds / cpu:6.1f} x"
            f" {peak:5.0f} MB {runs[0]['megabytes']:4.1f} MB {'' if good else '  missed'}"
        )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
