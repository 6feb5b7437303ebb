"""Links that last: made by the server, for one video, opened tomorrow, with no key in them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.applications import Starlette

from oxen_video_tools.errors import InvalidRequest, NotFound
from oxen_video_tools.mcp.callers import LOCAL, Caller
from oxen_video_tools.mcp.http import http_app
from oxen_video_tools.mcp.server import serving
from oxen_video_tools.mcp.settings import ServerSettings
from oxen_video_tools.mcp.share_links import ShareLinks
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.settings import Settings
from tests.clocks import FakeClock

from .conftest import KEY
from .serving import TOKEN, asgi, bearer, client_with, patient, words
from .test_process import serving_http

SECRET = "a-secret-of-32-characters-or-more"


def lasting(**changes: object) -> ServerSettings:
    given = {"log_level": "ERROR", "public_url": "https://video.example.com", "secrets": (SECRET,)}
    return ServerSettings(**given | changes)  # type: ignore[arg-type]


@contextmanager
def served(settings: Settings, options: ServerSettings) -> Iterator[str]:
    app: Starlette = http_app(settings, options)
    with asgi(app) as address:
        yield address


def here(link: str, address: str) -> str:
    """The link as it is asked for on this machine."""
    return link.replace("https://video.example.com", address)


async def test_a_link_plays_tomorrow_from_another_process(settings: Settings, hub: Sandbox) -> None:
    with served(settings, lasting()) as address:
        async with client_with(address, headers=bearer(KEY)) as client:
            answer = await client.call_tool("generate_video", {"prompt": "a fox"})
            again = await client.call_tool("get_video", {"generation_ids": [words(answer)["generation_id"]]})
            listed = (await client.read_resource(f"oxen://generations/{words(answer)['generation_id']}")).contents[0]
    link = words(answer)["url"]
    assert link.startswith("https://video.example.com/v/") and words(again)["url"] == link and link in listed.text
    assert answer.structured_content == words(answer) and "expires" not in words(answer)["next"]
    with served(settings, lasting()) as address:  # the next day, with nothing in memory
        first = patient.get(here(link, address))
        played = patient.get(first.headers["location"])
    assert first.status_code == 302 and first.headers["location"].startswith(hub.base_url)
    assert first.headers["cache-control"] == "no-store" and first.headers["referrer-policy"] == "no-referrer"
    assert played.status_code == 200 and played.content[4:8] == b"ftyp"


async def test_a_saved_file_is_served_itself_with_ranges(settings: Settings, hub: Sandbox) -> None:
    with served(settings, lasting()) as address:
        async with client_with(address, headers=bearer(KEY)) as client:
            video = words(await client.call_tool("generate_video", {"prompt": "a fox"}))
            saved = words(await client.call_tool("save_video", {"videos": [video["generation_id"]]}))
        whole = patient.get(here(video["url"], address))
        part = patient.get(here(video["url"], address), headers={"Range": "bytes=4-7"})
    assert whole.status_code == 200 and whole.content == Path(saved["file"]).read_bytes()
    assert whole.headers["content-type"] == "video/mp4"
    assert (part.status_code, part.content) == (206, b"ftyp")


SHOTS = [{"prompt": f"Shot {n}: a fox", "duration": 5} for n in (1, 2)]
FILM = {"model": "kling-video-v2-6-pro-text-to-video", "multi_prompt": SHOTS}


async def test_a_film_that_was_joined_here_has_a_link_too(settings: Settings, hub: Sandbox) -> None:
    with served(settings, lasting()) as address:
        async with client_with(address, headers=bearer(KEY)) as client:
            film = words(await client.call_tool("generate_video", FILM | {"max_cost_usd": 2}))
            again = words(await client.call_tool("get_video", {"generation_ids": [film["generation_id"]]}))
        played = patient.get(here(film["url"], address))
    assert film["generation_id"].startswith("film-") and film["url"] == again["url"] and "lasts" in film["next"]
    assert played.status_code == 200 and played.content == Path(film["file"]).read_bytes()


async def test_a_film_that_nobody_may_upload_says_how_it_can_be_had(settings: Settings, hub: Sandbox) -> None:
    with served(replace(settings, upload="never"), ServerSettings(log_level="ERROR")) as address:
        async with client_with(address, headers=bearer(KEY)) as client:
            film = words(await client.call_tool("generate_video", FILM | {"max_cost_usd": 2}))
            shot = words(await client.call_tool("get_video", {"generation_ids": [film["shots"][1]["generation_id"]]}))
    assert film["url"] is None and "OXEN_VIDEO_MCP_PUBLIC_URL" in film["next"]
    assert shot["url"].startswith(hub.base_url)


async def test_on_loopback_a_film_has_a_link_of_the_servers_own_without_settings(
    settings: Settings, hub: Sandbox, tmp_path: Path
) -> None:
    with serving_http(settings, token=TOKEN) as (_, address):
        async with client_with(address) as client:
            film = words(await client.call_tool("generate_video", FILM | {"max_cost_usd": 2}))
            played = patient.get(film["url"])  # whoever has the link needs no token
            again = words(await client.call_tool("get_video", {"generation_ids": [film["generation_id"]]}))
            listed = words(await client.call_tool("list_videos", {}))["videos"][0]
            wrong = patient.delete(f"{address}/v/{film['generation_id']}")
            ended = patient.delete(f"{address}/v/{film['generation_id']}", headers=bearer(TOKEN))
            dead = patient.get(film["url"])
            cut = words(await client.call_tool("save_video", {"videos": [f"{film['generation_id']}#t=0,1"]}))
            while cut["status"] == "processing":
                named = {"generation_ids": [cut["generation_id"]]}
                cut = words(await client.call_tool("get_video", named | {"wait_seconds": 45}))
            shown = patient.get(cut["url"])
            renewed = words(await client.call_tool("get_video", {"generation_ids": [film["generation_id"]]}))
            alive = patient.get(renewed["url"])
    assert film["url"].startswith(f"{address}/v/film-") and again["url"] == film["url"] == listed["link"]
    assert cut["url"].startswith(f"{address}/v/save-") and shown.content == Path(cut["file"]).read_bytes()
    assert played.status_code == 200 and played.content == Path(film["file"]).read_bytes()
    days = (datetime.fromisoformat(film["expires_at"]) - datetime.now(UTC)).total_seconds() / 86400
    assert 7 <= days <= 8 and listed["expires_at"] == film["expires_at"] and "this machine" in film["next"]
    assert (wrong.status_code, ended.status_code, dead.status_code, alive.status_code) == (401, 204, 404, 200)


async def test_a_link_is_for_one_video_and_cannot_be_made_up(settings: Settings) -> None:
    with served(settings, lasting()) as address:
        async with client_with(address, headers=bearer(KEY)) as client:
            one, other = [words(await client.call_tool("generate_video", {"prompt": text})) for text in ("a", "b")]
        k = parse_qs(urlsplit(one["url"]).query)["k"][0]
        name, day, proof = k.split(".")
        for wrong in (
            f"{address}/v/{one['generation_id']}",
            f"{address}/v/{other['generation_id']}?k={k}",
            f"{address}/v/{one['generation_id']}?k={name}.{day}.{proof[:-2]}AA",
            f"{address}/v/{one['generation_id']}?k=local.{day}.{proof}",
            f"{address}/v/{one['generation_id']}?k={Caller('another').name}.{day}.{proof}",
            f"{address}/v/{one['generation_id']}?k={name}.{proof}",
            f"{address}/v/{one['generation_id']}?k={name}.{int(day) + 1}.{proof}",
            f"{address}/v/{one['generation_id']}?k={name}.{'9' * 400}.{proof}",
            f"{address}/v/{one['generation_id']}?k=%C3%A9.%C3%A9",
            f"{address}/v/{one['generation_id']}?k=%C3%A9.{day}.%C3%A9",
        ):
            assert patient.get(wrong).status_code == 404, wrong
        assert patient.get(here(one["url"], address)).status_code == 302


async def test_neither_link_nor_ledger_holds_the_key(settings: Settings, tmp_path: Path) -> None:
    with served(settings, lasting()) as address:
        async with client_with(address, headers=bearer(KEY)) as client:
            link = words(await client.call_tool("generate_video", {"prompt": "a"}))["url"]
    assert KEY not in link and SECRET not in link
    rows = sqlite3.connect(tmp_path / "ledger.db").execute("select caller, sealed from link_keys").fetchall()
    assert len(rows) == 1 and KEY not in str(rows)


async def test_an_unfinished_video_says_so_and_a_stopped_one_too(settings: Settings, hub: Sandbox) -> None:
    hub.faults.add("stuck")
    with served(settings, lasting()) as address:
        async with client_with(address, headers=bearer(KEY)) as client:
            video = words(await client.call_tool("generate_video", {"prompt": "a", "wait_seconds": 0}))
            assert "url" not in video or video["url"] is None
            link = await links(settings).link(video["generation_id"], Caller(KEY))
            await links(settings)._keep(Caller(KEY))
            waiting = patient.get(here(link, address))
            await client.call_tool("cancel_video", {"generation_ids": [video["generation_id"]]})
            stopped = patient.get(here(link, address))
    assert (waiting.status_code, stopped.status_code) == (202, 410) and "refresh" in waiting.headers


def links(settings: Settings, **options: object) -> ShareLinks:
    found = serving(settings=settings, options=lasting(**options)).links
    assert found is not None
    return found


async def test_secrets_can_be_turned(settings: Settings) -> None:
    new = "n" * 32
    before = links(settings)
    await before._keep(Caller(KEY))
    k = parse_qs(urlsplit(await before.link("g1", Caller(KEY))).query)["k"][0]
    own = parse_qs(urlsplit(await before.link("g1", LOCAL)).query)["k"][0]
    await before.close()
    both = links(settings, secrets=(new, SECRET))
    assert await both.caller("g1", k) == Caller(KEY) and await both.caller("g1", own) == LOCAL
    await both.close()
    only = links(settings, secrets=(new,))
    with pytest.raises(NotFound):
        await only.caller("g1", k)
    await only.close()


def test_an_address_without_a_secret_is_refused_at_the_start(settings: Settings) -> None:
    with pytest.raises(InvalidRequest, match="OXEN_VIDEO_MCP_SECRETS"):
        http_app(settings, ServerSettings(public_url="https://video.example.com"))


async def test_without_an_address_links_stay_the_hubs(settings: Settings, hub: Sandbox) -> None:
    with served(settings, replace(lasting(), public_url=None)) as address:
        async with client_with(address, headers=bearer(KEY)) as client:
            video = words(await client.call_tool("generate_video", {"prompt": "a"}))
        assert video["url"].startswith(hub.base_url)
        assert patient.get(f"{address}/v/{video['generation_id']}").status_code == 404


async def test_a_link_ends(settings: Settings) -> None:
    clock = FakeClock(auto=False)
    found = serving(settings=settings, options=lasting(links=2 * 86_400.0), clock=clock).links
    assert found is not None
    k = parse_qs(urlsplit(await found.link("g1", LOCAL)).query)["k"][0]
    await clock.advance(2 * 86_400.0)
    assert await found.caller("g1", k) == LOCAL
    await clock.advance(86_400.0)
    with pytest.raises(NotFound, match="ended"):
        await found.caller("g1", k)
    await found.close()


async def test_the_owner_ends_links_before_their_time(settings: Settings) -> None:
    """One video's, then all; a new link works again, others' links and other videos' are not touched."""
    with served(settings, lasting()) as address:

        def revoke(path: str, **headers: str) -> int:
            return patient.delete(f"{address}{path}", headers=headers).status_code

        def plays(video: dict[str, str]) -> bool:
            return patient.get(here(video["url"], address)).status_code == 302

        async with (
            client_with(address, headers=bearer(KEY)) as client,
            client_with(address, headers=bearer("another-key")) as other,
        ):
            one, two = [words(await client.call_tool("generate_video", {"prompt": text})) for text in ("a", "b")]
            his = words(await other.call_tool("generate_video", {"prompt": "c"}))
            assert revoke(f"/v/{one['generation_id']}") == 401 and plays(one)
            assert revoke(f"/v/{one['generation_id']}", **bearer("another-key")) == 204 and plays(one)
            assert revoke(f"/v/{one['generation_id']}", **bearer(KEY)) == 204
            assert not plays(one) and plays(two) and plays(his)
            again = words(await client.call_tool("get_video", {"generation_ids": [one["generation_id"]]}))
            assert again["url"] != one["url"] and plays(again)
            assert revoke("/v", **bearer(KEY)) == 204
            assert not plays(again) and not plays(two) and plays(his)
    with served(settings, lasting()) as address:  # another process knows, too
        assert not plays(two) and plays(his)
