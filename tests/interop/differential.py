"""Random profiles and options through the real pprof and through whet: a case is a seed.

`python -m interop.differential --cases N --seed S` (in tests/) runs many and prints those that
differ; the tests run a few. Profiles are generated, made by a Go program or recorded by whet.
With `--compat=pprof` nothing may differ. pprof leaves some orders to chance (Go's maps), so what
differs is compared again without the order of equal rows, and only where two runs of pprof
differ too. Without `--compat` only the listed defects of pprof may show, which are counted.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import json
import os
import pkgutil
import random
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import whet
from go_toolchain import go_command, is_older
from interop.generated import random_profile
from interop.pprof_oracle import run_whet
from interop.real_profiles import go_profiles, recorded_profiles
from whet.formats import pprof
from whet.render.profile.raw import render_raw

REPORTS = [
    "-top", "-tree", "-peek=.", "-peek=run|pkg", "-traces", "-tags", "-raw", "-comments", "-dot", "-dot",
    "-callgrind", "-proto", "-topproto",
]  # fmt: skip
BINARY = ("-proto", "-topproto")


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Attributes:
        problem: how the two outputs differ, '' if they agree.
        explained: the listed defect of pprof, or its chance, that shows in this case; '' if none.
    """

    problem: str = ""
    explained: str = ""


_GRANULARITIES = ["functions", "filefunctions", "files", "lines", "addresses"]
_REGEXPS = ["main", "run|pkg", "^x", "app", "index", "lib", "in", "loop$", ".*", "日", "e\\w+r", "bin/app"]
_TAGS = [
    "main", "thread=main", "worker,main", "thread=worker,main", "4kb", "1b:5kb", ":7b", "bytes=7b:",
    "size=7", "thread:", "request=4kb:", "1s:", "bytes=4096", "size=:4096",
]  # fmt: skip
_KEYS = ["thread", "bytes", "size|request", "b"]


def _option(rng: random.Random) -> str:
    name = rng.choice(
        ["focus", "ignore", "hide", "show", "show_from", "prune_from"] * 2
        + ["tagfocus", "tagignore", "tagshow", "taghide", "tagroot", "tagleaf"] * 2
        + ["mean", "divide_by", "relative_percentages", "drop_negative", "call_tree", "noinlines"] * 2
        + ["showcolumns", "compact_labels", "nodecount", "nodefraction", "edgefraction", "trim", "unit"] * 2
        + ["sample_index", "cum", "granularity", "granularity", "trim_path", "source_path", "add_comment"]
        + ["all_frames"]
    )
    if name in ("focus", "ignore", "hide", "show", "show_from", "prune_from"):
        return f"-{name}={rng.choice(_REGEXPS)}"
    if name in ("tagfocus", "tagignore"):
        return f"-{name}={rng.choice(_TAGS)}"
    if name in ("tagshow", "taghide"):
        return f"-{name}={rng.choice(_KEYS)}"
    values = {
        "tagroot": ["thread", "bytes", "thread,size", "none"],
        "tagleaf": ["thread", "request,bytes", "size"],
        "divide_by": ["2", "0.1", "1000", "3.7"],
        "nodecount": ["1", "3", "8", "0"],
        "nodefraction": ["0", "0.05", "0.2"],
        "edgefraction": ["0", "0.05", "0.2"],
        "trim": ["false"],
        "unit": ["auto", "ms", "kB", "s", "widgets"],
        "sample_index": ["0", "0", "cpu", "1"],
        "trim_path": ["/srv", "app:/usr/src"],
        "source_path": ["/home/me/app:/x/lib", "src"],
        "add_comment": ["noted"],
    }
    if name == "granularity":
        return "-" + rng.choice(_GRANULARITIES)
    return f"-{name}={rng.choice(values[name])}" if name in values else f"-{name}"


def random_call(seed: int, directory: Path, real: Sequence[Path] = ()) -> list[str]:
    """Write the profiles of a case, or choose real ones, and return pprof's arguments."""
    rng = random.Random(seed)
    options = {o.split("=")[0]: o for o in (_option(rng) for _ in range(rng.choice([0, 1, 1, 2, 3, 4])))}
    if is_older():
        options.pop("-all_frames", None)
    granularities = [
        o for o in options if o[1:] in ("functions", "filefunctions", "files", "lines", "addresses")
    ]
    for extra in granularities[1:]:
        del options[extra]
    chosen = str(rng.choice(real)) if real and rng.random() < 0.3 else ""
    sources = [chosen or _write(directory / "source.pb.gz", seed)]
    if rng.random() < 0.15:
        sources.append(chosen or _write(directory / "second.pb.gz", -seed))
    if rng.random() < 0.25:
        base = chosen or _write(directory / "base.pb.gz", rng.choice([seed, -seed]))
        options[rng.choice(["-base", "-diff_base"])] = base
        if rng.random() < 0.3:
            options["-normalize"] = "-normalize"
        options = {k: f"{k}={v}" if k in ("-base", "-diff_base") else v for k, v in options.items()}
    return [rng.choice(REPORTS), *options.values(), *sources]


