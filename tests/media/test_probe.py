from __future__ import annotations

import builtins
import subprocess
import sys
from pathlib import Path

import pytest

from oxen_video_tools.errors import InputUnreadable, NotInstalled
from oxen_video_tools.files import content_type
from oxen_video_tools.media import mp4
from oxen_video_tools.media.probe import probe
from tests.clocks import HUNG

from .clips import clip


def test_probe_says_what_the_file_is(moving: Path) -> None:
    found = probe(moving)
    assert found.duration == pytest.approx(2.0, abs=0.03)
    assert (found.width, found.height, found.fps, found.frames) == (320, 180, 24.0, 48)
    assert (found.video_codec, found.audio_codec, found.has_audio) == ("h264", "aac", True)
    assert found.size == moving.stat().st_size
    assert (found.sample_rate, found.channels) == (48_000, 2)


def test_probe_of_a_clip_without_sound(silent: Path) -> None:
    assert probe(silent).audio_codec is None


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 200, b"not a video at all", b"\x89PNG\r\n\x1a\n" + b"\0" * 99, b"#EXTM3U\n/etc/passwd\n"],
)
def test_what_is_no_media_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    with pytest.raises(InputUnreadable, match=r"clip\.mp4"):
        probe(path)
    assert not mp4.structure(path).complete


def test_a_missing_file_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(InputUnreadable):
        probe(tmp_path / "nothing.mp4")
    with pytest.raises(InputUnreadable):
        probe(tmp_path)


def test_a_whole_mp4_is_whole(moving: Path, tmp_path: Path) -> None:
    found = mp4.check(moving)
    assert found.complete
    assert found.faststart
    assert found.has_audio
    assert found.duration == pytest.approx(2.0, abs=0.05)
    assert found.video is not None
    assert (found.video.width, found.video.height, found.video.samples) == (320, 180, 48)
    assert not mp4.check(clip(tmp_path / "late.mp4", 0.5, faststart=False)).faststart


def test_a_fragmented_mp4_is_whole(tmp_path: Path) -> None:
    import av

    path, source = tmp_path / "fragments.mp4", clip(tmp_path / "source.mp4", 1.0, tone=None)
    flags = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    with av.open(str(source)) as given, av.open(str(path), "w", options=flags) as out:
        video = out.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(video=0):
            if packet.dts is not None:
                packet.stream = video
                out.mux(packet)
    assert mp4.check(path).fragmented
    path.write_bytes(path.read_bytes()[:-200])
    assert not mp4.structure(path).complete


@pytest.mark.parametrize("faststart", [True, False])
def test_every_cut_of_a_file_is_noticed(tmp_path: Path, faststart: bool) -> None:
    whole = clip(tmp_path / "whole.mp4", 0.5, faststart=faststart).read_bytes()
    path = tmp_path / "cut.mp4"
    for length in {1, 7, 8, 31, *range(0, len(whole) - 1, max(1, len(whole) // 150)), len(whole) - 1}:
        path.write_bytes(whole[:length])
        assert not mp4.structure(path).complete, length


def test_a_hole_in_the_middle_is_noticed(tmp_path: Path) -> None:
    whole = clip(tmp_path / "whole.mp4", 1.0).read_bytes()
    at = whole.index(b"mdat") - 4
    short = (len(whole) - at - 900).to_bytes(4, "big")
    path = tmp_path / "short.mp4"
    path.write_bytes(whole[:at] + short + whole[at + 4 : -900])
    assert mp4.structure(path).problems == ("samples lie beyond its end",)


def test_rotation_is_read_and_applied_to_the_size(tmp_path: Path) -> None:
    path = clip(tmp_path / "phone.mp4", 0.3, tone=None)
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40
    quarter = [0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000]
    data[matrix : matrix + 36] = b"".join((n & 0xFFFFFFFF).to_bytes(4, "big") for n in quarter)
    path.write_bytes(data)
    found = probe(path)
    assert (found.rotation, found.width, found.height) == (90, 180, 320)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x20ftypisom", "video/mp4"),
        (b"\0\0\0\x20ftypqt  ", "video/quicktime"),
        (b"\0\0\0\x20ftypM4A ", "audio/mp4"),
        (b"\0\0\0\x20ftypavif", "image/avif"),
        (b"\x1aE\xdf\xa3", "video/webm"),
        (b"RIFF\0\0\0\0WAVEfmt ", "audio/wav"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"\xff\xfb\x90", "audio/mpeg"),
        (b"\xff\xf1\x50", "audio/aac"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"<!DOCTYPE html>", None),
        (b"ffconcat version 1.0", None),
        (b"", None),
    ],
)
def test_content_types(head: bytes, kind: str | None) -> None:
    assert content_type(head) == kind


def test_without_the_extra_the_words_that_install_it(moving: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name == "oxen_video_tools.media.container"]:
        monkeypatch.delitem(sys.modules, name)
    real = builtins.__import__

    def without_av(name: str, *rest: object, **more: object) -> object:
        if name == "av":
            raise ModuleNotFoundError("No module named 'av'", name="av")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without_av)
    with pytest.raises(NotInstalled) as caught:
        probe(moving)
    assert caught.value.fix == "pip install 'oxen-video-tools[media]'"


def test_importing_the_room_loads_nothing_heavy() -> None:
    program = (
        "import pkgutil, sys, oxen_video_tools.media as room\n"
        "from oxen_video_tools.media import contact_sheet, inspect, join, mp4, probe\n"
        "assert not {'av', 'numpy', 'PIL'} & set(sys.modules), sorted(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=HUNG)
