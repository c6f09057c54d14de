"""Profiles of benchmarks: each in a process of its own, so that what is measured is not recorded."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from whet.collect.recording import BLOCK, CPU, HEAP, MUTEX
from whet.driver.bench import Options
from whet.driver.bench_process import Found, ask, measuring
from whet.driver.sources import load_profiles, write_output
from whet.errors import SourceError

__all__ = ["RECORDED", "write_profiles"]

_COMMAND = "whet: command="
# What a recording calls what Go's options ask for.
RECORDED = {"cpuprofile": CPU, "memprofile": HEAP, "blockprofile": BLOCK, "mutexprofile": MUTEX}
# Beside the CPU collector, which always runs, they need:
_KIND = {"cpuprofile": "", "memprofile": "heap", "blockprofile": "block", "mutexprofile": "block"}


def write_profiles(
    found: Sequence[Found],
    options: Options,
    paths: Mapping[str, str],
    progress: Callable[[str], None] = lambda _: None,
) -> list[str]:
    """Run each benchmark once more, recorded, and write one profile of all of them, of each kind.

    Samples have the label `benchmark` with the benchmark's name.

    Args:
        found: what to run.
        options: how.
        paths: the files to write, in pprof's format, by keys of `RECORDED`.
        progress: told what runs.

    Returns:
        What kept benchmarks out of the profile, a line each.

    Raises:
        SourceError: no benchmark could be recorded, or the file cannot be written.
    """
    collect = [kind for kind in ("heap", "block") if any(_KIND[name] == kind for name in paths)]
    problems: list[str] = []
    with tempfile.TemporaryDirectory(prefix="whet-bench-") as folder:
        directories = []
        for number, one in enumerate(found):
            progress(f"recording {number + 1} of {len(found)}: {one.function}")
            directory = Path(folder) / str(number)
            try:
                problems += _record(one, options, str(directory), collect)
            except SourceError as error:
                problems.append(f"{one.function}: {error}")
            if (directory / CPU).exists():
                directories.append(directory)
        if not directories:
            raise SourceError("no benchmark could be recorded: " + "; ".join(problems))
        for name, path in paths.items():
            _write([str(directory / RECORDED[name]) for directory in directories], path)
    return problems


def _write(sources: Sequence[str], path: str) -> None:
    from whet.formats import pprof

    profile = load_profiles(sources)
    # What the processes were told is of no use to a reader.
    texts = zip(profile.comments, profile.comment_texts(), strict=True)
    kept = [index for index, text in texts if not text.startswith(_COMMAND)]
    write_output(path, [pprof.encode(replace(profile, comments=kept))])


def _record(one: Found, options: Options, directory: str, collect: Sequence[str]) -> list[str]:
    request = measuring(
        one.job,
        one.function,
        options.pattern,
        budget_s=options.budget_s,
        iterations=options.iterations,
        threads=options.cpus[0],
    )
    return [
        f"{one.function}: {answer['error']}"
        for answer in ask(
            {**request, "recording": {"directory": directory, "collect": list(collect)}},
            seed=options.seed or 1,
        )
        if answer.get("error")
    ]
