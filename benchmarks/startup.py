"""What whet costs before it does anything.

    benchmarks/startup.py [--quick]

Interleaved runs of whole processes, each beside a bare `python -c pass` of its round.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from machine import ROOT, describe_machine, machine_line, publish, run, save, spread

PATH = {"PYTHONPATH": str(ROOT / "src")}
ENVIRONMENT = "in the development environment"


def commands(folder: Path) -> dict[str, list[str]]:
    """Return what is timed, by name."""
    # An empty environment: neither the import hook of an editable installation nor what others installed.
    empty = folder / "empty"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", empty], check=True)
    python = str(empty / "bin" / "python")
    recording = str(folder / "recording")
    quiet = ["run", "-q", "--no-report", "-o", recording, "-c", "pass"]
    return {
        "python -c pass": [python, "-c", "pass"],
        "python -c 'import whet'": [python, "-c", "import whet"],
        "python -m __future__ (what -m costs by itself)": [python, "-m", "__future__"],
        "python -m whet --version": [python, "-m", "whet", "--version"],
        f"python -c pass, {ENVIRONMENT}": [sys.executable, "-c", "pass"],
        f"whet run -q --no-report -c pass, {ENVIRONMENT}": [sys.executable, "-m", "whet", *quiet],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="what whet costs before it does anything")
    parser.add_argument("--quick", action="store_true", help="few runs, nothing written")
    rounds = 5 if parser.parse_args().quick else 41
    machine = describe_machine()
    with tempfile.TemporaryDirectory(prefix="whet-startup-") as folder:
        listed = commands(Path(folder))
        times: dict[str, list[float]] = {name: [] for name in listed}
        for _ in range(rounds):
            for name, command in listed.items():
                usage = run(command, environment=PATH)
                if usage.status == 0:
                    times[name].append(usage.wall_s)

    lines = ["| | ms: median (lowest–highest) | added, ms | ratio |", "|---|---|---|---|"]
    for name, seconds in times.items():
        bare = times["python -c pass" + (f", {ENVIRONMENT}" if ENVIRONMENT in name else "")]
        if len(seconds) < rounds:
            lines.append(f"| `{name}` | failed | | |")
            continue
        differences = [(s - b) * 1000 for s, b in zip(seconds, bare, strict=True)]
        ratio = statistics.median(s / b for s, b in zip(seconds, bare, strict=True))
        row = [
            spread([s * 1000 for s in seconds], 1),
            f"{statistics.median(differences):.1f}",
            f"{ratio:.2f}",
        ]
        lines.append(f"| `{name}` | {' | '.join(row)} |")
    text = "\n".join(lines)
    print(text)
    if not parser.parse_args().quick:
        save("startup", {"machine": machine, "seconds": times})
        publish("startup", f"{text}\n\n{rounds} interleaved rounds. {machine_line(machine)}")


if __name__ == "__main__":
    main()
