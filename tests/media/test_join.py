"""Joining, cross-fading, music and trimming of real clips, judged by decoding what comes out."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from oxen_video_tools.errors import InputUnreadable, Internal, InvalidRequest
from oxen_video_tools.media import mp4
from oxen_video_tools.media.join import join, trim
from oxen_video_tools.media.probe import probe

from .clips import clip, decoded, sound_seconds


def greys(path: Path) -> list[float]:
    """The mean luma of each decoded picture."""
    return [float(np.frombuffer(frame.planes[0], np.uint8).mean()) for frame in decoded(path)]


def times(path: Path) -> list[float]:
    return [float(frame.pts * frame.time_base) for frame in decoded(path)]


def peaks(path: Path, step: float = 0.25) -> list[float]:
    """The loudest sample in each `step` seconds."""
    with av.open(str(path)) as container:
        sampler = av.AudioResampler(format="fltp", layout="mono", rate=48_000)
        parts = [part.to_ndarray()[0] for frame in container.decode(audio=0) for part in sampler.resample(frame)]
    samples = np.concatenate(parts)
    size = round(step * 48_000)
    return [float(np.abs(samples[at : at + size]).max()) for at in range(0, len(samples) - size // 2, size)]


def whole(path: Path, frames: int, fps: float = 24) -> None:
    """Every promise of a joined film: whole, its index first, evenly spaced pictures from 0, sound as long as they."""
    assert mp4.check(path).faststart
    shown = times(path)
    assert len(shown) == frames
    assert shown == pytest.approx([n / fps for n in range(frames)], abs=0.002)
    if probe(path).has_audio:
        assert sound_seconds(path) == pytest.approx(frames / fps, abs=0.05)
    with av.open(str(path)) as container:
        dts = [packet.dts for packet in container.demux(video=0) if packet.dts is not None]
    assert all(a < b for a, b in pairwise(dts))


@pytest.fixture(scope="module")
def alike(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three clips of one second, alike in everything but their grey and their tone; sound as long as the picture."""
    folder = tmp_path_factory.mktemp("alike")
    return [
        clip(folder / f"{n}.mp4", 1024 * 47 / 48_000 * 1.0, grey=grey, tone=tone, fps=Fraction(24))
        for n, (grey, tone) in enumerate([(60, 300.0), (120, 500.0), (180, 700.0)])
    ]


def test_clips_that_match_are_copied_bit_for_bit(alike: list[Path], tmp_path: Path) -> None:
    told: list[float] = []
    joined = join(alike, tmp_path / "film.mp4", on_progress=told.append)
    assert (joined.video_copied, joined.audio_copied, joined.why) == (True, True, None)
    assert joined.duration == pytest.approx(3.0, abs=0.01)
    whole(joined.path, 72)
    assert greys(joined.path) == [value for path in alike for value in greys(path)]
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert list(tmp_path.iterdir()) == [joined.path]


