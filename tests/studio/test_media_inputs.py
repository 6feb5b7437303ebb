"""Local media that a model would refuse: said while it is free to say so."""

from __future__ import annotations

import os
import wave
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import httpx
import pytest
from PIL import Image

from oxen_video_tools.catalog.body_builder import MediaPlace
from oxen_video_tools.catalog.pricing import Price
from oxen_video_tools.errors import InputNotAllowed, InputUnreadable, InvalidRequest
from oxen_video_tools.hub import downloads
from oxen_video_tools.hub.url_guard import PinnedAddress, origin
from oxen_video_tools.ledger import Ledger
from oxen_video_tools.ledger.films import FilmRow
from oxen_video_tools.ledger.records import ClipRef
from oxen_video_tools.media.clips import sound_part
from oxen_video_tools.media.contact_sheet import frame_at, last_frame
from oxen_video_tools.media.probe import Measures, measure
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.studio import AsyncStudio, media_inputs
from oxen_video_tools.studio.films.record import FilmClip, film_id, frozen
from oxen_video_tools.studio.media_inputs import CUTS_KEPT, CUTS_LARGEST, CUTS_NEW, cut_file, fingerprint
from oxen_video_tools.studio.plan import Plan, PlannedJob
from tests.clocks import FakeClock
from tests.media.clips import clip

MODEL = "happyhorse-1.0-i2v"  # an image of 300 pixels or more on each side, no longer than 5:2


@pytest.fixture
def hub() -> Iterator[Sandbox]:
    with Sandbox(picture_height=64) as hub:
        yield hub


def picture(path: Path, width: int, height: int) -> str:
    Image.new("RGB", (width, height), (200, 40, 40)).save(path)
    return str(path)


def studio_at(hub: Sandbox, tmp_path: Path) -> AsyncStudio:
    ledger = f"sqlite:///{tmp_path}/ledger.db"
    return AsyncStudio(base_url=hub.base_url, api_key="key", ledger=ledger, output_dir=tmp_path)


async def test_a_plan_and_the_paid_call_warn_of_an_image_that_does_not_fit(hub: Sandbox, tmp_path: Path) -> None:
    small = picture(tmp_path / "small.png", 900, 120)
    async with studio_at(hub, tmp_path) as studio:
        words = {"model": MODEL, "prompt": "It turns", "start_image": small}
        plan = await studio.plan(**words)
        video = await studio.generate(**words)
    said = [warning for warning in plan.warnings if "small.png" in warning]
    assert len(said) == 2 and "120 pixels: at least 300 pixels" in said[0] and "900x120" in said[1]
    assert plan.ok, "prose on a page stops nobody"
    assert set(said) <= set(video.warnings)


async def test_a_plan_says_where_the_clips_of_a_film_will_have_other_shapes(hub: Sandbox, tmp_path: Path) -> None:
    shots = [{"prompt": f"A {animal}", "duration": 4} for animal in ("fox", "wolf")]
    wish: dict[str, Any] = {"model": "google-veo-3-1", "multi_prompt": shots}
    tall, wide = picture(tmp_path / "tall.png", 720, 1280), picture(tmp_path / "wide.png", 1280, 720)
    async with studio_at(hub, tmp_path) as studio:
        mixed = await studio.plan(**wish, start_image=tall)
        assert [one for one in mixed.warnings if "Shot 1 begins with 720 × 1280, Shot 2 is 16:9" in one], mixed.warnings
        for even in ({"start_image": wide}, {"start_image": tall, "aspect_ratio": "9:16"}, {}):
            plan = await studio.plan(**wish, **even)
            assert plan.film and not [one for one in plan.warnings if "frame, others get bars" in one]


async def test_what_fits_is_not_spoken_of(hub: Sandbox, tmp_path: Path) -> None:
    good = picture(tmp_path / "good.png", 1280, 720)
    async with studio_at(hub, tmp_path) as studio:
        plan = await studio.plan(model=MODEL, prompt="It turns", start_image=good)
    assert plan.ok and not [warning for warning in plan.warnings if "good.png" in warning]


