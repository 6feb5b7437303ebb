"""What the hub charged, against what was asked for and what the ledger knows."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from oxen_video_tools.ledger import Ledger

from . import life


@dataclass(frozen=True)
class Books:
    """The whole ledger of a round."""

    jobs: list[dict[str, Any]]
    films: dict[str, str]  # the file of each delivered film, by its first prompt

    def undelivered(self, numbers: Iterable[int]) -> list[int]:
        """The requests whose video is not there yet."""
        there = {job["prompt"] for job in self.jobs if job["state"] == "succeeded" and job["file"]}
        return [number for number in numbers if not self._is_there(number, there)]

    def _is_there(self, number: int, there: set[str]) -> bool:
        if life.is_film(number):
            return Path(self.films.get(life.prompt(number, 1), "/nowhere")).is_file()
        return life.prompt(number) in there


def books(one: life.Round) -> Books:
    """As they stand now."""
    return asyncio.run(_read(one.ledger))


def written_off(one: life.Round) -> int:
    """Jobs that a person has written off, or has still to decide about: each may count as spent beside its new try."""
    return sum(job["state"] in ("written off", "sending") for job in books(one).jobs)


async def _read(place: str) -> Books:
    ledger = Ledger.at(place)

    def read() -> Any:
        rows = yield "select job, request, part, state, body from jobs where state not in ('refused', 'dropped')", ()
        jobs = []
        for job, request, part, state, body in rows:
            clips = yield "select generation_id, file from clips where job = ?", (job,)
            jobs.append(
                {
                    "request": (request, part),
                    "state": state,
                    "ids": [clip[0] for clip in clips],
                    "file": any(clip[1] for clip in clips),
                    "prompt": json.loads(body)["prompt"],
                }
            )
        rows = yield "select asked, file from films where state = 'delivered' and file is not null", ()
        return Books(jobs, {json.loads(asked)["multi_prompt"][0]["prompt"]: file for asked, file in rows})

    try:
        return await ledger.run(read)  # type: ignore[no-any-return]
    finally:
        await ledger.close()


@dataclass
class Count:
    """What happened, over all rounds."""

    kills: Counter[str] = field(default_factory=Counter)
    stops: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    charges: int = 0
    lost: int = 0
    stuck: int = 0
    unclear: int = 0
    faults: list[str] = field(default_factory=list)

    def struck(self, by: dict[str, Counter[str]]) -> None:
        self.kills += by["SIGKILL"]
        self.stops += by["SIGSTOP"]

    def line(self) -> str:
        """The last line of the report."""
        crashed = sum(self.kills.values()) + sum(self.stops.values())
        return (
            f"crashes={crashed} requests={self.requests} charges={self.charges} lost={self.lost} stuck={self.stuck} "
            f"unclear={self.unclear}"
        )

    def judge(self, name: str, one: life.Round, due: Iterable[int]) -> None:
        """One round. due: the requests that no budget stood in the way of."""
        with urllib.request.urlopen(f"{one.base_url}/sandbox/ledger") as answer:
            told = json.load(answer)
        made_here = [made for made in told["generations"] if not made["stranger"]]
        # A failed one that costs nothing is no charge: its take is free, and the same call pays for it once.
        charged = [made for made in made_here if made["status"] != "failed" or Decimal(made["cost"])]
        found = books(one)
        asked = {job["request"] for job in found.jobs}
        known = {generation_id for job in found.jobs for generation_id in job["ids"]}
        lost = [_of(made, found) for made in made_here if made["generation_id"] not in known]
        stuck = found.undelivered(due)
        unclear = [job["prompt"] for job in found.jobs if job["state"] == "sending"]
        twice = [words for words, times in Counter(made["body"]["prompt"] for made in charged).items() if times > 1]
        self.requests += len(asked)
        self.charges += len(charged)
        self.lost += len(lost)
        self.stuck += len(stuck)
        self.unclear += len(unclear)
        spent = Decimal(told["charged"])
        for is_wrong, words in (
            (len(charged) > len(asked), f"{len(charged)} charges for {len(asked)} requests"),
            (bool(twice), f"paid twice: {twice}"),
            (bool(lost), f"lost: {lost}"),
            (bool(stuck), f"never delivered: {stuck}"),
            (bool(unclear), f"stayed unclear: {unclear}"),
            (one.budget is not None and spent > one.budget, f"${spent} of a budget of ${one.budget}"),
        ):
            if is_wrong:
                self.faults.append(f"{name}: {words}")


def _of(made: dict[str, Any], found: Books) -> str:
    prompt = made["body"]["prompt"]
    jobs = [(job["state"], job["ids"]) for job in found.jobs if job["prompt"] == prompt]
    return f"{made['generation_id']} ({made['route']}, {prompt}, {jobs})"
