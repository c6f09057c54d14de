"""`weblist`: one HTML file with source lines, each of which opens to its instructions.

Needs nothing else and connects to nothing: the content security policy allows the style and the
script inside. Colours are those of the report's page, light or dark as the reader's system is.
"""

from __future__ import annotations

import base64
import hashlib
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from whet.analyze.profile.bytecode import Instruction
from whet.analyze.profile.report import Report
from whet.analyze.profile.weblist import AnnotatedFunction, AnnotatedLine
from whet.render.profile.header import value_text
from whet.render.svg import escape
from whet.units import format_percentage

__all__ = ["render_weblist"]

_WEB = Path(__file__).resolve().parents[2] / "web"
_STEPS = 40
_LIGHT = re.compile(r"^:root \{(.*?)^\}", re.MULTILINE | re.DOTALL)
_DARK = re.compile(r'^:root\[data-theme="dark"\] \{(.*?)^\}', re.MULTILINE | re.DOTALL)
_KEYWORDS = """
and as assert async await bool break case catch char class const continue def default defer del do double
elif else enum except extern false False finally float fn for from func global go if impl import in int
interface is lambda let long match mut namespace nil None nonlocal not null or package pass pub raise range
return self short signed sizeof static struct switch template this throw true True try type typedef union
unsigned use using var virtual void volatile while with yield
"""
_WORDS = frozenset(_KEYWORDS.split())
_TOKEN = re.compile(
    r"(?P<comment>//.*|/\*.*?(?:\*/|$)|(?:^|(?<=\s))#(?!include|define|if|endif|else|pragma).*)"
    r"|(?P<string>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`[^`]*`)"
    r"|(?P<number>\b\d[\w.]*\b)|(?P<word>[A-Za-z_]\w*)"
)


def render_weblist(report: Report, regex: str, found: list[AnnotatedFunction]) -> Iterator[str]:
    """Yield the lines of the page."""
    style, script = _style(), _read("weblist.js")
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    title = f"{report.header.file or 'profile'}: {regex}"
    facts = f"{report.header.sample_type}, {value_text(report, report.total)} in total"
    yield '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">'
    yield f"<title>{escape(title)}</title><style>{style}</style></head><body>"
    yield '<header class="bar"><div class="brand"><span class="mark">whet</span><div class="titles">'
    facts = " · ".join([facts, *report.header.filters])
    yield f"<h1>{escape(title)}</h1><p>{escape(facts)}</p></div></div>"
    yield '<button type="button">open all (e)</button></header>'
    yield from _contents(report, found)
    for number, annotated in enumerate(found):
        yield from _function(report, number, annotated)
    yield f'<script type="module">{script}</script></body></html>'


def _contents(report: Report, found: list[AnnotatedFunction]) -> Iterator[str]:
    if len(found) < 2:
        return
    yield '<nav class="functions" aria-label="functions, by cumulative value">'
    for number, annotated in enumerate(found):
        cum = annotated.function.cum
        yield (
            f'<a href="#f{number}"><span class="name">{escape(annotated.function.name)}</span>'
            f'<span class="value">{escape(value_text(report, cum))}</span>'
            f'<span class="share">{escape(format_percentage(cum, report.total).strip())}</span>'
            f'<span class="track {_heat(cum, report.total)}"></span></a>'
        )
    yield "</nav>"


def _function(report: Report, number: int, annotated: AnnotatedFunction) -> Iterator[str]:
    function = annotated.function
    flat, cum = (
        f"{value_text(report, value)} ({format_percentage(value, report.total).strip()})"
        for value in (function.flat, function.cum)
    )
    yield f'<section id="f{number}"><h2>{escape(function.name)}</h2>'
    yield f'<p class="place">{escape(function.file or "no source file known")}</p>'
    yield f'<p class="sums">flat {escape(flat)}, cum {escape(cum)}</p>'
    for note in annotated.notes:
        yield f'<p class="note">{escape(note)}</p>'
    if annotated.lines:
        yield '<div class="lines"><div class="rows">'
        yield '<div class="row head"><span class="number">flat</span>'
        yield '<span class="number">cum</span><span></span><span class="number">line</span>'
        yield "<span></span></div>"
        most = max(abs(line.cum) for line in annotated.lines)
        hottest = max(annotated.lines, key=lambda line: (abs(line.flat), abs(line.cum)))
        for line in annotated.lines:
            yield _line(report, annotated, line, most, opened=line is hottest and number == 0)
        yield "</div></div>"
    yield "</section>"


