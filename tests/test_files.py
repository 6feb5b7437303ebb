"""Files are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from oxen_video_tools.files import atomic_file, part_file


def test_a_file_that_is_written_whole_takes_its_place(tmp_path: Path) -> None:
    place = tmp_path / "clip.mp4"
    place.write_bytes(b"before")
    with atomic_file(place) as part:
        part.write_bytes(b"after")
        assert place.read_bytes() == b"before", "whoever reads it now has the one before"
        assert part.parent == tmp_path and part.name.startswith(".") and part.suffix == ".mp4"
    assert place.read_bytes() == b"after" and list(tmp_path.iterdir()) == [place]


def test_a_file_that_could_not_be_written_whole_leaves_nothing_behind(tmp_path: Path) -> None:
    place = tmp_path / "clip.mp4"
    place.write_bytes(b"before")
    with pytest.raises(ValueError, match="half"), atomic_file(place) as part:
        part.write_bytes(b"aft")
        raise ValueError("half of it")
    assert place.read_bytes() == b"before" and list(tmp_path.iterdir()) == [place]
    with pytest.raises(OSError), atomic_file(tmp_path / "no" / "folder") as part:
        part.write_bytes(b"")


def test_whoever_ends_the_process_can_know_the_name_of_the_part(tmp_path: Path) -> None:
    with atomic_file(tmp_path / "clip.mp4", tmp_path / ".clip.mp4.part") as part:
        part.write_bytes(b"x")
        assert part == tmp_path / ".clip.mp4.part"
    assert [one.name for one in tmp_path.iterdir()] == ["clip.mp4"]


def test_a_part_that_was_moved_stays_and_any_other_goes(tmp_path: Path) -> None:
    with part_file(tmp_path, ".mp4") as moved, part_file(tmp_path) as left:
        moved.write_bytes(b"x")
        left.write_bytes(b"y")
        moved.replace(tmp_path / "named.mp4")
    assert [one.name for one in tmp_path.iterdir()] == ["named.mp4"]