async def test_files_that_may_not_be_read_are_not_measured(hub: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    secret = picture(tmp_path / "elsewhere" / "secret.png", 900, 120)
    ledger, inside = f"sqlite:///{tmp_path}/ledger.db", tmp_path / "videos"
    async with AsyncStudio(base_url=hub.base_url, api_key="key", ledger=ledger, output_dir=inside) as studio:
        for files in ("roots", "nowhere"):
            plan = await studio.plan(model=MODEL, prompt="It turns", start_image=secret, files=files)
            assert not [said for said in (*plan.warnings, *plan.problems) if "pixels" in said]


def test_measures(tmp_path: Path) -> None:
    upright = Image.new("RGB", (40, 20))
    turned = Image.Exif()
    turned[0x0112] = 6
    upright.save(tmp_path / "turned.jpg", exif=turned)
    found = measure(tmp_path / "turned.jpg")
    assert (found.width, found.height, found.seconds) == (20, 40, None)
    found = measure(clip(tmp_path / "clip.mp4", seconds=1.0))
    assert (found.width, found.height, found.fps) == (320, 180, 24.0) and found.seconds == pytest.approx(1.0, abs=0.1)
    assert found.size == (tmp_path / "clip.mp4").stat().st_size


def test_without_the_extra_only_the_size_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(picture(tmp_path / "small.png", 900, 120))
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    assert measure(path) == Measures(path.stat().st_size)


@pytest.mark.parametrize(("files", "why"), [("roots", "lies outside the folders"), ("nowhere", "your own machine")])
async def test_a_plan_says_which_file_the_paid_call_would_refuse(
    hub: Sandbox, tmp_path: Path, files: Any, why: str
) -> None:
    (tmp_path / "elsewhere").mkdir()
    secret = picture(tmp_path / "elsewhere" / "secret.png", 1280, 720)
    ledger, inside = f"sqlite:///{tmp_path}/ledger.db", tmp_path / "videos"
    async with AsyncStudio(base_url=hub.base_url, api_key="key", ledger=ledger, output_dir=inside) as studio:
        plan = await studio.plan(model=MODEL, prompt="It turns", start_image=secret, files=files)
        missing = await studio.plan(model=MODEL, prompt="It turns", start_image=str(tmp_path / "none.png"))
    assert not plan.ok and why in plan.problems[0]
    assert not missing.ok and "none.png can't be read" in missing.problems[0]


# What a request names is looked at before it is paid for.

I2V = "kling-video-v2-6-pro-image-to-video"
MP4 = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41" + bytes(8000)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(8000)


class Site(BaseHTTPRequestHandler):
    """The hub's neighbour: `/STATUS/NAME` answers with that status and the bytes of NAME."""

    asked: ClassVar[list[tuple[str, str | None, str | None]]] = []
    content: ClassVar[dict[str, bytes]] = {
        "cat.png": PNG,
        "cat.mp4": MP4,
        "song.mp3": b"ID3" + bytes(100),
        "page.html": b"<!doctype html><title>Sign in</title>",
        "odd.bin": b"whatever this is" * 10,
    }

    def do_GET(self) -> None:
        status, name = self.path.strip("/").split("/")
        self.asked.append((name, self.headers.get("range"), self.headers.get("authorization")))
        self.send_response(int(status))
        body = self.content[name][:4096]
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A web site on loopback that the guard takes for a public one."""
    Site.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"

        async def checked(url: str, **_: Any) -> PinnedAddress:
            there = origin(url)
            return PinnedAddress(url, there[1], there, ("127.0.0.1",))

        monkeypatch.setattr(downloads, "check_url", checked)
        monkeypatch.setattr(media_inputs, "_allowed_url", lambda url, _: url)
        yield address
        server.shutdown()


async def planned(hub: Sandbox, tmp_path: Path, **words: Any) -> Plan:
    async with studio_at(hub, tmp_path) as studio:
        return await studio.plan(**{"prompt": "It moves", **words})


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("200/cat.png", None),
        ("206/cat.png", None),
        ("404/cat.png", "there is nothing (404)"),
        ("410/cat.png", "there is nothing (410)"),
        ("200/page.html", "is a web page, and a picture is wanted"),
        ("200/song.mp3", "is a sound, and a picture is wanted"),
        ("200/odd.bin", None),
    ],
)
async def test_a_link_is_asked_for_its_first_bytes(
    hub: Sandbox, site: str, tmp_path: Path, path: str, problem: str | None
) -> None:
    plan = await planned(hub, tmp_path, model=I2V, start_image=f"{site}/{path}")
    assert plan.ok == (problem is None) and not [one for one in plan.warnings if "looked at" in one]
    if problem is not None:
        assert problem in " ".join(plan.problems)
        async with studio_at(hub, tmp_path) as studio:
            with pytest.raises(InvalidRequest) as refused:
                await studio.generate(prompt="It moves", model=I2V, start_image=f"{site}/{path}")
        assert refused.value.charged == "no" and problem in refused.value.message
        assert hub.ledger()["accepted"] == 0
    assert all(asked[1:] == ("bytes=0-4095", None) for asked in Site.asked), "4 kB, and never the key"


@pytest.mark.parametrize("status", [401, 403, 405, 429, 500, 503])
async def test_who_does_not_answer_may_answer_the_hub(hub: Sandbox, site: str, tmp_path: Path, status: int) -> None:
    plan = await planned(hub, tmp_path, model=I2V, start_image=f"{site}/{status}/cat.png")
    assert plan.ok and any(f"it answered {status}" in warning for warning in plan.warnings)


async def test_a_host_that_cannot_be_is_a_problem(hub: Sandbox, tmp_path: Path) -> None:
    plan = await planned(hub, tmp_path, model=I2V, start_image="https://cdn.nobody.invalid/cat.png")
    assert not plan.ok and "there is no such host" in plan.problems[0]


async def test_a_picture_in_the_place_of_a_video(hub: Sandbox, site: str, tmp_path: Path) -> None:
    model = "topazlabs-video-upscale"
    plan = await planned(hub, tmp_path, prompt=None, model=model, input_video=f"{site}/200/cat.png")
    assert "is a picture, and a video is wanted" in " ".join(plan.problems)
    local = picture(tmp_path / "cat.png", 640, 360)
    plan = await planned(hub, tmp_path, prompt=None, model=model, input_video=local)
    assert "is a picture, and a video is wanted" in " ".join(plan.problems)


async def test_an_id_must_exist_and_be_finished(hub: Sandbox, tmp_path: Path) -> None:
    nobody = "00000000-0000-4000-8000-000000000000"
    plan = await planned(hub, tmp_path, prompt="Replace the sky", input_video=nobody)
    assert not plan.ok and nobody in plan.problems[0]
    hub.faults.add("fail")
    async with studio_at(hub, tmp_path) as studio:
        failed = await studio.generate(prompt="a fox", duration=5)
        plan = await studio.plan(prompt="Replace the sky", input_video=failed.generation_id)
        assert "is failed; it has no result" in plan.problems[0]


async def test_what_is_paid_already_is_not_looked_at_again(hub: Sandbox, tmp_path: Path) -> None:
    async with studio_at(hub, tmp_path) as studio:
        source = await studio.generate(prompt="a fox", duration=5)
        words = {"prompt": "Replace the sky", "input_video": source.generation_id}
        first = await studio.generate(**words)
        hub.faults.add("error=404@*/get")  # nobody knows the source any more
        plan = await studio.plan(**words)
    assert first.status == "succeeded" and plan.ok and plan.price_usd == 0


async def test_several_videos_go_where_a_list_is_taken(hub: Sandbox, site: str, tmp_path: Path) -> None:
    both = [f"{site}/200/cat.mp4", f"{site}/206/cat.mp4"]
    model = "bytedance-seedance-2-0-reference-to-video"
    plan = await planned(hub, tmp_path, model=model, input_videos=both)
    assert plan.ok and plan.jobs[0].body["input_videos"] == both
    same = await planned(hub, tmp_path, model=model, input_video=both[0], input_videos=both)
    assert same.jobs[0].body == plan.jobs[0].body
    one = await planned(hub, tmp_path, model="kling-video-o1-video-to-video-edit", input_videos=both)
    assert "input_videos holds 2, kling-video-o1-video-to-video-edit takes one" in " ".join(one.problems)


KINDS = {
    "start_image": [("tone.wav", "a sound")],
    "input_video": [
        ("photo.bmp", "a picture"),
        ("photo.heic", "a picture"),
        ("loop.gif", "a picture"),
        ("tone.wav", "a sound"),
    ],
}


@pytest.mark.parametrize(("place", "name", "what"), [(at, *one) for at, all_ in KINDS.items() for one in all_])
async def test_a_file_of_another_kind_is_a_problem_of_the_plan_and_of_the_paid_call(
    hub: Sandbox, tmp_path: Path, place: str, name: str, what: str
) -> None:
    path = tmp_path / name
    if path.suffix == ".mp4":
        clip(path, seconds=0.5)
    elif path.suffix == ".heic":
        path.write_bytes(b"\0\0\0\x18ftypheim\0\0\0\0mif1heim" + bytes(100))
    elif path.suffix == ".wav":
        path.write_bytes(b"RIFF\x24\0\0\0WAVEfmt " + bytes(100))
    else:
        picture(path, 640, 360)
    async with studio_at(hub, tmp_path) as studio:
        plan = await studio.plan(prompt="It turns", **{place: str(path)})
        with pytest.raises(InvalidRequest, match=f"is {what}, and a"):
            await studio.generate(prompt="It turns", **{place: str(path)})
    assert not plan.ok and f"is {what}, and a" in plan.problems[0]


async def test_a_bitmap_is_sent_as_a_picture(hub: Sandbox, tmp_path: Path) -> None:
    photo = picture(tmp_path / "photo.bmp", 640, 360)
    async with studio_at(hub, tmp_path) as studio:
        assert (await studio.plan(prompt="It turns", start_image=photo)).ok
        assert (await studio.generate(prompt="It turns", start_image=photo)).status == "succeeded"


# A frame of a video where a picture is wanted, and a part of a medium.


async def test_which_frame_of_a_file_is_taken(hub: Sandbox, tmp_path: Path) -> None:
    source = clip(tmp_path / "walk.mp4", seconds=2.0)
    async with studio_at(hub, tmp_path) as studio:
        wish: dict[str, Any] = {
            "model": "wan-v2-7-image-to-video",
            "prompt": "It turns",
            "start_image": str(source),
            "end_image": str(source),
        }
        plan = await studio.plan(**wish)
        said = [one for one in plan.warnings if one.endswith("is taken.")]
        assert plan.ok, plan.problems
        assert [one.split(" of ")[0] for one in said] == [
            "start_image: the last frame",
            "end_image: the first frame",
        ]
        video = await studio.generate(**wish)
        assert set(said) <= set(video.warnings)
        body = hub.ledger()["generations"][-1]["body"]
        links = [value for value in body.values() if isinstance(value, str) and value.startswith("http")]
        sent = {httpx.get(link).content for link in links}
        assert sent == {last_frame(source), frame_at(source, 0.0)}
        kept = list((tmp_path / "cuts").iterdir())
        assert {one.read_bytes() for one in kept} == sent

        again = await studio.generate(**wish)
        assert again.generation_id == video.generation_id
        clip(source, seconds=3.0)  # another file in its place is another request
        other = await studio.generate(**wish)
        assert other.generation_id != video.generation_id and hub.ledger()["accepted"] == 2


async def test_a_part_of_a_sound_is_cut(tmp_path: Path) -> None:
    source = clip(tmp_path / "speech.mp4", seconds=3.0, tone=440)
    with wave.open(BytesIO(sound_part(source, 1.0, 2.5))) as found:
        assert found.getnframes() / found.getframerate() == pytest.approx(1.5, abs=0.01)
    with pytest.raises(InputUnreadable, match="none from 9 s"):
        sound_part(source, 9.0, None)


async def test_a_frame_past_the_end_is_a_problem_of_the_plan(hub: Sandbox, tmp_path: Path) -> None:
    source = clip(tmp_path / "source.mp4", seconds=2.0)
    ledger, folder = f"sqlite:///{tmp_path}/ledger.db", tmp_path / "videos"
    async with AsyncStudio(base_url=hub.base_url, api_key="key", ledger=ledger, output_dir=folder) as studio:
        for late in ("3", "3,4"):
            name = "start_image" if late == "3" else "input_video"
            wish: dict[str, Any] = {"prompt": "It turns", name: f"{source}#t={late}"}
            wish["model"] = I2V if late == "3" else "kling-video-o1-video-to-video-edit"
            plan = await studio.plan(**wish)
            assert [one for one in plan.problems if "#t=3 is past the end" in one and "2 s long" in one]
            with pytest.raises(InvalidRequest, match="past the end"):
                await studio.generate(**wish)
        assert (await studio.plan(model=I2V, prompt="It turns", start_image=f"{source}#t=1.9")).ok
    assert not (tmp_path / "cuts").exists() and hub.ledger()["accepted"] == 0


async def begin_open_film(ledger: Ledger, scope: str, told: str, now: float) -> None:
    """A film that was planned with this frame, and that nobody has finished."""
    ref = ClipRef("k", 1, 0)
    media = (MediaPlace(("image",), "image", "first_frame", told),)
    job = PlannedJob("kling", {"prompt": "It turns", "image": told}, Price(None, (), ""), 5.0, (0,), media)
    name = film_id(scope, [ref], "one take")
    film = FilmRow(name, scope, "r", 1, "one take", "kling", frozen([FilmClip(ref, job)]), {}, 0, now)
    assert await ledger.start_film(film, [], "me", now, 60.0, None)


async def test_frames_that_nobody_needs_are_tidied_away(hub: Sandbox, tmp_path: Path) -> None:
    """By age and size; what was just made stays, and so does what an unfinished film was planned with."""
    sources = [clip(tmp_path / f"{number}.mp4", seconds=1.0, grey=40 * number) for number in (1, 2, 3, 4)]
    clock, cuts = FakeClock(auto=False), tmp_path / "cuts"
    settings: dict[str, Any] = {"base_url": hub.base_url, "api_key": "key", "ledger": f"sqlite:///{tmp_path}/ledger.db"}
    async with AsyncStudio(**settings, output_dir=tmp_path / "videos", clock=clock) as studio:
        session = studio._session

        async def made(number: int) -> Path:
            return await cut_file(session, f"cut:last:{sources[number]}", "anywhere")

        kept, used, old = [await made(number) for number in (0, 1, 2)]
        scope, told = await session.scope(), await fingerprint(session, f"cut:last:{sources[0]}", "anywhere")
        await begin_open_film(session.ledger, scope, told, clock.time())
        await clock.advance(CUTS_KEPT - 60)
        assert await made(1) == used  # used again
        await clock.advance(120)
        new = await made(3)
        assert set(cuts.iterdir()) == {kept, used, new}, f"{old.name} is a week old"
        for one in (kept, used, new):
            with one.open("r+b") as file:
                file.truncate(CUTS_LARGEST)  # sparse: takes no room
            os.utime(one, (clock.time(), clock.time()))
        await clock.advance(CUTS_NEW + 1)
        again = await made(2)
        assert set(cuts.iterdir()) == {kept, again}, "too much: the oldest go, but for what is needed"


@pytest.mark.parametrize("named", ["{}#t=1", "cut:1:{}", "cut:1,2:{}", "{}"])
async def test_a_frame_opens_no_file_that_may_not_be_read(hub: Sandbox, tmp_path: Path, named: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    secret = clip(tmp_path / "elsewhere" / "secret.mp4", seconds=1.0)
    ledger, inside = f"sqlite:///{tmp_path}/ledger.db", tmp_path / "videos"
    async with AsyncStudio(base_url=hub.base_url, api_key="key", ledger=ledger, output_dir=inside) as studio:
        for files in ("roots", "nowhere"):
            with pytest.raises(InputNotAllowed):
                await studio.generate(model=I2V, prompt="It turns", start_image=named.format(secret), files=files)
    assert not (tmp_path / "cuts").exists() and hub.ledger()["accepted"] == 0


async def test_for_a_servers_callers_it_is_taken_in_a_child_process(
    tmp_path: Path, hub: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def here(*_: Any) -> None:
        raise AssertionError("decoded in the server's own process")

    video, sound = clip(tmp_path / "walk.mp4", seconds=3.0), tmp_path / "speech.wav"
    sound.write_bytes(sound_part(video, 0.0, None))
    middle = frame_at(video)
    monkeypatch.setattr("oxen_video_tools.media.child_process.work", here)
    ledger = f"sqlite:///{tmp_path}/ledger.db"
    async with AsyncStudio(base_url=hub.base_url, api_key="key", ledger=ledger, isolated="somebody") as studio:
        session = studio._session
        taken = await media_inputs.cut_file(session, f"cut:middle:{video}", "anywhere")
        assert taken.read_bytes() == middle
        part = await media_inputs.cut_file(session, f"cut:1,2.5:{sound}", "anywhere")
        with wave.open(str(part)) as found:
            assert found.getnframes() / found.getframerate() == pytest.approx(1.5, abs=0.01)
        assert sorted(one.name for one in taken.parent.iterdir()) == sorted([taken.name, part.name])
