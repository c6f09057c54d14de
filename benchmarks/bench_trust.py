"""What the numbers of `whet bench` are worth, beside timeit, pyperf and pytest-benchmark.

    benchmarks/bench_trust.py [--quick] [--parts overhead,spread,same,different]

overhead: instructions (valgrind) and nanoseconds per call of an empty function, as each tool's own loop makes
    them; instructions are the difference of two runs with different numbers of calls.
spread: whole invocations one after the other, on the machine as it is and with two busy processes beside.
same: comparisons of identical code (`--vs HEAD`, 10 s each); any difference reported is an error.
different: comparisons in which the new code does 2 % more of the same work.
Writes results/bench_trust.json and the tables in README.md (not with --quick).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from machine import HERE, RESULTS, ROOT, describe_machine, machine_line, publish, save

VENV = ROOT / ".venv-peers"
PYTHON = VENV / "bin" / "python"
PEERS = ("pyperf", "pytest", "pytest-benchmark", "setuptools")
PROGRAMS = HERE / "programs" / "trust"
PARTS = ("overhead", "spread", "same", "different")
COMPARED = {"same": "identical code", "different": "2 % more work"}
SUBJECTS = ("fib", "dumps", "noop")
TITLES = ("fib(20)", "json.dumps of a small dict", "an empty function")
Run = Callable[[str, Path], float]


def prepare() -> None:
    """Make an environment with whet and its peers; whet's pytest plugin steps back for pytest-benchmark."""
    subprocess.run([ROOT / "tools/make_venv.sh", sys.executable, VENV.name], check=True)
    subprocess.run([PYTHON, "-m", "pip", "install", "--quiet", *PEERS], check=True)


def call(command: Sequence[str | Path], folder: Path, *, status: int | None = 0) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment())
    if status is not None and done.returncode != status:
        raise SystemExit(f"{' '.join(map(str, command))}: status {done.returncode}\n{done.stderr}")
    return done.stdout


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(PROGRAMS), "PYTHONDONTWRITEBYTECODE": "1"}


# ---- one invocation of each tool: ns per call ---------------------------------------------------------


def whet(subject: str, folder: Path) -> float:
    command: list[str | Path] = [PYTHON, "-m", "whet", "bench", "--json", "--no-lock", "--benchtime", "0.8s"]
    found = json.loads(
        call([*command, "--bench", f"^bench_{subject}$", PROGRAMS / "bench_trust_subjects.py"], folder)
    )
    return float(found["results"][0]["values"]["ns/op"])


def timeit(subject: str, folder: Path) -> float:
    setup = f"import trust_subjects; call = trust_subjects.CALLS[{subject!r}]"
    text = call([PYTHON, "-m", "timeit", "-u", "nsec", "-s", setup, "call()"], folder)
    return float(re.search(r"best of \d+: ([\d.e+]+) nsec", text)[1])  # type: ignore[index]


def pyperf(subject: str, folder: Path) -> float:
    setup = f"import trust_subjects; call = trust_subjects.CALLS[{subject!r}]"
    out = folder / f"pyperf-{subject}-{time.monotonic_ns()}.json"
    call(
        [
            PYTHON,
            "-m",
            "pyperf",
            "timeit",
            "--fast",
            "-q",
            "-o",
            out,
            "-s",
            setup,
            "call()",
            "--inherit-environ=PYTHONPATH",
        ],
        folder,
    )
    runs = json.loads(out.read_text())["benchmarks"][0]["runs"]
    return 1e9 * statistics.fmean(value for run in runs for value in run.get("values", ()))


def pytest_benchmark(subject: str, folder: Path) -> float:
    out = folder / f"pytest-{subject}-{time.monotonic_ns()}.json"
    command: list[str | Path] = [
        *(PYTHON, "-m", "pytest", "-q", "-c", os.devnull, "-p", "no:whet"),
        *("--benchmark-json", out, "-k", f"test_{subject}", PROGRAMS / "test_trust_subjects.py"),
    ]
    call(command, folder)
    return 1e9 * float(json.loads(out.read_text())["benchmarks"][0]["stats"]["min"])


