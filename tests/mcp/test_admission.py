"""Who is let in: proofs are few, remembered for a while, and shared; addresses are told without being believed."""

from __future__ import annotations

import asyncio
from ipaddress import ip_network

import pytest

from oxen_video_tools.errors import HubUnavailable, OxenError, RateLimited, Unauthenticated
from oxen_video_tools.mcp import admission
from oxen_video_tools.mcp.admission import AtOnce, Proofs, address_of
from oxen_video_tools.mcp.callers import GUEST, LOCAL, Caller
from oxen_video_tools.mcp.settings import ServerSettings
from oxen_video_tools.sandbox import Sandbox
from oxen_video_tools.settings import Settings
from tests.clocks import FakeClock

from .serving import bearer, client_with, over_http, words

ALICE = Caller("alice")


class Answers:
    """Stands for the hub: what it says of a key, and how often it was asked."""

    def __init__(self, *answers: OxenError | None) -> None:
        self.answers = list(answers)
        self.asked = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, caller: Caller) -> None:
        self.asked += 1
        await self.gate.wait()
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer


async def test_a_proof_holds_for_ten_minutes_and_a_refusal_for_one() -> None:
    clock, hub = FakeClock(auto=False), Answers(Unauthenticated("no"), None)
    proofs = Proofs(hub, clock)
    for _ in range(3):
        with pytest.raises(Unauthenticated):
            await proofs.check(ALICE)
    assert hub.asked == 1 and not proofs.known(ALICE)
    await clock.advance(61)
    for _ in range(3):
        await proofs.check(ALICE)
    assert hub.asked == 2 and proofs.known(ALICE)
    await clock.advance(601)
    assert not proofs.known(ALICE)
    await proofs.check(ALICE)
    assert hub.asked == 3


async def test_whoever_pays_with_the_servers_key_needs_none() -> None:
    hub = Answers()
    proofs = Proofs(hub, FakeClock())
    for caller in (LOCAL, GUEST):
        assert proofs.known(caller)
        await proofs.check(caller)
    assert hub.asked == 0


async def test_one_question_serves_all_and_outlives_whoever_asked_first() -> None:
    hub = Answers()
    hub.gate.clear()
    proofs = Proofs(hub, FakeClock())
    first, *others = [asyncio.create_task(proofs.check(ALICE)) for _ in range(5)]
    await asyncio.sleep(0)
    first.cancel()
    hub.gate.set()
    await asyncio.gather(*others)
    assert hub.asked == 1 and first.cancelled() and proofs.known(ALICE)


async def test_few_questions_run_at_once() -> None:
    hub = Answers()
    hub.gate.clear()
    proofs = Proofs(hub, FakeClock(), at_once=2)
    asking = [asyncio.create_task(proofs.check(Caller(name))) for name in "ab"]
    await asyncio.sleep(0)
    with pytest.raises(RateLimited):
        await proofs.check(Caller("c"))
    hub.gate.set()
    await asyncio.gather(*asking)
    await proofs.check(Caller("c"))


async def test_a_hub_that_can_not_say_refuses_strangers_and_keeps_those_it_knew() -> None:
    clock, hub = FakeClock(auto=False), Answers(None, HubUnavailable("down"), HubUnavailable("down"))
    proofs = Proofs(hub, clock)
    await proofs.check(ALICE)
    await clock.advance(601)
    await proofs.check(ALICE)
    with pytest.raises(HubUnavailable):
        await proofs.check(Caller("bob"))
    assert hub.asked == 3


async def test_refused_keys_never_push_a_proof_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "MOST", 3)
    hub = Answers(None, *(Unauthenticated("no") for _ in range(10)))
    proofs = Proofs(hub, FakeClock(auto=False))
    await proofs.check(ALICE)
    for number in range(10):
        with pytest.raises(Unauthenticated):
            await proofs.check(Caller(str(number)))
    assert proofs.known(ALICE) and len(proofs._refused) == 3


async def test_a_key_that_the_hub_refuses_later_is_proven_anew(settings: Settings, hub: Sandbox) -> None:
    with over_http(settings, ServerSettings(log_level="CRITICAL")) as address:
        async with client_with(address, headers=bearer("somebody")) as client:
            assert "videos" in words(await client.call_tool("list_videos", {}))
            hub.faults.add("unauthenticated@*/any")
            refused = await client.call_tool("get_video", {"generation_ids": ["nothing"]})
            assert words(refused)["error"] == "unauthenticated"
            with pytest.raises(Exception):  # the next message is turned away at the door
                await client.call_tool("list_videos", {})


async def test_calls_at_once_are_counted_for_each_caller() -> None:
    at_once = AtOnce(1)
    async with at_once.one("a"), at_once.one("b"):
        with pytest.raises(RateLimited):
            async with at_once.one("a"):
                pass
    async with at_once.one("a"):
        pass
    assert not at_once._running


PROXY = (ip_network("10.0.0.0/8"),)


@pytest.mark.parametrize(
    ("client", "forwarded", "proxies", "address"),
    [
        ("203.0.113.7", "198.51.100.1", (), "203.0.113.7"),
        ("203.0.113.7", "198.51.100.1", PROXY, "203.0.113.7"),
        ("10.0.0.2", "198.51.100.1", PROXY, "198.51.100.1"),
        ("10.0.0.2", "1.2.3.4, 198.51.100.1, 10.0.0.9", PROXY, "198.51.100.1"),
        ("10.0.0.2", "nonsense", PROXY, "10.0.0.2"),
        ("10.0.0.2", "", PROXY, "10.0.0.2"),
        ("::ffff:203.0.113.7", "", (), "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "", (), "2001:db8:1:2::/64"),
        (None, "198.51.100.1", PROXY, "unknown"),
    ],
)
def test_an_address_for_limits(client: str | None, forwarded: str, proxies: object, address: str) -> None:
    scope = {"client": (client, 1) if client else None}
    assert address_of(scope, {"x-forwarded-for": forwarded}, proxies) == address  # type: ignore[arg-type]  # both
