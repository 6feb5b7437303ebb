"""The machine's clock with short naps: for tests over real sockets, where a jump of time would end real waits."""

from __future__ import annotations

import asyncio

from oxen_video_tools.clock import SystemClock
from tests.clocks import quiet


class Swift(SystemClock):
    """Sleeps a hundredth of what it is asked for, up to `longest` seconds; a time limit beyond them is a real one.

    And then until no other thread works, so that on a slow machine too a second is enough for an answer to come.

    ahead: seconds by which it is put forward.  wrong: seconds by which the time of day is wrong.
    """

    ahead = 0.0
    wrong = 0.0
    longest = 12.0

    def time(self) -> float:
        return super().time() + self.ahead + self.wrong

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead

    async def sleep(self, seconds: float) -> None:
        if seconds > self.longest:
            await asyncio.sleep(seconds)
            return
        await asyncio.sleep(seconds / 100)
        if seconds > 0:
            await quiet()


class HubClock(SystemClock):
    """The time at the hub, `ahead` seconds off."""

    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead
