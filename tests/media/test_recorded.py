"""Media as phones, browsers and editors write them: times, mirrors, pixel shapes, brightness, missing lengths."""

from __future__ import annotations

import asyncio
import io
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.filter import Graph
from PIL import Image

from oxen_video_tools.media import mp4
from oxen_video_tools.media.child_process import run_in_child
from oxen_video_tools.media.clips import clip_of, why_not_copied
from oxen_video_tools.media.contact_sheet import cell_size, contact_sheet, frame_at, last_frame
from oxen_video_tools.media.container import PYAV, open_container, video_of
from oxen_video_tools.media.decode import plane_of, rgb
from oxen_video_tools.media.inspect import inspect
from oxen_video_tools.media.join import join, trim
from oxen_video_tools.media.probe import measure, probe
from oxen_video_tools.studio.result_files import described
from tests.media.clips import clip, decoded

FPS, RATE = 24, 48_000
SIDE = (96, 64)


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


# Times: a flash and a beep that belong together.


def clapper(
    path: Path,
    *,
    at: float = 1.0,
    seconds: float = 2.0,
    sound_from: float = 0.0,
    codecs: tuple[str, str] = ("libx264", "aac"),
    **options: str,
) -> Path:
    """A dark clip with one white frame `at` seconds, and a beep that begins with it."""
    with av.open(str(path), "w", options=options) as out:
        video = out.add_stream(codecs[0], rate=FPS)
        sound = out.add_stream(codecs[1], rate=RATE, layout="stereo")
        video.width, video.height, video.pix_fmt = *SIDE, "yuv420p"
        for n in range(round(seconds * FPS)):
            level = 255 if n == round(at * FPS) else 60
            image = np.full((SIDE[1], SIDE[0], 3), level, np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = n, Fraction(1, FPS)
            out.mux(video.encode(frame))
        out.mux(video.encode())
        first, beep = round(sound_from * RATE), round(at * RATE)
        times = np.arange(first, round(seconds * RATE))
        tone = np.where((times >= beep) & (times < beep + 4800), 0.7 * np.sin(times * 0.2), 0).astype(np.float32)
        for start in range(0, len(tone), 960):
            part = np.tile(tone[start : start + 960], (2, 1))
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = RATE, first + start, Fraction(1, RATE)
            out.mux(sound.encode(frame))
        out.mux(sound.encode())
    return path


def flashes(path: Path) -> list[float]:
    return [float(frame.pts * frame.time_base) for frame in decoded(path) if plane_of(frame.planes[0]).mean() > 150]


def beeps(path: Path) -> list[float]:
    """When each beep begins, by the times of the frames that hold it, as players go by them."""
    found, quiet_since = [], -1.0
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            loud = np.abs(frame.to_ndarray().astype(np.float32)).max(0)
            begin = float(frame.pts * frame.time_base)
            for n in np.flatnonzero(loud > 0.2):
                at = begin + n / frame.sample_rate
                if at - quiet_since > 0.1:
                    found.append(at)
                quiet_since = at
    return found


def together(path: Path, at: list[float], within: float = 0.02) -> None:
    """The flashes and the beeps of a film are at these seconds from its first picture, the ones with the others."""
    assert flashes(path) == pytest.approx(at, abs=0.045)
    assert beeps(path) == pytest.approx(flashes(path), abs=within)


def plain(path: Path) -> Path:
    return clapper(path)


def begins_later(path: Path) -> Path:
    return clapper(path, output_ts_offset="1.4")


def in_fragments(path: Path) -> Path:
    return clapper(path, movflags="frag_keyframe+empty_moov+default_base_moof")


def sound_begins_late(path: Path) -> Path:
    return clapper(path, sound_from=0.6)


def without_an_edit_list(path: Path) -> Path:
    return clapper(path, use_editlist="0")


def matroska(path: Path) -> Path:
    return clapper(path.with_suffix(".mkv"), output_ts_offset="1.4")


def recorded_by_a_browser(path: Path) -> Path:
    """WebM written to where nobody can go back: no duration, no index."""
    path = path.with_suffix(".webm")

    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.file = path.open("wb")

        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:
            return self.file.write(data)

    whole = clapper(path.with_suffix(".whole.webm"), codecs=("libvpx", "libopus"))
    pipe = Pipe()
    with av.open(str(whole)) as source, av.open(pipe, "w", format="webm", options={"live": "1"}) as out:
        streams = {stream.index: out.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                out.mux(packet)
    pipe.file.close()
    whole.unlink()
    return path


KINDS = [plain, begins_later, in_fragments, without_an_edit_list, sound_begins_late, matroska]
KINDS += [recorded_by_a_browser]


@pytest.fixture(scope="module", params=KINDS, ids=lambda make: make.__name__)
def recorded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    found: Path = request.param(tmp_path_factory.mktemp("recorded") / "clip.mp4")
    return found


def test_picture_and_sound_stay_together_when_joined(recorded: Path, tmp_path: Path) -> None:
    together(join([recorded, recorded], tmp_path / "film.mp4").path, [1.0, 3.0])


def test_picture_and_sound_stay_together_in_a_fade(recorded: Path, tmp_path: Path) -> None:
    faded = join([recorded, recorded], tmp_path / "film.mp4", transition="crossfade").path
    together(faded, [1.0, 2.5])


def test_picture_and_sound_stay_together_under_music(recorded: Path, tmp_path: Path) -> None:
    quiet = clip(tmp_path / "music.mp4", 1.0, tone=0.0)
    together(join([recorded, recorded], tmp_path / "film.mp4", music=quiet).path, [1.0, 3.0])


def test_picture_and_sound_stay_together_when_trimmed(recorded: Path, tmp_path: Path) -> None:
    together(trim(recorded, tmp_path / "part.mp4", 0.5, 1.8).path, [0.5])
    if not why_not_copied([clip_of(recorded)]):
        together(trim(recorded, tmp_path / "copied.mp4", 0.0, 1.8, exact=False).path, [1.0])


def test_times_are_told_from_the_first_picture(recorded: Path) -> None:
    found = inspect(recorded)
    assert found.duration == pytest.approx(2.0, abs=0.07)
    assert found.complete
    assert found.warnings in ((), ("More than half of it stands still.",))
    assert found.cuts[:1] == (pytest.approx(1.0, abs=0.05),)
    assert probe(recorded).duration == pytest.approx(2.0, abs=0.07)
    assert measure(recorded).seconds == pytest.approx(2.0, abs=0.07)
    assert pixels(frame_at(recorded, 1.0)).mean() > 200
    assert pixels(frame_at(recorded, 0.5)).mean() < 80
    assert pixels(last_frame(recorded)).mean() < 80
    assert asyncio.run(described(recorded, "")).duration == pytest.approx(2.0, abs=0.1)


def test_pictures_before_an_edit_list_begins_are_not_shown(tmp_path: Path) -> None:
    """A phone that trims a clip keeps its first pictures, to decode the others with, and hides them."""
    whole, path = clapper(tmp_path / "whole.mp4", at=0.25), tmp_path / "trimmed.mp4"
    with (
        av.open(str(whole)) as source,
        av.open(str(path), "w", options={"avoid_negative_ts": "disabled"}) as out,
    ):
        streams = {stream.index: out.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                half = round(Fraction(1, 2) / packet.time_base)
                packet.pts, packet.dts = packet.pts - half, packet.dts - half
                packet.stream = streams[packet.stream.index]
                out.mux(packet)
    assert flashes(path) == [], "it lies before the beginning"
    assert probe(path).duration == pytest.approx(1.5, abs=0.05)
    film = join([path, path], tmp_path / "film.mp4").path
    assert flashes(film) == [] and len(decoded(film)) == 72
    assert mp4.check(film).duration == pytest.approx(3.0, abs=0.05)
    assert flashes(trim(path, tmp_path / "part.mp4", 0.0, 1.0, exact=False).path) == []


def test_a_variable_rate_keeps_its_times(tmp_path: Path) -> None:
    """A phone in the dark: 30 frames a second, then 10."""
    path, times = tmp_path / "dark.mp4", [*(n / 30 for n in range(30)), *(1 + n / 10 for n in range(10))]
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=30, options={"bf": "0"})
        video.width, video.height, video.pix_fmt = *SIDE, "yuv420p"
        video.codec_context.time_base = Fraction(1, 600)
        for n, at in enumerate(times):
            image = np.full((SIDE[1], SIDE[0], 3), 255 if n == 35 else 60, np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = round(at * 600), Fraction(1, 600)
            out.mux(video.encode(frame))
        out.mux(video.encode())
    assert probe(path).duration == pytest.approx(2.0, abs=0.1)
    assert flashes(join([path, path], tmp_path / "copied.mp4").path) == pytest.approx([1.5, 3.5], abs=0.1)
    faded = flashes(join([path, path], tmp_path / "faded.mp4", transition="fade").path)
    assert faded[0] == pytest.approx(1.5, abs=0.05) or faded[0] == pytest.approx(1.533, abs=0.05)
    assert pixels(frame_at(path, 1.55)).mean() > 200


# Mirrors and turns: a picture with a white upper left quarter, of a file whose index turns it.

IDENTITY = (1, 0, 0, 1)
MATRICES = {
    "as it is": (IDENTITY, "upper left"),
    "mirrored": ((-1, 0, 0, 1), "upper right"),
    "upside down mirrored": ((1, 0, 0, -1), "lower left"),
    "turned": ((0, 1, -1, 0), "upper right"),
    "half a turn": ((-1, 0, 0, -1), "lower right"),
    "turned back": ((0, -1, 1, 0), "lower left"),
    "transposed": ((0, 1, 1, 0), "upper left"),
    "the other diagonal": ((0, -1, -1, 0), "lower right"),
}


def quarter(path: Path, **how: Any) -> Path:
    """96 × 64 coded pixels, white in the upper left."""
    rate = how.pop("codec", "libx264")
    with av.open(str(path), "w") as out:
        video = out.add_stream(rate, rate=FPS)
        video.width, video.height, video.pix_fmt = how.pop("size", SIDE)[0], how.pop("height", SIDE[1]), "yuv420p"
        if "pixel" in how:
            video.codec_context.sample_aspect_ratio = how["pixel"]
        for n in range(12):
            image = np.full((video.height, video.width, 3), 20, np.uint8)
            image[: video.height // 2, : video.width // 2] = 235
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = n, Fraction(1, FPS)
            out.mux(video.encode(frame))
        out.mux(video.encode())
    return path


def turned(path: Path, matrix: tuple[int, int, int, int]) -> Path:
    """The same with another display matrix in its index."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") - 4
    length = struct.unpack_from(">I", data, at)[0]
    a, b, c, d = (one << 16 for one in matrix)
    struct.pack_into(">iiiii", data, at + length - 44, a, b, 0, c, d)
    path.write_bytes(data)
    return path


def bright(image: np.ndarray) -> str:
    """Where the picture is white."""
    height, width = image.shape[:2]
    halves = {"upper": image[: height // 2], "lower": image[height // 2 :]}
    found = [
        f"{name} {side}"
        for name, half in halves.items()
        for side, part in (("left", half[:, : width // 2]), ("right", half[:, width // 2 :]))
        if part.mean() > 120
    ]
    assert len(found) == 1, found
    return found[0]


def sheet_cell(path: Path) -> np.ndarray:
    """The picture of a sheet of one, without the band that says its time."""
    found = probe(path)
    return pixels(contact_sheet(path, frames=1))[: cell_size(found.width or 0, found.height or 0, 1)[1]]


@pytest.mark.parametrize("how", MATRICES)
def test_mirrored_and_turned_pictures_are_shown_as_players_show_them(how: str, tmp_path: Path) -> None:
    matrix, where = MATRICES[how]
    path = turned(quarter(tmp_path / "clip.mp4"), matrix)
    sides = SIDE if matrix[0] else SIDE[::-1]
    found = probe(path)
    assert (found.width, found.height) == sides
    assert run_in_child("probe", path) == found
    facts, saved = inspect(path), asyncio.run(described(path, ""))
    assert (facts.width, facts.height) == (saved.width, saved.height) == sides
    for image in (pixels(last_frame(path)), pixels(frame_at(path, 0.1)), sheet_cell(path)):
        assert bright(image) == where
        assert image.shape[1] / image.shape[0] == pytest.approx(sides[0] / sides[1], abs=0.1)
    with av.open(str(path)) as container:  # FFmpeg turns by the same matrix
        assert found.mirrored or next(container.decode(video=0)).rotation % 360 == -found.rotation % 360
    again = join([path, path], tmp_path / "film.mp4", transition="fade").path
    assert bright(pixels(frame_at(again, 0.1))) == where and (probe(again).width, probe(again).height) == sides


def test_clips_that_are_turned_alike_are_shown_right_when_they_are_copied(tmp_path: Path) -> None:
    for n, (matrix, where) in enumerate(MATRICES.values()):
        path = turned(quarter(tmp_path / f"{n}.mp4"), matrix)
        film = join([path, path], tmp_path / f"film{n}.mp4").path
        assert bright(pixels(frame_at(film, 0.1))) == where
        assert bright(pixels(last_frame(film))) == where


# Pixels that are not square.


@pytest.mark.parametrize(("pixel", "sides"), [(Fraction(4, 3), (128, 64)), (Fraction(2, 3), (64, 64))])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_pixels_that_are_not_square(pixel: Fraction, sides: tuple[int, int], suffix: str, tmp_path: Path) -> None:
    path = quarter(tmp_path / f"wide{suffix}", pixel=pixel)
    found, facts, measured, saved = probe(path), inspect(path), measure(path), asyncio.run(described(path, ""))
    for one in (found, facts, measured, saved):
        assert (one.width, one.height) == sides
    assert pixels(last_frame(path)).shape[1::-1] == sides
    cell = sheet_cell(path)
    assert cell.shape[1] / cell.shape[0] == pytest.approx(sides[0] / sides[1], abs=0.05)
    copied = join([path, path], tmp_path / "copied.mp4")
    assert copied.video_copied and (probe(copied.path).width, probe(copied.path).height) == sides
    square = quarter(tmp_path / "square.mp4", size=sides)
    mixed = join([square, path], tmp_path / "mixed.mp4")
    assert not mixed.video_copied
    shown = pixels(last_frame(mixed.path))
    assert shown.shape[1::-1] == sides and bright(shown) == "upper left"
    assert shown[2:20, 2 : sides[0] // 2 - 6].min() > 200, "no bars where the shapes are the same"


def test_a_shape_of_pixels_that_can_only_be_a_mistake_is_not_believed(tmp_path: Path) -> None:
    assert probe(quarter(tmp_path / "thin.mp4", pixel=Fraction(60, 1))).width == SIDE[0]


# Brightness: HDR, the full range, 10 bits.


def flat(path: Path, levels: tuple[int, int, int], codec: str, pix_fmt: str, n: int = 6, **tags: int) -> Path:
    """A flat picture of these Y, U and V levels, said to be of these colours."""
    extra = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    with av.open(str(path), "w") as out:
        video = out.add_stream(codec, rate=FPS, options=extra)
        video.width, video.height, video.pix_fmt = *SIDE, pix_fmt
        for name, value in tags.items():
            setattr(video.codec_context, name, value)
        for k in range(n):
            frame = av.VideoFrame(*SIDE, pix_fmt)
            for plane, level in zip(frame.planes, levels, strict=False):
                np.frombuffer(plane, np.uint16 if "10" in pix_fmt else np.uint8)[:] = level
            frame.pts, frame.time_base = k, Fraction(1, FPS)
            for name, value in tags.items():
                if hasattr(frame, name):
                    setattr(frame, name, value)
            out.mux(video.encode(frame))
        out.mux(video.encode())
    return path


BT2020 = {"color_primaries": 9, "colorspace": 9, "color_range": 1}
REFERENCE_WHITE = {"pq": (16, 573), "hlg": (18, 721)}  # ITU-R BT.2408: 58 % and 75 % of the signal


def luma(path: Path) -> list[float]:
    return [float(plane_of(frame.planes[0]).mean()) for frame in decoded(path)]


@pytest.mark.parametrize("kind", REFERENCE_WHITE)
def test_reference_white_stays_white(kind: str, tmp_path: Path) -> None:
    transfer, white = REFERENCE_WHITE[kind]
    path = flat(tmp_path / "hdr.mp4", (white, 512, 512), "libx265", "yuv420p10le", color_trc=transfer, **BT2020)
    black = flat(tmp_path / "black.mp4", (64, 512, 512), "libx265", "yuv420p10le", color_trc=transfer, **BT2020)
    assert probe(path).hdr == kind and run_in_child("probe", path).hdr == kind
    assert pixels(last_frame(path)).min() >= 250
    assert pixels(last_frame(black)).max() <= 2
    assert sheet_cell(path)[: SIDE[1] // 2].min() >= 245
    sdr = clip(tmp_path / "sdr.mp4", 0.5, size=SIDE, tone=None, grey=255)
    mixed = join([sdr, path], tmp_path / "mixed.mp4")
    assert not mixed.video_copied
    assert luma(mixed.path)[0] == pytest.approx(235, abs=2) and luma(mixed.path)[-1] == pytest.approx(235, abs=3)
    assert probe(mixed.path).hdr is None


@pytest.mark.parametrize("kind", REFERENCE_WHITE)
def test_hdr_is_copied_among_itself(kind: str, tmp_path: Path) -> None:
    transfer, white = REFERENCE_WHITE[kind]
    path = flat(tmp_path / "hdr.mp4", (white, 512, 512), "libx265", "yuv420p10le", color_trc=transfer, **BT2020)
    film = join([path, path], tmp_path / "film.mp4")
    assert film.video_copied and probe(film.path).hdr == kind
    before, after = decoded(path), decoded(film.path)
    assert [bytes(frame.planes[0]) for frame in after] == [bytes(frame.planes[0]) for frame in (*before, *before)]


@pytest.mark.skipif(PYAV < 17, reason="its frames don't say of what colours they are")
def test_colours_of_pq_are_those_of_ffmpegs_own_conversion() -> None:
    """A grey at half of reference white, and two colours within BT.709, as `scale` of libavfilter makes them. (Towards
    the edge of BT.709 it makes colours paler.)
    """
    graph, tags = Graph(), BT2020 | {"color_trc": 16}
    source = last = graph.add_buffer(
        width=SIDE[0], height=SIDE[1], format=av.VideoFormat("yuv420p10le"), time_base=Fraction(1, FPS)
    )
    how = "out_transfer=bt709:out_primaries=bt709:out_color_matrix=bt709:out_range=tv:intent=relative_colorimetric"
    for name, said in (("scale", how), ("format", "yuv444p"), ("scale", "in_range=tv"), ("format", "rgb24")):
        node = graph.add(name, said)
        last.link_to(node)
        last = node
    last.link_to(graph.add("buffersink"))
    graph.configure()
    for levels in ((500, 512, 512), (450, 500, 545), (440, 530, 500)):
        frame = av.VideoFrame(*SIDE, "yuv420p10le")
        for plane, level in zip(frame.planes, levels, strict=True):
            np.frombuffer(plane, np.uint16)[:] = level
        for name, value in tags.items():
            setattr(frame, name, value)
        source.push(frame)
        theirs = graph.pull().to_ndarray()[10, 10].astype(int)
        assert rgb(frame)[10, 10].astype(int) == pytest.approx(theirs, abs=8)


def test_the_full_range_of_a_phone_is_not_crushed(tmp_path: Path) -> None:
    """Android records BT.601 in the full range; a film is in the range of television."""
    tags = {"color_range": 2, "colorspace": 5, "color_primaries": 5, "color_trc": 6}
    white = flat(tmp_path / "white.mp4", (255, 128, 128), "libx264", "yuv420p", **tags)
    grey = flat(tmp_path / "grey.mp4", (126, 128, 128), "libx264", "yuv420p", **tags)
    assert pixels(last_frame(white)).min() >= 253
    assert pixels(last_frame(grey)).mean() == pytest.approx(126, abs=2)
    film = join([white, grey], tmp_path / "film.mp4", transition="fade").path
    assert luma(film)[0] == pytest.approx(235, abs=2)
    assert luma(film)[-1] == pytest.approx(16 + 126 * 219 / 255, abs=2)
    assert pixels(last_frame(film)).mean() == pytest.approx(126, abs=3)


def test_ten_bits_without_hdr(tmp_path: Path) -> None:
    tags = {"color_range": 1, "colorspace": 1, "color_primaries": 1, "color_trc": 1}
    path = flat(tmp_path / "ten.mp4", (502, 512, 512), "libx265", "yuv420p10le", **tags)
    assert probe(path).hdr is None
    assert pixels(last_frame(path)).mean() == pytest.approx(127, abs=2)
    eight = clip(tmp_path / "eight.mp4", 0.5, size=SIDE, tone=None, grey=127)
    film = join([eight, path], tmp_path / "film.mp4").path
    assert decoded(film)[-1].format.name == "yuv420p" and luma(film)[-1] == pytest.approx(125.5, abs=2)


# Sizes that are odd, and what can be seen through.


def test_odd_sizes_and_alpha(tmp_path: Path) -> None:
    path = tmp_path / "overlay.mov"
    with av.open(str(path), "w") as out:
        video = out.add_stream("prores_ks", rate=FPS, options={"profile": "4444"})
        video.width, video.height, video.pix_fmt = 97, 65, "yuva444p10le"
        for n in range(6):
            image = np.full((65, 97, 4), (200, 60, 60, 128), np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgba")
            frame.pts, frame.time_base = n, Fraction(1, FPS)
            out.mux(video.encode(frame))
        out.mux(video.encode())
    assert (probe(path).width, probe(path).height) == (97, 65)
    assert pixels(last_frame(path)).shape == (65, 97, 3)
    assert pixels(last_frame(path))[30, 40] == pytest.approx((200, 60, 60), abs=6)
    film = join([path, path], tmp_path / "film.mp4")
    assert (probe(film.path).width, probe(film.path).height) == (96, 64)
    assert pixels(last_frame(film.path))[30, 40] == pytest.approx((200, 60, 60), abs=8)


# Pictures of phones.


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_measured_as_it_is_shown(orientation: int, tmp_path: Path) -> None:
    path, exif = tmp_path / "photo.jpg", Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (40, 20)).save(path, exif=exif)
    found, saved = measure(path), asyncio.run(described(path, ""))
    assert (found.width, found.height) == ((20, 40) if orientation >= 5 else (40, 20))
    assert (saved.width, saved.height) == (found.width, found.height)


def test_decoding_takes_four_threads_at_most(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each wants memory of its own: sixteen run into the limit of the process that decodes for strangers."""
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    with open_container(quarter(tmp_path / "clip.mp4")) as container:
        assert video_of(container).codec_context.thread_count == 4
