"""A cast that is kept: by name, on both databases, its pictures by their content."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from oxen_video_tools.errors import InvalidRequest, NotFound, OxenError
from oxen_video_tools.ledger import Ledger
from oxen_video_tools.ledger.accounts import KeptMember
from oxen_video_tools.request import Member, VideoRequest
from oxen_video_tools.studio import AsyncStudio
from oxen_video_tools.studio.cast import resolve
from oxen_video_tools.studio.identifiers import canonical_request, references, request_key
from oxen_video_tools.studio.media_inputs import fingerprints

from ..hub.wire import PNG

Open = Callable[..., AsyncStudio]


async def test_members_on_both_databases(place: str) -> None:
    ledger = Ledger.at(place)
    try:
        mira = KeptMember("Mira", "grey coat", ("cast:ab", "https://example.com/m.png"), True, 1.0)
        rex = KeptMember("Rex", None, ("https://example.com/r.png",), None, 2.0)
        for one in (rex, mira):
            await ledger.keep_member("mine", one)
        await ledger.keep_member("another", KeptMember("Mira", "somebody else", (), False, 3.0))
        assert await ledger.members("mine") == {"mira": mira, "rex": rex}
        assert await ledger.members("mine", ["MIRA", "nobody"]) == {"mira": mira}
        anew = KeptMember("MIRA", "red coat", (), None, 4.0)
        await ledger.keep_member("mine", anew)
        assert await ledger.members("mine") == {"mira": anew, "rex": rex}, "one name, one member"
        assert await ledger.forget_member("mine", "mira")
        assert not await ledger.forget_member("mine", "mira")
        assert [one.name for one in (await ledger.members("another")).values()] == ["Mira"]
    finally:
        await ledger.close()


async def test_kept_once_and_found_by_name(opened: Open, tmp_path: Path) -> None:
    (tmp_path / "mira.png").write_bytes(PNG)
    studio = opened()
    kept = await studio.add_cast(name="Mira", look="woman of 40", images=[str(tmp_path / "mira.png")], real_face=True)
    assert kept.images[0].startswith("cast:")
    (tmp_path / "mira.png").unlink()
    later = opened()
    assert [one.name for one in await later.list_cast()] == ["Mira"]
    session = later._session
    request = await resolve(session, VideoRequest(prompt="Mira waits.", cast=["mira"]))
    assert request.cast == [Member(name="Mira", look="woman of 40", images=list(kept.images), real_face=True)]
    again = await resolve(session, VideoRequest(prompt="Mira waits.", cast=[{"name": "Mira", "look": "a girl of 6"}]))
    assert again.cast[0].images == [], "another look is another person"
    await later.remove_cast("MIRA")
    with pytest.raises(NotFound, match="Nobody called Mira"):
        await later.list_cast("Mira")


async def test_a_kept_picture_is_uploaded_from_where_it_lies_even_for_agents(opened: Open, tmp_path: Path) -> None:
    (tmp_path / "mira.png").write_bytes(PNG)
    studio = opened()
    await studio.add_cast(name="Mira", images=[str(tmp_path / "mira.png")])
    request = await resolve(studio._session, VideoRequest(prompt="Mira waits.", cast=["Mira"]))
    from oxen_video_tools.studio.media_inputs import to_public_url

    [reference] = references(request)
    prints = await fingerprints(studio._session, [reference, str(tmp_path / "mira.png")], "anywhere")
    assert len(set(prints.values())) == 1, "the same picture is the same, whatever it is called"
    for files in ("roots", "nowhere", "anywhere"):
        link = await to_public_url(studio._session, reference, files)
        assert link.startswith("http")
    with pytest.raises(OxenError):
        await to_public_url(studio._session, "cast:" + "0" * 64, "roots")
    with pytest.raises(OxenError):
        await to_public_url(studio._session, "cast:../ledger.db", "roots")


def test_who_is_in_it_belongs_to_the_key() -> None:
    def key(**words: object) -> str:
        request = VideoRequest(prompt="Mira waits.", **words)
        return request_key(canonical_request(request, None, {"a.png": "sha256:1", "b.png": "sha256:1"}))

    one = key(cast=[{"name": "Mira", "images": ["a.png"]}])
    assert one == key(cast=[{"name": "Mira", "images": ["b.png"]}]), "by content"
    assert len({one, key(), key(cast=[{"name": "Mira", "images": ["c.png"]}]), key(cast=["Mira"])}) == 4


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ({"name": "Mira"}, InvalidRequest),
        ({"name": " ", "look": "x"}, InvalidRequest),
        ({"name": "Mira", "images": ["http://10.0.0.1/a.png"]}, OxenError),
        ({"name": "Mira", "images": ["/no/such/file.png"]}, OxenError),
    ],
)
async def test_who_can_not_be_kept(opened: Open, words: dict[str, object], error: type[OxenError]) -> None:
    with pytest.raises(error) as raised:
        await opened().add_cast(**words)
    assert raised.value.charged == "no"


async def test_several_at_once(opened: Open) -> None:
    studio = opened()
    await asyncio.gather(*(studio.add_cast(name=f"N{number}", look="x") for number in range(8)))
    assert len(await studio.list_cast()) == 8
