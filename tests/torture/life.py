"""One worker's life: it asks for every video of the list until all are there, or until it is killed."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from oxen_video_tools.errors import OverBudget, OxenError, SubmissionUnclear
from oxen_video_tools.settings import Settings
from oxen_video_tools.studio import AsyncStudio, media_inputs, reconcile, result_files, submission
from oxen_video_tools.studio.reconcile import AMBIGUOUS

Kind = Literal["queue", "sync", "side by side", "chained", "with stills"]
KINDS: tuple[Kind, ...] = (
    *("queue", "queue", "sync", "queue", "side by side", "queue", "queue", "chained"),
    *("queue", "with stills"),
)
TEXT, IMAGE = "kling-video-v2-6-pro-text-to-video", "kling-video-v2-6-pro-image-to-video"
SHOTS = 2  # of each film
LEASE = 2.0  # seconds
STOPPED = 1.5 * LEASE  # seconds for which a stopped process stands still
GRACE = 2 * STOPPED  # nobody calls a job absent while whoever sent it may only be standing still
AT_ONCE = 4  # requests that one worker has under way


def kind_of(number: int) -> Kind:
    """What is asked for under this number."""
    return KINDS[number % len(KINDS)]


def is_film(number: int) -> bool:
    return kind_of(number) in ("side by side", "chained", "with stills")


def prompt(number: int, shot: int | None = None) -> str:
    """No two requests share one."""
    return f"Request {number}: a red balloon" if shot is None else f"Request {number}, shot {shot}: a red balloon"


def words(number: int) -> dict[str, Any]:
    """The request of this number."""
    if not is_film(number):
        return {"prompt": prompt(number), "model": TEXT, "duration": 5}
    shots = [{"prompt": prompt(number, shot), "duration": 5} for shot in range(1, SHOTS + 1)]
    chained, stills = kind_of(number) == "chained", kind_of(number) == "with stills"
    how = {"continuous": chained} | ({"stills": True} if stills else {})
    return {"multi_prompt": shots, "model": IMAGE if chained or stills else TEXT, **how}


@dataclass(frozen=True)
class Round:
    """What all workers of one round share. budget: US dollars."""

    base_url: str
    ledger: str
    folder: Path
    budget: Decimal | None = None

    @property
    def claims(self) -> Path:
        """A file for each request that was made up so far."""
        return self.folder / "claims"

    def numbers(self) -> list[int]:
        """The requests that were made up so far."""
        return sorted(int(claim.name) for claim in self.claims.iterdir())

    def new(self, number: int, *, film: bool | None = None) -> int:
        """The next number that nobody has taken; film: only a film's, or anything but a film's."""
        while True:
            if film is None or is_film(number) is film:
                try:
                    os.close(os.open(self.claims / str(number), os.O_CREAT | os.O_EXCL))
                except FileExistsError:
                    pass
                else:
                    return number
            number += 1

    def settings(self, route: Literal["queue", "sync"] = "queue") -> Settings:
        return Settings(
            api_key="torture",
            base_url=self.base_url,
            ledger=self.ledger,
            output_dir=self.folder / "videos",
            budget=self.budget,
            route=route,
        )


def hurry() -> None:
    """Leases and graces of seconds instead of minutes; the rules are the same."""
    reconcile.GRACE = GRACE
    submission.LONGEST = reconcile.LONGEST = 10.0
    submission.LOOKS = (0.3, 1.0)
    media_inputs.RENEWALS = result_files.RENEWALS = (0.0, 0.1, 0.3, 1.0, 1.0)
    logging.getLogger("oxen_video_tools").setLevel(logging.CRITICAL)


async def live(one: Round, numbers: Iterable[int]) -> bool:
    """Ask for these videos, some at a time. Whether every one was delivered, or refused for the budget."""
    work = iter(numbers)
    async with (
        AsyncStudio(one.settings(), lease=LEASE) as queue,
        AsyncStudio(one.settings("sync"), lease=LEASE) as sync,
    ):

        async def hand() -> bool:
            return all([await _made(sync if kind_of(number) == "sync" else queue, one, number) for number in work])

        return all(await asyncio.gather(*(hand() for _ in range(AT_ONCE))))


def endless(one: Round, seconds: float, *, films: bool) -> Iterator[int]:
    """New requests, and those that others are at work on. films: nothing but films."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        made = [number for number in one.numbers() if not films or is_film(number)]
        if not made or random.random() < 0.4:
            yield one.new(made[-1] + 1 if made else 0, film=films or None)
        else:
            yield random.choice(made[-8:])


async def _made(studio: AsyncStudio, one: Round, number: int) -> bool:
    for _ in range(4):
        try:
            video = await studio.generate(**words(number), take=1, wait_seconds=20)
            if video.status == "succeeded":
                await studio.save(video.generation_id)
                return True
        except OverBudget:
            return one.budget is not None
        except SubmissionUnclear:
            return False  # a person's matter
        except OxenError:
            await asyncio.sleep(0.2)
    return False


async def decide(one: Round) -> int:
    """What the person at the desk does: looks, and sends again what certainly never arrived. How many stay unclear.

    Where others make videos with the same models only a person can tell them apart, who knows the prompts: what is at
    the hub with the prompt of a job is adopted, and what is not there is written off and asked for anew.
    """
    async with AsyncStudio(one.settings(), lease=LEASE) as studio:
        for told in await studio.recover():
            if told.outcome == "unclear":
                try:
                    await studio.recover(send_again=told.job)
                except OxenError:
                    if AMBIGUOUS in told.text:
                        await _tell_apart(one, studio, told.job)
        return (await studio.spend()).unclear


async def _tell_apart(one: Round, studio: AsyncStudio, name: str) -> None:
    ledger = studio._session.ledger
    job = await ledger.job_named(name)
    if job is None:
        return
    with urllib.request.urlopen(f"{one.base_url}/sandbox/ledger") as answer:
        made = json.load(answer)["generations"]
    mine = [each["generation_id"] for each in made if each["body"].get("prompt") == job.body.get("prompt")]
    held = await ledger.clips(job.scope, mine)
    free = [each for each in mine if each not in held or held[each].job is None]
    with suppress(OxenError):
        await (studio.recover(adopt=free[0]) if free else studio.recover(write_off=name))


def run(life: Callable[[], object]) -> int:
    """The exit status of a process that does nothing else."""
    try:
        return 0 if life() else 3
    except BaseException:
        logging.getLogger("torture").exception("a life ended by itself")
        return 4