def _write(path: Path, seed: int) -> str:
    path.write_bytes(pprof.encode(random_profile(seed)))
    return str(path)


@functools.cache
def pprof_command() -> str:
    """Return the path of pprof itself: starting it through `go` takes several times as long."""
    found = subprocess.run([go_command(), "tool", "-n", "pprof"], capture_output=True, text=True, check=True)
    return found.stdout.strip()


def _run_pprof(arguments: list[str]) -> tuple[int, bytes]:
    environment = {**os.environ, "PPROF_BINARY_PATH": "/nonexistent", "PPROF_TMPDIR": tempfile.gettempdir()}
    done = subprocess.run(
        [pprof_command(), *arguments], capture_output=True, check=False, env=environment, timeout=240
    )
    return done.returncode, done.stdout


def explain(arguments: list[str], directory: Path) -> Outcome:
    """Run a case; say whether both agree."""
    status, expected = _run_pprof(arguments)
    our_status, ours, errors = _run_ours(["--compat=pprof", *arguments], directory)
    if status != 0:
        return Outcome("" if our_status == 2 else f"pprof exits with {status}, whet with {our_status}")
    if our_status != 0:
        return Outcome(f"whet exits with {our_status}: {errors}")
    report = arguments[0]
    same = expected == ours or _unordered(report, expected) == _unordered(report, ours)
    if not same:
        return _by_chance(arguments, expected, ours)
    status, improved, errors = _run_ours(arguments, directory)
    if status != 0:
        return Outcome(f"whet without --compat exits with {status}: {errors}")
    if _unordered(report, improved) == _unordered(report, ours):
        return Outcome()
    return _by_defect(arguments, _text(report, ours), _text(report, improved))


def _run_ours(arguments: list[str], directory: Path) -> tuple[int, bytes, str]:
    file = directory / "ours"
    file.unlink(missing_ok=True)
    status, _, errors = run_whet([f"-output={file}", *arguments])
    return status, file.read_bytes() if status == 0 else b"", errors


def _by_chance(arguments: list[str], expected: bytes, ours: bytes) -> Outcome:
    """Ask pprof again: does it disagree with itself on which of equal rows it shows?"""
    report = arguments[0]
    seen = [_unordered(report, expected)]
    for _ in range(8):
        seen.append(_unordered(report, _run_pprof(arguments)[1]))
        if seen[-1] == _unordered(report, ours):
            return Outcome(explained="order of equal rows left to chance")
    if any(other != seen[0] for other in seen) and _facts(report, ours) == _facts(report, expected):
        return Outcome(explained="choice of equal rows left to chance")
    return Outcome("\n".join(["--- pprof", _text(report, expected), "--- whet", _text(report, ours)]))


def _by_defect(arguments: list[str], as_pprof: str, improved: str) -> Outcome:
    """Name the defect (docs/prof.md) that makes the report without --compat another one."""
    report, joined = arguments[0], " ".join(arguments[1:])
    changed = set(as_pprof.split("\n")) ^ set(improved.split("\n"))
    merged = "base=" in joined or sum(not a.startswith("-") for a in arguments) > 1
    rules = [
        ("time of merged sources", merged and all("Time: " in line for line in changed)),
        ("sums beside means", "-mean" in arguments),
        ("samples lost by scaling", "-normalize" in arguments or merged),
        ("labels that break dot", report == "-dot" and as_pprof == improved.replace('\\\\"', '"')),
    ]
    for name, applies in rules:
        if applies:
            return Outcome(explained=name)
    return Outcome(f"no listed defect\n--- as pprof\n{as_pprof}\n--- whet\n{improved}")


def _facts(report: str, output: bytes) -> tuple[int, list[str]]:
    """Return what does not depend on which of equal rows are shown."""
    lines = _text(report, output).split("\n")
    return len([line for line in lines if " [label=" in line and "id=" in line]), lines[:3]


def _text(report: str, output: bytes) -> str:
    if report in BINARY:
        profile = pprof.decode(output)
        header = [profile.strings.text(profile.drop_frames), profile.strings.text(profile.keep_frames)]
        return "\n".join([*render_raw(profile), *header])
    return output.decode("utf-8", "surrogateescape")


