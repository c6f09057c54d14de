"""One process that measures: what it is asked, whose code it sees, how its answers arrive."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from whet.errors import SourceError

__all__ = [
    "MAX_HASH_SEED",
    "Answer",
    "Found",
    "Job",
    "Side",
    "ask",
    "list_benchmarks",
    "loops_alone",
    "measuring",
]

Answer = dict[str, Any]
MAX_HASH_SEED = 2**32 - 1


@dataclass(frozen=True)
class Job:
    """Where benchmarks come from: a file, or a statement with its setup."""

    path: str = ""
    statement: str | None = None
    setup: str = ""

    @property
    def request(self) -> dict[str, object]:
        """What a worker has to be told of it."""
        if self.statement is not None:
            return {"statement": self.statement, "setup": self.setup}
        return {"path": self.path}


@dataclass(frozen=True)
class Found:
    """A benchmark function, and why it may not measure what it seems to."""

    job: Job
    function: str
    doubts: tuple[str, ...]


@dataclass(frozen=True)
class Side:
    """Whose code a process measures.

    Attributes:
        directory: where it runs; None is where we are.
        python_path: directories that come first in its sys.path; none leaves that as it is.
    """

    directory: str | None = None
    python_path: tuple[str, ...] = ()

    @property
    def flags(self) -> list[str]:
        """Flags of the interpreter: the current directory is no place to import from."""
        return ["-P"] if self.python_path else []

    @property
    def environment(self) -> dict[str, str]:
        """Variables to add."""
        return {"PYTHONPATH": os.pathsep.join(self.python_path)} if self.python_path else {}


HERE = Side()


def measuring(
    job: Job,
    function: str,
    pattern: Sequence[str],
    *,
    budget_s: float,
    iterations: int = 0,
    memory: bool = False,
    threads: int = 1,
    slow_from_ns: int = 0,
) -> dict[str, object]:
    """Return the request to measure one function; see whet.collect.bench.Plan.

    Args:
        job: where the function is.
        function: its name.
        pattern: of sub-benchmarks, a regular expression for each part of their names.
        budget_s: time to spend in the loop.
        iterations: make exactly so many instead.
        memory: count allocations, too.
        threads: how many `run_parallel` starts.
        slow_from_ns: of the reference work: the machine is not at its full speed.
    """
    return {
        **job.request,
        "function": function,
        "pattern": list(pattern),
        "budget_ns": round(budget_s * 1e9),
        "iterations": iterations,
        "memory": memory,
        "threads": threads,
        "slow_from_ns": slow_from_ns,
    }


def loops_alone(answers: Sequence[Answer]) -> dict[str, list[list[int]]]:
    """Return the slices of loops around nothing, by how they ask for iterations."""
    return {answer["style"]: answer["slices"] for answer in answers if answer["kind"] == "overhead"}


def ask(request: dict[str, object], *, seed: int, side: Side = HERE) -> Iterator[Answer]:
    """Start a worker process and yield its answers.

    Args:
        request: see whet.collect.bench_worker.
        seed: of the process's string hashes.
        side: whose code is measured.

    Raises:
        SourceError: it ended without a full answer.
    """
    ours, theirs = os.pipe()
    request = {**request, "descriptor": theirs, "path_position": len(side.python_path)}
    command = [sys.executable, *side.flags, "-m", "whet.collect.bench_worker", json.dumps(request)]
    environment = {**os.environ, "PYTHONHASHSEED": str(seed), **side.environment}
    with open(ours, encoding="utf-8") as answers:
        worker = subprocess.Popen(
            command, env=environment, cwd=side.directory, pass_fds=[theirs], stdin=subprocess.DEVNULL
        )
        os.close(theirs)
        try:
            yield from (json.loads(line) for line in answers)
        finally:
            if sys.exc_info()[0] is not None:
                worker.kill()
            worker.wait()
    if worker.returncode < 0:
        raise SourceError(f"its process was killed by {signal.Signals(-worker.returncode).name}")
    if worker.returncode:
        raise SourceError(f"its process ended with status {worker.returncode}")


def list_benchmarks(job: Job, side: Side = HERE) -> list[Found]:
    """Ask a process which benchmarks a job holds.

    Args:
        job: as the side sees it.
        side: whose code its file imports.

    Raises:
        SourceError: its file cannot be imported.
    """
    answers = list(ask({**job.request, "function": None}, seed=0, side=side))
    for answer in answers:
        if answer["kind"] == "broken":
            raise SourceError(f"{job.path or 'statement'}: {answer['error']}")
    return [Found(job, answer["function"], tuple(answer["doubts"])) for answer in answers]
