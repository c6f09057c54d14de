"""JSON reports are what docs/prof-json.schema.json says."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest

from draws import drawn, stack_profile, write
from interop.generated import random_profile
from whet.cli.main import main
from whet.cli.streams import Streams
from whet.driver.prof import REPORTS
from whet.formats import pprof

DOCS = Path(__file__).parents[2] / "docs"
SCHEMA = json.loads((DOCS / "prof-json.schema.json").read_text())
COMPARISON = json.loads((DOCS / "prof-compare-json.schema.json").read_text())
TYPES = {
    "integer": int, "number": (int, float), "string": str, "array": list, "object": dict, "boolean": bool,
    "null": type(None),
}  # fmt: skip


def check(value, schema, place="$", root=SCHEMA):
    """Check the parts of JSON Schema that ours uses; unknown fields are errors here."""
    if "$ref" in schema:
        return check(value, root["$defs"][schema["$ref"].rsplit("/", 1)[1]], place, root)
    if "anyOf" in schema:
        marks = {"stack": "sample", "comment": "comment", "values": "label"}
        kind = next((kind for mark, kind in marks.items() if mark in value), "node")
        return check(value, root["$defs"][kind], place, root)
    if "const" in schema:
        assert value == schema["const"], place
    if "enum" in schema:
        assert value in schema["enum"], place
    if "type" in schema:
        names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        assert any(isinstance(value, TYPES[n]) for n in names), (place, value)
    for name in schema.get("required", ()):
        assert name in value, (place, name)
    if isinstance(value, dict):
        for name, part in value.items():
            known = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
            assert known is not None, (place, name)
            check(part, known, f"{place}.{name}", root)
    if isinstance(value, list):
        for part in value:
            check(part, schema.get("items", {}), f"{place}[]", root)
    return None


WITH_ROWS = [[name, *(["."] if kind.takes_regex else [])] for name, kind in REPORTS.items() if kind.rows]


def test_every_report_has_json_except_those_that_are_refused():
    assert [name for name, kind in REPORTS.items() if not kind.rows] == ["disasm", "weblist"]


@pytest.mark.parametrize("report", [*WITH_ROWS, ["tree", "-lines"]], ids=" ".join)
@pytest.mark.parametrize("seed", range(8))
def test_json_follows_the_schema(tmp_path, report, seed):
    path = tmp_path / "p.pb.gz"
    path.write_bytes(pprof.encode(random_profile(seed)))
    out, err = io.BytesIO(), io.BytesIO()
    status = main(["prof", *report, "-json", str(path)], Streams(out, err))
    if status == 2:
        assert b"no matches found" in err.getvalue()
        return
    check(json.loads(out.getvalue()), SCHEMA)


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
    check(json.loads(out.getvalue()), COMPARISON, root=COMPARISON)


def test_json_of_speedups_follows_the_schema(tmp_path):
    profile = stack_profile([("main", "f"), ("main", "g")], [[70, 700], [30, 300]])
    out = io.BytesIO()
    asked = ["--speedup=f=2x", "--speedup=g=free", "--speedup=main=free"]
    assert (
        main(["prof", "top", "-json", *asked, write(tmp_path / "p.pb.gz", profile)], Streams(out, out)) == 0
    )
    document = json.loads(out.getvalue())
    check(document, SCHEMA)
    assert [s["gain"] for s in document["speedups"]] == [
        pytest.approx(1 / 0.65),
        pytest.approx(1 / 0.7),
        None,
        None,
    ]
