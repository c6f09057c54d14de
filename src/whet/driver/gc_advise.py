"""`whet gc advise`: a program under several settings of the garbage collector, in fresh processes.

Every round runs the default and every setting that is still open, in random order and with the same hash
seed. It ends when all is decided, or when another round would not fit into the time.
"""

from __future__ import annotations

import json
import os
import random
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whet.analyze.bench.sequential import OPEN
from whet.analyze.gc_advice import Advice, Measured, Row, advise, is_idle, row_of
from whet.collect import injection
from whet.collect.gc_setting import GcSetting
from whet.collect.probe import load_probe
from whet.driver.bench_process import MAX_HASH_SEED
from whet.driver.run import interpreter_flags
from whet.errors import CollectError, SourceError

__all__ = ["BASELINE", "DEFAULT_SETTINGS", "AdviseOptions", "Result", "measure_settings"]

BASELINE = "default"
DEFAULT_SETTINGS = ("2000", "10000", "50000", "freeze", "50000+freeze", "off")
# So many rounds show that a program hardly collects.
_IDLE_AFTER = 3


@dataclass(frozen=True)
class AdviseOptions:
    """How to measure.

    Attributes:
        settings: texts of `GcSetting`, without the default.
        limit_s: time for all runs together.
        margin: a relative difference that does not matter.
        uses_cpu_time: compare CPU time instead of elapsed time.
        shows_output: leave the program's output where ours goes, instead of dropping it.
        seed: of the order and the hash seeds.
    """

    settings: tuple[str, ...] = DEFAULT_SETTINGS
    limit_s: float = 60.0
    margin: float = 0.01
    uses_cpu_time: bool = False
    shows_output: bool = False
    seed: int | None = None


@dataclass(frozen=True)
class Result:
    """What was measured: the default's row, those of the settings, the advice, and doubts about it all."""

    baseline: Row
    rows: list[Row]
    advice: Advice
    rounds: int
    elapsed_s: float
    doubts: list[str]


def measure_settings(
    target: Sequence[str], options: AdviseOptions, progress: Callable[[str], None] = lambda _: None
) -> Result:
    """Run the program under all settings until their effects are decided or the time is over.

    Args:
        target: what follows `python` on a command line: SCRIPT, -m MODULE or -c CODE, arguments.
        options: how to measure.
        progress: told what is run.

    Raises:
        CollectError: this installation cannot collect, or its flags keep us out of the program.
        SourceError: the program cannot be run, or fails.
        UsageError: a setting is none.
    """
    for text in options.settings:
        GcSetting(text)
    _check(target)
    begin_s = time.monotonic()
    order = random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="whet-gc-") as scratch:
        program = _Program(target, options, Path(scratch) / "report.json")
        progress("warming up")
        program.run(BASELINE, 1)  # files are read and compiled; not counted
        baseline, pairs, rounds = _rounds(program, options, order, progress, begin_s)
    rows = [row_of(text, pairs[text], options.margin) for text in pairs if pairs[text]]
    return Result(
        Row(BASELINE, baseline),
        rows,
        advise(Row(BASELINE, baseline), rows, options.margin),
        rounds,
        time.monotonic() - begin_s,
        _doubts(rows),
    )


