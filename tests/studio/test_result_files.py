"""A result becomes a verified file: apart from the paying, again and again, and never by generating."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import av
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxen_video_tools.errors import GenerationFailed, InputUnreadable, InvalidRequest, NotFound
from oxen_video_tools.hub import downloads
from oxen_video_tools.media.pool import turns
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.studio import AsyncStudio, result_files
from oxen_video_tools.studio.media_inputs import content_hash
from oxen_video_tools.studio.result_files import slug
from tests.clocks import HUNG
from tests.studio.swift import Swift

Open = Callable[..., AsyncStudio]
ASKED: dict[str, Any] = {"prompt": "A red balloon rises over Rome", "duration": 5}


class Listening(httpx.AsyncHTTPTransport):
    """Writes down what goes over the wire. dead: so many requests for files find their link over."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[httpx.Request] = []
        self.dead = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.dead and "/files/" in request.url.path:
            self.dead -= 1
            return httpx.Response(404, json={"error": {"title": "Not found"}}, request=request)
        return await super().handle_async_request(request)

    def of_files(self) -> list[str | None]:
        """The Range of every request for a file, in order."""
        return [one.headers.get("Range") for one in self.requests if "/files/" in one.url.path]

    def of_records(self) -> int:
        return sum(one.method == "GET" and "/ai/queue/" in one.url.path for one in self.requests)

    def paid(self) -> int:
        return sum(one.method == "POST" and one.url.path.endswith(("/queue", "/generate")) for one in self.requests)


@pytest.fixture
def wire() -> Listening:
    return Listening()


@pytest.fixture
def studio(opened: Open, wire: Listening) -> AsyncStudio:
    return opened(transport=wire, clock=Swift())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "videos"


async def made(studio: AsyncStudio, **asked: Any) -> str:
    video = await studio.generate(**ASKED | asked, take=None)
    assert video.status == "succeeded" and video.file is None, "generating fetches nothing by itself"
    return video.generation_id


# ---- the way of a file -----------------------------------------------------------------------------------------------


async def test_a_result_is_streamed_into_a_file_of_another_name_first(
    studio: AsyncStudio, folder: Path, wire: Listening
) -> None:
    one = await made(studio)
    under_way: set[str] = set()
    saved = await result_files.keep_file(
        studio._session, one, on_bytes=lambda *_: under_way.update(path.name for path in folder.iterdir())
    )
    assert under_way and all(name.startswith(".") and name.endswith(".part") for name in under_way)
    assert list(folder.iterdir()) == [saved.file], "nothing else is left"
    assert (saved.size, saved.sha256) == (saved.file.stat().st_size, content_hash(saved.file))
    assert saved.duration == pytest.approx(5, abs=0.2) and saved.codec == "h264"
    assert wire.of_files() == [None] and wire.paid() == 1


async def test_a_download_that_breaks_off_goes_on_where_it_was(
    hub: Sandbox, studio: AsyncStudio, wire: Listening
) -> None:
    one = await made(studio)
    hub.faults.add("cut_download@1-2")
    saved = await studio.save(one)
    first, *ranges = wire.of_files()
    assert first is None and len(ranges) == 2 and all((span or "").startswith("bytes=") for span in ranges)
    assert (await studio.inspect(saved.file)).duration == pytest.approx(5, abs=0.2)
    assert wire.paid() == 1


@pytest.mark.parametrize("fault", ["truncated_file", "not_a_video"])
async def test_a_damaged_file_is_found_and_fetched_again_by_a_fresh_link(
    hub: Sandbox, studio: AsyncStudio, wire: Listening, folder: Path, fault: str
) -> None:
    one = await made(studio)
    hub.faults.add(f"{fault}@1/download")
    before = wire.of_records()
    saved = await studio.save(one)
    assert wire.of_records() - before == 2 and len(wire.of_files()) == 2
    assert list(folder.iterdir()) == [saved.file] and saved.duration == pytest.approx(5, abs=0.2)
    assert wire.paid() == 1


