"""Draw the pictures of README and docs anew: a film and stills that the sandbox makes, as an agent sees them.

`python scripts/make_pictures.py [FOLDER]` (default: docs/images). Needs no key. The player's picture is a screenshot.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from oxen_video_tools import Shot, Studio
from oxen_video_tools.media.contact_sheet import contact_sheet
from oxen_video_tools.sandbox import Sandbox

ROOT = Path(__file__).parent.parent
LARGEST = 200_000  # bytes of one picture
SHOTS = [
    Shot(prompt="Wide shot: a red fox trots through a snowy forest at dawn, tracking shot", duration=4),
    Shot(prompt="Medium shot: a girl with a lantern follows the fox, slow push in", duration=4),
    Shot(prompt="Close-up: the fox under a full moon at night", duration=4),
]


STILLS = [
    Shot(prompt="Mira waits at the harbour at dusk, wide shot"),
    Shot(prompt="Ben runs up to Mira at the harbour at dusk"),
    Shot(prompt="A dog barks at Ben in the forest at noon"),
    Shot(prompt="The harbour at dusk, empty"),
]
CAST = [
    {"name": "Mira", "look": "woman of 40, grey coat, short black hair"},
    {"name": "Ben", "look": "boy of 9, red cap"},
]


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, Sandbox() as hub:
        with Studio(base_url=hub.base_url, api_key=hub.api_key, ledger="memory:") as studio:
            film = Path(scratch, "film.mp4")
            studio.generate(multi_prompt=SHOTS, model="kling-video-o3-pro-reference-to-video").save(film)
            stills = studio.stills(multi_prompt=STILLS, cast=CAST)
            acted = Path(scratch, "acted.mp4")
            studio.generate(multi_prompt=STILLS[:2], cast=CAST, stills=True).save(acted)
        (folder / "stills.jpg").write_bytes(stills.sheet or b"")
        (folder / "cast-film.jpg").write_bytes(contact_sheet(acted, max_bytes=LARGEST))
        sheet = folder / "contact-sheet.jpg"
        sheet.write_bytes(contact_sheet(film, max_bytes=LARGEST))
    print(f"{sheet}: {sheet.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
