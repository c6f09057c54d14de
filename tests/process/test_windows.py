"""Profiles of a stretch of time, taken by several threads at once."""

import threading

import pytest

from process.harness import needs_collector
from whet.collect import windows
from whet.errors import CollectError
from whet.formats.pprof import decode

pytestmark = needs_collector


def wait(seconds: float) -> bool:
    threading.Event().wait(seconds)
    return True


def test_collectors_are_started_and_stopped_by_several_threads_at_once() -> None:
    taken: dict[str, int] = {}

    def take_often(kind: str) -> None:
        for _ in range(40):
            data = windows.take(kind, 0.002, wait)
            assert data is not None
            assert decode(data).duration_nanos > 0
            taken[kind] = taken.get(kind, 0) + 1

    threads = [threading.Thread(target=take_often, args=(kind,)) for kind in ("cpu", "heap", "block")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert taken == {"cpu": 40, "heap": 40, "block": 40}


def test_a_profile_that_nobody_wants_is_none_and_off() -> None:
    assert windows.take("cpu", 60, lambda _: False) is None
    assert not windows.is_on("cpu")


def test_a_collector_that_is_on_stays_on_and_keeps_its_rate() -> None:
    windows.switch_on("cpu", 250)
    try:
        data = windows.take("cpu", 0.01, wait)
        assert data is not None
        assert decode(data).period == 4_000_000
        with pytest.raises(CollectError, match="at the rate 250"):
            windows.take("cpu", 0.01, wait, rate=100)
        assert windows.is_on("cpu")
    finally:
        windows.switch_off("cpu")
    assert not windows.is_on("cpu")