@pytest.mark.parametrize("fault", ["truncated_file", "not_a_video"])
async def test_a_file_that_stays_damaged_is_never_called_saved(
    hub: Sandbox, studio: AsyncStudio, wire: Listening, folder: Path, fault: str
) -> None:
    one = await made(studio)
    hub.faults.add(f"{fault}@*/download")
    with pytest.raises(InputUnreadable) as caught:
        await studio.save(one)
    assert caught.value.generation_id == one
    assert list(folder.iterdir()) == [] and wire.paid() == 1
    assert (await studio.get(one)).file is None
    hub.faults.clear()
    assert (await studio.save(one)).file.is_file()


async def test_a_dead_link_is_renewed_by_reading_the_record(hub: Sandbox, studio: AsyncStudio, wire: Listening) -> None:
    one = await made(studio)
    wire.dead = 2
    before = wire.of_records()
    assert (await studio.save(one)).file.is_file()
    assert wire.of_records() - before == 3 and wire.paid() == 1 and hub.ledger()["accepted"] == 1


async def test_a_link_that_stays_dead_is_an_error_and_no_new_job(
    hub: Sandbox, studio: AsyncStudio, wire: Listening, folder: Path
) -> None:
    one = await made(studio)
    wire.dead = 99
    with pytest.raises(NotFound) as caught:
        await studio.save(one)
    assert caught.value.generation_id == one and len(wire.of_files()) == len(result_files.RENEWALS)
    assert wire.paid() == 1 and hub.ledger()["accepted"] == 1 and list(folder.iterdir()) == []


async def test_a_record_that_shows_no_link_yet_is_read_again(
    hub: Sandbox, studio: AsyncStudio, wire: Listening
) -> None:
    one = await made(studio)
    hub.faults.add("no_url@1-2")
    assert (await studio.save(one)).file.is_file()
    assert wire.paid() == 1


async def test_what_the_hub_forgot_is_not_made_again(hub: Sandbox, studio: AsyncStudio, wire: Listening) -> None:
    with pytest.raises(NotFound):
        await studio.save("00000000-0000-4000-8000-000000000000")
    assert wire.paid() == 0 and hub.ledger()["accepted"] == 0


@pytest.mark.parametrize("fault", ["fail", "stuck"])
async def test_a_job_without_a_result_is_not_saved(
    hub: Sandbox, studio: AsyncStudio, wire: Listening, fault: str
) -> None:
    hub.faults.add(f"{fault}/enqueue")
    video = await studio.generate(**ASKED, wait_seconds=0.5 if fault == "stuck" else HUNG)
    with pytest.raises(GenerationFailed, match="nothing to save") as caught:
        await studio.save(video.generation_id)
    assert caught.value.generation_id == video.generation_id
    assert ("get_video" in (caught.value.fix or "")) == (fault == "stuck") and wire.paid() == 1


# ---- what is there already -------------------------------------------------------------------------------------------


async def test_a_file_that_is_there_is_not_fetched_again(studio: AsyncStudio, opened: Open, wire: Listening) -> None:
    one = await made(studio)
    first = await studio.save(one)
    other_wire = Listening()
    again = [await studio.save(one), await opened(transport=other_wire).save(one)]
    assert again == [first, first]
    assert len(wire.of_files()) == 1 and other_wire.requests == [], "not even the record is read"


async def test_another_name_is_a_copy_and_no_download(studio: AsyncStudio, folder: Path, wire: Listening) -> None:
    one = await made(studio)
    first = await studio.save(one)
    copy = await studio.save(one, filename="rome")
    assert copy.file == folder / "rome.mp4" and copy.sha256 == first.sha256 and first.file.is_file()
    assert len(wire.of_files()) == 1


@pytest.mark.parametrize("change", ["touched", "deleted"])
async def test_a_file_that_is_not_what_was_saved_is_fetched_anew_and_kept_beside(
    studio: AsyncStudio, folder: Path, wire: Listening, change: str
) -> None:
    one = await made(studio)
    first = await studio.save(one)
    if change == "touched":
        first.file.write_bytes(b"somebody's own work")
    else:
        first.file.unlink()
    again = await studio.save(one)
    assert again.sha256 == first.sha256 and len(wire.of_files()) == 2
    if change == "touched":
        assert first.file.read_bytes() == b"somebody's own work" and again.file.stem == f"{first.file.stem}-2"
    else:
        assert again.file == first.file


