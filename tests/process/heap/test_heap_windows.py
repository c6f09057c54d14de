"""Windows of a heap that stays on: each has what was allocated in it, and what is in use at its end."""

import itertools
import time

import pytest

from process.harness import needs_collector
from process.samples import samples_of
from whet.collect import windows
from whet.collect.heap import MIN_BUDGET_BYTES, HeapCollector
from whet.formats import pprof

pytestmark = needs_collector

BLOCK_BYTES = 100_000
BLOCK_SPACE = BLOCK_BYTES + b"".__sizeof__()


@pytest.fixture
def collector():
    made = HeapCollector(mean_bytes=1, budget_bytes=MIN_BUDGET_BYTES)
    made.start()
    yield made
    made.stop()


def allocate(count):
    return [bytes(BLOCK_BYTES) for _ in range(count)]


def end_window(*, merges=False):
    return pprof.decode(windows.end_heap_window(with_types=False, merges=merges))


def allocated_bytes(profile):
    return int(profile.samples.values[:, 1].sum())


def of_allocate(profile):
    """Return alloc_objects, alloc_space, inuse_objects, inuse_space of large blocks made in `allocate`."""
    made = [
        one.values
        for one in samples_of(profile)
        if "allocate" in one.names and one.labels.get("bytes", 0) > BLOCK_BYTES
    ]
    return list(map(sum, zip([0] * 4, *made, strict=True)))


def test_window_has_what_was_allocated_in_it_and_all_that_is_in_use(collector):
    held = allocate(3)
    assert of_allocate(end_window()) == [3, 3 * BLOCK_SPACE, 3, 3 * BLOCK_SPACE]
    held += allocate(2)
    assert of_allocate(end_window()) == [2, 2 * BLOCK_SPACE, 5, 5 * BLOCK_SPACE]
    del held[1:]
    assert of_allocate(end_window()) == [0, 0, 1, BLOCK_SPACE]
    held.clear()
    assert of_allocate(end_window()) == [0, 0, 0, 0]


def test_windows_follow_each_other(collector):
    profiles = []
    for _ in range(3):
        time.sleep(0.05)
        profiles.append(end_window())
    for one, following in itertools.pairwise(profiles):
        assert one.time_nanos + one.duration_nanos == following.time_nanos
        assert 0.05e9 <= following.duration_nanos < 60e9


def test_snapshots_know_nothing_of_windows(collector):
    held = allocate(3)
    end_window()
    held += allocate(2)
    whole = pprof.decode(windows.snapshots("heap")["heap"])
    assert of_allocate(whole) == [5, 5 * BLOCK_SPACE, 5, 5 * BLOCK_SPACE]
    assert of_allocate(end_window())[0] == 2


def test_stacks_that_are_folded_stay_in_their_window(collector):
    held = allocate(3)
    first_bytes = allocated_bytes(end_window())
    held += allocate(2)
    for number in range(1_000_000):
        if collector.statistics()["folds"]:
            break
        exec(compile("\n" * (number % 30_000) + "bytes(1000)", f"file{number}.py", "exec"))
    assert collector.statistics()["folds"]
    # Before the window is cut: its profile is allocated, too.
    all_bytes = collector.statistics()["alloc_bytes"]
    window = end_window()
    assert 3 * BLOCK_SPACE <= first_bytes < all_bytes / 10
    assert first_bytes + allocated_bytes(window) == pytest.approx(all_bytes, rel=0.05)
    del held


def test_windows_that_are_over_are_kept_by_stack_only():
    collector = HeapCollector(mean_bytes=1)
    collector.start()
    try:
        held = allocate(3)
        for number in range(300):
            # Three hundred stacks, some fifty classes of sizes each.
            exec(compile("for size in range(600, 70_600, 1100): bytes(size)", f"file{number}.py", "exec"))
        before_bytes = collector.statistics()["own_bytes"]
        first_bytes = allocated_bytes(end_window())
        assert collector.statistics()["own_bytes"] >= before_bytes
        first_bytes += allocated_bytes(end_window(merges=True))
        assert collector.statistics()["own_bytes"] < before_bytes
        whole = pprof.decode(windows.snapshots("heap")["heap"])
    finally:
        collector.stop()
    assert allocated_bytes(whole) == pytest.approx(first_bytes, rel=0.05)
    # What is in use is known as before.
    assert of_allocate(whole) == [3, 3 * BLOCK_SPACE, 3, 3 * BLOCK_SPACE]
    del held


def test_types_are_told_only_where_they_are_wanted(collector):
    held = [[None] * 100_000 for _ in range(20)]
    for wanted in (True, False):
        profile = pprof.decode(windows.end_heap_window(with_types=wanted, merges=False))
        keys = {profile.strings.text(key) for key in profile.samples.labels.key}
        assert ("type" in keys) == wanted
    del held
