"""The heap collector against programs whose allocations are known."""

import json
import math
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from process.harness import needs_collector
from whet.analyze.profile.config import Config, Defaults
from whet.analyze.profile.difference import node_intervals
from whet.analyze.profile.report import prepare, report_graph
from whet.formats.pprof import decode

HERE = Path(__file__).parent
pytestmark = needs_collector


def run_program(name: str, *arguments: object) -> str:
    command = [sys.executable, "-W", "ignore", str(HERE / name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize(
    ("recordings", "least"),
    [
        # Of 480 intervals that hold 95 % of the time, fewer than 90 % do in one of 100,000 runs.
        pytest.param(60, 0.90, id="quick"),
        pytest.param(500, 0.93, id="long", marks=pytest.mark.slow),
    ],
)
def test_shares_lie_within_their_intervals(tmp_path: Path, recordings: int, least: float) -> None:
    run_program("truth_program.py", tmp_path, recordings, 64 * 1024)
    truth = json.loads((tmp_path / "truth.json").read_text())
    total = sum(truth.values())
    inside, seen, estimated = Counter[str](), 0, Counter[str]()
    for number in range(recordings):
        report = prepare(
            decode((tmp_path / f"{number}.pb.gz").read_bytes()),
            Config(sample_index="alloc_space", nodefraction=0.0, nodecount=0),
            Defaults(),
        )
        graph = report_graph(report)
        intervals = node_intervals(report, graph)
        assert intervals.reason == ""
        cum = {
            graph.nodes.printable_name(node).rpartition(".")[2].split(" ")[0]: node for node in graph.order
        }
        for name, allocated in truth.items():
            share = allocated / total
            assert share > 0.02
            seen += 1
            if name in cum:
                node = cum[name]
                estimated[name] += graph.cum_value(node)
                _, interval = intervals.of_node(node, graph.flat_value(node), graph.cum_value(node))
                inside[name] += interval is not None and interval.low <= share <= interval.high
    print({name: f"{inside[name] / recordings:.3f}" for name in truth})
    for name, allocated in truth.items():
        # The estimate is unbiased: its mean over all recordings is the truth.
        spread = 0.0 if name == "large" else math.sqrt(64 * 1024 * allocated / recordings)
        assert estimated[name] / recordings == pytest.approx(
            allocated, abs=5.5 * spread + 0.01 * allocated
        ), name
    assert sum(inside.values()) / seen >= least
