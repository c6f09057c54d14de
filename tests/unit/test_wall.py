"""Joining computing and waiting, by hand-made profiles."""

from collections.abc import Sequence

import pytest

from whet.analyze.profile.intervals import build_intervals
from whet.analyze.profile.labels import sample_labels
from whet.analyze.profile.wall import ThreadLife, wall_profile
from whet.model.builder import ProfileBuilder
from whet.model.profile import Profile

MS = 1_000_000


def cpu_profile(samples: Sequence[tuple[str, str, int]]) -> Profile:
    builder = ProfileBuilder([("samples", "count"), ("cpu", "nanoseconds")])
    for frame, thread, value in samples:
        builder.sample([builder.frame(frame)], [1, value], [("thread", thread), ("task", "t")])
    builder.comments = ["whet: rate_hz=100"]
    builder.duration_nanos = 7
    builder.period_type, builder.period = ("cpu", "nanoseconds"), 10
    return builder.build()


def wait_profile(samples: Sequence[tuple[str, str, int]]) -> Profile:
    builder = ProfileBuilder([("contentions", "count"), ("delay", "nanoseconds")])
    for frame, thread, value in samples:
        labels = [("thread", thread), ("reason", "lock"), ("state", "unfinished")]
        builder.sample([builder.frame(frame)], [1, value], labels)
    builder.duration_nanos = 8
    return builder.build()


def cells(profile: Profile) -> dict[tuple[str, str, str], int]:
    """Return values by (frame, thread, state)."""
    texts, s, found = profile.strings.texts(), profile.samples, {}
    for row in range(len(s)):
        leaf = profile.locations.line_start[s.stack[s.stack_start[row]]]
        name = texts[profile.functions.name[profile.locations.line_function[leaf]]]
        labels = sample_labels(profile, texts, row).texts
        (thread,), (state,) = labels["thread"], labels["state"]
        found[name, thread, state] = int(s.values[row, 0])
    return found


def test_samples_are_scaled_to_the_threads_clock() -> None:
    cpu = cpu_profile([("f", "a", 30 * MS), ("g", "a", 10 * MS)])
    wall = wall_profile(cpu, wait_profile([]), [ThreadLife("a", 20 * MS, 20 * MS, 0)])
    assert cells(wall) == {("f", "a", "running"): 15 * MS, ("g", "a", "running"): 5 * MS}


def test_what_is_left_of_a_life_is_runnable_or_other() -> None:
    wall = wall_profile(
        cpu_profile([("f", "a", 10 * MS)]),
        wait_profile([("w", "a", 60 * MS)]),
        [ThreadLife("a", 100 * MS, 10 * MS, 25 * MS), ThreadLife("b", 9 * MS, 4 * MS, 50 * MS)],
    )
    assert cells(wall) == {
        ("f", "a", "running"): 10 * MS,
        ("w", "a", "waiting"): 60 * MS,
        ("[waiting for a processor]", "a", "runnable"): 25 * MS,
        ("[short waits and what is not seen]", "a", "other"): 5 * MS,
        ("[computing, without a sample]", "b", "running"): 4 * MS,
        ("[waiting for a processor]", "b", "runnable"): 5 * MS,
    }
    assert wall.comment_texts() == [
        "whet: rate_hz=100",
        f"whet: wall_running_ns={14 * MS}",
        f"whet: wall_waiting_ns={60 * MS}",
        f"whet: wall_runnable_ns={30 * MS}",
        f"whet: wall_other_ns={5 * MS}",
    ]


@pytest.mark.parametrize("cpu_ns", [0, -1, 500 * MS])
def test_clocks_that_contradict_each_other_make_nothing_negative(cpu_ns: int) -> None:
    wall = wall_profile(
        cpu_profile([("f", "a", 10 * MS), ("f", "gone", 10 * MS)]),
        wait_profile([("w", "a", 60 * MS), ("w", "gone", 60 * MS)]),
        [ThreadLife("a", 100 * MS, cpu_ns, -5)],
    )
    assert (wall.samples.values > 0).all()
    assert all(thread == "a" for _, thread, _ in cells(wall))


def test_header_is_that_of_a_profile_of_wall_time() -> None:
    life = [ThreadLife("a", 100 * MS, 10 * MS, 0)]
    wall = wall_profile(cpu_profile([("f", "a", MS)]), wait_profile([("w", "a", MS)]), life)
    assert wall.sample_type_names() == [("wall", "nanoseconds")]
    assert (wall.duration_nanos, wall.period, wall.period_type) == (7, 0, None)
    assert wall.strings.text(wall.default_sample_type) == "wall"
    assert "intervals are those of the CPU profile" in build_intervals(wall, 0, 1).reason


def test_labels_of_both_sides_stay_but_for_the_state() -> None:
    life = [ThreadLife("a", 100 * MS, 10 * MS, 0)]
    wall = wall_profile(cpu_profile([("f", "a", MS)]), wait_profile([("w", "a", MS)]), life)
    texts = wall.strings.texts()
    labels = [sample_labels(wall, texts, row).texts for row in range(len(wall.samples))]
    assert {"thread": ["a"], "task": ["t"], "state": ["running"]} in labels
    assert {"thread": ["a"], "reason": ["lock"], "state": ["waiting"]} in labels