def test_sound_that_ends_late_is_made_anew_and_never_drifts(tmp_path: Path) -> None:
    clips = []
    for n in range(4):
        path = tmp_path / f"{n}.mp4"
        with av.open(str(path), "w") as out:
            video, sound = out.add_stream("libx264", rate=24), out.add_stream("aac", rate=48_000, layout="stereo")
            video.width, video.height, video.pix_fmt = 320, 180, "yuv420p"
            for k in range(24):
                image = np.full((180, 320, 3), 40 * (n + 1), np.uint8)
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                frame.pts, frame.time_base = k, Fraction(1, 24)
                out.mux(video.encode(frame))
            out.mux(video.encode())
            length = round(1.2 * 48_000)
            tone = np.sin(np.arange(length) * 0.06).astype(np.float32) * 0.3
            frame = av.AudioFrame.from_ndarray(np.tile(tone, (2, 1)), format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = 48_000, 0
            out.mux(sound.encode(frame))
            out.mux(sound.encode())
        clips.append(path)
    joined = join(clips, tmp_path / "film.mp4")
    assert (joined.video_copied, joined.audio_copied) == (True, False)
    whole(joined.path, 96)


def test_a_clip_without_sound_is_silent_in_the_film(tmp_path: Path) -> None:
    loud = clip(tmp_path / "loud.mp4", 1.0)
    mute = clip(tmp_path / "mute.mp4", 1.0, tone=None)
    joined = join([mute, loud, mute], tmp_path / "film.mp4")
    assert (joined.video_copied, joined.audio_copied) == (True, False)
    whole(joined.path, 72)
    found = peaks(joined.path, 0.5)
    assert [round(peak, 1) > 0.1 for peak in found] == [False, False, True, True, False, False]


def test_mute_clips_make_a_mute_film(tmp_path: Path) -> None:
    mute = clip(tmp_path / "mute.mp4", 0.5, tone=None)
    joined = join([mute, mute], tmp_path / "film.mp4")
    assert (joined.video_copied, joined.audio_copied) == (True, True)
    assert not probe(joined.path).has_audio


def test_b_frames_behind_none(tmp_path: Path) -> None:
    """Their decoding times would collide; the muxer refuses what is not in order."""
    plain = clip(tmp_path / "plain.mp4", 1.0, tone=None, options={"bf": "0", "preset": "veryfast"})
    ahead = clip(tmp_path / "ahead.mp4", 1.0, tone=None, options={"bf": "3", "preset": "veryfast"})
    for n, pair in enumerate([(plain, ahead), (ahead, plain), (ahead, ahead)]):
        whole(join(pair, tmp_path / f"film{n}.mp4").path, 48)


def test_parameter_sets_that_differ_mean_encoding_anew(tmp_path: Path) -> None:
    one = clip(tmp_path / "one.mp4", 1.0, grey=60, options={"preset": "ultrafast"})
    two = clip(tmp_path / "two.mp4", 1.0, grey=180, options={"preset": "veryfast"})
    joined = join([one, two], tmp_path / "film.mp4")
    assert not joined.video_copied
    whole(joined.path, 48)
    found = greys(joined.path)
    assert np.abs(np.array(found) - np.array(greys(one) + greys(two))).max() < 3


def test_sizes_rates_codecs_and_shapes_may_all_differ(tmp_path: Path) -> None:
    clips = [
        clip(tmp_path / "one.mp4", 1.0, size=(320, 180), grey=100),
        clip(tmp_path / "two.mp4", 1.0, size=(480, 270), fps=30, audio_rate=44_100, layout="mono"),
        clip(tmp_path / "three.mp4", 1.0, size=(180, 320), fps=25, tone=None, codec="libx265", grey=200),
    ]
    joined = join(clips, tmp_path / "film.mp4")
    assert not joined.video_copied
    found = probe(joined.path)
    assert (found.width, found.height, found.fps, found.video_codec) == (320, 180, 30.0, "h264")
    whole(joined.path, 90, 30)
    last = decoded(joined.path)[-1].to_ndarray(format="gray")
    assert last[90, 160] > 150
    assert last[90, 20] < 30  # a dark bar beside the upright picture


def test_a_cross_fade_overlaps_pictures_and_sound(alike: list[Path], tmp_path: Path) -> None:
    joined = join(alike[:2], tmp_path / "film.mp4", transition="crossfade", transition_seconds=0.25)
    assert joined.why == "cross-fades were asked for"
    whole(joined.path, 48 - 6)
    found = greys(joined.path)
    first, second = greys(alike[0])[0], greys(alike[1])[0]
    assert found[17] == pytest.approx(first, abs=2)
    assert found[25] == pytest.approx(second, abs=2)
    middle = found[18:24]
    assert middle == sorted(middle)
    assert middle[2] < (first + second) / 2 < middle[3]
    assert min(peaks(joined.path, 0.125)) > 0.15  # at equal power nothing drops out


def test_a_fade_never_eats_a_short_clip(tmp_path: Path) -> None:
    short = [clip(tmp_path / f"{n}.mp4", 0.25, tone=None) for n in range(3)]
    joined = join(short, tmp_path / "film.mp4", transition="crossfade", transition_seconds=3)
    assert len(decoded(joined.path)) == 18 - 2 * 2


def test_one_clip_needs_no_fade(alike: list[Path], tmp_path: Path) -> None:
    assert join(alike[:1], tmp_path / "film.mp4", transition="crossfade").video_copied


def test_music_lies_under_the_film_and_fades_out(tmp_path: Path) -> None:
    mute = clip(tmp_path / "mute.mp4", 2.0, tone=None)
    music = clip(tmp_path / "music.mp4", 1.3, tone=200.0)
    joined = join([mute, mute], tmp_path / "film.mp4", music=music)
    assert (joined.video_copied, joined.why) == (True, "music was added")
    whole(joined.path, 96)
    found = peaks(joined.path, 0.5)
    assert min(found[1:4]) > 0.15  # repeated, though it is shorter than the film
    assert found[-1] < 0.12 < found[4]


def test_music_stays_behind_the_clips_own_sound(alike: list[Path], tmp_path: Path) -> None:
    alone = peaks(join(alike, tmp_path / "plain.mp4").path)
    under = peaks(join(alike, tmp_path / "film.mp4", music=alike[2]).path)
    assert max(under) < max(alone) * 1.4
    assert under != alone


def test_music_without_sound_is_refused(alike: list[Path], tmp_path: Path) -> None:
    mute = clip(tmp_path / "mute.mp4", 0.5, tone=None)
    with pytest.raises(InputUnreadable, match="no sound"):
        join(alike, tmp_path / "film.mp4", music=mute)
    assert not (tmp_path / "film.mp4").exists()


@pytest.mark.parametrize(("how", "seconds"), [("wipe", 0.5), ("crossfade", 0), ("crossfade", 99)])
def test_unknown_transitions_are_refused(alike: list[Path], tmp_path: Path, how: str, seconds: float) -> None:
    with pytest.raises(InvalidRequest):
        join(alike, tmp_path / "film.mp4", transition=how, transition_seconds=seconds)


def test_a_folder_that_is_not_there_is_told_in_words(alike: list[Path], tmp_path: Path) -> None:
    for transition in (None, "crossfade"):
        with pytest.raises(Internal, match=r"film\.mp4 can't be written") as caught:
            join(alike, tmp_path / "nowhere" / "film.mp4", transition=transition)
        assert caught.value.charged == "no"


def test_nothing_to_join(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest):
        join([], tmp_path / "film.mp4")


def test_what_progress_raises_leaves_nothing(alike: list[Path], tmp_path: Path) -> None:
    def stop(fraction: float) -> None:
        raise KeyboardInterrupt

    for transition in (None, "crossfade"):
        with pytest.raises(KeyboardInterrupt):
            join(alike, tmp_path / "film.mp4", transition=transition, on_progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_a_turned_clip_is_shown_upright(tmp_path: Path) -> None:
    path = clip(tmp_path / "phone.mp4", 0.5, tone=None)
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 44
    quarter = [0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000]
    data[matrix : matrix + 36] = b"".join((n & 0xFFFFFFFF).to_bytes(4, "big") for n in quarter)
    path.write_bytes(data)
    other = clip(tmp_path / "other.mp4", 0.5, size=(180, 320), tone=None)
    joined = join([path, other], tmp_path / "film.mp4")
    assert (probe(joined.path).width, probe(joined.path).height) == (180, 320)
    first = decoded(joined.path)[0].to_ndarray(format="gray")
    assert first[10].mean() + 50 < first[-10].mean()  # the gradient ran from left to right, now from top to bottom


def test_webm_clips_become_an_mp4(tmp_path: Path) -> None:
    path = tmp_path / "clip.webm"
    with av.open(str(path), "w") as out:
        video = out.add_stream("libvpx-vp9", rate=24, options={"deadline": "realtime", "cpu-used": "8"})
        video.width, video.height, video.pix_fmt = 160, 90, "yuv420p"
        for _ in range(12):
            out.mux(video.encode(av.VideoFrame.from_ndarray(np.full((90, 160, 3), 90, np.uint8), format="rgb24")))
        out.mux(video.encode())
    joined = join([path, path], tmp_path / "film.mp4")
    assert probe(joined.path).video_codec == "h264"
    assert len(decoded(joined.path)) == 24


def test_an_exact_trim_is_exact(tmp_path: Path) -> None:
    path = clip(tmp_path / "clip.mp4", 3.0, options={"bf": "2", "preset": "veryfast", "g": "250"})
    cut = trim(path, tmp_path / "part.mp4", 1.0, 2.0)
    whole(cut.path, 24)
    wanted, found = decoded(path)[24:48], decoded(cut.path)
    difference = [
        np.abs(a.to_ndarray()[:180, :60].astype(int) - b.to_ndarray()[:180, :60]).mean()
        for a, b in zip(wanted, found, strict=True)
    ]
    assert max(difference) < 2


def test_a_copied_trim_begins_at_a_key_frame(tmp_path: Path) -> None:
    path = clip(tmp_path / "clip.mp4", 4.0)
    cut = trim(path, tmp_path / "part.mp4", 1.6, 3.0, exact=False)
    assert cut.video_copied
    assert cut.duration == pytest.approx(2.0, abs=0.1)
    whole(cut.path, 48)
    assert greys(cut.path) == greys(path)[24:72]


@pytest.mark.parametrize(("start", "end"), [(1.0, 1.0), (2.0, 1.0), (9.0, 10.0), (-1.0, 1.0)])
def test_nothing_to_keep(moving: Path, tmp_path: Path, start: float, end: float) -> None:
    with pytest.raises(InvalidRequest):
        trim(moving, tmp_path / "part.mp4", start, end)
