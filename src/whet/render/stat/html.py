"""Tables as one HTML file that needs nothing else: no script, no connection, light and dark.

Each row shows its measurements as strips of dots. The content security policy allows the
style inside and nothing more.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

from whet.analyze.stat.details import Details
from whet.analyze.stat.table import ALL_EQUAL, Table, Tables
from whet.formats.numbers import format_float
from whet.render.stat.cells import (
    CellText,
    RowText,
    column_names,
    configuration_text,
    heading_text,
    row_texts,
    shared_configuration,
)
from whet.render.stat.numbers import common_scale, ratio_text
from whet.render.stat.strip import column_class, strip_svg
from whet.render.svg import escape
from whet.units import is_binary_unit

__all__ = ["render_html"]

_STYLE = """\
:root { color-scheme: light dark; --paper: #fbfaf7; --raised: #fff; --line: #e4e0d8; --ink: #1f1d1a;
  --soft: #5f5a51; --old: #6f6a60; --new: #b5651d; --third: #1d6f78; --fourth: #6b4ba3;
  --better: #1f6b3f; --worse: #a3261d; }
@media (prefers-color-scheme: dark) { :root { --paper: #171614; --raised: #1f1e1b; --line: #33312c;
  --ink: #ece8e0; --soft: #aaa499; --old: #a9a39a; --new: #f0b477; --third: #7fc4cc;
  --fourth: #c0a5ee; --better: #8fd0a8; --worse: #ff9d90; } }
body { margin: 0; padding: 24px 28px 48px; background: var(--paper); color: var(--ink);
  font: 14px/1.45 Inter, "Segoe UI", system-ui, "Liberation Sans", sans-serif; }
h1 { margin: 0 0 4px; font-size: 20px; } h2 { margin: 28px 0 2px; font-size: 16px; }
p { margin: 2px 0 10px; color: var(--soft); overflow-wrap: anywhere; }
.scroll { overflow-x: auto; background: var(--raised); border: 1px solid var(--line); border-radius: 10px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 6px 10px; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th { color: var(--soft); font-weight: 600; }
th.column { overflow-wrap: anywhere; white-space: normal; min-width: 90px; }
td:first-child, th:first-child { text-align: left; }
sup { line-height: 0; }
td:first-child { min-width: 180px; max-width: 420px; overflow-wrap: anywhere; white-space: normal; }
tr:last-child td { border-bottom: 0; } tfoot td { color: var(--soft); border-top: 1px solid var(--line); }
.better { color: var(--better); font-weight: 600; } .worse { color: var(--worse); font-weight: 600; }
.quiet { color: var(--soft); } td.plot, th.plot { padding: 4px 12px; text-align: left; min-width: 180px; }
.notes { margin: 8px 0 0; padding-left: 24px; color: var(--soft); }
.key { display: inline-block; width: 10px; height: 10px; margin: 0 5px 0 12px; border-radius: 5px; }
.old { --own: var(--old); } .new { --own: var(--new); }
.third { --own: var(--third); } .fourth { --own: var(--fourth); }
.key { background: var(--own); } .strip g { fill: var(--own); stroke: var(--own); }
.strip { display: block; max-width: 100%; height: auto; } .strip .axis { stroke: var(--line); }
.strip .end { fill: var(--soft); font-size: 9px; }
.strip .dots { fill: none; stroke-width: 4.4; stroke-linecap: round; stroke-opacity: .6; }
.strip .interval { fill-opacity: .22; stroke: none; } .strip .center { stroke-width: 2; }
@media (max-width: 760px) { body { padding: 16px 12px 32px; }
  thead { display: none; } tr { display: block; padding: 8px 0; border-bottom: 1px solid var(--line); }
  tbody tr:last-child { border-bottom: 0; } td { display: flex; justify-content: space-between;
    padding: 2px 12px; border: 0; white-space: normal; } td:empty { display: none; }
  td[data-of]::before { content: attr(data-of); margin-right: 16px; color: var(--soft); font-weight: 400;
    overflow-wrap: anywhere; }
  td:first-child { max-width: none; font-weight: 600; } td.plot { display: block; padding: 6px 12px; }
  tfoot td { border: 0; } .strip { width: 100%; } }
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
    shared = shared_configuration(tables)
    if shared:
        yield f"<p>{escape(configuration_text(shared))}</p>\n"
    yield f"<p>{escape(_legend(tables))}</p>\n"
    for table in tables.tables:
        yield from _table(tables, details, table, shared)
    yield "</body></html>\n"


def _legend(tables: Tables) -> str:
    level = format_float(round(100 * tables.levels.confidence, 6))
    return (
        f"Dots are measurements, lines medians, boxes their {level} % intervals. A change is shown where "
        f"p ≤ {tables.levels.alpha:g}; “could see” is the smallest change that would have been found with a "
        "chance of 80 %."
    )


def _table(tables: Tables, details: Details, table: Table, shared: list[tuple[str, str]]) -> Iterator[str]:
    names = column_names(table)
    better = {1: "higher is better", -1: "lower is better", 0: ""}[table.direction]
    keys = "".join(
        f'<span class="key {column_class(i)}"></span>{escape(name)}' for i, name in enumerate(names)
    )
    rows = list(row_texts(tables, details, table))
    facts = " · ".join(filter(None, [better, *_verdicts(rows)]))
    yield f"<h2>{escape(heading_text(table, shared))}</h2>\n<p>{escape(facts)}{keys}</p>\n"
    titles = _titles(names)
    yield f'<div class="scroll"><table><thead>{_head(titles, names)}</thead><tbody>\n'
    notes: dict[str, int] = {}
    for row, cells in zip(rows, table.cells.tolist(), strict=True):
        svg = strip_svg(tables, cells, names, f"{row.name}, {table.unit}", row.scale)
        yield _row(row, titles, svg, notes)
    yield "</tbody>"
    if len(table.rows) > 1:
        yield f"<tfoot>{_summary(table, titles)}</tfoot>"
    yield "</table></div>\n"
    if notes:
        items = "".join(f"<li>{escape(note)}</li>" for note in notes)
        yield f'<ol class="notes">{items}</ol>\n'


def _verdicts(rows: list[RowText]) -> Iterator[str]:
    """Yield how many comparisons ended how."""
    cells = [cell for row in rows for cell in row.cells if cell is not None and cell.change]
    for verdict in ("worse", "better"):
        count = sum(cell.verdict == verdict for cell in cells)
        if count:
            yield f"{count} {verdict}"
    equal = sum(ALL_EQUAL in cell.notes for cell in cells)
    if equal:
        yield f"{equal} equal"
    unclear = sum(cell.change == "~" for cell in cells) - equal
    if unclear:
        yield f"{unclear} without a change that can be told from noise"


def _titles(names: list[str]) -> list[str]:
    titles = ["benchmark", names[0]]
    for name in names[1:]:
        titles += [name, "change", "ratio", "p", "could see"]
    return titles


def _head(titles: list[str], names: list[str]) -> str:
    cells = "".join(
        f'<th class="column">{escape(title)}</th>' if title in names else f"<th>{escape(title)}</th>"
        for title in titles[1:]
    )
    return f'<tr><th>{titles[0]}</th><th class="plot">measurements</th>{cells}</tr>'


def _row(row: RowText, titles: list[str], svg: str, notes: dict[str, int]) -> str:
    pieces = [("", escape(row.name))]
    for column, cell in enumerate(row.cells):
        pieces += _cell(cell, notes, compared=column > 0)
    return f"<tr>{_cells(pieces, titles, svg)}</tr>\n"


def _cells(pieces: list[tuple[str, str]], titles: list[str], svg: str) -> str:
    """Write (class, HTML) as cells; those below a title say its text on narrow screens."""
    name, *others = pieces
    cells = [f'<td>{name[1]}</td><td class="plot">{svg}</td>']
    for (kind, text), title in zip(others, titles[1:], strict=True):
        attribute = f' class="{kind}"' if kind else ""
        cells.append(f'<td{attribute} data-of="{escape(title)}">{text}</td>' if text else "<td></td>")
    return "".join(cells)


def _cell(cell: CellText | None, notes: dict[str, int], *, compared: bool) -> list[tuple[str, str]]:
    if cell is None:
        return [("", "")] * (5 if compared else 1)
    marks = ", ".join(str(notes.setdefault(note, len(notes) + 1)) for note in cell.notes)
    texts = [("", f"<span>{escape(cell.value)}{f' <sup>{marks}</sup>' if marks else ''}</span>")]
    if compared:
        texts.append((cell.verdict or "quiet", escape(f"{cell.change} {cell.verdict}".strip())))
        texts += [("quiet", escape(t)) for t in (cell.interval, cell.p, cell.detectable)]
    return texts


def _summary(table: Table, titles: list[str]) -> str:
    binary, texts = is_binary_unit(table.unit), ["geomean"]
    for column, summary in enumerate(table.summary):
        known = summary.mean == summary.mean
        texts.append(common_scale([summary.mean], binary=binary).format(summary.mean) if known else "")
        if column:
            texts += [ratio_text(summary.ratio), "", "", ""]
    return f"<tr>{_cells([('', escape(text)) for text in texts], titles, '')}</tr>"
