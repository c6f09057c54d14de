"""Other people's suites of benchmarks, run under the real pytest-benchmark and under whet's plugin.

    python tests/interop/pytest_suites.py [RESULTS.json]

Sources come from PyPI, their tests unchanged. Both runs use this interpreter and the same packages;
pytest-benchmark is on the path of the first run only, and whet's plugin is switched off there. What must
agree is the outcome of every test.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

__all__ = ["DIFFERENT", "SUITES", "Suite", "Unavailable", "outcomes"]

PLUGIN = "pytest-benchmark==5.3.1"
PLUGIN_NEEDS = ("py-cpuinfo", "aspectlib")
QUICK = "--benchmark-max-time=0.02"


class Unavailable(Exception):  # noqa: N818 (a reason to skip)
    """The packages cannot be had here."""


@dataclass(frozen=True)
class Suite:
    """Tests of a source distribution.

    Attributes:
        requirement: of the distribution.
        needs: what its tests import.
        paths: of its tests.
        options: how both runs call pytest.
        takes_minutes: run by this script only.
    """

    requirement: str
    needs: tuple[str, ...]
    paths: tuple[str, ...]
    options: tuple[str, ...] = ()
    takes_minutes: bool = False


# pytest-benchmark's own tests that use the fixture. Its others import its inner modules, or compare the words
# and the spacing of its output. An empty configuration leaves its settings out, which ask for other plugins.
EXAMPLES = (
    "test_normal.py", "test_sample.py", "test_skip.py", "test_pedantic.py", "test_with_testcase.py",
    "test_with_weaver.py", "test_precision.py", "test_doctest.rst",
)  # fmt: skip
PLAIN = ("-c", os.devnull, "--rootdir=.", "--doctest-modules", "--doctest-glob=*.rst")
SUITES = {
    "pytest-benchmark, examples": Suite(
        PLUGIN, (), tuple(f"tests/{name}" for name in EXAMPLES), (*PLAIN, QUICK)
    ),
    "pytest-benchmark, calibration": Suite(
        PLUGIN, (), ("tests/test_calibration.py",), PLAIN, takes_minutes=True
    ),
    "cattrs": Suite(
        "cattrs==26.2.1", ("cattrs==26.2.1", "attrs", "orjson", "msgspec", "typing-extensions"),
        ("bench",), ("-c", os.devnull, "--rootdir=.", QUICK),
    ),
}  # fmt: skip

# Where the outcome is another one, by suite and test: whet's behaviour and why.
PRIVATE = "calls _run_until_precise, a private method of pytest-benchmark's"
DIFFERENT: dict[str, dict[str, str]] = {
    "pytest-benchmark, examples": {
        "tests.test_precision::test_never_precise_runs_to_cap": PRIVATE,
        "tests.test_precision::test_stops_early_when_precise_enough": PRIVATE,
        "tests.test_precision::test_zero_variance_stops_at_min_rounds": PRIVATE,
    },
}


def outcomes(name: str, *, ours: bool) -> dict[str, str]:
    """Run a suite; return `passed`, `failed`, `error` or `skipped` for each of its tests.

    Args:
        name: key of SUITES.
        ours: under whet's plugin, else under pytest-benchmark.

    Raises:
        Unavailable: the packages cannot be had.
    """
    suite = SUITES[name]
    source = _source(suite.requirement)
    path = [_packages(suite.needs)] if suite.needs else []
    if not ours:
        path.append(_packages((PLUGIN, *PLUGIN_NEEDS)))
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        copy = shutil.copytree(source, Path(folder) / "source")
        command = [
            sys.executable, "-m", "pytest", *suite.paths, *suite.options, "-q", "-p", "no:cacheprovider",
            "-p", "no:timeout", f"--junitxml={report}", *(() if ours else ("-p", "no:whet")),
        ]  # fmt: skip
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path),
            "PYTEST_ADDOPTS": "",
            "COLUMNS": "80",
        }
        done = subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, text=True, check=False, timeout=1200
        )
        if not report.exists():
            raise AssertionError(done.stdout[-3000:] + done.stderr[-3000:])
        return _read(report)


def _read(report: Path) -> dict[str, str]:
    found = {}
    for case in ET.parse(report).iter("testcase"):
        kinds = {child.tag for child in case} & {"failure", "error", "skipped"}
        outcome = {"failure": "failed", "error": "error", "skipped": "skipped"}
        found[f"{case.get('classname')}::{case.get('name')}"] = outcome[kinds.pop()] if kinds else "passed"
    return found


def _cache() -> Path:
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    found = root / "whet-tests" / f"python-{sys.version_info[0]}.{sys.version_info[1]}"
    found.mkdir(parents=True, exist_ok=True)
    return found


@functools.cache
def _packages(requirements: tuple[str, ...]) -> str:
    """Install packages into a directory of their own, once."""
    target = _cache() / "packages" / "+".join(requirements).replace("==", "-")
    if not target.exists():
        target.parent.mkdir(exist_ok=True)
        # Not their dependencies: pytest is here already, and there is to be one of it.
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            _pip("install", "--no-deps", "--target", folder, *requirements)
            Path(folder).rename(target)
            Path(folder).mkdir()
    return str(target)


@functools.cache
def _source(requirement: str) -> Path:
    """Fetch and unpack a source distribution, once."""
    target = _cache() / "sources" / requirement
    if not target.exists():
        target.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            _pip("download", "--no-deps", "--no-binary", ":all:", "--dest", folder, requirement)
            [archive] = Path(folder).glob("*.tar.gz")
            with tarfile.open(archive) as packed:
                packed.extractall(folder, filter="data")
            archive.unlink()
            [unpacked] = Path(folder).iterdir()
            unpacked.rename(target)
    return target


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["pip failed"])[-1]
        raise Unavailable(f"{arguments[0]} {arguments[-1]}: {last}")


def main(path: str | None) -> None:
    """Run everything, print counts and differences, and write them to a file."""
    results = {}
    for name, suite in SUITES.items():
        theirs, ours = outcomes(name, ours=False), outcomes(name, ours=True)
        known = DIFFERENT.get(name, {})
        different = {
            test: f"{theirs.get(test)}, with whet {ours.get(test)}: {known.get(test, 'not known why')}"
            for test in sorted({*theirs, *ours})
            if theirs.get(test) != ours.get(test)
        }
        results[name] = {
            "distribution": suite.requirement,
            "pytest-benchmark": dict(Counter(theirs.values())),
            "whet": dict(Counter(ours.values())),
            "different": different,
        }
        print(name, json.dumps(results[name], indent=1))
    if path:
        Path(path).write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
