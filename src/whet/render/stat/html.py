"""Tables as one HTML file that needs nothing else: no script, no connection, light and dark.

Each row shows its measurements as strips of dots. The content security policy allows the
style inside and nothing more.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

from whet.analyze.stat.details import Details
from whet.analyze.stat.table import Table, Tables
from whet.render.stat.cells import CellText, RowText, column_names, row_texts
from whet.render.stat.numbers import common_scale, fixed, ratio_text
from whet.render.stat.strip import strip_svg
from whet.render.svg import escape
from whet.units import is_binary_unit

__all__ = ["render_html"]

_STYLE = """\
:root { color-scheme: light dark; --paper: #fbfaf7; --raised: #fff; --line: #e4e0d8; --ink: #1f1d1a;
  --soft: #5f5a51; --old: #6f6a60; --new: #b5651d; --better: #1f6b3f; --worse: #a3261d; }
@media (prefers-color-scheme: dark) { :root { --paper: #171614; --raised: #1f1e1b; --line: #33312c;
  --ink: #ece8e0; --soft: #aaa499; --old: #a9a39a; --new: #f0b477; --better: #8fd0a8; --worse: #ff9d90; } }
body { margin: 0; padding: 24px 28px 48px; background: var(--paper); color: var(--ink);
  font: 14px/1.45 Inter, "Segoe UI", system-ui, "Liberation Sans", sans-serif; }
h1 { margin: 0 0 4px; font-size: 20px; } h2 { margin: 28px 0 2px; font-size: 16px; }
p { margin: 2px 0 10px; color: var(--soft); }
.scroll { overflow-x: auto; background: var(--raised); border: 1px solid var(--line); border-radius: 10px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 6px 12px; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th { color: var(--soft); font-weight: 600; } td:first-child, th:first-child { text-align: left; }
sup { line-height: 0; }
td:first-child { min-width: 200px; max-width: 420px; overflow-wrap: anywhere; white-space: normal; }
tr:last-child td { border-bottom: 0; } tfoot td { color: var(--soft); border-top: 1px solid var(--line); }
.better { color: var(--better); font-weight: 600; } .worse { color: var(--worse); font-weight: 600; }
.quiet { color: var(--soft); } .plot { padding: 4px 12px; text-align: left; }
.notes { margin: 8px 0 0; padding-left: 24px; color: var(--soft); }
.key { display: inline-block; width: 10px; height: 10px; margin: 0 5px 0 12px; border-radius: 5px; }
.key.old { background: var(--old); } .key.new { background: var(--new); }
.strip { display: block; } .strip .axis { stroke: var(--line); }
.strip .old { fill: var(--old); stroke: var(--old); } .strip .new { fill: var(--new); stroke: var(--new); }
.strip circle { fill-opacity: .6; stroke: none; } .strip .interval { fill-opacity: .22; stroke: none; }
.strip .center { stroke-width: 2; }
"""


def render_html(tables: Tables, details: Details) -> Iterator[str]:
    """Yield the pieces of the page."""
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    yield (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        f"style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'\">"
        f"<title>benchmarks</title><style>{_STYLE}</style></head><body>\n<h1>Benchmarks</h1>\n"
    )
    yield f"<p>{escape(_legend(tables))}</p>\n"
    for table in tables.tables:
        yield from _table(tables, details, table)
    yield "</body></html>\n"


def _legend(tables: Tables) -> str:
    level = fixed(100 * tables.levels.confidence, 0)
    return (
        f"Dots are measurements, lines medians, boxes their {level} % intervals. A change is shown where "
        f"p ≤ {tables.levels.alpha:g}; “could see” is the smallest change that would have been found with a "
        "chance of 80 %."
    )


def _table(tables: Tables, details: Details, table: Table) -> Iterator[str]:
    names = column_names(table)
    facts = " · ".join(f"{key}: {value}" for key, value in table.heading if value)
    better = {1: "higher is better", -1: "lower is better", 0: ""}[table.direction]
    keys = "".join(
        f'<span class="key {"new" if i else "old"}"></span>{escape(name)}' for i, name in enumerate(names)
    )
    yield f"<h2>{escape(table.unit)}</h2>\n<p>{escape(' · '.join(filter(None, [better, facts])))}{keys}</p>\n"
    yield f'<div class="scroll"><table><thead>{_titles(names)}</thead><tbody>\n'
    notes: dict[str, int] = {}
    for row, cells in zip(row_texts(tables, details, table), table.cells.tolist(), strict=True):
        svg = strip_svg(tables, cells, names, f"{row.name}, {table.unit}")
        yield _row(row, svg, notes)
    yield "</tbody>"
    if len(table.rows) > 1:
        yield f"<tfoot>{_summary(table)}</tfoot>"
    yield "</table></div>\n"
    if notes:
        items = "".join(f"<li>{escape(note)}</li>" for note in notes)
        yield f'<ol class="notes">{items}</ol>\n'


def _titles(names: list[str]) -> str:
    titles = ["benchmark", names[0]]
    for name in names[1:]:
        titles += [name, "change", "ratio", "p", "could see"]
    return (
        "<tr>" + "".join(f"<th>{escape(t)}</th>" for t in titles) + '<th class="plot">measurements</th></tr>'
    )


def _row(row: RowText, svg: str, notes: dict[str, int]) -> str:
    pieces = [f"<tr><td>{escape(row.name)}</td>"]
    for column, cell in enumerate(row.cells):
        pieces.append(_cell(cell, notes, compared=column > 0))
    return "".join([*pieces, f'<td class="plot">{svg}</td></tr>\n'])


def _cell(cell: CellText | None, notes: dict[str, int], *, compared: bool) -> str:
    if cell is None:
        return "<td></td>" * (5 if compared else 1)
    marks = ", ".join(str(notes.setdefault(note, len(notes) + 1)) for note in cell.notes)
    text = f"<td>{escape(cell.value)}{f' <sup>{marks}</sup>' if marks else ''}</td>"
    if not compared:
        return text
    kind = cell.verdict or "quiet"
    change = escape(f"{cell.change} {cell.verdict}".strip())
    others = "".join(f'<td class="quiet">{escape(t)}</td>' for t in (cell.interval, cell.p, cell.detectable))
    return f'{text}<td class="{kind}">{change}</td>{others}'


def _summary(table: Table) -> str:
    binary, texts = is_binary_unit(table.unit), ["geomean"]
    for column, summary in enumerate(table.summary):
        known = summary.mean == summary.mean
        texts.append(common_scale([summary.mean], binary=binary).format(summary.mean) if known else "")
        if column:
            texts += [ratio_text(summary.ratio), "", "", ""]
    return "<tr>" + "".join(f"<td>{escape(text)}</td>" for text in [*texts, ""]) + "</tr>"
