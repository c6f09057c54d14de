"""CPU profiles of benchmarks: each in a process of its own, so that what is measured is not recorded."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from whet.collect.recording import CPU
from whet.driver.bench import Options
from whet.driver.bench_process import Found, ask, measuring
from whet.driver.sources import load_profiles, write_output
from whet.errors import SourceError

__all__ = ["write_cpu_profile"]

_COMMAND = "whet: command="


def write_cpu_profile(
    found: Sequence[Found], options: Options, path: str, progress: Callable[[str], None] = lambda _: None
) -> list[str]:
    """Run each benchmark once more, recorded, and write one profile of all of them.

    Samples have the label `benchmark` with the benchmark's name.

    Args:
        found: what to run.
        options: how.
        path: the file to write, in pprof's format.
        progress: told what runs.

    Returns:
        What kept benchmarks out of the profile, a line each.

    Raises:
        SourceError: no benchmark could be recorded, or the file cannot be written.
    """
    from whet.formats import pprof

    problems: list[str] = []
    with tempfile.TemporaryDirectory(prefix="whet-bench-") as folder:
        sources = []
        for number, one in enumerate(found):
            progress(f"recording {number + 1} of {len(found)}: {one.function}")
            directory = str(Path(folder) / str(number))
            try:
                problems += _record(one, options, directory)
            except SourceError as error:
                problems.append(f"{one.function}: {error}")
            if (Path(directory) / CPU).exists():
                sources.append(directory)
        if not sources:
            raise SourceError("no benchmark could be recorded: " + "; ".join(problems))
        profile = load_profiles(sources)
    # What the processes were told is of no use to a reader.
    texts = zip(profile.comments, profile.comment_texts(), strict=True)
    kept = [index for index, text in texts if not text.startswith(_COMMAND)]
    write_output(path, [pprof.encode(replace(profile, comments=kept))])
    return problems


def _record(one: Found, options: Options, directory: str) -> list[str]:
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
        for answer in ask({**request, "recording": directory}, seed=options.seed or 1)
        if answer.get("error")
    ]
