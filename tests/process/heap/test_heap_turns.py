"""Small blocks looked at in turns: what is estimated is what a hook in place all the time would say."""

import time

import pytest

from process.harness import needs_collector
from process.samples import samples_of
from whet.collect import windows
from whet.collect.heap import HeapCollector
from whet.collect.probe import load_probe
from whet.formats import pprof

pytestmark = needs_collector

MEAN_BYTES = 64 * 1024


@pytest.fixture
def collector():
    made = HeapCollector(mean_bytes=MEAN_BYTES)
    made.start()
    yield made
    made.stop()


def test_large_blocks_are_seen_whosever_turn_it_is(collector):
    load_probe().heap_take_turns(4)
    held = []
    for _ in range(20):
        held.append(bytearray(4 << 20))
        time.sleep(0.02)
    # Sixty-four intervals long: none is missed.
    assert collector.statistics()["inuse_bytes"] >= 80 << 20
    held.clear()
    assert collector.statistics()["inuse_bytes"] < 4 << 20


def test_small_blocks_are_seen_in_their_turns_and_their_frees_always(collector):
    load_probe().heap_take_turns(2)
    begin, held = time.monotonic(), []
    while collector.statistics()["inuse_bytes"] < 4 << 20:
        assert time.monotonic() < begin + 60
        held.extend(bytes(400) for _ in range(1000))
    assert collector.statistics()["small_each"] == 4
    held.clear()
    assert collector.statistics()["inuse_bytes"] < 1 << 20


def test_turns_end_and_every_small_block_counts_again(collector):
    load_probe().heap_take_turns(4)
    time.sleep(0.3)
    load_probe().heap_take_turns(0)
    before = collector.statistics()
    for _ in range(100_000):
        bytes(300)
    after = collector.statistics()
    # 333 bytes and an int of 28, 551 intervals: five standard deviations.
    allocated = after["alloc_bytes"] - before["alloc_bytes"]
    assert allocated == pytest.approx(100_000 * 361, rel=5 / 551**0.5)


def test_interval_grows_where_there_are_many_samples_and_keeps_what_is_in_use(collector):
    held = [bytes(100_000) for _ in range(1000)]
    windows.set_heap_step(0)
    begin = time.monotonic()
    while windows.heap_interval_bytes() < 4 * MEAN_BYTES:
        assert time.monotonic() < begin + 60
        for _ in range(100):
            bytearray(MEAN_BYTES)
    # At least 100 intervals: five standard deviations.
    mean_bytes = windows.heap_interval_bytes()
    assert collector.statistics()["inuse_bytes"] == pytest.approx(1e8, rel=5 / (1e8 / mean_bytes) ** 0.5)
    del held


def test_interval_stays_where_samples_are_few(collector):
    windows.set_heap_step(0)
    for _ in range(20):
        bytearray(MEAN_BYTES)
        time.sleep(0.02)
    assert windows.heap_interval_bytes() == MEAN_BYTES


def test_blocks_that_shrink_to_small_ones_count_once(collector):
    load_probe().heap_take_turns(2)
    begin, shrunk = time.monotonic(), 0
    while time.monotonic() < begin + 8:
        for _ in range(1000):
            cut_to_300(bytearray(1000))
        shrunk += 1000
    profile = pprof.decode(windows.snapshots("heap")["heap"])
    told = sum(one.values[1] for one in samples_of(profile) if one.names[0] == "cut_to_300")
    # Of twenty turns, which are not equally long.
    assert told == pytest.approx(shrunk * 301, rel=0.4)


def cut_to_300(block):
    del block[300:]
