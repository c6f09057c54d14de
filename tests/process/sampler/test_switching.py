"""Collectors that are started, stopped and paused by several threads at once."""

import subprocess
import sys
from pathlib import Path

from process.harness import needs_collector

pytestmark = needs_collector


def test_threads_that_switch_collectors_do_not_wait_for_each_other():
    program = Path(__file__).parent / "switching_program.py"
    done = subprocess.run(
        [sys.executable, str(program), "3"], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "ended\n", "")
