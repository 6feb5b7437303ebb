"""Paths of Windows and macOS, shown on any system: their pure paths, and the platform handed in."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path, PurePosixPath, PureWindowsPath
from urllib.parse import quote

import platformdirs
import pytest
from platformdirs.macos import MacOS
from platformdirs.unix import Unix
from platformdirs.windows import Windows

from oxen_video_tools.errors import InvalidRequest
from oxen_video_tools.ledger import data_folder, sqlite_path
from oxen_video_tools.mcp.client_config import CLIENTS, Launch, block
from oxen_video_tools.settings import Settings
from oxen_video_tools.studio.media_inputs import is_url
from oxen_video_tools.studio.result_files import checked_name, slug

On = Callable[[str], None]


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> On:
    """Puts this process on another platform, as far as its folders go."""

    def put(platform: str) -> None:
        monkeypatch.setenv("HOME", "/Users/ann")
        monkeypatch.setenv("USERPROFILE", r"C:\Users\ann")
        monkeypatch.setenv("LOCALAPPDATA", r"C:\Users\ann\AppData\Local")
        monkeypatch.setattr("platformdirs.windows.get_win_folder", _win_folder)
        dirs = {"win32": Windows, "darwin": MacOS, "linux": Unix}[platform]
        monkeypatch.setattr(platformdirs, "PlatformDirs", dirs)
        monkeypatch.setattr(os, "pathsep", ";" if platform == "win32" else ":")

    return put


def _win_folder(name: str) -> str:
    return {"CSIDL_LOCAL_APPDATA": r"C:\Users\ann\AppData\Local", "CSIDL_MYVIDEO": r"C:\Users\ann\Videos"}[name]


@pytest.mark.parametrize(
    ("platform", "ledger", "videos"),
    [
        ("win32", r"C:\Users\ann\AppData\Local\oxen-video", r"C:\Users\ann\Videos"),
        ("darwin", "/Users/ann/Library/Application Support/oxen-video", "/Users/ann/Movies"),
        ("linux", "/Users/ann/.local/share/oxen-video", "/Users/ann/Videos"),
    ],
)
def test_each_platforms_own_folders(
    on: On, monkeypatch: pytest.MonkeyPatch, platform: str, ledger: str, videos: str
) -> None:
    on(platform)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    pure = PureWindowsPath if platform == "win32" else PurePosixPath
    assert pure(str(data_folder())) == pure(ledger)
    assert pure(str(sqlite_path(None))) == pure(ledger) / "ledger.db"
    assert pure(str(Settings().videos_folder)) == pure(videos) / "oxen"


@pytest.mark.parametrize(
    "path",
    [
        PureWindowsPath(r"C:\Users\ann\ledger.db"),
        PureWindowsPath(r"D:\my videos\100% ours\ledger.db"),
        PureWindowsPath(r"\\server\share\ledger.db"),
        PurePosixPath("/Users/ann/Library/Application Support/oxen-video/ledger.db"),
        PurePosixPath("/home/ann/ünïcode #1?/ledger.db"),
    ],
)
def test_a_ledgers_url_says_the_very_path(path: PureWindowsPath | PurePosixPath) -> None:
    place = f"sqlite:///{quote(path.as_posix())}"
    found = sqlite_path(place)
    assert type(path)(str(found)) == path
    assert type(path)(str(found)).is_absolute()


def test_a_windows_path_may_stand_in_it_as_it_is() -> None:
    found = sqlite_path(r"sqlite:///C:\Users\ann\ledger.db")
    assert PureWindowsPath(str(found)) == PureWindowsPath(r"C:\Users\ann\ledger.db")


@pytest.mark.parametrize("place", ["sqlite://C:/ledger.db", "C:/ledger.db", r"C:\ledger.db", "sqlite:///"])
def test_what_is_no_ledgers_place(place: str) -> None:
    with pytest.raises(InvalidRequest, match="OXEN_VIDEO_LEDGER"):
        sqlite_path(place)


def test_several_folders_on_windows(on: On) -> None:
    on("win32")
    roots = Settings.read({"OXEN_VIDEO_INPUT_ROOTS": r"C:\media;D:\more media"}).input_roots
    assert [str(one) for one in roots] == [r"C:\media", r"D:\more media"]


def test_several_folders_elsewhere(on: On) -> None:
    on("darwin")
    roots = Settings.read({"OXEN_VIDEO_INPUT_ROOTS": "/Users/ann/media:/Volumes/more media"}).input_roots
    assert roots == (Path("/Users/ann/media"), Path("/Volumes/more media"))


@pytest.mark.parametrize(
    ("reference", "url"),
    [
        (r"C:\faces\ann.png", False),
        ("c:/faces/ann.png", False),
        (r"\\server\share\ann.png", False),
        ("/Users/ann/face.png", False),
        ("https://example.com/ann.png", True),
        ("file:///C:/faces/ann.png", True),
        ("data:image/png;base64,AAAA", True),
    ],
)
def test_a_drive_is_no_scheme(reference: str, url: bool) -> None:
    assert is_url(reference) is url


@pytest.mark.parametrize("name", ["CON", "nul.mp4", "com1.mp4", "clip.", "a:b.mp4", r"..\clip.mp4", "C:clip.mp4", "a?"])
def test_names_that_windows_takes_for_something_else(name: str) -> None:
    with pytest.raises(InvalidRequest, match="no plain file name"):
        checked_name(name)


@pytest.mark.parametrize("name", ["clip.mp4", "console.mp4", "com10.mp4", "ein schöner Film.mp4"])
def test_names_that_are_good_everywhere(name: str) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize("words", ['A "fox": what now?', r"C:\dir\file", "trailing dots...", "a/b|c*d"])
def test_words_become_a_name_for_every_platform(words: str) -> None:
    assert not set(slug(words)) & set('<>:"/\\|?*. ')


@pytest.mark.parametrize("client", CLIENTS)
def test_an_assistant_on_windows_gets_an_absolute_path(client: str) -> None:
    python = PureWindowsPath(r"C:\Program Files\Python\python.exe")
    made = block(client, Launch(python, ("-m", "oxen_video_tools.mcp")), platform="win32")
    if client == "claude-code":
        assert f'"{python}"' in made.text
        return
    servers = json.loads(made.text)
    entry = servers.get("mcpServers", servers.get("servers"))["oxen-video"]
    assert PureWindowsPath(entry["command"]) == python
    assert "/" not in made.place.replace(".json of a folder", "")


@pytest.mark.parametrize("client", CLIENTS)
def test_an_assistant_on_macos(client: str) -> None:
    python = PurePosixPath("/Users/ann/my tools/bin/python")
    made = block(client, Launch(python, ("-m", "oxen_video_tools.mcp")), platform="darwin")
    assert str(python) in made.text
    assert "\\" not in made.place
