"""Random benchmark files and flags through the real benchstat and through `whet stat`.

`python -m interop.stat_differential --cases N --seed S` (in tests/) runs many and prints those
that differ; the tests run a few. Compared are the bytes of standard output, and for CSV also the
warnings with their cells.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path

from interop.benchstat_oracle import VERSION, run_benchstat, run_whet_stat
from interop.generated_results import random_case
from whet.formats.sniff_results import NO_RESULTS

OPTION = re.compile(r"--?(table|row|col|ignore|filter|alpha|confidence|format)(=|$)")
# How benchstat says that nothing was computed; whet's words differ.
REFUSALS = (b"benchstat: ",)


def explain(
    arguments: list[str], directory: Path, *, compat: bool = True, seen: Counter[str] | None = None
) -> str:
    """Run a case; return '' if both agree, else how they differ. `seen` counts what there was to compare."""
    expected, expected_errors = run_benchstat(arguments, directory)
    before = Path.cwd()
    os.chdir(directory)
    try:
        status, ours, errors = run_whet_stat([*(["--compat=benchstat"] if compat else []), *arguments])
    finally:
        os.chdir(before)
    refused = any(line.startswith(REFUSALS) for line in expected_errors.splitlines())
    if seen is not None:
        seen["refused" if refused else "with tables" if expected else "nothing to show"] += 1
        seen["lines of tables"] += expected.count(b"\n")
    if refused:
        return "" if status == 2 and "error" in errors else f"benchstat refuses, whet exits with {status}"
    if ours != expected:
        return f"--- benchstat\n{expected.decode()}\n--- whet\n{ours.decode()}\n{errors}"
    said = [
        line
        for line in errors.splitlines()
        if not line.startswith(("whet: ", "hint: ")) and NO_RESULTS not in line
    ]
    wanted = expected_errors.decode().splitlines()
    if said != wanted and len(wanted) < 50:
        return "\n".join(["--- benchstat says", *wanted, "--- whet says", *said])
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--default", action="store_true", help="without --compat=benchstat, on values without ties"
    )
    parser.add_argument("--show", type=int, default=3, help="how many differences to print in full")
    parser.add_argument("--save", help="a JSON file to write a summary to")
    given = parser.parse_args()
    failures, flags, seen = 0, Counter[str](), Counter[str]()
    with tempfile.TemporaryDirectory() as name:
        for case in range(given.seed, given.seed + given.cases):
            arguments = random_case(case, Path(name), plain=given.default)
            flags.update({a.split("=")[0].lstrip("-") for a in arguments if OPTION.match(a)} or {"none"})
            try:
                found = explain(arguments, Path(name), compat=not given.default, seen=seen)
            except Exception as error:
                found = f"{type(error).__name__}: {error}"
            if found:
                failures += 1
                print(f"case {case}: {' '.join(arguments)}", flush=True)
                if failures <= given.show:
                    print(found, flush=True)
    if given.save:
        summary = {
            "oracle": f"golang.org/x/perf/cmd/benchstat@{VERSION}",
            "options": "none; values without ties" if given.default else "--compat=benchstat",
            "cases": given.cases,
            "seeds": [given.seed, given.seed + given.cases - 1],
            "differ": failures,
            "compared": dict(sorted(seen.items())),
            "flags": dict(sorted(flags.items())),
        }
        Path(given.save).write_text(json.dumps(summary, indent=1) + "\n")
    print(f"{given.cases} cases from {given.seed}, {failures} differ; {dict(seen)}")
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(main())
