"""Wall-clock profiles: where each thread's whole life went, computing and waiting together.

The CPU profile's samples are scaled so that they add up to what the thread's own clock says; waits
are exact and stay as they are; what is left of a thread's life is time in which the kernel had no
processor for it, as far as the kernel counted such time, and the rest. So the shares add up to
all of every thread's life.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from whet.model.builder import ProfileBuilder
from whet.model.labelled import label_texts, with_label, with_strings
from whet.model.merge import merge
from whet.model.profile import Profile
from whet.model.scale import rounded

__all__ = ["ThreadLife", "wall_profile"]

I64 = npt.NDArray[np.int64]

_TYPE = ("wall", "nanoseconds")
_UNSAMPLED = "[computing, without a sample]"
_RUNNABLE = "[waiting for a processor]"
_OTHER = "[short waits and what is not seen]"


@dataclass(frozen=True, slots=True)
class ThreadLife:
    """What threads of one name did; all times in ns.

    Attributes:
        name: the label `thread` of their samples.
        life_ns: how long they were there.
        cpu_ns: by their own clocks.
        delay_ns: they could have run, had there been a processor; a part of it may lie within waits.
    """

    name: str
    life_ns: int
    cpu_ns: int
    delay_ns: int


def wall_profile(cpu: Profile, waits: Profile, threads: Sequence[ThreadLife]) -> Profile:
    """Join a CPU profile and a profile of waits of the same threads.

    Args:
        cpu: with the value type `cpu/nanoseconds`.
        waits: with the value type `delay/nanoseconds`.
        threads: all threads that had a life; samples of others are left out.

    Returns:
        A profile with the value type `wall/nanoseconds` and the label `state`: `running`,
        `waiting`, `runnable` or `other`. Its comments begin with those of the CPU profile.
    """
    weights, computed = _scaled_to_clocks(cpu, threads)
    waited_for = np.where(_has_life(waits, threads), _values(waits, "delay"), 0)
    rest = _rest(threads, computed, _by_thread(waits, waited_for))
    parts = [
        _part(cpu, weights, "running"),
        _part(waits, waited_for, "waiting"),
        _header(rest, cpu),
    ]
    return merge(parts)


def _has_life(profile: Profile, threads: Sequence[ThreadLife]) -> npt.NDArray[np.bool_]:
    names, lives = label_texts(profile, "thread"), {thread.name for thread in threads}
    wanted = [name for name in np.unique(names).tolist() if profile.strings.text(name) in lives]
    return np.isin(names, wanted)


def _values(profile: Profile, kind: str) -> I64:
    column = profile.sample_type_names().index((kind, "nanoseconds"))
    return profile.samples.values[:, column]


def _by_thread(profile: Profile, values: I64) -> dict[str, int]:
    names = label_texts(profile, "thread")
    sums = np.bincount(names, values.astype(np.float64), minlength=1)
    return {profile.strings.text(name): round(sums[name]) for name in np.unique(names).tolist()}


def _scaled_to_clocks(cpu: Profile, threads: Sequence[ThreadLife]) -> tuple[I64, dict[str, int]]:
    """Return the samples' values, and how much of each thread's CPU time they stand for."""
    sampled = _values(cpu, "cpu")
    sums, clocks = _by_thread(cpu, sampled), {thread.name: thread.cpu_ns for thread in threads}
    names = label_texts(cpu, "thread")
    ratio = np.zeros(int(names.max(initial=0)) + 1)
    for name in np.unique(names).tolist():
        text = cpu.strings.text(name)
        ratio[name] = max(clocks.get(text, 0), 0) / sums[text] if sums[text] > 0 else 0.0
    return rounded(sampled * ratio[names]), {
        name: clocks[name] for name, total in sums.items() if total > 0 and name in clocks
    }


def _part(profile: Profile, values: I64, state: str) -> Profile:
    """Return the profile with these values of type wall, and nothing in its header."""
    profile, (kind, unit) = with_strings(profile, _TYPE)
    profile = replace(
        profile,
        sample_type=[(kind, unit)],
        samples=replace(profile.samples, values=values.reshape(-1, 1)),
        period_type=None,
        period=0,
        duration_nanos=0,
        comments=[],
        default_sample_type=0,
    )
    return with_label(profile, "state", state)


def _rest(threads: Sequence[ThreadLife], computed: dict[str, int], waited: dict[str, int]) -> ProfileBuilder:
    """Return what is no sample and no wait, by thread; and all sums as comments."""
    builder = ProfileBuilder([_TYPE])
    sums = dict.fromkeys(("running", "waiting", "runnable", "other"), 0)
    for thread in threads:
        left_ns = max(0, thread.life_ns - thread.cpu_ns - waited.get(thread.name, 0))
        runnable_ns = min(left_ns, max(thread.delay_ns, 0))
        unsampled_ns = max(0, thread.cpu_ns - computed.get(thread.name, 0))
        for frame, state, value_ns in (
            (_UNSAMPLED, "running", unsampled_ns),
            (_RUNNABLE, "runnable", runnable_ns),
            (_OTHER, "other", left_ns - runnable_ns),
        ):
            if value_ns > 0:
                builder.sample(
                    [builder.frame(frame)], [value_ns], [("thread", thread.name), ("state", state)]
                )
        sums["running"] += thread.cpu_ns
        sums["waiting"] += waited.get(thread.name, 0)
        sums["runnable"] += runnable_ns
        sums["other"] += left_ns - runnable_ns
    builder.comments = [f"whet: wall_{state}_ns={value}" for state, value in sums.items()]
    return builder


def _header(rest: ProfileBuilder, cpu: Profile) -> Profile:
    rest.comments = [*cpu.comment_texts(), *rest.comments]
    rest.time_nanos, rest.duration_nanos = cpu.time_nanos, cpu.duration_nanos
    rest.default_sample_type = _TYPE[0]
    return rest.build()
