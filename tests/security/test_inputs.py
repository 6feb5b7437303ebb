"""What an agent that was talked into it can reach with a tool: no file outside the allowed folders, no other host."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from oxen_video_tools.errors import OxenError
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.studio import AsyncStudio
from oxen_video_tools.tools import TABLE, Call

PNG = (Path(__file__).parents[2] / "docs/images/player.png").read_bytes()
SECRET = "-----BEGIN OPENSSH PRIVATE KEY-----\nnobody may read this\n"
Use = Callable[..., Awaitable[Any]]


@pytest.fixture
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    state = tmp_path_factory.mktemp("sandbox")
    with Sandbox(picture_height=64, state=state / "jobs.db") as running:
        running.place = state  # type: ignore[attr-defined]  # where its files lie, for `uploads`
        yield running


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a key, a private picture and a folder that agents may read."""
    for name in (".ssh", "media", "private"):
        (tmp_path / name).mkdir()
    (tmp_path / ".ssh/id_ed25519").write_text(SECRET)
    (tmp_path / "private/me.png").write_bytes(PNG)
    (tmp_path / "media/fox.png").write_bytes(PNG)
    return tmp_path


@pytest.fixture
async def use(hub: Sandbox, home: Path) -> AsyncIterator[Use]:
    """`use("generate_video", …)` calls a tool as an agent does."""
    media, videos = home / "media", home / "videos"
    settings: dict[str, Any] = {"ledger": "memory:", "input_roots": (media,), "output_dir": videos}
    async with AsyncStudio(base_url=hub.base_url, api_key=hub.api_key, **settings) as studio:

        async def call(name: str, *, files: Any = "roots", **arguments: Any) -> Any:
            row = TABLE[name]
            return await row.run(
                studio, row.arguments.model_validate(arguments), Call(wait=30, longest=60, files=files)
            )

        yield call


def refused(error: pytest.ExceptionInfo[OxenError], kind: str = "input_not_allowed") -> str:
    assert (error.value.kind, error.value.charged) == (kind, "no")
    return json.dumps(error.value.answer())


def leaked(hub: Sandbox) -> list[Any]:
    return list(hub.ledger()["generations"])


def uploads(hub: Sandbox) -> list[bytes]:
    """Everything that the hub keeps."""
    place: Path = hub.place  # type: ignore[attr-defined]
    return [path.read_bytes() for path in place.rglob("*") if path.is_file() and "jobs.db" not in path.name]


