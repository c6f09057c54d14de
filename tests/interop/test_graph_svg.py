"""The drawn call graph has the nodes, edges and nodelets of the real `go tool pprof -dot`."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET

import pytest

from interop.generated import random_profile
from interop.pprof_oracle import run_pprof
from whet.cli.main import main
from whet.cli.streams import Streams
from whet.formats import pprof

SVG = "{http://www.w3.org/2000/svg}"
OPTIONS = [[], ["-nodecount=6"], ["-lines", "-nodefraction=0.05"], ["-trim=false", "-files"]]


def drawn(arguments):
    """Return the exit status, and the classes and tooltips of everything in the picture."""
    out = io.BytesIO()
    status = main(["prof", "svg", *arguments], Streams(out, io.BytesIO()))
    if status:
        return status, []
    root = ET.fromstring(out.getvalue())
    groups = [g for g in root.iter(f"{SVG}g") if g.find(f"{SVG}title") is not None]
    return status, [(g.get("class").split()[0], g.find(f"{SVG}title").text) for g in groups]


@pytest.mark.parametrize("seed", range(16))
def test_nodes_and_edges_are_those_of_pprof(tmp_path, seed):
    path = tmp_path / "random.pb.gz"
    path.write_bytes(pprof.encode(random_profile(seed)))
    arguments = [*OPTIONS[seed % len(OPTIONS)], str(path)]
    status, dot = run_pprof(["-dot", *arguments])
    our_status, found = drawn(arguments)
    assert (our_status != 0) == (status != 0)
    if status:
        return
    nodes = re.findall(r'^N\d+ \[.*tooltip="(.*?)" color', dot, re.MULTILINE)
    edges = re.findall(r'^N\d+ -> N\d+ \[.* tooltip="(.*?)" labeltooltip', dot, re.MULTILINE)
    assert sorted(t for kind, t in found if kind == "node") == sorted(nodes)
    mine = [t for kind, t in found if kind == "edge" and (" -> " in t or " ... " in t)]
    assert sorted(mine) == sorted(edges)
    assert sum(kind == "nodelet" for kind, _ in found) == dot.count("shape=box3d")