class _Program:
    """The program, and how one run of it is measured."""

    def __init__(self, target: Sequence[str], options: AdviseOptions, report: Path) -> None:
        self._command = [sys.executable, *interpreter_flags(), *target]
        self._options = options
        self._report = report

    def run(self, setting: str, seed: int) -> Measured:
        """Run the program once under a setting."""
        self._report.unlink(missing_ok=True)
        environ = {
            **injection.bootstrapped(os.environ),
            "PYTHONHASHSEED": str(seed),
            injection.GC_SETTING: setting,
            injection.GC_REPORT: str(self._report),
        }
        output = None if self._options.shows_output else subprocess.DEVNULL
        begin_ns = time.perf_counter_ns()
        try:
            child = subprocess.Popen(
                self._command, env=environ, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        except OSError as error:
            raise SourceError(f"{self._command[0]}: cannot be started: {error.strerror}") from None
        try:
            _, status, usage = os.wait4(child.pid, 0)
        except BaseException:
            child.kill()
            child.wait()
            raise
        elapsed_ns = time.perf_counter_ns() - begin_ns
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            how = f"status {child.returncode}" if child.returncode > 0 else f"signal {-child.returncode}"
            raise SourceError(
                f"{shlex.join(self._command[1:])}: ended with {how} under the setting {setting}",
                hint="--show-output shows why",
            )
        cpu_ns = round((usage.ru_utime + usage.ru_stime) * 1e9)
        time_ns = cpu_ns if self._options.uses_cpu_time else elapsed_ns
        return _measured(max(time_ns, 1), self._read_report())

    def _read_report(self) -> dict[str, Any]:
        try:
            report: dict[str, Any] = json.loads(self._report.read_bytes())
        except (OSError, ValueError):
            return {}
        return report


_Pairs = dict[str, list[tuple[Measured, Measured]]]


def _rounds(
    program: _Program,
    options: AdviseOptions,
    order: random.Random,
    progress: Callable[[str], None],
    begin_s: float,
) -> tuple[list[Measured], _Pairs, int]:
    baseline: list[Measured] = []
    pairs: _Pairs = {text: [] for text in options.settings}
    waiting, rounds, round_s = list(options.settings), 0, 0.0
    while waiting and (not rounds or time.monotonic() - begin_s + round_s <= options.limit_s):
        round_begin_s = time.monotonic()
        rounds += 1
        seed = order.randint(1, MAX_HASH_SEED)
        runs: dict[str, Measured] = {}
        for text in order.sample([BASELINE, *waiting], len(waiting) + 1):
            progress(f"round {rounds}: {text}")
            runs[text] = program.run(text, seed)
        baseline.append(runs[BASELINE])
        for text in waiting:
            pairs[text].append((runs[BASELINE], runs[text]))
        waiting = [text for text in waiting if _is_open(text, pairs, options)]
        if rounds >= _IDLE_AFTER and is_idle(baseline, options.margin):
            break
        round_s = time.monotonic() - round_begin_s
    return baseline, pairs, rounds


def _is_open(text: str, pairs: _Pairs, options: AdviseOptions) -> bool:
    decision = row_of(text, pairs[text], options.margin).decision
    return decision is not None and decision.verdict == OPEN


def _measured(time_ns: int, report: dict[str, Any]) -> Measured:
    if not report:
        return Measured(time_ns, 0)
    statistics = report["statistics"]
    return Measured(
        time_ns,
        report["peak_rss_bytes"],
        statistics["pause_ns"],
        statistics["longest_ns"],
        int(statistics["collections"]),
        tuple(report["thresholds"]),
    )


def _doubts(rows: Sequence[Row]) -> list[str]:
    doubts = []
    for row in rows:
        wanted = GcSetting(row.setting).thresholds
        found = {run.thresholds[: len(wanted)] for run in row.runs if run.thresholds}
        if wanted and found and found != {wanted}:
            doubts.append(f"{row.setting}: the program set thresholds of its own")
    if any(run.collections is None for row in rows for run in row.runs):
        doubts.append("the program ended past Python's own shutdown: its memory and pauses are unknown")
    return doubts


def _check(target: Sequence[str]) -> None:
    load_probe()
    blocker = injection.blocked_by()
    if blocker:
        raise CollectError(
            f"{blocker} keeps the settings out of the program",
            hint="start whet by an interpreter without it",
        )
    if target[0] not in ("-m", "-c") and not os.path.exists(target[0]):  # noqa: PTH110 (as Python looks)
        raise SourceError(f"{target[0]}: no such script")
