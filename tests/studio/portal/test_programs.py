"""Whole programs against a sandbox over HTTP: `Studio` and the LangChain tools, however they are called and ended."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from signal import SIGINT

import pytest

from oxen_video_tools import Studio
from oxen_video_tools.sandbox import Sandbox
from tests.studio.portal.programs import Ended, program

HEAD = """
import asyncio, json, os, sys, threading, time
from oxen_video_tools import AsyncStudio, Studio

WORDS = {"prompt": "A red balloon rises", "duration": 5}

def tool():
    from oxen_video_tools.langchain import GenerateVideo
    return GenerateVideo()

def ready():
    print("ready", flush=True)
"""
Run = Callable[..., Ended]
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(picture_height=144) as running:
        yield running


@pytest.fixture
def ledger(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ledger.db'}"


@pytest.fixture
def run(sandbox: Sandbox, ledger: str, tmp_path: Path) -> Run:
    environment = {
        "OXEN_API_KEY": sandbox.api_key,
        "OXEN_BASE_URL": sandbox.base_url,
        "OXEN_VIDEO_LEDGER": ledger,
        "OXEN_VIDEO_OUTPUT_DIR": str(tmp_path),
    }

    def run(body: str, **options: str) -> Ended:
        return program(HEAD + body, environment=environment, **options)

    return run


def clean(ended: Ended) -> None:
    assert (ended.status, ended.err) == (0, "")
    assert ended.seconds < 10


def test_a_studio_that_nobody_closes(run: Run) -> None:
    ended = run("studio = Studio(); print(studio.generate(**WORDS).status); ready()")
    clean(ended)
    assert ended.out == "succeeded\n"


def test_a_closed_studio_leaves_no_thread(run: Run) -> None:
    ended = run("""
with Studio() as studio:
    studio.generate(**WORDS)
print([one.name for one in threading.enumerate()])
ready()
""")
    clean(ended)
    assert ended.out == "['MainThread']\n"


def test_one_async_studio_after_another(run: Run) -> None:
    ended = run("""
async def main(n):
    async with AsyncStudio() as studio:
        print((await studio.generate(**WORDS, take=n)).status)

for n in range(3):
    asyncio.run(main(n))
ready()
""")
    clean(ended)
    assert ended.out == "succeeded\n" * 3


def test_a_langchain_tool_from_threads_loops_and_a_notebook(run: Run, sandbox: Sandbox) -> None:
    ended = run("""
from concurrent.futures import ThreadPoolExecutor
t = tool()
first = t.invoke(WORDS)
answers = [asyncio.run(t.ainvoke({**WORDS, "take": n})) for n in (2, 3)]

async def notebook():  # a loop runs already: cells call both
    return [t.invoke({**WORDS, "take": 4}), await t.ainvoke({**WORDS, "take": 5})]

answers += asyncio.run(notebook())
with ThreadPoolExecutor(8) as pool:
    answers += pool.map(lambda n: t.invoke({**WORDS, "take": n}), range(6, 14))
loops = sum(one.name == "oxen-video" for one in threading.enumerate())
print(len(answers), all('"succeeded"' in one for one in answers), loops)
ready()
""")
    clean(ended)
    assert ended.out == "12 True 1\n"
    assert sandbox.ledger()["accepted"] == 13


@forks
def test_parent_and_child_share_the_ledger_and_nothing_else(run: Run, sandbox: Sandbox) -> None:
    ended = run("""
t = tool()
t.invoke(WORDS)
if (child := os.fork()) == 0:
    again = t.invoke(WORDS)  # the same take: the parent's job
    other = t.invoke({**WORDS, "take": 2})
    sys.exit(0 if json.loads(again).get("reused") and '"succeeded"' in other else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert json.loads(t.invoke({**WORDS, "take": 2}))["reused"]
ready()
""")
    clean(ended)
    assert sandbox.ledger()["accepted"] == 2


@forks
def test_a_fork_in_the_middle_of_a_transaction_locks_nobody_out(run: Run, sandbox: Sandbox) -> None:
    """SQLite believes in the locks that a child inherits, and the child would wait for itself."""
    ended = run("""
studio = Studio()
busy = threading.Event()

def spend():
    for n in range(30):
        studio.generate(**WORDS, take=n + 1)
        busy.set()

thread = threading.Thread(target=spend)
thread.start()
busy.wait()
children = []
for n in range(5):
    if (child := os.fork()) == 0:
        os._exit(0 if studio.generate(**WORDS, take=100 + n).status == "succeeded" else 1)
    children.append(child)
    time.sleep(0.05)
assert [os.waitstatus_to_exitcode(os.waitpid(one, 0)[1]) for one in children] == [0] * 5
thread.join()
with Studio() as fresh:
    assert all(fresh.generate(**WORDS, take=100 + n).reused for n in range(5))
ready()
""")
    clean(ended)
    assert sandbox.ledger()["accepted"] == 35


@pytest.mark.parametrize("window", ["Studio().generate(**WORDS, take=1)", "tool().invoke(WORDS)"])
def test_a_paid_request_in_flight_at_exit_is_written_down(run: Run, sandbox: Sandbox, ledger: str, window: str) -> None:
    sandbox.faults.add("late=3@1/enqueue")
    ended = run(f"""
def body():
    try:
        {window}
    except Exception as error:
        print("ended:", error)

threading.Thread(target=body, daemon=True).start()
from urllib.request import urlopen
while b'"accepted":0' in urlopen(os.environ["OXEN_BASE_URL"] + "/sandbox/ledger").read().replace(b" ", b""):
    time.sleep(0.01)
ready()
""")
    clean(ended)
    assert sandbox.ledger()["accepted"] == 1
    with Studio(api_key=sandbox.api_key, base_url=sandbox.base_url, ledger=ledger) as studio:
        again = studio.generate(prompt="A red balloon rises", duration=5, take=1)
    assert (again.status, again.reused) == ("succeeded", True)
    assert sandbox.ledger()["accepted"] == 1


@pytest.mark.parametrize(
    "how",
    ["Studio().generate(**WORDS, on_progress=tell)", "Studio().get(sys.argv[0], wait_seconds=600, on_progress=tell)"],
)
def test_control_c_in_a_wait_ends_the_program_and_not_the_job(run: Run, sandbox: Sandbox, how: str) -> None:
    sandbox.faults.add("stuck")
    ended = run(
        f"""
def tell(progress):
    print("waiting", flush=True)

if "argv" in {how!r}:
    sys.argv[0] = Studio().generate(**WORDS, wait_seconds=0).generation_id
{how}
""",
        interrupt_at="waiting",
    )
    assert ended.status == -SIGINT
    assert "KeyboardInterrupt" in ended.err
    assert "never retrieved" not in ended.err
    assert ended.seconds < 10
    [job] = sandbox.ledger()["generations"]
    assert job["status"] != "cancelled"
