"""Tasks that nothing can wake are told from those that something can."""

import importlib.util
import subprocess
import sys

import pytest

from process.harness import PROGRAMS

WITH_UVLOOP = pytest.param(
    ["--uvloop"],
    id="uvloop",
    marks=pytest.mark.skipif(importlib.util.find_spec("uvloop") is None, reason="no uvloop for this Python"),
)
LOST = ["lost event", "lost event 2", "lost future", "lost one", "lost other", "lost queue", "lost waiter"]
ALIVE = {"thread", "reader", "closure", "held by main", "consumer", "module", "sleeper", "waiter", "wants it"}


@pytest.mark.parametrize("loop", [pytest.param([], id="stock"), WITH_UVLOOP])
def test_only_tasks_that_nothing_can_wake_are_found(loop: list[str]) -> None:
    command = [sys.executable, str(PROGRAMS / "leaks.py"), *loop]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    named = [line for line in done.stdout.splitlines() if not line.startswith("Task-")]
    assert not set(named) & ALIVE, done.stderr
    assert named == LOST, done.stderr
    # What gather waits for are tasks without a name of ours; that it will wait for ever is not known.
    assert len(done.stdout.splitlines()) == len(LOST) + 2