TOOLS: dict[str, Run] = {
    "whet bench": whet,
    "timeit (best of 5)": timeit,
    "pyperf --fast (mean)": pyperf,
    "pytest-benchmark (min)": pytest_benchmark,
}
# These take long, and are invoked less often.
SLOW = {"pyperf --fast (mean)"}
SLOW_INVOCATIONS = 3


# ---- overhead -----------------------------------------------------------------------------------------


def instructions(mode: str, folder: Path) -> float:
    """Return instructions per call of an empty function."""
    counts = []
    for calls in (20_000, 120_000):
        log = folder / f"valgrind-{mode}-{calls}"
        call(
            [
                *("valgrind", "--tool=callgrind", f"--callgrind-out-file={os.devnull}", f"--log-file={log}"),
                *(PYTHON, PROGRAMS / "count_calls.py", mode, str(calls)),
            ],
            folder,
        )
        counts.append(int(re.search(r"Collected : (\d+)", log.read_text())[1]))  # type: ignore[index]
    return (counts[1] - counts[0]) / 100_000


def measure_overhead(folder: Path, rounds: int) -> dict[str, dict[str, list[float]]]:
    modes = {
        "a bare call": "bare", "whet bench": "whet", "timeit (best of 5)": "timeit",
        "pyperf --fast (mean)": "pyperf", "pytest-benchmark (min)": "pytest",
    }  # fmt: skip
    found: dict[str, dict[str, list[float]]] = {}
    for name, mode in modes.items():
        print(f"overhead: {name}", flush=True)
        found[name] = {"instructions": [instructions(mode, folder)], "ns": []}
    for _ in range(rounds):
        found["a bare call"]["ns"].append(bare_ns(folder))
        for name, run in TOOLS.items():
            found[name]["ns"].append(run("noop", folder))
    return found


def bare_ns(folder: Path) -> float:
    """Return ns per bare call: unrolled, the median of fresh processes, the best of many runs in each."""
    return statistics.median(float(call([PYTHON, PROGRAMS / "bare_call.py"], folder)) for _ in range(5))


def overhead_table(found: dict[str, dict[str, list[float]]]) -> str:
    bare = found["a bare call"]
    lines = [
        "**An empty function**", "",
        "| | instructions a call | more than the bare call | ns shown, median | more than the bare call |",
        "|---|---|---|---|---|",
    ]  # fmt: skip
    for name, values in found.items():
        count, ns = values["instructions"][0], statistics.median(values["ns"])
        more = count - bare["instructions"][0]
        lines.append(
            f"| {name} | {count:.0f} | {more:+.0f} | {ns:.1f} | {ns - statistics.median(bare['ns']):+.1f} |"
        )
    return "\n".join(lines)


# ---- spread -------------------------------------------------------------------------------------------


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Let processes compute beside."""
    children = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for child in children:
            child.kill()
            child.wait()


def measure_spread(
    folder: Path, invocations: int
) -> dict[str, dict[str, dict[str, list[tuple[float, float]]]]]:
    """Return (ns, seconds taken) by condition, tool and subject."""
    found: dict[str, dict[str, dict[str, list[tuple[float, float]]]]] = {}
    for condition, processes in (("as it is", 0), ("two busy processes", 2)):
        found[condition] = {tool: {subject: [] for subject in SUBJECTS} for tool in TOOLS}
        with busy(processes):
            for number in range(invocations):
                print(f"spread, {condition}: invocation {number + 1} of {invocations}", flush=True)
                for tool, run in TOOLS.items():
                    if tool in SLOW and number >= SLOW_INVOCATIONS:
                        continue
                    for subject in SUBJECTS:
                        begin_s = time.monotonic()
                        ns = run(subject, folder)
                        found[condition][tool][subject].append((ns, time.monotonic() - begin_s))
    return found


def spread_table(found: dict[str, dict[str, dict[str, list[tuple[float, float]]]]]) -> str:
    lines = [
        "**(Highest − lowest) / median over invocations; in brackets: median, to that without**",
        "",
        f"| | {' | '.join(TITLES)} | seconds each |",
        "|---|---|---|---|---|",
    ]
    for condition, tools in found.items():
        for tool, subjects in tools.items():
            cells = []
            for subject, runs in subjects.items():
                values = [ns for ns, _ in runs]
                middle = statistics.median(values)
                quiet = statistics.median(ns for ns, _ in found["as it is"][tool][subject])
                away = "" if condition == "as it is" else f" ({middle / quiet - 1:+.1%})"
                cells.append(f"{(max(values) - min(values)) / middle:.1%}{away}")
            seconds = statistics.median(s for runs in subjects.values() for _, s in runs)
            lines.append(f"| {tool}, {condition} | {' | '.join(cells)} | {seconds:.1f} |")
    return "\n".join(lines)


# ---- comparisons --------------------------------------------------------------------------------------


def measure_comparisons(folder: Path, runs: int, work: str) -> list[dict[str, Any]]:
    """Compare a repository's working tree, in which WORK is done, with its HEAD, again and again."""
    repository = folder / f"repository-{work}"
    repository.mkdir()
    for name in ("bench_comparisons.py", "compared_work.py"):
        shutil.copy(PROGRAMS / name, repository)
    git: list[str | Path] = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", repository]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run([*git, *words], check=True)
    source = (repository / "compared_work.py").read_text()
    (repository / "compared_work.py").write_text(source.replace("WORK = 1000", f"WORK = {work}"))
    found: list[dict[str, Any]] = []
    for number in range(runs):
        print(f"comparisons, work of {work}: run {number + 1} of {runs}", flush=True)
        command: list[str | Path] = [PYTHON, "-m", "whet", "bench", "--vs", "HEAD", "--json", "--no-lock"]
        text = call([*command, "--threshold", "1%", "--timeout", "10s"], repository, status=None)
        found += json.loads(text)["comparisons"]
    return found


