"""The options of `whet attach`."""

import pytest

from whet.cli.attach_options import parse
from whet.errors import UsageError


def test_defaults() -> None:
    options = parse(["4711"])
    assert (options.pid, options.rate_hz, options.duration_s, options.dump) == (4711, 100.0, None, 0)
    assert options.flags == frozenset()


@pytest.mark.parametrize(
    ("text", "seconds"), [("10s", 10.0), ("500ms", 0.5), ("2m", 120.0), ("3", 3.0), ("1.5", 1.5)]
)
def test_durations_have_units_or_are_seconds(text: str, seconds: float) -> None:
    assert parse(["-d", text, "1"]).duration_s == seconds
    assert parse([f"--duration={text}", "1"]).duration_s == seconds


def test_a_dump_has_a_form() -> None:
    assert parse(["--dump", "1"]).dump == 1
    assert parse(["--dump=2", "1"]).dump == 2


@pytest.mark.parametrize(
    "argv", [["--dump=3", "1"], ["1", "2"], ["0"], ["-5"], ["1", "--rate"], ["--top", "--json", "1"]]
)
def test_wrong_calls_are_refused(argv: list[str]) -> None:
    with pytest.raises(UsageError):
        parse(argv)
