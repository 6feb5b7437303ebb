"""The end of a program: nothing hangs, nothing complains, and what is paid for is finished."""

from __future__ import annotations

import os
from signal import SIGINT

import pytest

from tests.studio.portal.programs import program

HEAD = """
import asyncio, os, sys, threading, time
from tests.studio.portal.toy import Toy, amake, make
from oxen_video_tools.studio.portal import Portal

def opened(**toy):
    return Portal(Toy(**toy).open)

def ready():
    print("ready", flush=True)

def in_a_thread(portal, tell=print):
    def body():
        try:
            make(portal, "a", tell)
        except Exception as error:
            print(error, flush=True)
    threading.Thread(target=body, daemon=True).start()
"""
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")


def run(body: str, **options: str) -> tuple[int, str, str, float]:
    ended = program(HEAD + body, **options)
    return ended.status, ended.out, ended.err, ended.seconds


def test_a_program_that_used_it_ends_cleanly() -> None:
    status, _, err, took = run("portal = opened(); make(portal); asyncio.run(amake(portal)); ready()")
    assert (status, err) == (0, "")
    assert took < 5


def test_a_wait_in_a_daemon_thread_does_not_hold_up_the_exit() -> None:
    status, _, err, took = run("""
portal = opened(tick=600)
heard = threading.Event()
in_a_thread(portal, lambda _: heard.set())
heard.wait()
ready()
""")
    assert (status, err) == (0, "")
    assert took < 5


def test_a_post_in_flight_at_exit_is_finished() -> None:
    status, out, err, took = run("""
portal = opened(post=1.0, tick=600)
portal.call(lambda toy, report: asyncio.sleep(0), print)
in_a_thread(portal)
time.sleep(0.3)
ready()
""")
    assert (status, err) == (0, "")
    assert "paid\n" in out
    assert took < 6


def test_what_the_end_of_a_post_needs_of_threads_is_there() -> None:
    status, out, err, _ = run("""
from contextlib import asynccontextmanager
from oxen_video_tools.threads import DaemonExecutor

ledger = DaemonExecutor(1, "ledger")

@asynccontextmanager
async def studio():
    yield
    await asyncio.to_thread(print, "a file is written")
    await asyncio.get_running_loop().getaddrinfo("127.0.0.1", 80)
    await asyncio.get_running_loop().run_in_executor(ledger, print, "the ledger is written")

Portal(studio).call(lambda studio, report: asyncio.sleep(0), print)
ready()
""")
    assert (status, out, err) == (0, "a file is written\nthe ledger is written\n", "")


def test_a_thread_of_the_program_is_waited_for_as_python_does() -> None:
    status, out, err, _ = run("""
portal = opened(tick=0.3)
make(portal)  # Python 3.12 starts no new threads once the main one has ended
threading.Thread(target=lambda: print(make(portal))).start()
ready()
""")
    assert (status, err) == (0, "")
    assert "succeeded" in out


def test_who_calls_while_the_program_ends_hears_so() -> None:
    status, out, err, _ = run("""
import atexit
portal = opened()

def late():
    try:
        make(portal)
    except Exception as error:
        print(type(error).__name__, error)

atexit.register(late)
make(portal)
atexit.unregister(portal._at_exit)
atexit.register(late)  # runs first: the portal still works
atexit.register(portal._at_exit)  # runs before it
ready()
""")
    assert (status, err) == (0, "")
    assert "Internal The program is ending." in out


@pytest.mark.parametrize("how", ["make(portal, 'a', tell)", "asyncio.run(amake(portal, 'a', atell))"])
def test_control_c_ends_a_wait(how: str) -> None:
    status, out, err, took = run(
        f"""
portal = opened(tick=600)

def tell(_):
    print("waiting", flush=True)

async def atell(_):
    asyncio.get_running_loop().call_later(1, int)  # Python notices a signal right before select() at the next event
    tell(_)

{how}
""",
        interrupt_at="waiting",
    )
    assert status == -SIGINT
    assert "KeyboardInterrupt" in err
    assert "paid" in out
    assert took < 5


@forks
def test_a_forked_child_that_never_calls_ends_cleanly() -> None:
    status, _, err, took = run("""
portal = opened(); make(portal)
if (child := os.fork()) == 0:
    sys.exit(7)  # a whole interpreter shutdown, with what it inherited
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
ready()
""")
    assert (status, err) == (0, "")
    assert took < 5


@forks
def test_a_pool_of_forked_workers_each_has_its_own() -> None:
    status, _, err, took = run("""
import multiprocessing
portal = opened(); make(portal)

def work(n):
    return make(portal, str(n)), threading.active_count() >= 2

with multiprocessing.get_context("fork").Pool(3) as pool:
    answers = pool.map(work, range(12))
assert answers == [(f"{n} succeeded", True) for n in range(12)], answers
assert "succeeded" in make(portal)
ready()
""")
    assert (status, err) == (0, "")
    assert took < 5


def test_a_question_that_nobody_answers_does_not_hold_up_the_exit() -> None:
    status, _, err, took = run("""
portal = opened()
asked = threading.Event()

async def ask(toy, report):
    await asyncio.to_thread(lambda: asked.set() or threading.Event().wait())

def body():
    try:
        portal.call(ask, print)
    except Exception as error:
        print(error)

threading.Thread(target=body, daemon=True).start()
asked.wait()
ready()
""")
    assert (status, err) == (0, "")
    assert took < 10
