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
LOST = [
    "lost child 0", "lost child 1", "lost event", "lost event 2", "lost future", "lost one", "lost other",
    "lost queue", "lost waiter",
]  # fmt: skip
if sys.version_info >= (3, 12):  # before, tasks do not tell what they call when they are done
    LOST += ["lost all", "lost any"]


@pytest.mark.parametrize("loop", [pytest.param([], id="stock"), WITH_UVLOOP])
def test_only_tasks_that_nothing_can_wake_are_found(loop: list[str]) -> None:
    command = [sys.executable, str(PROGRAMS / "leaks.py"), *loop]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.stdout.splitlines() == sorted(LOST), done.stderr