PLACES = [
    "{home}/.ssh/id_ed25519",
    "{home}/private/me.png",
    "{home}/media/../private/me.png",
    "{home}/media/link.png",
    "{home}/media/folder/me.png",
    "/etc/passwd",
    "/proc/self/environ",
    "~/.ssh/id_ed25519",
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("word", ["start_image", "input_image"])
async def test_no_file_outside_the_allowed_folders(
    use: Use, hub: Sandbox, home: Path, place: str, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(home))
    (home / "media/link.png").symlink_to(home / "private/me.png")
    (home / "media/folder").symlink_to(home / "private")
    with pytest.raises(OxenError) as error:
        await use("generate_video", prompt="a fox", **{word: place.format(home=home)})
    told = refused(error)
    assert "PRIVATE KEY" not in told and "root:" not in told
    assert leaked(hub) == []


async def test_a_file_outside_is_not_even_said_to_exist(use: Use, home: Path) -> None:
    told = []
    for name in ("me.png", "no.png"):  # equally long: a long path is shown by its two ends
        with pytest.raises(OxenError) as error:
            await use("inspect_video", videos=[str(home / "private" / name)])
        told.append(refused(error).replace(name, "…"))
    assert told[0] == told[1]


@pytest.mark.parametrize("verb", ["inspect_video", "save_video"])
async def test_a_path_without_a_suffix_is_a_path_and_no_id(use: Use, home: Path, verb: str) -> None:
    named = str(home / ".ssh/id_ed25519")
    with pytest.raises(OxenError) as error:
        await use(verb, videos=[named])
    assert "outside the folders" in refused(error)


@pytest.mark.parametrize("name", ["key.png", "notes.mp4", "list.txt"])
async def test_what_is_no_media_stays_even_where_files_may_be_read(
    use: Use, hub: Sandbox, home: Path, name: str
) -> None:
    (home / "media" / name).write_text(SECRET)
    with pytest.raises(OxenError) as error:
        await use("generate_video", prompt="a fox", start_image=str(home / "media" / name))
    refused(error, "input_unreadable")
    assert leaked(hub) == []


async def test_a_picture_in_an_allowed_folder_is_taken(use: Use, hub: Sandbox, home: Path) -> None:
    answer = await use("generate_video", prompt="a fox", start_image=str(home / "media/fox.png"))
    assert answer.answer.status == "succeeded" and hub.ledger()["accepted"] == 1


@pytest.mark.parametrize("verb", ["generate_video", "inspect_video"])
async def test_a_servers_callers_reach_no_file_at_all(use: Use, home: Path, verb: str) -> None:
    named = str(home / "media/fox.png")
    arguments = {"videos": [named]} if verb == "inspect_video" else {"prompt": "a fox", "start_image": named}
    with pytest.raises(OxenError) as error:
        await use(verb, files="nowhere", **arguments)
    refused(error)


INSIDE = [
    "https://127.0.0.1/x.png",
    "https://169.254.169.254/latest/meta-data/",
    "https://[::1]/x",
    "https://10.0.0.1/x",
]


@pytest.mark.parametrize(
    "link", [*INSIDE, "http://example.com/x.png", "file:///etc/passwd", "data:image/png;base64,AA"]
)
async def test_no_link_into_the_network_behind(use: Use, hub: Sandbox, link: str) -> None:
    with pytest.raises(OxenError) as error:
        await use("generate_video", prompt="a fox", start_image=link)
    refused(error)
    assert leaked(hub) == []


NAMES = ["../escaped", "/tmp/escaped.mp4", "..", "a/b.mp4", r"a\b.mp4", "C:escaped.mp4", ".hidden", "nul", "x\0y"]
NAMES += ["-rf.mp4", "--output", "run.sh", "page.html", "a.mp4.exe", "autorun.inf", "x.desktop", "clip.MP4.lnk"]
NAMES += ["gpj.\u202e4pm.mp4", "x\x9b2J.mp4", "x\u2066y.mp4", "x\ny.mp4", "x\u2028.mp4", "\x7f.mp4"]


@pytest.mark.parametrize("name", NAMES)
async def test_a_file_name_can_not_leave_the_folder_for_videos(use: Use, home: Path, name: str) -> None:
    made = await use("generate_video", prompt="a fox", duration=5)
    before = {path for path in home.rglob("*") if "videos" not in path.parts}
    with pytest.raises(OxenError) as error:
        await use("save_video", videos=[made.answer.generation_id], filename=name)
    refused(error, "invalid_request")
    assert {path for path in home.rglob("*") if "videos" not in path.parts} == before


async def test_a_clip_is_saved_inside_it(use: Use, home: Path) -> None:
    made = await use("generate_video", prompt="a fox", duration=5)
    saved = await use("save_video", videos=[made.answer.generation_id], filename="fox.mp4")
    assert Path(saved.answer.file).resolve() == (home / "videos/fox.mp4").resolve()


# -- a swap between the check and the reading --------------------------------------------------------------------------


def swapping(monkeypatch: pytest.MonkeyPatch, place: Path, target: Path, at: int) -> list[int]:
    """Put a link to `target` in the place of `place` before it is opened for the `at`-th time, as a racing program
    would.
    """
    import os

    seen: list[int] = []
    really = os.open

    def racing(path: Any, *rest: Any, **named: Any) -> int:
        if Path(os.fsdecode(path)).name == "fox.png":
            seen.append(1)
            if len(seen) == at:
                place.rename(place.with_name("away"))
                place.symlink_to(target)
        return really(path, *rest, **named)

    monkeypatch.setattr(os, "open", racing)
    return seen


SECRET_PNG = PNG + b"private"


@pytest.mark.skipif(not hasattr(__import__("os"), "O_NOFOLLOW"), reason="links of POSIX")
@pytest.mark.parametrize("at", range(1, 9))
@pytest.mark.parametrize("what", ["file", "folder"])
async def test_a_link_in_the_place_of_a_file_or_folder_uploads_nothing_else(
    use: Use, hub: Sandbox, home: Path, what: str, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "media/in").mkdir()
    (home / "media/in/fox.png").write_bytes(PNG)
    (home / "private/fox.png").write_bytes(SECRET_PNG)
    place, target = home / "media/in", home / "private"
    if what == "file":
        place, target = place / "fox.png", target / "fox.png"
    swapping(monkeypatch, place, target, at)
    named = str(home / "media/in/fox.png")
    for _ in range(2):
        try:
            await use("generate_video", prompt="a fox", start_image=named)
        except OxenError as error:
            assert error.charged == "no"
    assert SECRET_PNG not in uploads(hub)


@pytest.mark.parametrize("at", range(1, 6))
async def test_nor_is_it_looked_at(use: Use, home: Path, at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from ..media.clips import clip

    for folder, seconds in (("media", 0.5), ("private", 1.5)):
        clip(home / folder / "fox.mp4", seconds, size=(64, 64)).replace(home / folder / "fox.png")
    swapping(monkeypatch, home / "media/fox.png", home / "private/fox.png", at)
    for verb, arguments in (
        ("inspect_video", {"video": str(home / "media/fox.png")}),
        ("save_video", {"videos": [str(home / "media/fox.png")], "filename": "copy.mp4"}),
    ):
        try:
            answer = await use(verb, **arguments)
        except OxenError:
            continue
        assert getattr(answer.answer, "videos", [answer.answer])[0].duration == pytest.approx(0.5, abs=0.1)


async def test_a_file_that_changed_since_it_was_planned_is_not_sent(
    use: Use, hub: Sandbox, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from oxen_video_tools.studio import media_inputs

    really = media_inputs._taken

    def late(*arguments: Any) -> Any:
        (home / "media/fox.png").write_bytes(SECRET_PNG)
        return really(*arguments)

    monkeypatch.setattr(media_inputs, "_taken", late)
    with pytest.raises(OxenError, match="changed while"):
        await use("generate_video", prompt="a fox", start_image=str(home / "media/fox.png"))
    assert uploads(hub) == [] and leaked(hub) == []


@pytest.mark.skipif(not hasattr(__import__("os"), "mkfifo"), reason="pipes of POSIX")
async def test_a_pipe_holds_nobody_up(use: Use, home: Path) -> None:
    import os

    os.mkfifo(home / "media/pipe.png")
    with pytest.raises(OxenError) as error:
        await use("generate_video", prompt="a fox", start_image=str(home / "media/pipe.png"))
    refused(error, "input_unreadable")


@pytest.mark.parametrize("way", ["link", "copy"])
async def test_a_saved_film_that_is_another_file_by_now_is_not_sent(
    use: Use, hub: Sandbox, home: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from oxen_video_tools.studio.session import Session

    from ..media.clips import clip

    film, private = home / "videos/film.mp4", clip(home / "private/me.mp4", 0.5, size=(64, 64))
    film.parent.mkdir()
    film.symlink_to(private) if way == "link" else film.write_bytes(private.read_bytes())

    async def saved(_session: Session, _generation_id: str) -> tuple[Path, str]:
        return film, "0" * 64

    monkeypatch.setattr(Session, "saved", saved)
    with pytest.raises(OxenError, match="another by now"):
        await use("generate_video", prompt="a fox", input_video="film-00000000-0000-4000-8000-000000000000")
    assert uploads(hub) == [] and leaked(hub) == []
