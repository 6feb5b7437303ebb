"""`oxen_sandbox`, as a stranger's test suite uses it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clocks import HUNG

pytest_plugins = ["pytester"]

SUITE = """
import os
import httpx
import pytest

def ask(prompt, model="kling-video-v2-6-pro-text-to-video"):
    '''Somebody's agent: it knows only the environment.'''
    headers = {"Authorization": "Bearer " + os.environ["OXEN_API_KEY"]}
    return httpx.post(
        os.environ["OXEN_BASE_URL"] + "/api/ai/videos/generate",
        headers=headers, json={"model": model, "prompt": prompt}, trust_env=False, timeout=300,
    )

def test_an_agent(oxen_sandbox):
    assert ask("a red balloon").json()["videos"][0]["url"].startswith(oxen_sandbox.base_url)
    assert oxen_sandbox.ledger()["charged"] == "0.3500"

def test_each_test_has_its_own(oxen_sandbox):
    assert oxen_sandbox.ledger()["accepted"] == 0

@pytest.mark.oxen_sandbox(credits=0, api_key="mine")
def test_options(oxen_sandbox):
    assert os.environ["OXEN_API_KEY"] == "mine"
    assert ask("a red balloon").status_code == 402

def test_faults(oxen_sandbox):
    oxen_sandbox.faults.add("rate_limited@1")
    assert [ask("a red balloon").status_code for _ in range(2)] == [429, 200]

def test_the_environment_is_as_before():
    assert "OXEN_BASE_URL" not in os.environ
"""


@pytest.mark.long
def test_the_fixture(pytester, monkeypatch):
    for name in ("OXEN_BASE_URL", "OXEN_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    pytester.makepyfile(SUITE)
    result = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider", "--strict-markers")
    result.assert_outcomes(passed=5)


@pytest.mark.long
def test_it_is_listed(pytester):
    result = pytester.runpytest_subprocess("--fixtures", "-q")
    result.stdout.fnmatch_lines(["*oxen_sandbox*", "*Oxen's HTTP API on this machine*"])


def test_loading_it_loads_nothing_heavy():
    """Everybody who has the package installed pays for the plugin in every test run."""
    heavy = ["pydantic", "httpx", "starlette", "uvicorn", "av", "numpy", "PIL", "jsonschema", "anyio"]
    program = (
        "import sys; import pytest; before = set(sys.modules); import oxen_video_tools.pytest_plugin;"
        f"print([name for name in {heavy} if name in set(sys.modules) - before])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=HUNG)
    assert done.stdout.strip() == "[]"


@pytest.mark.long
@pytest.mark.parametrize("page", ["README.md", "docs/guides/testing.md"])
def test_the_documented_test(pytester, page):
    """The example in the documentation, as it stands there."""
    text = (Path(__file__).parents[2] / page).read_text(encoding="utf-8")
    examples = [block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "def test_my_agent" in block]
    pytester.makepyfile("\n\n".join(examples))
    pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider").assert_outcomes(passed=len(examples) or 1)
