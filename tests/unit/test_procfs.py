"""What /proc says of a process."""

import os
import subprocess
import sys
import time

from whet.collect.procfs import start_ticks, stat_fields
from whet.live.process import start_time_s


def test_fields_follow_the_name_whatever_it_holds(tmp_path):
    program = tmp_path / ") S 1 ("
    program.symlink_to(sys.executable)
    with subprocess.Popen([program, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert int(stat_fields(process.pid)[1]) == os.getpid()
        assert start_ticks(process.pid) >= start_ticks("self") > 0


def test_process_that_is_not_there_began_never():
    assert start_ticks(2**22 + 1) == 0


def test_this_process_began_in_the_past():
    assert 0 < start_time_s() < time.time() + 1
