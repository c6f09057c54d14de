"""The collector of garbage collections inside real processes."""

import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest

from process.harness import needs_collector

pytestmark = needs_collector

LINE = re.compile(
    r"gc (?P<first>\d+)(-(?P<last>\d+))? @(?P<begin>[\d.]+)(-[\d.]+)?s (?P<share>[\d.]+)%: "
    r"gen (?P<gen>[\d+x]+), (?P<pause>[\d.]+) ms( \(longest (?P<longest>[\d.]+)\))?"
    r"(, ~?(?P<before>\d+)->(?P<after>\d+) objects)?, "
    r"(?P<collected>\d+) collected, (?P<uncollectable>\d+) uncollectable"
    r"(, (?P<rss>[\d.]+) MB)?, (?P<thread>.+)"
)

PRELUDE = """
import gc, json, os, sys, threading
from whet.collect.gc import GcCollector
def cycles(n):
    for _ in range(n):
        x = []
        x.append(x)
c = GcCollector()
"""


def run_python(code: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, **environ},
    )


def answer(code: str) -> Any:
    done = run_python(PRELUDE + code)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def parsed(text: str) -> list[dict[str, Any]]:
    matches = [LINE.fullmatch(line) for line in text.splitlines() if not line.startswith("#")]
    assert all(matches)
    return [match.groupdict() for match in matches if match]


def test_every_collection_is_seen_with_its_generation_and_what_it_found() -> None:
    found = answer(
        """
gc.collect(); gc.disable(); before = [s["collections"] for s in gc.get_stats()]
c.start()
kept = [[] for _ in range(5000)]
cycles(300); gc.collect(0)
cycles(40); gc.collect(1)
cycles(7); gc.collect(2)
c.stop(); gc.collect()
print(json.dumps([c.snapshots()["gc.txt"].decode(), c.statistics(), gc.callbacks]))
"""
    )
    rows, statistics = parsed(found[0]), found[1]
    assert [(r["gen"], int(r["collected"])) for r in rows] == [("0", 300), ("1", 40), ("2", 7)]
    assert [int(r["first"]) for r in rows] == [1, 2, 3]
    assert all(r["uncollectable"] == "0" and r["thread"] == "MainThread" for r in rows)
    full = rows[2]
    # 3.14 counts all live objects, and what else went away meanwhile.
    assert 7 <= int(full["before"]) - int(full["after"]) <= 60
    assert int(full["after"]) > 5000
    assert float(full["rss"]) > 5
    assert statistics["collections"] == 3
    assert statistics["pause_ns"] >= statistics["longest_ns"] > 0
    assert statistics["longest_ns"] >= statistics["pause_p99_ns"] >= statistics["pause_median_ns"] > 0
    assert sum(statistics[f"pause_{g}_ns"] for g in range(3)) == statistics["pause_ns"]
    assert found[2] == []


def test_survivors_of_a_full_collection_are_the_objects_that_gc_knows() -> None:
    after, known = answer(
        """
c.start(); gc.collect(); c.stop()
import re
after = int(re.findall(r"->(\\d+) objects", c.snapshots()["gc.txt"].decode())[-1])
print(json.dumps([after, len(gc.get_objects())]))
"""
    )
    assert abs(after - known) < 0.02 * known


def test_a_long_run_keeps_a_bounded_number_of_lines_and_exact_totals() -> None:
    text, statistics = answer(
        """
gc.collect(); gc.disable(); c.start()
for i in range(30_000):
    cycles(1)
    gc.collect(0)
    if i % 1000 == 0:
        gc.collect(2)
c.stop()
print(json.dumps([c.snapshots()["gc.txt"].decode(), c.statistics()]))
"""
    )
    rows = parsed(text)
    assert len(rows) <= 4096
    assert statistics["collections"] == 30_030
    assert sum(int(r["collected"]) for r in rows) == statistics["collected"] == 30_000
    # No line is missing and none is told twice; full collections stand by themselves.
    expected = 1
    for row in rows:
        assert int(row["first"]) == expected
        expected = int(row["last"] or row["first"]) + 1
    assert expected == 30_031
    assert sum(row["gen"] == "2" for row in rows) == 30
    assert sum(float(r["pause"]) for r in rows) * 1e6 == pytest.approx(statistics["pause_ns"], rel=0.02)


