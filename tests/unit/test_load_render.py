"""How a load's numbers are shown."""

import json
import re

import numpy as np
import pytest

from whet.analyze.load.doubts import Client, Doubt, Effort
from whet.analyze.load.summary import summarize
from whet.analyze.load.totals import Totals, as_block
from whet.render.load.csv import HEADER, csv_rows
from whet.render.load.gobench import header_lines, load_line
from whet.render.load.json import document, report_record
from whet.render.load.text import doubt_text, duration_text, progress_text, report_text, size_text

MS = 1_000_000


CLIENT = Client("python", "uvloop")


@pytest.fixture
def totals():
    """1000 answers of 1 ms to 10 ms, a tenth of them 503, and two errors; each was 5 ms late."""
    made, rows = Totals(), []
    for number in range(1000):
        start = number * MS
        wait = (1 + number % 10) * MS
        rows += [start - 5 * MS, start, start, start + 1000, start + wait, start + wait + 2000,
                 503 if number % 10 == 9 else 200, 1000]  # fmt: skip
    made.add(as_block(rows))
    made.fail("connection refused")
    made.fail("connection refused")
    made.connections = 3
    return made


def test_report_has_the_sections_of_hey(totals):
    text = report_text(summarize(totals, 10**9, scheduled=False), client=CLIENT)
    sections = [line for line in text.splitlines() if line and not line.startswith(" ")]
    assert sections == [
        "Summary:", "Response time histogram:", "Latency distribution:",
        "Details (average, fastest, slowest, 99%):", "Status code distribution:", "Error distribution:",
    ]  # fmt: skip
    assert "  Requests/sec:\t1000.0000\n" in text
    assert "  Client:\tpython, on uvloop\n" in text
    assert "  [503]\t100 responses" in text
    assert "  [2]\tconnection refused\n" in text
    assert re.search(r"^  50% in 0\.0(099|100)\d* secs$", text, re.MULTILINE)


def test_report_of_a_schedule_has_both_latencies(totals):
    text = report_text(summarize(totals, 10**9, scheduled=True), client=CLIENT, rate_hz=1000)
    assert "from the intended start" in text
    row = next(line for line in text.splitlines() if line.startswith("  99% "))
    intended, service = (float(word) for word in row.split() if "." in word)
    assert intended - service == pytest.approx(0.005, rel=0.01)


def test_report_without_answers_has_errors_only():
    totals = Totals()
    totals.fail("reset")
    text = report_text(summarize(totals, 10**9, scheduled=False), client=CLIENT)
    assert "Error distribution:\n  [1]\treset\n" in text
    assert "histogram" not in text


def test_longest_bar_has_full_width_and_none_that_counts_is_empty(totals):
    lines = report_text(summarize(totals, 10**9, scheduled=False), client=CLIENT).splitlines()
    drawn = [line for line in lines if "|" in line]
    assert max(line.count("█") for line in drawn) == 40
    assert all(line.split("|")[1] for line in drawn if line.split()[2] != "0")


def test_csv_has_the_columns_of_hey_in_seconds():
    times = (1_000_000_000, 1_000_000_000, 1_000_500_000, 1_000_600_000, 1_002_000_000, 1_003_000_000)
    block = np.array([[*times, 200, 9]])
    assert HEADER.rstrip() == (
        "response-time,DNS+dialup,DNS,Request-write,Response-delay,Response-read,status-code,offset"
    )
    row = "0.003000,0.000500,0.000000,0.000100,0.001400,0.001000,200,0.500000\n"
    assert csv_rows(block, 500_000_000) == row


def test_json_holds_every_number_and_no_infinity(totals):
    summary = summarize(totals, 10**9, scheduled=True)
    doubts = [Doubt("client busy", 0.95, 1.0)]
    record = report_record(
        summary, Effort(10**9, 95 * 10**7, 5), doubts, {"url": "u"}, client=CLIENT, partial_reason=""
    )
    read = json.loads(document(record))
    assert (read["schema_version"], read["answers"], read["failures"]) == (1, 1000, 2)
    assert read["statuses"]["503"]["count"] == 100
    assert (read["client"]["kind"], read["client"]["loop"]) == ("python", "uvloop")
    assert read["latency"]["percentiles_ns"]["99.9"] == summary.latency.percentiles[99.9]
    assert sum(bar["count"] for bar in read["histogram"]) == 1000
    assert read["doubts"][0]["kind"] == "client busy"
    assert read["partial_reason"] is None


def test_result_lines_are_read_by_whet_stat(totals, tmp_path):
    import io

    from whet.cli.main import main
    from whet.cli.streams import Streams

    for name, factor in (("old", 1), ("new", 2)):
        text = header_lines(f"http://{name}/", {"connections": "50"})
        for run in range(8):
            summary = summarize(totals, factor * 10**9 + run, scheduled=False)
            text += load_line("GET", "/a/b?c", summary)
        (tmp_path / name).write_text(text)
    out, err = io.BytesIO(), io.BytesIO()
    assert main(["stat", str(tmp_path / "old"), str(tmp_path / "new")], Streams(out, err)) == 0
    shown = out.getvalue().decode()
    assert "Load/GET_a_b" in shown
    assert "-50.00%" in shown
    assert "p99-sec" in shown


KINDS = ["client busy", "client late", "schedule missed", "connections busy", "all failed"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_doubt_says_what_and_what_to_do(kind):
    text, hint = doubt_text(Doubt(kind, 10, 100), "compiled")
    assert text
    assert hint
    assert "\n" not in text


def test_only_what_makes_this_client_faster_is_advised():
    busy = Doubt("client busy", 1.0, 1.0)
    assert "whet[load]" in doubt_text(busy, Client("python", "asyncio"))[1]
    for client in (Client("compiled", "asyncio"), Client("python", "uvloop")):
        assert "uvloop" not in doubt_text(busy, client)[1]
        assert "whet[load]" not in doubt_text(busy, client)[1]


def test_progress_is_one_line(totals):
    line = progress_text(10**9, 30, None, summarize(totals, 10**9, scheduled=False))
    assert line.startswith("1.0 s of 30 s: 1,000 answers, 1,000/s, p50 ")
    assert line.endswith("2 failed")


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0 ns"),
        (999, "999 ns"),
        (1500, "1.5 µs"),
        (2_340_000, "2.34 ms"),
        (1e9, "1 s"),
        (1.2345e12, "1234 s"),
    ],
)
def test_durations_have_three_digits(ns, text):
    assert duration_text(ns) == text


def test_sizes_have_units():
    assert [size_text(n) for n in (12, 20480, 3 << 20)] == ["12 bytes", "20.00 kB", "3.00 MB"]
