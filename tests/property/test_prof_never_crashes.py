"""Whatever a file holds, `whet prof` makes a report or says in one line why not."""

from __future__ import annotations

import io

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interop.generated import random_profile
from whet.cli.main import main
from whet.cli.streams import Streams
from whet.formats import pprof

REPORTS = [
    ["top"],
    ["top", "-lines", "-ci", "-cum"],
    ["tree", "-addresses"],
    ["peek", "."],
    ["list", "."],
    ["traces"],
    ["raw"],
    ["proto"],
    ["comments"],
    ["top", "-json", "-files"],
    ["tree", "-json"],
    ["list", ".", "-json"],
    ["traces", "-json"],
    ["top", "-focus=run", "-hide=main"],
]
CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
WHOLE = [pprof.encode(random_profile(seed), compress=False) for seed in range(30)]


@settings(max_examples=150, deadline=None, suppress_health_check=CHECKS)
@given(
    seed=st.integers(0, len(WHOLE) - 1),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=4),
    cut=st.floats(0, 1),
    report=st.sampled_from(REPORTS),
)
def test_any_file_gives_a_report_or_one_line(tmp_path, seed, changes, cut, report):
    data = bytearray(WHOLE[seed])
    for place, value in changes:
        data[int(place * len(data))] = value
    if cut < 0.2:
        data = data[: int(cut * 5 * len(data))]
    path = tmp_path / "p.pb"
    path.write_bytes(data)
    out, err = io.BytesIO(), io.BytesIO()
    status = main(["prof", *report, str(path)], Streams(out, err))
    assert status in (0, 2)
    if status == 2:
        assert err.getvalue().startswith(b"whet: error: ")
        assert b"Traceback" not in err.getvalue()
