"""JSON, CSV and text of the same comparison say the same numbers."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest

from interop.benchstat_oracle import run_whet_stat
from interop.generated_results import random_case

SEEDS = range(40, 60)
PREFIXES = {
    "T": 1e12, "G": 1e9, "M": 1e6, "k": 1e3, "": 1.0, "m": 1e-3, "µ": 1e-6, "n": 1e-9,
    "Ti": 2.0**40, "Gi": 2.0**30, "Mi": 2.0**20, "Ki": 2.0**10,
}  # fmt: skip
VALUE = re.compile(r"(-?[0-9]+\.([0-9]+))(|[TGMkmµn]|[TGMK]i) ±")


@pytest.fixture(params=SEEDS)
def arguments(request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given, kept = iter(random_case(request.param, tmp_path, plain=True)), []
    for argument in given:
        if argument in ("-format", "-filter"):
            next(given)
        elif "format=" not in argument:
            kept.append(argument)
    return kept


def shown(arguments, form):
    return run_whet_stat([f"-format={form}", *arguments])[1].decode()


def json_rows(arguments):
    return [row for table in json.loads(shown(arguments, "json"))["tables"] for row in table["rows"]]


def csv_rows(arguments):
    """Yield the lines between the titles and the geometric mean of every table."""
    inside = False
    for line in csv.reader(io.StringIO(shown(arguments, "csv"))):
        inside = inside and line[:1] != ["geomean"]
        if inside:
            yield line
        inside = inside or line[2:3] == ["CI"]


def change_of(old, cell):
    comparison = cell["comparison"]
    if not comparison["significant"]:
        return "~"
    if old["center"] == cell["center"]:
        return "0.00%"
    return f"{100 * (cell['center'] / old['center'] - 1):+.2f}%" if old["center"] else "?"


def test_json_has_the_numbers_of_csv(arguments):
    compared = 0
    for record, line in zip(json_rows(arguments), csv_rows(arguments), strict=True):
        assert line[0] == record["name"]
        for number, cell in enumerate(record["cells"]):
            at = 1 if number == 0 else 4 * number - 1
            if cell is None:
                assert not any(line[at : at + (4 if number else 2)])
                continue
            assert float(line[at]) == cell["center"]
            if cell["comparison"]:
                assert line[at + 2] == change_of(record["cells"][0], cell)
                p = cell["comparison"]["p"]
                assert line[at + 3].startswith("n=" if p is None else f"p={p:.3f} ")
                compared += 1
    assert compared or all(None in row["cells"] or len(row["cells"]) == 1 for row in json_rows(arguments))


def test_json_has_the_numbers_of_text(arguments):
    found = [cell["center"] for row in json_rows(arguments) for cell in row["cells"] if cell]
    values = VALUE.findall(shown(arguments, "text"))
    assert len(values) == len(found)
    for (number, digits, prefix), center in zip(values, found, strict=True):
        scale = PREFIXES[prefix]
        assert float(number) * scale == pytest.approx(center, abs=0.501 * scale * 10.0 ** -len(digits))
