"""JSON reports are what docs/prof-json.schema.json says."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest

from draws import drawn, stack_profile, write
from interop.generated import random_profile
from json_schema import check
from whet.cli.main import main
from whet.cli.streams import Streams
from whet.driver.prof import REPORTS
from whet.formats import pprof

DOCS = Path(__file__).parents[2] / "docs"
SCHEMA = json.loads((DOCS / "prof-json.schema.json").read_text())
COMPARISON = json.loads((DOCS / "prof-compare-json.schema.json").read_text())


WITH_ROWS = [[name, *(["."] if kind.takes_regex else [])] for name, kind in REPORTS.items() if kind.rows]


def test_every_report_has_json():
    assert [name for name, kind in REPORTS.items() if not kind.rows] == []


@pytest.mark.parametrize("report", [*WITH_ROWS, ["tree", "-lines"]], ids=" ".join)
@pytest.mark.parametrize("seed", range(8))
def test_json_follows_the_schema(tmp_path, report, seed):
    path = tmp_path / "p.pb.gz"
    path.write_bytes(pprof.encode(random_profile(seed)))
    out, err = io.BytesIO(), io.BytesIO()
    status = main(["prof", *report, "-json", str(path)], Streams(out, err))
    if status == 2:
        assert b"no matches found" in err.getvalue() or report[0] == "disasm"
        return
    check(json.loads(out.getvalue()), SCHEMA, SCHEMA)


@pytest.mark.parametrize("options", [[], ["-cum", "-lines"], ["--per=run"]])
def test_json_of_comparisons_follows_the_schema(tmp_path, options):
    rng = np.random.default_rng(2)
    names = []
    for i in range(6):
        profile = stack_profile([("main", "f"), ("main", "g"), ("main", "g", "h")], np.ones((3, 2)))
        names.append(write(tmp_path / f"{i}.pb.gz", drawn(profile, [0.5, 0.3, 0.2], 2000, rng)))
    out, err = io.BytesIO(), io.BytesIO()
    status = main(["prof", "compare", *options, "-json", *names[:3], "--to", *names[3:]], Streams(out, err))
    assert (status, err.getvalue()) == (0, b"")
    check(json.loads(out.getvalue()), COMPARISON, COMPARISON)


def test_json_of_speedups_follows_the_schema(tmp_path):
    profile = stack_profile([("main", "f"), ("main", "g")], [[70, 700], [30, 300]])
    out = io.BytesIO()
    asked = ["--speedup=f=2x", "--speedup=g=free", "--speedup=main=free"]
    assert (
        main(["prof", "top", "-json", *asked, write(tmp_path / "p.pb.gz", profile)], Streams(out, out)) == 0
    )
    document = json.loads(out.getvalue())
    check(document, SCHEMA, SCHEMA)
    assert [s["gain"] for s in document["speedups"]] == [
        pytest.approx(1 / 0.65),
        pytest.approx(1 / 0.7),
        None,
        None,
    ]