async def test_two_who_save_at_once_end_with_one_file(studio: AsyncStudio, opened: Open, folder: Path) -> None:
    one = await made(studio)
    both = await asyncio.gather(studio.save(one), opened().save(one))
    assert both[0].sha256 == both[1].sha256
    assert all(saved.file.is_file() and content_hash(saved.file) == saved.sha256 for saved in both)
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


# ---- names -----------------------------------------------------------------------------------------------------------


async def test_names_are_readable_and_unique(studio: AsyncStudio) -> None:
    ids = [await made(studio), await made(studio)]
    names = [(await studio.save(one)).file.name for one in ids]
    assert len(set(names)) == 2
    for name, one in zip(names, ids, strict=True):
        assert name == f"a-red-balloon-rises-over-rome-{one[:13]}.mp4"


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("A fox, running!", "a-fox-running"),
        ("../../etc/passwd", "etc-passwd"),
        ("Ein Mädchen — 走る 狐", "ein-mädchen-走る-狐"),
        ("CON", "con"),
        ("…", "video"),
        ("word " * 40, "word-word-word-word-word-word-word-word-word"),
    ],
)
def test_words_become_names(words: str, name: str) -> None:
    assert slug(words) == name


@given(st.text(max_size=300))
def test_every_prompt_makes_a_name_that_stays_in_its_folder(words: str) -> None:
    name = slug(words)
    assert name and not set(name) & set('/\\:*?"<>|. \0\n') and len(name.encode()) <= 120
    assert slug(name) == name


@pytest.mark.parametrize("name", ["../up", "a/b", "a\\b", "C:x", ".hidden", "nul", "x\0y", "a" * 201, "dot."])
async def test_a_name_can_not_leave_the_folder(studio: AsyncStudio, name: str, folder: Path) -> None:
    with pytest.raises(InvalidRequest, match="no plain file name"):
        await studio.save("00000000-0000-4000-8000-000000000000", filename=name)
    assert not folder.exists()


# ---- disks -----------------------------------------------------------------------------------------------------------


