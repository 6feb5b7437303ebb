"""Workers that are killed and started again until every step had its share, and then until all is done."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from . import crashes, life, verdict

WORKERS = 4
LONGEST_LIFE = 6.0  # seconds of a life whose end does not come


@dataclass(frozen=True)
class Share:
    """kills, stops: of each step.  minutes: after which a round gives up."""

    kills: int
    stops: int
    minutes: float


class Crowd:
    """The workers of one round. struck: how often each step was hit, by signal, once it has run."""

    def __init__(self, one: life.Round, share: Share) -> None:
        self.one, self.share = one, share
        self.log = one.folder / "crashes.log"
        self.log.write_text("")
        self.until = time.monotonic() + 60 * share.minutes
        self.alive: dict[int, str] = {}
        self.stopped: dict[int, float] = {}

    def run(self) -> None:
        """Until nothing is left to be done."""
        done = 0
        while done < WORKERS and time.monotonic() < self.until:
            while len(self.alive) < WORKERS:
                self._begin(self._doom())
            done = self._watched(done)
            self._wake()
            if "person" not in self.alive.values() and random.random() < 0.02:  # now and then somebody looks
                self._fork("person", lambda: asyncio.run(life.decide(self.one)) == 0)
        for pid in self.alive:
            os.kill(pid, signal.SIGKILL)
        while self.alive:
            self.alive.pop(os.waitpid(-1, 0)[0], None)
        self._settle()

    @property
    def struck(self) -> dict[str, Counter[str]]:
        found: dict[str, Counter[str]] = {"SIGKILL": Counter(), "SIGSTOP": Counter()}
        for line in self.log.read_text().splitlines():
            how, step = line.split(maxsplit=1)
            found[how][step] += 1
        return found

    def _doom(self) -> crashes.Doom:
        struck = self.struck
        wanted = [(step, signal.SIGKILL) for step in crashes.STEPS if struck["SIGKILL"][step] < self.share.kills]
        wanted += [(step, signal.SIGSTOP) for step in crashes.STEPS if struck["SIGSTOP"][step] < self.share.stops]
        if not wanted:
            return crashes.Doom(None)
        step, how = random.choice(wanted)
        return crashes.Doom(step, how, random.randint(1, 2), self.log)

    def _begin(self, doom: crashes.Doom) -> None:
        self._fork("doomed" if doom.step else "last", partial(_worker, self.one, doom))

    def _fork(self, what: str, work: Callable[[], object]) -> int:
        pid = os.fork()
        if not pid:
            os._exit(life.run(work))
        self.alive[pid] = what
        return pid

    def _watched(self, done: int) -> int:
        """A moment. done: how many lives without doom ended, one after the other, with everything delivered."""
        for pid in list(self.alive):
            found, status = os.waitpid(pid, os.WNOHANG | os.WUNTRACED)
            if found and os.WIFSTOPPED(status):
                self.stopped[pid] = time.monotonic() + life.STOPPED
            elif found and self.alive.pop(pid) == "last":
                done = done + 1 if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0 else 0
        time.sleep(0.02)
        return done

    def _wake(self) -> None:
        for pid, when in list(self.stopped.items()):
            if time.monotonic() > when:
                del self.stopped[pid]
                os.kill(pid, signal.SIGCONT)

    def _settle(self) -> None:
        """Quiet, at last: the person decides about the rest, and one more worker finishes it."""
        urllib.request.urlopen(urllib.request.Request(f"{self.one.base_url}/sandbox/faults", method="DELETE")).close()
        for _ in range(8):
            if self._waited(lambda: asyncio.run(life.decide(self.one)) == 0):
                break
            time.sleep(life.GRACE / 2)
        self._waited(partial(_worker, self.one, crashes.Doom(None)))

    def _waited(self, work: Callable[[], object]) -> bool:
        pid = self._fork("last", work)
        del self.alive[pid]
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def _worker(one: life.Round, doom: crashes.Doom) -> bool:
    random.seed(os.getpid())
    crashes.install(doom)
    if doom.step is not None:
        return asyncio.run(life.live(one, life.endless(one, LONGEST_LIFE, films=doom.step in crashes.OF_FILMS)))
    left = verdict.books(one).undelivered(one.numbers())
    random.shuffle(left)
    return asyncio.run(life.live(one, left))
