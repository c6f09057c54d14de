"""Value texts are pprof's: units, decimals, percentages."""

import pytest

from whet.units import (
    format_duration,
    format_percentage,
    format_value,
    parse_duration_s,
    parse_size,
    scale,
    to_base,
)


@pytest.mark.parametrize(
    ("value", "unit", "target", "text"),
    [
        (0, "nanoseconds", "auto", "0"),
        (1, "nanoseconds", "auto", "1ns"),
        (1500, "nanoseconds", "auto", "1.50us"),
        (10_000_000, "nanoseconds", "s", "0.01s"),
        (-1500, "nanoseconds", "auto", "-1.50us"),
        (3_600_000_000_000, "ns", "auto", "1hrs"),
        (2048, "bytes", "auto", "2kB"),
        (1536, "bytes", "auto", "1.50kB"),
        (1, "bytes", "MB", "0"),
        (7, "count", "auto", "7"),
        (7, "count", "minimum", "7"),
        (7, "widgets", "auto", "7"),
        (7, "bytes", "seconds", "7B"),
        (7, "nanoseconds", "bytes", "0"),
        (5, "kilobytes", "bytes", "5120B"),
        (-(2**63), "count", "auto", "-9223372036854775808"),
    ],
)
def test_value_is_written_in_the_unit(value, unit, target, text):
    assert format_value(value, unit, target) == text


def test_unknown_target_keeps_its_name():
    assert scale(3, "count", "parrots") == (3.0, "parrots")


@pytest.mark.parametrize(
    ("value", "total", "text"),
    [
        (0, 0, "    0%"), (0, 5, "    0%"), (1, 1, "  100%"), (9996, 10000, "  100%"),
        (1, 2, "50.00%"), (-1, 2, "50.00%"), (1, 100, " 1.00%"), (1, 300, " 0.33%"),
        (1, 10**6, "0.0001%"), (1, 10**8, "1e-06%"), (3, 1, "300.00%"),
    ],
)  # fmt: skip
def test_percentage_has_at_least_two_digits(value, total, text):
    assert format_percentage(value, total) == text


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0s"), (1, "1ns"), (1100, "1.1µs"), (2_200_000, "2.2ms"), (3_300_000_000, "3.3s"),
        (61_000_000_000, "1m1s"), (3_600_000_000_000, "1h0m0s"), (-5, "-5ns"),
    ],
)  # fmt: skip
def test_duration_has_the_form_of_go(nanoseconds, text):
    assert format_duration(nanoseconds) == text


def test_base_units_are_bytes_and_nanoseconds():
    assert to_base(3, "microseconds") == (3000, "nanoseconds")
    assert to_base(2, "kB") == (2048, "bytes")
    assert to_base(2, "objects") == (2, "objects")


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1", 1), ("4096", 4096), ("512kB", 524288), ("512KiB", 524288), ("1m", 1048576), ("0.5MB", 524288),
        ("2G", 2**31), ("7B", 7), ("0", None), ("-1", None), ("1.5", None), ("many", None), ("", None),
        ("k", None), ("1e3", None), ("1 kB", None), ("1kBB", None),
    ],
)  # fmt: skip
def test_sizes_as_people_write_them(text: str, size: int | None) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1.0), ("300ms", 0.3), ("1m30s", 90.0), ("50us", 5e-5), ("2h", 7200.0), ("0s", None),
        ("5", None), ("", None), ("-1s", None), ("1s ", None), ("1x", None),
    ],
)  # fmt: skip
def test_durations_as_people_write_them(text: str, seconds: float | None) -> None:
    assert parse_duration_s(text) == (None if seconds is None else pytest.approx(seconds))