def comparison_table(found: dict[str, list[dict[str, Any]]]) -> str:
    lines = [
        "**`whet bench --vs`: verdicts**", "",
        "| | comparisons | different | not by more than 1 % | cannot tell | median ratio | median of pairs |",
        "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for name, comparisons in found.items():
        decided = [c["decision"] for c in comparisons if c["decision"]]
        share = {
            verdict: sum(d["verdict"] == verdict for d in decided) / len(comparisons)
            for verdict in ("different", "same")
        }
        ratio = statistics.median(d["ratio"] for d in decided)
        pairs = statistics.median(d["pairs"] for d in decided)
        rest = 1 - share["different"] - share["same"]
        lines.append(
            f"| {name} | {len(comparisons)} | {share['different']:.1%} | {share['same']:.1%} | {rest:.1%} "
            f"| {ratio:.4f} | {pairs:.0f} |"
        )
    return "\n".join(lines)


def measure(part: str, folder: Path, *, quick: bool) -> Any:
    if part == "overhead":
        return measure_overhead(folder, 1 if quick else 5)
    if part == "spread":
        return measure_spread(folder, 2 if quick else 8)
    if part == "same":
        return measure_comparisons(folder, 1 if quick else 25, "1000")
    return measure_comparisons(folder, 1 if quick else 8, "1020")


def tables(record: dict[str, Any]) -> str:
    """Return all tables that the record has numbers for, each with its machine."""
    made = []
    if "overhead" in record:
        made += [overhead_table(record["overhead"]["found"]), machine_line(record["overhead"]["machine"])]
    if "spread" in record:
        made += [spread_table(record["spread"]["found"]), machine_line(record["spread"]["machine"])]
    compared = {COMPARED[part]: record[part]["found"] for part in COMPARED if part in record}
    if compared:
        made.append(comparison_table(compared))
        made += [machine_line(record[part]["machine"]) for part in COMPARED if part in record]
    return "\n\n".join(made)


def main() -> None:
    parser = argparse.ArgumentParser(description="what the numbers of whet bench are worth")
    parser.add_argument("--quick", action="store_true", help="few of everything, nothing written")
    parser.add_argument(
        "--parts", default=",".join(PARTS), help="what to measure anew; the rest stays as it was"
    )
    options = parser.parse_args()
    prepare()
    kept = RESULTS / "bench_trust.json"
    record: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() and not options.quick else {}
    with tempfile.TemporaryDirectory(prefix="whet-trust-") as name:
        for part in options.parts.split(","):
            machine = describe_machine()
            found = measure(part, Path(name), quick=options.quick)
            record[part] = {"machine": machine, "found": found}
    text = tables(record)
    print(text)
    if not options.quick:
        save("bench_trust", record)
        publish("bench_trust", text)


if __name__ == "__main__":
    main()
