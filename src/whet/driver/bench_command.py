"""Whole commands as benchmarks, and Go's own.

A command runs again and again; each run is a result of one iteration, with the wall time, the CPU time of it
and the children it waited for, and the peak resident size of the largest of them (getrusage(2)). Variants by
parameters take turns in random order. Go packages are left to `go test`, which prints the same format.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import resource
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from whet.errors import SourceError, UsageError

__all__ = [
    "DEFAULT_COUNT",
    "PASSED_TO_GO",
    "PROFILES",
    "CommandOptions",
    "Variant",
    "go_command",
    "is_go",
    "run_once",
    "turns",
    "variants",
]

DEFAULT_COUNT = 10
PROFILES = ("cpuprofile", "memprofile", "blockprofile", "mutexprofile", "trace")
PASSED_TO_GO = ("bench", "benchtime", "count", "cpu", *PROFILES)


@dataclass(frozen=True)
class CommandOptions:
    """How to run a command.

    Attributes:
        count: measured runs of each variant.
        warmup: runs before those, not measured.
        prepare: a shell command to run before each run, or nothing.
        parameters: values by the name that stands in braces in the command.
        show_output: leave the command's output where ours goes, instead of dropping it.
        ignore_failure: a status other than 0 is no error.
        seed: of the order.
    """

    count: int = DEFAULT_COUNT
    warmup: int = 0
    prepare: str = ""
    parameters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    show_output: bool = False
    ignore_failure: bool = False
    seed: int | None = None


@dataclass(frozen=True)
class Variant:
    """A command with its parameters put in: its benchmark's name, its words, and what to run before it."""

    name: str
    command: tuple[str, ...]
    prepare: str


def variants(command: Sequence[str], options: CommandOptions) -> list[Variant]:
    """Return one variant for each combination of parameters.

    Raises:
        UsageError: there is no such command.
    """
    found = []
    for chosen in itertools.product(*options.parameters.values()):
        values = dict(zip(options.parameters, chosen, strict=True))
        words = tuple(_fill(word, values) for word in command)
        if shutil.which(words[0]) is None:
            raise UsageError(f"{words[0]}: no such command")
        name = _public_name(Path(words[0]).name) + "".join(
            f"/{key}={'_'.join(value.replace('/', '_').split())}" for key, value in values.items()
        )
        found.append(Variant(f"Benchmark{name}", words, _fill(options.prepare, values)))
    return found


def turns(found: list[Variant], options: CommandOptions) -> Iterator[tuple[Variant, bool]]:
    """Yield what to run next and whether it counts, warm-up first."""
    order = random.Random(options.seed)
    for number in range(options.warmup + options.count):
        for variant in order.sample(found, len(found)):
            yield variant, number >= options.warmup


def run_once(variant: Variant, options: CommandOptions) -> list[tuple[float, str]]:
    """Run a command once and return (value, unit) pairs.

    Raises:
        SourceError: it, or its preparation, failed.
    """
    if variant.prepare:
        done = subprocess.run(variant.prepare, shell=True, check=False, stdout=subprocess.DEVNULL)
        if done.returncode:
            raise SourceError(f"--prepare: {variant.prepare}: status {done.returncode}")
    output = None if options.show_output else subprocess.DEVNULL
    begin_ns = time.perf_counter_ns()
    try:
        child = subprocess.Popen(variant.command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    except OSError as error:
        raise SourceError(f"{variant.command[0]}: cannot be started: {error.strerror}") from None
    _, status, usage = os.wait4(child.pid, 0)
    wall_ns = time.perf_counter_ns() - begin_ns
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode and not options.ignore_failure:
        how = f"status {child.returncode}" if child.returncode > 0 else f"signal {-child.returncode}"
        raise SourceError(
            f"{shlex.join(variant.command)}: ended with {how}",
            hint="--show-output shows why; --ignore-failure measures it all the same",
        )
    values = [
        (float(wall_ns), "ns/op"),
        (usage.ru_utime * 1e9, "user-ns/op"),
        (usage.ru_stime * 1e9, "sys-ns/op"),
    ]
    # Until a command is loaded, its process is a copy of this one, and the kernel counts that too.
    if usage.ru_maxrss > _own_peak_kib():
        values.append((usage.ru_maxrss * 1024.0, "peak-RSS-bytes"))
    return values


def _own_peak_kib() -> int:
    """Return the peak of this program alone; ru_maxrss is never less than that of what started it."""
    with (
        contextlib.suppress(OSError),
        open("/proc/self/status", encoding="ascii", errors="replace") as status,
    ):
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def is_go(paths: Sequence[str]) -> bool:
    """Say whether the paths are Go packages."""
    return any(path.endswith("...") or any(Path(path).glob("*_test.go")) for path in paths if path)


def go_command(paths: Sequence[str], options: Mapping[str, str], *, memory: bool) -> list[str]:
    """Return the `go test` call that runs the benchmarks of Go packages.

    Args:
        paths: patterns of packages.
        options: values of those of PASSED_TO_GO that were given.
        memory: count allocations.

    Raises:
        SourceError: Go is not installed.
    """
    if shutil.which("go") is None:
        raise SourceError("go is not installed", hint="benchmarks of Go packages are run by go test")
    given = {"bench": ".", **options}
    command = ["go", "test", "-run=^$", *(f"-{name}={value}" for name, value in given.items())]
    return [*command, *(["-benchmem"] if memory else []), *paths]


def _fill(word: str, values: Mapping[str, str]) -> str:
    for key, value in values.items():
        word = word.replace("{" + key + "}", value)
    return word


def _public_name(text: str) -> str:
    words = "".join(c if c.isalnum() else " " for c in text).split()
    return "".join(word[0].upper() + word[1:] for word in words) or "Command"
