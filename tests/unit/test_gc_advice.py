"""Advice on settings of the garbage collector: what is said from which measurements."""

import gc
from dataclasses import replace

import pytest

from whet.analyze.gc_advice import Measured, Row, advise, row_of
from whet.collect.gc_setting import GcSetting
from whet.errors import UsageError
from whet.render.gc_advice import advice_lines, text_table

BASE = Measured(1_000_000_000, 50 << 20, 200_000_000.0, 9_000_000.0, 500, (700, 10, 10))
MARGIN = 0.01


def row(setting: str, time_ratio: float, memory_ratio: float = 1.0, rounds: int = 30) -> Row:
    pairs = []
    for i in range(rounds):
        old = replace(BASE, time_ns=BASE.time_ns + i * 1000)
        new = replace(
            old,
            time_ns=round(old.time_ns * time_ratio * (1 + (i % 5 - 2) * 1e-4)),
            peak_rss_bytes=round(old.peak_rss_bytes * memory_ratio),
        )
        pairs.append((old, new))
    return row_of(setting, pairs, MARGIN)


def baseline(run: Measured = BASE) -> Row:
    return Row("default", [run] * 30)


def words(rows: list[Row], base: Row | None = None) -> str:
    base = base or baseline()
    advice = advise(base, rows, MARGIN)
    return "\n".join(advice_lines(advice, base, MARGIN, lambda text: GcSetting(text).code(), "time"))


def test_of_equally_fast_settings_the_one_with_less_memory_is_advised() -> None:
    rows = [row("10000", 0.904, 1.01), row("50000", 0.9, 1.5), row("2000", 0.97), row("off", 0.85, 3.0)]
    advice = advise(baseline(), rows, MARGIN)
    assert advice.best is rows[0]
    assert not advice.is_open
    said = words(rows)
    assert "best: 10000: 9.6% less time" in said
    assert "import gc; gc.set_threshold(10000)" in said
    assert "bound: with no automatic collection at all the time is 15.0% less" in said


def test_switching_off_is_never_advised() -> None:
    rows = [row("off", 0.5), row("2000", 1.0)]
    assert advise(baseline(), rows, MARGIN).best is None
    assert "nothing to gain: no setting makes the time shorter by more than 1.0%" in words(rows)


def test_too_few_rounds_are_said_to_be_too_few() -> None:
    rows = [row("10000", 0.9, rounds=3)]
    assert advise(baseline(), rows, MARGIN).is_open
    assert "not all is decided" in words(rows)
    assert "0.000–∞" in text_table(baseline(), rows, MARGIN)


def test_a_program_that_hardly_collects_has_nothing_to_gain_whatever_the_noise() -> None:
    idle = baseline(replace(BASE, pause_ns=1_000_000.0))
    rows = [row("10000", 0.9, rounds=3)]
    advice = advise(idle, rows, MARGIN)
    assert advice.is_idle
    assert not advice.is_open
    assert "nothing to gain: collecting takes less than the margin of 1.0%" in words(rows, idle)


def test_a_slower_setting_is_called_slower() -> None:
    assert "slower by 10.0%" in text_table(baseline(), [row("freeze", 1.1)], MARGIN)


@pytest.mark.parametrize(
    ("text", "thresholds", "freezes", "off"),
    [
        ("default", (), False, False),
        ("off", (), False, True),
        ("freeze", (), True, False),
        ("700", (700,), False, False),
        ("700,10,5", (700, 10, 5), False, False),
        ("50000+freeze", (50000,), True, False),
    ],
)
def test_settings_are_read(text: str, thresholds: tuple[int, ...], freezes: bool, off: bool) -> None:
    setting = GcSetting(text)
    assert (setting.thresholds, setting.freezes, setting.is_off) == (thresholds, freezes, off)


@pytest.mark.parametrize(
    "text",
    ["", "on", "-1", "0", "1,2,3,4", "700+off", "off+freeze", "freeze+freeze", "1.5", "٣", "+", "9" * 20],
)
def test_what_is_no_setting_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        GcSetting(text)


def test_thresholds_are_put_into_force() -> None:
    before = gc.get_threshold()
    try:
        GcSetting("12345,17").apply()
        assert gc.get_threshold()[:2] == (12345, 17)
    finally:
        gc.set_threshold(*before)
