"""Interval columns of a difference (`top -diff_base`): each covers its own true change."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pytest

from draws import PERIOD_NS, stack_profile, write
from whet.analyze.profile.config import Config, Defaults
from whet.analyze.profile.difference import node_intervals
from whet.analyze.profile.load import as_loaded
from whet.analyze.profile.report import prepare, report_graph
from whet.cli.main import main
from whet.cli.streams import Streams
from whet.model.profile import Labels

STACKS = [("main", "parse"), ("main", "parse", "lex"), ("main", "emit")]
OLD, NEW = np.array([0.5, 0.2, 0.3]), np.array([0.4, 0.35, 0.25])
ALL = Defaults(trim=False)


def difference(old, new):
    """Return what `-diff_base` makes of two profiles with these sample counts."""
    counts = np.concatenate([new, -np.asarray(old)])
    profile = stack_profile(STACKS * 2, np.stack([counts, counts * PERIOD_NS], axis=1))
    texts = profile.strings.texts()
    n = len(STACKS)
    labels = Labels(
        key=np.full(n, len(texts), np.int32),
        text=np.full(n, len(texts) + 1, np.int32),
        number=np.zeros(n, np.int64),
        unit=np.zeros(n, np.int32),
    )
    strings = type(profile.strings).from_texts([*texts, "pprof::base", "true"])
    start = np.concatenate([np.zeros(n, np.int64), np.arange(n + 1)])
    samples = replace(profile.samples, labels=labels, label_start=start)
    return replace(profile, strings=strings, samples=samples)


def intervals(profile):
    report = prepare(as_loaded(profile)[0], Config(), ALL)
    graph = report_graph(report)
    return graph, node_intervals(report, graph)


@pytest.mark.parametrize("size", [1.0, 3.0])
def test_intervals_cover_the_true_change_in_about_95_percent(size):
    rng = np.random.default_rng(31)
    truth = {"parse": NEW[0] - OLD[0], "lex": NEW[1] - OLD[1], "emit": NEW[2] - OLD[2]}
    # The new side took `size` times as long: shares are of the base's total.
    truth = {n: size * NEW[i] - OLD[i] for i, n in enumerate(truth)}
    covered = []
    for _ in range(300):
        graph, found = intervals(
            difference(rng.multinomial(1000, OLD), rng.multinomial(round(1000 * size), NEW))
        )
        for node in graph.order:
            name = graph.nodes.printable_name(node)
            if name in truth:
                interval = found.by_node.flat[node]
                covered.append(interval.low <= truth[name] <= interval.high)
    assert 0.93 <= np.mean(covered) <= 0.97


def test_top_shows_intervals_of_changes_and_no_bound(tmp_path):
    path = write(tmp_path / "diff.pb.gz", difference([500, 200, 300], [400, 350, 250]))
    out = io.BytesIO()
    assert main(["prof", "top", "-ci", path], Streams(out, out)) == 0
    text = out.getvalue().decode()
    assert "Intervals: 95 %, from 2000 samples" in text
    row = next(line for line in text.splitlines() if line.endswith("lex"))
    assert row.split()[5:] == ["11.1..18.8%", "11.1..18.8%", ".", "lex"]


def test_json_has_the_intervals_too(tmp_path):
    path = write(tmp_path / "diff.pb.gz", difference([500, 200, 300], [400, 350, 250]))
    out = io.BytesIO()
    assert main(["prof", "top", "-json", path], Streams(out, out)) == 0
    row = next(r for r in json.loads(out.getvalue())["rows"] if r["name"] == "lex")
    assert row["flat_share_low"] == pytest.approx(0.111, abs=5e-4)
    assert row["flat_share"] == pytest.approx(0.15)
    assert row["flat_share_high"] == pytest.approx(0.188, abs=5e-4)


def test_difference_without_labels_has_no_intervals():
    profile = stack_profile(STACKS, [[10, 100], [-5, -50], [7, 70]])
    assert "difference" in intervals(profile)[1].reason
