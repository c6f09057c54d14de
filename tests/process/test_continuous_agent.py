"""The agent in real programs, with a backend of Grafana's own generated code where Go is there."""

import gzip
import itertools
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from go_toolchain import built_program
from process.harness import needs_collector
from whet.formats import pprof
from whet.live.continuous.batch import Batch

HERE = Path(__file__).parent
PROGRAM = HERE / "programs" / "agent.py"
BACKEND = HERE.parent / "interop" / "pyroscope"

pytestmark = needs_collector


@pytest.fixture(scope="module")
def backend_program():
    return built_program(BACKEND)


@contextmanager
def backend(program, log):
    with (
        open(log, "ab") as output,
        subprocess.Popen([str(program)], stdout=output, stdin=subprocess.DEVNULL) as process,
    ):
        while not (lines := Path(log).read_text().splitlines()):
            assert process.poll() is None
            time.sleep(0.01)
        try:
            yield f"http://{lines[0]}"
        finally:
            process.kill()


def arrived(log):
    return [json.loads(line) for line in Path(log).read_text().splitlines()[1:]]


def run(push, spool, seconds, what, window=1.0, **environment):
    command = [sys.executable, str(PROGRAM), str(push), str(spool), str(seconds), what, str(window)]
    env = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=env, check=False)


def totals(series, name, kind):
    return sum(
        dict(zip(one["Types"], one["Totals"], strict=True))[kind]
        for one in series
        if one["Labels"]["__name__"] == name
    )


def test_windows_reach_pyroscope_and_add_up(backend_program, tmp_path):
    log = tmp_path / "log"
    with backend(backend_program, log) as address:
        done = run(address, tmp_path / "spool", 3, "kept")
    assert done.returncode == 0, done.stderr
    kept, burnt = done.stdout.splitlines()[0].split()
    series = arrived(log)
    assert {one["Labels"]["__name__"] for one in series} == {"process_cpu", "memory", "block", "mutex"}
    assert {(one["Labels"]["service_name"], one["Labels"]["zone"]) for one in series} == {("shop", "eu")}
    assert len({one["ID"] for one in series}) == len(series)
    # 100 samples a second: four standard deviations of a count.
    assert totals(series, "process_cpu", "cpu/nanoseconds") == pytest.approx(float(burnt) * 1e9, rel=0.25)
    # A megabyte is nearly always seen, at 512 KiB between samples: what is in use, at each window's end;
    # what was allocated, in the window in which it was.
    memory = [one for one in series if one["Labels"]["__name__"] == "memory"]
    in_use = [dict(zip(one["Types"], one["Totals"], strict=True))["inuse_space/bytes"] for one in memory]
    assert len(in_use) >= 3
    for amount in in_use[:-1]:
        assert amount == pytest.approx(int(kept) * 1e6, rel=0.4)
    assert totals(series, "memory", "alloc_space/bytes") == pytest.approx(80e6, rel=0.4)


def test_windows_are_without_gaps_and_overlaps(backend_program, tmp_path):
    log = tmp_path / "log"
    with backend(backend_program, log) as address:
        assert run(address, tmp_path / "spool", 4, "kept").returncode == 0
    cpu = [one for one in arrived(log) if one["Labels"]["__name__"] == "process_cpu"]
    cpu.sort(key=lambda one: one["TimeNano"])
    assert len(cpu) >= 4
    for one, following in itertools.pairwise(cpu):
        # Between the end and the begin a thread may lose its processor.
        assert one["TimeNano"] + one["Seconds"] * 1e9 == pytest.approx(following["TimeNano"], abs=2e8)


def test_what_a_killed_process_left_arrives_once(backend_program, tmp_path):
    log, spool = tmp_path / "log", tmp_path / "spool"
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        absent = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        assert run(absent, spool, 3.5, "killed").returncode == -9
    waiting = list(spool.glob("*/*.batch"))
    assert len(waiting) >= 3
    with backend(backend_program, log) as address:
        assert run(address, spool, 1.5, "kept").returncode == 0
    series = arrived(log)
    assert len({one["ID"] for one in series}) == len(series)
    times = {one["TimeNano"] for one in series if one["Labels"]["__name__"] == "process_cpu"}
    assert len(times) >= len(waiting) + 1
    assert list(spool.glob("*/*.batch")) == []


