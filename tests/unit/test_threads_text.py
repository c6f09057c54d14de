"""How long something has lasted, in words."""

import pytest

from whet.collect.threads import Stack
from whet.collect.threads_text import counted_text, full_text, lasted_text

S = 1_000_000_000


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0 ms"),
        (999_999_999, "999 ms"),
        (S, "1 s"),
        (119 * S, "119 s"),
        (120 * S, "2 minutes"),
        (7199 * S, "119 minutes"),
        (7200 * S, "2 hours"),
    ],
)
def test_lengths_of_time_have_one_unit(nanoseconds: int, text: str) -> None:
    assert lasted_text(nanoseconds) == text


def stack(name: str, lasted_ns: int | None) -> Stack:
    found = Stack("thread", name, "lock", [("m.f", "m.py", 3, 1)])
    found.lasted_ns = lasted_ns
    return found


def test_a_group_tells_the_shortest_and_the_longest() -> None:
    text = counted_text([stack("a", 5 * S), stack("b", None), stack("c", 300 * S)])
    assert "3 threads [lock, 5 s to 5 minutes]: a, b, c\n" in text


def test_what_is_not_known_is_not_told() -> None:
    assert 'thread 0 "a" [lock]:' in full_text([stack("a", None)])
    assert "1 thread [lock]: a\n" in counted_text([stack("a", None)])
