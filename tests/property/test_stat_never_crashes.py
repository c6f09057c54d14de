"""Whatever the input and the options: tables or one clear line, never a traceback."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from whet.cli.main import main
from whet.cli.streams import Streams

WORDS = st.sampled_from(
    ["Benchmark", "BenchmarkX", "BenchmarkX-8", "/a=b", " ", "\t", "\n", "1", "2.5", "-0", "inf", "nan",
     "1e308", "0", "ns/op", "B/op", "MB/s", "Unit", "assume=exact", "better=up", "key: value", "key:",
     "µs", "\x00", "é"]
)  # fmt: skip
TEXT = st.lists(WORDS, max_size=60).map("".join)
RESULTS = st.lists(
    st.builds(
        "Benchmark{} 1 {} {}".format,
        st.sampled_from("ABC"),
        st.one_of(st.integers(-2, 3), st.floats(allow_nan=False), st.just("1e-320")),
        st.sampled_from(["ns/op", "x", "B/op"]),
    ),
    min_size=1,
    max_size=40,
).map("\n".join)
QUERY = st.lists(
    st.sampled_from(
        ["a", ":", "(", ")", "-", "*", "/b/", '"', "OR", "AND", " ", ".unit", ".name", "@", "num", ","]
    ),
    max_size=8,
).map("".join)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                ["benchmarks", "version", "runs", "values", "results", "times", "command", "stats", "data",
                 "machine_info", "commit_hash", "result_columns", "result", "params", "metadata", "samples"]
            ),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=20,
)  # fmt: skip
REAL = sorted((Path(__file__).parents[1] / "data/results").glob("*.json"))
FORMATS = st.sampled_from(["text", "csv", "markdown", "json", "html"])
CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
SLOW = settings(max_examples=120, suppress_health_check=CHECKS, deadline=None)


def ends_well(arguments: list[str]) -> None:
    out, err = io.BytesIO(), io.BytesIO()
    status = main(["stat", *arguments], Streams(out, err))
    assert status in (0, 1, 2)
    assert (status == 2) == (b"error: " in err.getvalue())
    assert out.getvalue() or status


@SLOW
@example(first="BenchmarkA 1 1e-320 B/op", second="BenchmarkA 1 1 B/op", form="text", compat=False)
@given(first=st.one_of(TEXT, RESULTS), second=RESULTS, form=FORMATS, compat=st.booleans())
def test_any_text_ends_well(tmp_path, first, second, form, compat):
    for name, text in (("a", first), ("b", second)):
        (tmp_path / name).write_text(text, encoding="utf-8", errors="surrogateescape")
    options = [f"-format={form}", "-threshold=1", *(["--compat=benchstat"] if compat else [])]
    options += ["-details"] if form == "text" else []
    ends_well([*options, str(tmp_path / "a"), str(tmp_path / "b")])


@SLOW
@given(data=st.binary(max_size=200))
def test_any_bytes_end_well(tmp_path, data):
    (tmp_path / "a").write_bytes(data)
    ends_well([str(tmp_path / "a")])


@SLOW
@given(document=JSON)
def test_any_json_ends_well(tmp_path, document):
    (tmp_path / "a").write_text(json.dumps(document))
    ends_well([str(tmp_path / "a")])


@SLOW
@example(file=REAL[0], steps=[10, 0], junk=[], form="text")
@given(
    file=st.sampled_from(REAL),
    steps=st.lists(st.integers(0, 1 << 16), min_size=1, max_size=8),
    junk=st.one_of(JSON, st.sampled_from([math.nan, math.inf, -1, 1e308, 1 << 80, "", " "])),
    form=FORMATS,
)
def test_any_damage_to_real_files_ends_well(tmp_path, file, steps, junk, form):
    document = json.loads(file.read_text())
    damage(document, steps, junk)
    (tmp_path / "a").write_text(json.dumps(document))
    ends_well([f"-format={form}", str(tmp_path / "a"), str(file)])


def damage(node, steps, junk):
    """Follow steps down a document and put junk where they end."""
    step, *others = steps
    key = step % len(node) if isinstance(node, list) else list(node)[step % len(node)]
    if others and isinstance(node[key], list | dict) and node[key]:
        damage(node[key], others, junk)
    else:
        node[key] = junk


@SLOW
@given(option=st.sampled_from(["-filter", "-row", "-col", "-table", "-ignore"]), query=QUERY)
def test_any_query_ends_well(tmp_path, option, query):
    (tmp_path / "a").write_text("goos: x\nBenchmarkA/b=c-8 1 2 ns/op 3 B/op\nBenchmarkB 1 2 ns/op\n")
    ends_well([option, query, str(tmp_path / "a")])