def test_forked_child_has_an_agent_of_its_own(tmp_path):
    kept = tmp_path / "kept"
    done = run(kept, tmp_path / "spool", 2.5, "fork")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    seconds = [
        int(profile.samples.values[:, 1].sum()) / 1e9
        for profile in (pprof.decode(gzip.decompress(path.read_bytes())) for path in kept.glob("*-cpu.pb.gz"))
    ]
    assert sum(seconds) == pytest.approx(5.0, rel=0.25)


def test_agent_comes_within_its_budget(tmp_path):
    kept = tmp_path / "kept"
    done = run(kept, tmp_path / "spool", 0, "heavy")
    assert done.returncode == 0, done.stderr
    shares = [float(share) for share in done.stdout.splitlines()[0].split()]
    # After those in which names are looked up and things give way; a window may be above, not all of them.
    assert statistics.fmean(shares[5:]) < 1.5 * 0.04
    assert list(kept.glob("*-heap.pb.gz"))


def test_windows_go_on_when_the_clock_is_set_back(tmp_path):
    kept = tmp_path / "kept"
    assert run(kept, tmp_path / "spool", 3.5, "clock").returncode == 0
    assert len(list(kept.glob("*-cpu.pb.gz"))) >= 3


def test_last_window_is_queued_when_the_process_ends_without_atexit(tmp_path):
    assert run(tmp_path / "kept", tmp_path / "spool", 2, "exit", window=30.0).returncode == 0
    (left,) = (tmp_path / "spool").glob("*/*.batch")
    assert Batch.decode(left.read_bytes()).profiles.keys() == {"cpu", "heap", "block", "mutex"}


def test_program_that_becomes_another_one_loses_no_window(tmp_path):
    kept = tmp_path / "kept"
    assert run(kept, tmp_path / "spool", 2, "exec", window=30.0).returncode == 0
    assert len(list(kept.glob("*-cpu.pb.gz"))) == 2


def test_program_ends_at_once_though_the_backend_is_silent(tmp_path):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(100)
        done = run(f"http://127.0.0.1:{silent.getsockname()[1]}", tmp_path / "spool", 2.5, "kept")
    assert done.returncode == 0, done.stderr
    sent, closing_s = done.stdout.splitlines()[-1].split()
    assert sent == "0"
    # Without a limit it is 10 s, that of a connection.
    assert float(closing_s) < 5
    assert list((tmp_path / "spool").glob("*/*.batch"))


def test_unchanged_program_is_profiled(tmp_path):
    program = tmp_path / "app.py"
    program.write_text("import time\nwhile time.process_time() < 1.5:\n    sum(range(1000))\n")
    env = {
        **os.environ,
        "WHET_AGENT": str(tmp_path / "kept"),
        "WHET_AGENT_WINDOW": "1",
        "WHET_AGENT_SPOOL": str(tmp_path / "spool"),
        "WHET_AGENT_TAGS": "zone=eu, tier=web",
    }
    done = subprocess.run(
        [sys.executable, str(program)], capture_output=True, text=True, env=env, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert {path.name.rsplit("-", 1)[1] for path in (tmp_path / "kept").iterdir()} == {
        "cpu.pb.gz",
        "heap.pb.gz",
    }


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"WHET_AGENT": "ftp://host"}, "no place that profiles can be pushed to"),
        ({"WHET_AGENT": "/tmp/x", "WHET_AGENT_WINDOW": "soon"}, "'soon' is not a number"),
        ({"WHET_AGENT": "/tmp/x", "WHET_AGENT_WINDOW": "nan"}, "a window takes 1 to 86400 seconds"),
        ({"WHET_AGENT": "/tmp/x", "WHET_AGENT_BUDGET": "5"}, "a share between 0 and 1, not 5"),
        ({"WHET_AGENT": "/tmp/x", "WHET_AGENT_RATE": "nan"}, "between 1 and 10000 Hz, not nan"),
        ({"WHET_AGENT": "/tmp/x", "WHET_AGENT_TAGS": "zone"}, "'zone' is not name=value"),
        ({"WHET_AGENT": "/tmp/x", "WHET_AGENT_PROFILES": "gpu"}, "profiles are some of cpu, heap, block"),
        ({"WHET_AGENT": "/tmp/x", "WHET_AGENT_SPOOL": "/proc/none"}, "cannot queue profiles there"),
    ],
)
def test_bad_variable_is_one_line_and_the_program_goes_on(variables, said):
    done = subprocess.run(
        [sys.executable, "-c", "print('went on')"],
        capture_output=True, text=True, env={**os.environ, **variables}, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "went on\n")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
