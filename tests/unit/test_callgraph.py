"""The graph of a drawing: chosen by scores, and added up in parts where there are many frames."""

from __future__ import annotations

import pytest

from web.profiles import random_program
from whet.analyze.profile import callgraph
from whet.analyze.profile.callgraph import build_call_graph
from whet.analyze.profile.config import Config, Defaults
from whet.analyze.profile.report import prepare
from whet.model.profile import Profile


def drawn(profile: Profile, **options: object) -> list[object]:
    """Return everything that a graph shows."""
    report = prepare(profile, Config(granularity="filefunctions").changed(**options), Defaults())
    graph = build_call_graph(report)
    name = graph.nodes.printable_name
    boxes = [(name(v.node), v.flat, v.cum) for v in graph.vertices]
    arcs = sorted(
        (name(v.node), name(arc.callee.node), arc.value, arc.residual, arc.inline)
        for v in graph.vertices
        for arc in v.callees.values()
    )
    return [boxes, arcs, graph.node_count, graph.dropped, graph.dropped_edges]


@pytest.mark.parametrize("count", [5, 40, 1000])
def test_parts_of_the_samples_add_up_to_the_same_graph(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    profile = random_program(3, 1200)
    whole = drawn(profile, nodecount=count, nodefraction=0.0)
    monkeypatch.setattr(callgraph, "_MANY_FRAMES", 0)
    assert drawn(profile, nodecount=count, nodefraction=0.0) == whole
    assert whole[0]


@pytest.mark.parametrize("count", [5, 17, 40])
def test_scores_choose_the_vertices_that_making_all_of_them_chooses(
    monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    profile = random_program(4, 1200)
    by_scores = drawn(profile, nodecount=count)
    monkeypatch.setattr(callgraph._Builder, "_best", lambda *_: None)
    assert drawn(profile, nodecount=count) == by_scores
    assert by_scores[0]
