"""An agent that was talked into it: files outside the allowed folders, swaps, names of files that do harm."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oxen_video_tools.errors import InvalidRequest, OxenError
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.studio import AsyncStudio
from oxen_video_tools.studio.result_files import checked_name
from oxen_video_tools.tools import TABLE, Call
from tests.security.test_inputs import NAMES, PNG, SECRET, SECRET_PNG

from .registry import Attack

ATTACKS: dict[str, Attack] = {}


@dataclass
class Home:
    """A home with secrets, one folder that agents may read, and what the hub was sent."""

    place: Path
    studio: AsyncStudio
    state: Path

    async def ask(self, **arguments: Any) -> OxenError | None:
        tool = TABLE["generate_video"]
        request = tool.arguments.model_validate({"prompt": "a fox", "model": "kling-video-v3-pro", **arguments})
        try:
            await tool.run(self.studio, request, Call(wait=0, longest=0))
        except OxenError as error:
            return error
        return None

    def sent(self) -> list[bytes]:
        return [path.read_bytes() for path in self.state.rglob("*") if path.is_file() and "jobs" not in path.name]


@asynccontextmanager
async def home() -> AsyncIterator[Home]:
    with tempfile.TemporaryDirectory() as name:
        place, state = Path(name, "home").resolve(), Path(name, "hub")
        for folder in (".ssh", "media/in", "private"):
            (place / folder).mkdir(parents=True)
        state.mkdir()
        (place / ".ssh/id_ed25519").write_text(SECRET)
        (place / "private/fox.png").write_bytes(SECRET_PNG)
        (place / "media/in/fox.png").write_bytes(PNG)
        with Sandbox(picture_height=64, state=state / "jobs.db") as hub:
            settings: dict[str, Any] = {"input_roots": (place / "media",), "output_dir": place / "videos"}
            async with AsyncStudio(base_url=hub.base_url, api_key=hub.api_key, ledger="memory:", **settings) as studio:
                yield Home(place, studio, state)


async def _outside(named: str) -> None:
    async with home() as here:
        (here.place / "media/link.png").symlink_to(here.place / "private/fox.png")
        (here.place / "media/folder").symlink_to(here.place / "private")
        error = await here.ask(start_image=named.format(home=here.place))
        assert error is not None and error.charged == "no"
        assert "PRIVATE KEY" not in error.words and "root:" not in error.words
        assert here.sent() == []


for _place in (
    *("{home}/.ssh/id_ed25519", "{home}/private/fox.png", "{home}/media/../private/fox.png", "{home}/media/link.png"),
    *("{home}/media/folder/fox.png", "/etc/passwd", "/proc/self/environ", "{home}/media"),
):
    ATTACKS[f"an input at {_place}"] = lambda place=_place: asyncio.run(_outside(place))  # type: ignore[misc]


@contextmanager
def racing(place: Path, target: Path, at: int) -> Iterator[None]:
    """A link takes the place of `place` before the picture is opened for the `at`-th time."""
    really, seen = os.open, 0

    def swapping(path: Any, *rest: Any, **named: Any) -> int:
        nonlocal seen
        if Path(os.fsdecode(path)).name == "fox.png":
            seen += 1
            if seen == at:
                place.rename(place.with_name("away"))
                place.symlink_to(target)
        return really(path, *rest, **named)

    os.open = swapping  # type: ignore[assignment]
    try:
        yield
    finally:
        os.open = really


async def _swapped(what: str, at: int) -> None:
    async with home() as here:
        place, target = here.place / "media/in", here.place / "private"
        named = str(place / "fox.png")
        if what == "file":
            place, target = place / "fox.png", target / "fox.png"
        with racing(place, target, at):
            for _ in range(2):
                error = await here.ask(start_image=named)
                assert error is None or error.charged == "no"
        assert SECRET_PNG not in here.sent()


if hasattr(os, "O_NOFOLLOW"):
    for _what in ("file", "folder"):
        for _at in range(1, 6):
            ATTACKS[f"a {_what} is swapped before opening {_at}"] = lambda what=_what, at=_at: asyncio.run(  # type: ignore[misc]
                _swapped(what, at)
            )


def _named(name: str) -> None:
    try:
        checked_name(name)
    except InvalidRequest:
        return
    raise AssertionError(f"{name!r} was taken for the name of a video")


for _name in NAMES:
    ATTACKS[f"a file is called {_name!a}"] = lambda name=_name: _named(name)  # type: ignore[misc]
