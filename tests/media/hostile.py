"""Files that somebody made to hurt a reader. As a program, it lets the whole room read them and tells how it went."""

from __future__ import annotations

import json
import random
import struct
import sys
import time
from pathlib import Path

import av
import numpy as np

from .clips import clip


def box(name: bytes, *bodies: bytes) -> bytes:
    body = b"".join(bodies)
    return struct.pack(">I", 8 + len(body)) + name + body


FTYP = box(b"ftyp", b"isom\0\0\2\0isomiso2avc1mp41")


def crafted(folder: Path) -> list[Path]:
    """More than thirty files, each with its own malice."""
    good = clip(folder / "good.mp4", 1.0).read_bytes()
    late = clip(folder / "late.mp4", 1.0, faststart=False).read_bytes()
    files: dict[str, bytes] = {
        "empty": b"",
        "one_byte": b"\0",
        "zeros": b"\0" * 100_000,
        "noise": random.Random(1).randbytes(100_000),
        "html": b"<!DOCTYPE html><html>" + b"x" * 5000,
        "json": b'{"error": "not found"}',
        "png": b"\x89PNG\r\n\x1a\n"
        + b"\0\0\0\rIHDR"
        + struct.pack(">II", 60_000, 60_000)
        + b"\x08\2\0\0\0"
        + b"\0" * 99,
        "playlist": b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n",
        "concat": b"ffconcat version 1.0\nfile /etc/passwd\n",
        "ftyp_only": FTYP,
        "ftyp_then_playlist": FTYP + b"#EXTM3U\nfile:///etc/passwd\n",
        "box_of_size_0": FTYP + b"\0\0\0\0moov",
        "box_of_size_4": FTYP + b"\0\0\0\4moov" + b"\0" * 50,
        "box_of_2_to_the_63": FTYP + b"\0\0\0\1mdat" + b"\x7f" + b"\xff" * 7,
        "box_of_2_to_the_64": FTYP + b"\0\0\0\1moov" + b"\xff" * 8,
        "many_tiny_boxes": FTYP + box(b"free") * 100_000,
        "deep_boxes": FTYP + _deep(b"moov", 3000),
        "index_of_noise": FTYP + box(b"moov", random.Random(2).randbytes(50_000)),
        "thousand_tracks": FTYP + box(b"moov", box(b"trak", box(b"tkhd", b"\0" * 84)) * 1000),
        "huge_sample_count": _with(good, b"stsz", 8, struct.pack(">I", 0xFFFFFFF0)),
        "huge_chunk_count": _with(good, b"stco", 4, struct.pack(">I", 0xFFFFFFF0)),
        "huge_time_count": _with(good, b"stts", 4, struct.pack(">I", 0xFFFFFFF0)),
        "long_samples": _with(good, b"stts", 12, struct.pack(">I", 0x7FFFFFFF)),
        "endless": _with(good, b"mvhd", 16, struct.pack(">I", 0xFFFFFFFE)),
        "no_timescale": _with(good, b"mdhd", 12, struct.pack(">I", 0)),
        "wide_header": _with(good, b"avc1", 24, struct.pack(">HH", 65535, 65535)),
        "unknown_codec": good.replace(b"avc1", b"zzzz"),
        "foreign_data": good.replace(b"url \0\0\0\1", b"url \0\0\0\0"),
        "offsets_past_the_end": _with(good, b"stco", 8, struct.pack(">I", 0xFFFFFF00)),
        "half_index_first": good[: len(good) // 2],
        "half_index_last": late[: len(late) // 2],
        "data_of_zeros": _zeroed(good),
        "no_data": good[: good.index(b"mdat") - 4],
        "webm_of_noise": b"\x1aE\xdf\xa3" + random.Random(3).randbytes(20_000),
        "wave_without_end": b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\1\0\2\0" + b"\xff" * 200,
    }
    paths = []
    for name, data in files.items():
        paths.append(folder / f"{name}.mp4")
        paths[-1].write_bytes(data)
    return [*paths, dimension_bomb(folder / "dimension_bomb.mp4"), changing_size(folder / "changing_size.mp4")]


def _deep(name: bytes, levels: int) -> bytes:
    return b"".join(struct.pack(">I", 8 * (levels - n)) + name for n in range(levels))


def _with(data: bytes, name: bytes, offset: int, new: bytes) -> bytes:
    """`new` in the first box of that name, `offset` bytes after its name."""
    at = data.index(name) + 4 + offset
    return data[:at] + new + data[at + len(new) :]


def _zeroed(data: bytes) -> bytes:
    at = data.index(b"mdat") + 4
    return data[:at] + b"\0" * (len(data) - at)


def dimension_bomb(path: Path) -> Path:
    """A few kilobytes that decode to 16000 × 12000 pixels."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=24, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 16_000, 12_000, "yuv420p"
        out.mux(video.encode(av.VideoFrame(16_000, 12_000, "yuv420p")))
        out.mux(video.encode())
    return path


def changing_size(path: Path) -> Path:
    """Its second half is of another size than its header says."""
    small, large = (clip(path.with_name(f"{side}.mp4"), 0.5, size=(side, side), tone=None) for side in (64, 640))
    with av.open(str(small)) as one, av.open(str(large)) as two, av.open(str(path), "w") as out:
        video = out.add_stream_from_template(one.streams.video[0])
        n = 0
        for source in (one, two):
            for packet in source.demux(video=0):
                if packet.dts is not None:
                    packet.pts = packet.dts = n * 512
                    packet.stream = video
                    out.mux(packet)
                    n += 1
    return path


def mutated(folder: Path, count: int, seed: int) -> list[Path]:
    """Copies of a good file with bytes changed, moved, cut out or doubled; mostly in the index."""
    good = clip(folder / "source.mp4", 0.5, size=(160, 90)).read_bytes()
    chance, index = random.Random(seed), good.index(b"mdat")
    paths = []
    for n in range(count):
        data = bytearray(good)
        for _ in range(chance.choice([1, 1, 3, 20])):
            at = chance.randrange(index if chance.random() < 0.7 else len(data))
            how = chance.randrange(5)
            if how == 0:
                data[at] = chance.randrange(256)
            elif how == 1:
                data[at : at + 4] = struct.pack(">I", chance.choice([0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 0x80000000]))
            elif how == 2:
                del data[at : at + chance.randrange(1, 64)]
            elif how == 3:
                data[at:at] = data[at : at + chance.randrange(1, 64)]
            else:
                data = data[: max(at, 40)]
                break
            index = min(index, len(data) - 1)
        paths.append(folder / f"mutation{n}.mp4")
        paths[-1].write_bytes(data)
        index = good.index(b"mdat")
    return paths


def survive(paths: list[Path]) -> None:
    """Reads each file in every way the room knows; tells each one's outcome as a line of JSON."""
    from oxen_video_tools.errors import OxenError
    from oxen_video_tools.media import mp4
    from oxen_video_tools.media.contact_sheet import contact_sheet, last_frame
    from oxen_video_tools.media.inspect import inspect
    from oxen_video_tools.media.join import join
    from oxen_video_tools.media.probe import probe

    ways = {
        "structure": mp4.structure,
        "probe": probe,
        "sheet": contact_sheet,
        "last": last_frame,
        "inspect": inspect,
        "join": lambda path: join([path, path], path.with_suffix(".film.mp4")),
        "fade": lambda path: join([path, path], path.with_suffix(".film.mp4"), transition="crossfade"),
    }
    for path in paths:
        print(json.dumps({"begun": path.name}), flush=True)
        outcome = {}
        begun = time.process_time()
        for name, way in ways.items():
            try:
                way(path)
                outcome[name] = "ok"
            except OxenError as error:
                outcome[name] = error.kind
        print(json.dumps({"name": path.name, "seconds": time.process_time() - begun, "outcome": outcome}), flush=True)


if __name__ == "__main__":
    np.seterr(all="raise")
    survive([Path(line.strip()) for line in sys.stdin if line.strip()])