def test_collections_are_told_with_the_thread_that_ran_them() -> None:
    text = answer(
        """
gc.disable(); c.start()
go, done = threading.Event(), threading.Event()
def work():
    gc.collect(1); done.set(); go.wait()
t = threading.Thread(target=work, name="a, worker"); t.start(); done.wait()
first = c.snapshots(); go.set(); t.join(); gc.collect(1); c.stop()
print(json.dumps(c.snapshots()["gc.txt"].decode()))
"""
    )
    assert [r["thread"] for r in parsed(text)] == ["a worker", "MainThread"]


def test_uncollectable_objects_are_counted() -> None:
    statistics = answer(
        """
c.start(); gc.set_debug(gc.DEBUG_SAVEALL); gc.collect(); gc.garbage.clear(); cycles(3); gc.collect()
c.stop(); print(json.dumps(c.statistics()))
"""
    )
    assert statistics["collected"] + statistics["uncollectable"] >= 3


def test_a_second_recording_is_refused_and_a_later_one_begins_anew() -> None:
    message, later = answer(
        """
from whet.errors import CollectError
c.start(); gc.collect()
try:
    GcCollector().start()
except CollectError as error:
    message = str(error)
c.stop(); d = GcCollector(); d.start(); gc.collect(); gc.collect(); d.stop()
print(json.dumps([message, [d.statistics()["collections_2"], d.statistics()["duration_ns"] > 0]]))
"""
    )
    assert message == "a recording of garbage collections is running in this process already"
    assert later == [2, True]


def test_a_forked_child_is_not_part_of_the_recording() -> None:
    child, parent = answer(
        """
gc.disable(); c.start(); gc.collect()
ours, theirs = os.pipe()
if os.fork() == 0:
    gc.collect()
    os.write(theirs, json.dumps([c.statistics()["collections"], len(gc.callbacks)]).encode()); os._exit(0)
os.wait(); child = json.loads(os.read(ours, 100)); gc.collect(); c.stop()
print(json.dumps([child, c.statistics()["collections"]]))
"""
    )
    assert child == [0, 0]
    assert parent == 2


def test_an_interrupt_during_a_collection_is_not_swallowed() -> None:
    done = run_python(
        PRELUDE
        + """
import signal, time
c.start()
signal.signal(signal.SIGALRM, signal.default_int_handler)
kept = [[] for _ in range(200_000)]
try:
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    end = time.monotonic() + 100
    while time.monotonic() < end:
        gc.collect()
    print("swallowed")
except KeyboardInterrupt:
    print("interrupted")
"""
    )
    assert done.stdout == "interrupted\n", done.stderr


def test_the_variable_prints_lines_for_a_process_that_imports_whet() -> None:
    code = "import whet, gc; gc.disable(); gc.collect(); gc.collect(1); print('data')"
    asked = run_python(code, WHET_GCTRACE="1")
    assert asked.returncode == 0
    assert asked.stdout == "data\n"
    rows = parsed(asked.stderr)
    assert [r["gen"] for r in rows][:2] == ["2", "1"]
    assert run_python(code, WHET_GCTRACE="0").stderr == ""


def test_lines_go_on_while_a_recording_starts_and_stops() -> None:
    done = run_python(
        "import whet, gc; from whet.collect.gc import GcCollector; gc.disable(); gc.collect();"
        "c = GcCollector(); c.start(); gc.collect(1); c.stop(); gc.collect(0);"
        "assert c.statistics()['collections'] == 1, c.statistics()",
        WHET_GCTRACE="1",
    )
    assert done.returncode == 0, done.stderr
    assert [r["gen"] for r in parsed(done.stderr)][:3] == ["2", "1", "0"]