def _unordered(report: str, output: bytes) -> list[str]:
    """Return lines without what depends on the order of equal rows."""
    text = _text(report, output)
    if report == "-dot":
        text = re.sub(r"\bN\d+\b|\bnode\d+\b", "N", text)
        text = re.sub(r"\bN(N?)\d+_\d+", "N", text)
    if report == "-callgrind":
        return _callgrind_costs(text)
    if report in BINARY:
        text = re.sub(r"^ *\d+: ", "", text, flags=re.MULTILINE)
    if report == "-top":
        text = re.sub(r"^(.{18}) .{6}", r"\1", text, flags=re.MULTILINE)
    if report.startswith(("-tree", "-peek")):
        text = re.sub(r"^(.{17}) .{6}(.*\| )", r"\1\2", text, flags=re.MULTILINE)
    return sorted(text.split("\n"))


def _callgrind_costs(text: str) -> list[str]:
    """Return costs with names and positions written out."""
    names: dict[str, dict[str, str]] = {"ob": {}, "f": {}, "n": {}}
    state, out, last, current = {"ob": "", "fl": "", "fn": ""}, [], 0, 0
    call = ""
    for line in text.split("\n")[2:]:
        if "=" in line and not line.startswith("calls="):
            kind, _, name = line.partition("=")
            table = names["ob" if kind == "ob" else "f" if kind.endswith("fl") else "n"]
            number, _, rest = name.partition(" ")
            name = table.setdefault(number, rest) if number else ""
            state[kind] = re.sub(r" \[\d+/\d+\]$", "", name)
            if kind == "ob":
                last = current
        elif line.startswith("calls="):
            _, position, number = line.split(" ")
            call = f"{state.get('cfl')} {state.get('cfn')} {_address(position, last)} {number}"
        elif line.startswith("* *"):
            out.append(f"{state['fl']} {state['fn']} {current} -> {call} {line}")
        elif line:
            position, number, value = line.split(" ")
            last = current
            current = _address(position, last)
            out.append(f"{state} {current} {number} {value}")
    return sorted(re.sub(r"'cf[ln]': '[^']*',?", "", line) for line in out)


def _address(position: str, last: int) -> int:
    if position == "*":
        return last
    if position[0] in "+-":
        return (last + int(position)) % (1 << 64)
    return int(position, 16)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=3, help="how many differences to print in full")
    parser.add_argument("--save", help="write a summary to this file")
    given = parser.parse_args()
    for module in pkgutil.walk_packages(whet.__path__, "whet."):
        if not module.name.startswith(("whet.collect", "whet._probe", "whet.__main__")):
            importlib.import_module(module.name)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        real = [*go_profiles(directory), *recorded_profiles(directory, 3)]
        print(f"{len(real)} real profiles", flush=True)
        summary = _run(given, directory, real)
    text = json.dumps(summary, indent=1, ensure_ascii=False)
    print(text)
    if given.save:
        Path(given.save).write_text(text + "\n")
    return min(summary["unexplained"], 1)


def _run(given: argparse.Namespace, directory: Path, real: list[Path]) -> dict[str, object]:
    reports: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    explained: Counter[str] = Counter()
    failures = 0
    for case in range(given.seed, given.seed + given.cases):
        arguments = random_call(case, directory, real)
        try:
            outcome = explain(arguments, directory)
        except Exception as error:
            outcome = Outcome(f"{type(error).__name__}: {error}")
        reports[arguments[0].lstrip("-").partition("=")[0]] += 1
        kinds[_kind(arguments[-1])] += 1
        if outcome.explained:
            explained[outcome.explained] += 1
        if outcome.problem:
            failures += 1
            print(f"case {case}: {' '.join(a.replace(f'{directory}/', '') for a in arguments)}", flush=True)
            if failures <= given.show:
                print(outcome.problem, flush=True)
        if reports.total() % 1000 == 0:
            print(f"{reports.total()} cases, {failures} unexplained", flush=True)
    return {
        "oracle": _version(),
        "cases": given.cases,
        "seeds": [given.seed, given.seed + given.cases - 1],
        "unexplained": failures,
        "explained": dict(sorted(explained.items())),
        "reports": dict(sorted(reports.items())),
        "profiles": dict(sorted(kinds.items())),
    }


def _kind(source: str) -> str:
    if "recording" in source:
        return "recorded"
    return "generated" if source.endswith(("source.pb.gz", "second.pb.gz")) else "made by Go"


def _version() -> str:
    found = subprocess.run([go_command(), "version"], capture_output=True, text=True, check=True)
    return f"go tool pprof of {found.stdout.strip()}"


if __name__ == "__main__":
    sys.exit(main())
