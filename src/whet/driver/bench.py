"""Running benchmarks: which files, in which processes, in which order.

Every reading is made by a fresh process with a hash seed of its own. Rounds are interleaved: each
round runs every benchmark once, in random order, so that a slow minute of the machine falls on all
of them. One result is put together from `processes` rounds.
"""

from __future__ import annotations

import platform
import random
import statistics
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from whet.analyze.bench.estimate import Certificate, Slice, estimate, process_value
from whet.collect.bench_names import public_name
from whet.driver.bench_process import MAX_HASH_SEED, Answer, Found, Job, ask, loops_alone, measuring
from whet.driver.full_speed import FullSpeed
from whet.errors import SourceError

__all__ = ["Measured", "Options", "configuration", "find", "measure_all"]

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_BUILT_IN = {"ns/op", "MB/s", "B/op", "allocs/op"}


@dataclass(frozen=True)
class Options:
    """How to measure; see `whet bench --help`."""

    pattern: tuple[str, ...] = (".",)
    budget_s: float = 1.0
    iterations: int = 0
    count: int = 1
    processes: int = 5
    memory: bool = False
    cpus: tuple[int, ...] = (1,)
    seed: int | None = None


@dataclass
class Measured:
    """One result: values by unit in the order in which Go prints them."""

    job: Job
    name: str
    iterations: int
    values: list[tuple[float, str]]
    certificate: Certificate | None
    error: str = ""


@dataclass
class _Gathered:
    """What all processes of one result said of one benchmark."""

    readings: list[tuple[Sequence[Slice], Sequence[Slice]]] = field(default_factory=list)
    allocations: list[tuple[int, int, int]] = field(default_factory=list)
    bytes_per_op: int = 0
    metrics: dict[str, list[float]] = field(default_factory=dict)
    error: str = ""


def find(paths: Iterable[str]) -> list[Job]:
    """Return a job for each `bench_*.py` among and below `paths`, in order.

    Raises:
        SourceError: a path does not exist or holds no benchmarks.
    """
    jobs = []
    for text in paths:
        path = Path(text)
        if path.is_dir():
            files = sorted(p for p in path.rglob("bench_*.py") if not _is_hidden(p.relative_to(path)))
        elif path.exists():
            files = [path]
        else:
            raise SourceError(f"{text}: no such file or directory")
        if not files:
            raise SourceError(f"{text}: no bench_*.py below it", hint="benchmarks are functions bench_*(b)")
        jobs += [Job(str(p.absolute())) for p in files]
    return list(dict.fromkeys(jobs))


def measure_all(
    found: list[Found], options: Options, progress: Callable[[str], None] = lambda _: None
) -> Iterator[list[Measured]]:
    """Measure everything; yield one result of each benchmark as soon as its rounds are done.

    Args:
        found: which functions.
        options: how.
        progress: told what runs.
    """
    order, speed = random.Random(options.seed), FullSpeed()
    rounds = options.count * len(options.cpus) * options.processes
    done = 0
    for _ in range(options.count):
        for threads in options.cpus:
            gathered: list[dict[str, _Gathered]] = [{} for _ in found]
            for _ in range(options.processes):
                done += 1
                for index in order.sample(range(len(found)), len(found)):
                    progress(f"round {done} of {rounds}: {found[index].function}")
                    seed = order.randint(1, MAX_HASH_SEED)
                    _take_round(found[index], options, speed, threads, seed, gathered[index])
            suffix = "" if threads == 1 else f"-{threads}"
            yield [
                _measured(which.job, f"Benchmark{name}{suffix}", one, speed)
                for which, by_name in zip(found, gathered, strict=True)
                for name, one in by_name.items()
            ]


def configuration(job: Job) -> dict[str, str]:
    """Return what a reader of results must know of the machine and the interpreter."""
    flags = sysconfig.get_config_var("CONFIG_ARGS") or ""
    marks = {"pgo": "--enable-optimizations", "lto": "--with-lto", "debug": "--with-pydebug"}
    known = {
        "goos": platform.system().lower(),
        "goarch": _ARCHITECTURES.get(platform.machine(), platform.machine()),
        "pkg": Path(job.path).parent.name if job.path else "",
        "cpu": _cpu_model(),
        "python": f"{sys.implementation.name} {platform.python_version()}",
        "python-build": " ".join(name for name, mark in marks.items() if mark in flags) or "plain",
    }
    return {key: value for key, value in known.items() if value}


def _take_round(
    which: Found,
    options: Options,
    speed: FullSpeed,
    threads: int,
    seed: int,
    gathered: dict[str, _Gathered],
) -> None:
    """Let one process measure one function, and add what it says."""
    request = measuring(
        which.job,
        which.function,
        options.pattern,
        budget_s=options.budget_s / options.processes,
        iterations=options.iterations,
        memory=options.memory,
        threads=threads,
        slow_from_ns=speed.slow_from_ns,
    )
    try:
        answers = list(ask(request, seed=seed))
    except SourceError as error:
        gathered.setdefault(public_name(which.function), _Gathered()).error = str(error)
        return
    overhead = loops_alone(answers)
    for answer in answers:
        if answer["kind"] == "broken":
            gathered.setdefault(public_name(which.function), _Gathered()).error = answer["error"]
        elif answer["kind"] == "reading":
            speed.learn(answer["slices"])
            _add(gathered.setdefault(answer["name"], _Gathered()), answer, overhead)


def _add(one: _Gathered, answer: Answer, overhead: dict[str, list[list[int]]]) -> None:
    if answer["error"] or not answer["slices"]:
        one.error = answer["error"] or "it did not loop: write `for _ in b:`"
        return
    one.readings.append((answer["slices"], overhead.get(answer["style"], [])))
    if answer["allocations"] and answer["allocations"][0]:
        one.allocations.append(tuple(answer["allocations"]))
    one.bytes_per_op = answer["bytes_per_op"]
    for unit, value in answer["metrics"].items():
        one.metrics.setdefault(unit, []).append(value)


def _measured(job: Job, name: str, one: _Gathered, speed: FullSpeed) -> Measured:
    if one.error or not one.readings:
        return Measured(job, name, 0, [], None, one.error or "no process could measure it")
    found = estimate([process_value(slices, overhead, speed.ns) for slices, overhead in one.readings])
    metrics = {unit: statistics.median(values) for unit, values in one.metrics.items()}
    values = {"ns/op": found.ns_per_op}
    if one.bytes_per_op and found.ns_per_op:
        values["MB/s"] = one.bytes_per_op / found.ns_per_op * 1000
    values |= dict(sorted((unit, value) for unit, value in metrics.items() if unit not in _BUILT_IN))
    if one.allocations:
        values["B/op"] = statistics.median(size / n for n, _, size in one.allocations)
        values["allocs/op"] = statistics.median(objects / n for n, objects, _ in one.allocations)
    values |= {unit: value for unit, value in metrics.items() if unit in _BUILT_IN}
    shown = [(value, unit) for unit, value in values.items() if unit != "ns/op" or value or not metrics]
    return Measured(job, name, found.iterations, shown, found.certificate)


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") or part in ("__pycache__", "node_modules") for part in path.parts)


def _cpu_model() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as info:
            models = (line.partition(":")[2].strip() for line in info if line.startswith("model name"))
            return next(models, "")
    except OSError:
        return ""