def _line(
    report: Report, annotated: AnnotatedFunction, line: AnnotatedLine, most: int, *, opened: bool
) -> str:
    kind = f"row hit {_heat(line.cum, most)}" if line.cum or line.flat else "row"
    text = '<i class="unknown">no source</i>' if line.text is None else _tinted(line.text)
    turn = '<span class="turn"></span>'
    cells = (
        f"{_number(report, line.flat)}{_number(report, line.cum)}{turn}"
        f'<span class="at">{line.number or "?"}</span><span class="text">{text}</span>'
    )
    if line.machine:
        inside = "".join(_machine_rows(report, annotated, line))
        body = f'<div class="asm">{inside}</div>'
    elif line.code:
        body = f'<div class="asm bytecode">{"".join(map(_bytecode_row, line.code))}</div>'
    else:
        return f'<div class="{kind}">{cells}</div>'
    return f'<details{" open" if opened else ""}><summary class="{kind}">{cells}</summary>{body}</details>'


def _machine_rows(report: Report, annotated: AnnotatedFunction, line: AnnotatedLine) -> Iterator[str]:
    most, own = max(abs(i.cum) for i in line.machine), posixpath.basename(annotated.function.file)
    for instruction in line.machine:
        name, _, rest = instruction.text.partition(" ")
        place = (posixpath.basename(instruction.file), instruction.line)
        from_other = f"{place[0]}:{place[1]}" if place[0] and place != (own, line.number) else ""
        kind = f"row hit {_heat(instruction.cum, most)}" if instruction.cum or instruction.flat else "row"
        if instruction.address in line.blocks:
            yield '<div class="gap">⋯</div>'
        yield (
            f'<div class="{kind}">{_number(report, instruction.flat)}{_number(report, instruction.cum)}'
            f'<span class="at">{instruction.address:x}</span>'
            f'<span class="text"><b>{escape(name)}</b> {escape(rest)}</span>'
            f'<span class="from">{escape(from_other)}</span></div>'
        )


def _bytecode_row(instruction: Instruction) -> str:
    return (
        '<div class="row"><span></span><span></span>'
        f'<span class="at">{instruction.offset}</span>'
        f'<span class="text"><b>{escape(instruction.name)}</b> {escape(instruction.argument)}</span></div>'
    )


def _number(report: Report, value: int) -> str:
    if not value:
        return '<span class="number"></span>'
    share = format_percentage(value, report.total).strip()
    return f'<span class="number" title="{escape(share)}">{escape(value_text(report, value))}</span>'


def _heat(value: int, most: int) -> str:
    return f"h{min(_STEPS, -(-abs(value) * _STEPS // abs(most))) if most else 0}"


def _tinted(text: str) -> str:
    parts, last = [], 0
    for token in _TOKEN.finditer(text):
        kind = token.lastgroup or ""
        if kind == "word" and token[0] not in _WORDS:
            continue
        parts.append(escape(text[last : token.start()]))
        parts.append(f'<span class="t-{kind}">{escape(token[0])}</span>')
        last = token.end()
    return "".join([*parts, escape(text[last:])])


def _style() -> str:
    """Return the style: the report's colours, widths of heat, and the rules of this page."""
    report = _read("report.css")
    light, dark = _LIGHT.search(report), _DARK.search(report)
    assert light is not None
    assert dark is not None
    widths = "".join(f".h{step} {{ --heat: {100 * step / _STEPS:g}%; }}\n" for step in range(_STEPS + 1))
    return (
        f":root {{{light[1]}}}\n@media (prefers-color-scheme: dark) {{ :root {{{dark[1]}}} }}\n"
        f"{_read('weblist.css')}{widths}"
    )


def _read(name: str) -> str:
    return (_WEB / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
