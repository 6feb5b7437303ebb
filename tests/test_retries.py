"""The one retry and the one polling loop: how often, how long, and when they end. Time is a test's own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxen_video_tools.errors import HubUnavailable, InvalidRequest, OxenError, RateLimited
from oxen_video_tools.retries import back_off, jitter, poll, retry

from .clocks import FakeClock

FAR = 3600.0  # seconds: no deadline that matters


class Attempt:
    """Raises these errors in their order, then answers; `at` is when it was called."""

    def __init__(self, clock: FakeClock, *errors: OxenError) -> None:
        self.clock, self.errors, self.at = clock, list(errors), []

    async def __call__(self) -> str:
        self.at.append(self.clock.monotonic())
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def temporary(error: OxenError) -> bool:
    return error.retry


def down(number: int) -> list[OxenError]:
    return [HubUnavailable(f"down {one}") for one in range(number)]


async def test_it_is_tried_again_after_pauses_that_double() -> None:
    clock = FakeClock()
    attempt = Attempt(clock, *down(7))
    assert await retry(attempt, again=temporary, clock=clock, until=FAR) == "done"
    pauses = [two - one for one, two in zip(attempt.at, attempt.at[1:], strict=False)]
    for pause, most in zip(pauses, [0.25, 0.5, 1, 2, 4, 8, 8], strict=True):
        assert most / 2 <= pause <= most


async def test_what_would_not_help_is_raised_at_once() -> None:
    clock = FakeClock()
    attempt = Attempt(clock, InvalidRequest("no"), *down(1))
    with pytest.raises(InvalidRequest):
        await retry(attempt, again=temporary, clock=clock, until=FAR)
    assert len(attempt.at) == 1 and clock.monotonic() == 0


@pytest.mark.parametrize("attempts", [1, 2, 8])
async def test_after_so_many_tries_the_last_error_is_raised(attempts: int) -> None:
    clock = FakeClock()
    attempt = Attempt(clock, *down(20))
    with pytest.raises(HubUnavailable, match=f"down {attempts - 1}"):
        await retry(attempt, again=temporary, clock=clock, until=FAR, attempts=attempts)
    assert len(attempt.at) == attempts


async def test_without_a_number_of_tries_the_deadline_ends_it() -> None:
    clock = FakeClock()
    attempt = Attempt(clock, *down(1000))
    with pytest.raises(HubUnavailable):
        await retry(attempt, again=temporary, clock=clock, until=100, attempts=None)
    assert len(attempt.at) > 12 and 90 <= clock.monotonic() < 100


async def test_what_the_hub_asks_for_is_waited() -> None:
    clock = FakeClock()
    attempt = Attempt(clock, RateLimited("slower", retry_after=5.0))
    assert await retry(attempt, again=temporary, clock=clock, until=FAR) == "done"
    assert attempt.at == [0, 5]


async def test_a_wait_beyond_the_deadline_is_not_begun() -> None:
    clock = FakeClock()
    attempt = Attempt(clock, RateLimited("slower", retry_after=5.0))
    with pytest.raises(RateLimited):
        await retry(attempt, again=temporary, clock=clock, until=5)
    assert clock.monotonic() == 0


async def test_what_is_no_oxen_error_is_a_crash_and_passes_through() -> None:
    clock = FakeClock()

    async def crash() -> None:
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        await retry(crash, again=lambda _: True, clock=clock, until=FAR)


async def test_an_error_is_not_shown_as_caused_by_the_one_before() -> None:
    """A traceback of eight tries shows one error, not eight."""
    clock = FakeClock()
    with pytest.raises(HubUnavailable) as caught:
        await retry(Attempt(clock, *down(9)), again=temporary, clock=clock, until=FAR)
    assert caught.value.__context__ is None


async def test_a_poll_looks_once_after_each_pause() -> None:
    clock = FakeClock()
    looks = [clock.monotonic() async for _ in poll((0.0, 1.0, 3.0), clock=clock)]
    assert looks == [0, 1, 4]


async def test_a_poll_begins_no_pause_beyond_its_end_but_always_looks_at_once() -> None:
    clock = FakeClock()
    assert [clock.monotonic() async for _ in poll((0.0, 1.0, 3.0), clock=clock, until=3)] == [0, 1]
    await clock.sleep(10)
    assert [clock.monotonic() async for _ in poll((0.0, 1.0), clock=clock, until=3)] == [11]


@given(st.integers(1, 10_000), st.floats(0.01, 10), st.floats(10, 1000))
def test_a_back_off_is_never_outside_its_bounds(failures: int, shortest: float, longest: float) -> None:
    pause = back_off(failures, shortest=shortest, longest=longest)
    assert shortest <= pause <= longest
    assert pause / 2 <= jitter(pause) <= pause