def full(*_: object, **__: object) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class Shallow:
    """A file on a disk with little room left."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> Shallow:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, content: bytes) -> int:
        if self._file.tell() + len(content) > 8192:
            full()
        return int(self._file.write(content))


def runs_full(monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    if when == "before":
        monkeypatch.setattr(Path, "open", full)
    elif when == "while it is fetched":
        really = os.fdopen
        monkeypatch.setattr(downloads.os, "fdopen", lambda *given, **how: Shallow(really(*given, **how)))
    else:
        monkeypatch.setattr(result_files, "_sync", full)


@pytest.mark.parametrize("when", ["before", "while it is fetched", "at the end"])
async def test_a_full_disk_is_said_and_costs_nothing(
    studio: AsyncStudio, wire: Listening, folder: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    one = await made(studio)
    with monkeypatch.context() as little_room:
        runs_full(little_room, when)
        with pytest.raises(InputUnreadable, match=r"the disk is full\. The video is not lost") as caught:
            await studio.save(one)
    assert (caught.value.charged, caught.value.generation_id) == ("yes", one), "the video is paid, and here is its id"
    assert "OXEN_VIDEO_OUTPUT_DIR" in (caught.value.fix or "")
    assert len(wire.of_files()) <= 1, "what fails for want of room is not fetched again and again"
    assert not folder.exists() or list(folder.iterdir()) == []
    assert (await studio.save(one)).file.is_file(), "it is still there"
    assert wire.paid() == 1


async def test_a_folder_that_can_not_be_written_is_said_and_costs_nothing(
    opened: Open, wire: Listening, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("a file where the folder should be")
    studio = opened(transport=wire, output_dir=tmp_path / "taken" / "videos")
    one = await made(studio)
    with pytest.raises(InputUnreadable, match="can't be written") as caught:
        await studio.save(one)
    assert caught.value.charged == "yes" and "It costs nothing" in (caught.value.fix or "")
    assert wire.paid() == 1 and wire.of_files() == [], "nothing is fetched that can't be kept"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
async def test_a_folder_of_somebody_else_is_said(opened: Open, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    studio = opened(output_dir=locked)
    with pytest.raises(InputUnreadable, match="Permission denied"):
        await studio.save(await made(studio))


async def test_one_who_gives_up_leaves_nothing_behind(hub: Sandbox, studio: AsyncStudio, folder: Path) -> None:
    one = await made(studio)
    hub.faults.add("late=30/download")
    saving = asyncio.ensure_future(studio.save(one))
    while not hub.faults.struck("late"):
        await asyncio.sleep(0.01)
    saving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await saving
    assert list(folder.iterdir()) == []


# ---- keeping everything ----------------------------------------------------------------------------------------------


async def test_save_always_keeps_every_result(opened: Open, folder: Path) -> None:
    studio = opened(save="always")
    video = await studio.generate(**ASKED)
    assert video.file is not None and video.file.parent == folder and video.file.is_file()
    assert (await opened().get(video.generation_id)).file == video.file, "another process knows it too"


async def test_save_always_keeps_what_others_made(hub: Sandbox, opened: Open, tmp_path: Path) -> None:
    """An id from elsewhere, seen for the first time by a process that keeps everything."""
    one = await made(opened(ledger="memory:"))
    studio = opened(save="always")
    video = await studio.get(one)
    assert video.file is not None and video.file.is_file() and hub.ledger()["accepted"] == 1


async def test_save_always_keeps_what_a_killed_process_left(opened: Open) -> None:
    one = await made(opened())
    told = await opened(save="always").recover()
    assert [(line.outcome, line.generation_ids) for line in told] == [("saved", (one,))]
    assert (await opened().get(one)).file == Path(told[0].text)


async def test_a_result_that_can_not_be_kept_is_an_answer_all_the_same(opened: Open, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where the folder should be")
    video = await opened(save="always", output_dir=tmp_path / "taken").generate(**ASKED)
    assert video.status == "succeeded" and video.url and video.file is None
    assert any("can't be written" in word for word in video.warnings), "and it says so"


# ---- save_video of one clip ------------------------------------------------------------------------------------------


async def test_a_link_is_saved_too(studio: AsyncStudio, folder: Path) -> None:
    one = await studio.generate(**ASKED)
    assert one.url
    saved = await studio.save(one.url, filename="from-a-link")
    assert saved.file == folder / "from-a-link.mp4" and saved.duration == pytest.approx(5, abs=0.2)


async def test_a_path_names_another_folder(studio: AsyncStudio, tmp_path: Path) -> None:
    one = await made(studio)
    saved = await studio.save(one, filename=tmp_path / "elsewhere" / "clip.mp4")
    assert saved.file == tmp_path / "elsewhere" / "clip.mp4" and saved.file.is_file()


async def test_a_result_that_is_no_mp4_is_looked_at_in_turn_with_other_callers(tmp_path: Path) -> None:
    """Its process takes one of the places that everybody's decoding shares."""
    path = tmp_path / "clip.webm"
    with av.open(str(path), "w") as out:
        video = out.add_stream("libvpx", rate=24)
        video.width, video.height, video.pix_fmt = 64, 36, "yuv420p"
        out.mux(video.encode(av.VideoFrame(64, 36, "yuv420p")))
        out.mux(video.encode())
    async with AsyncExitStack() as others:
        for n in range(turns()._places):
            await others.enter_async_context(turns().turn(f"caller {n}"))
        looking = asyncio.create_task(result_files.described(path, "", caller="me"))
        while not turns()._waiting.get("me"):
            await asyncio.sleep(0.001)
            assert not looking.done()
    found = await looking
    assert (found.width, found.height, found.codec) == (64, 36, "vp8")
