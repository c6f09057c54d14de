"""Random files in Go's benchmark format, and random flags: a case is a seed."""

from __future__ import annotations

import random
from pathlib import Path

NAMES = ["Encode", "Decode", "X", "Sort-it", "Größe"]
PARTS = ["/format=json", "/format=gob", "/size=10", "/size=1k", "/size=2Ki", "/n", "/a=b/c=d", "/Ki=1/"]
PROCS = ["", "", "-8", "-16", "-8", "-1"]
UNITS = ["ns/op", "B/op", "allocs/op", "MB/s", "text-bytes", "µs", "ns/GC", "MB-frees/op", "x-ns", "B*B/s"]
CONFIGURATION = [
    ("goos", ["linux", "darwin"]), ("pkg", ["a/b", "c d"]), ("note", ["before", "after", ""]),
    ("cpu", ["Fast, very", "slow"]), ("commit", ["1", "10", "2k"]), ("émile", ["oui"]),
]  # fmt: skip
NOISE = [
    "PASS", "ok  \ta/b\t1.2s", "", "   BenchmarkIndented 1 2 ns/op", "BenchmarkAlone", "BenchmarkAlone-8",
    "BenchmarkBad x 2 ns/op", "BenchmarkBad 10", "BenchmarkBad 1 2", "BenchmarkBad 1 y ns/op",
    "BenchmarkBad ", "BenchmarkBad 99999999999999999999 1 ns/op", "BenchmarkBad 1 1e999 ns/op", "Unit",
    "Unit ns/op", "Unit B/op better=lower x", "Unit B/op better=higher", "Unit allocs/op assume=exact",
    "Unit text-bytes assume=exact better=lower", "Unit ns/op assume=nothing", "key:no", "Key: no", "a b: no",
    "lower:", "lower:  ", "x: y ", "Benchmark\u2003Em 1 2\u00a0ns/op", "Benchmark  1 5 ns/op", "Benchmark",
    "BenchmarkHex 1 0x1p4 ns/op", "BenchmarkUnder 1_0 5 ns/op", "BenchmarkUnder 10 5_0 ns/op",
    "BenchmarkInf 1 inf B/op", "BenchmarkSigned +3 -4.5e0 B/op", "--- BENCH: x",
]  # fmt: skip
KEYS = [
    ".name", ".fullname", ".file", "/format", "/size", "/gomaxprocs", "/n", "goos", "pkg", "note", "commit",
    ".config", "missing",
]  # fmt: skip
ORDERS = ["", "", "", "", "@alpha", "@num", "@first", "@(json gob)", "@(linux)", "@(10 1k 2Ki)"]
FILTERS = [
    "*", "goos:linux", ".unit:ns/op", ".unit:(sec/op OR B/op)", "-.unit:B/op",
    ".name:Encode", ".name:/code$/",
    "/format:json", "-/format:json goos:linux", "/size:(10 OR 1k)", ".file:/a/ OR .unit:MB/s", "note:\"\"",
    "(goos:linux OR note:after) AND .unit:/op/", ".fullname:/size=1/ *", '"goos":"linux"', "-(goos:linux)",
    "goos:linux OR .unit:B/op -note:before", "/gomaxprocs:8",
]  # fmt: skip


# Pieces of filters: keys with values that occur, words that need quotes, expressions, mistakes.
FILTER_KEYS = {
    ".name": ["Encode", "Decode", "X", "Sort-it", "Größe", "/code$/", "/^X/", "nobody"],
    ".fullname": ["X-8", "/size=1/", "/-8$/", "/./"],
    ".file": ["a.txt", "/b/", "L", "new"],
    ".unit": ["ns/op", "sec/op", "B/op", "MB/s", "B/s", "/op/", "/B/", "µs"],
    "/format": ["json", "gob", '"json"', "/o/", '""'],
    "/size": ["10", "1k", "2Ki", "/^1/"],
    "/gomaxprocs": ["8", "16", '""'],
    "goos": ["linux", "darwin", '"li\\x6eux"'],
    "note": ["before", "after", '""'],
    "pkg": ['"c d"', "a/b", "/[a-c]/"],
    '"cpu"': ['"Fast, very"', "slow"],
    "émile": ["oui"],
}
MISTAKES = [
    "(",
    ")",
    ":",
    "goos:",
    "goos",
    "a:(b",
    "a:(b c)",
    "a:/(/",
    "AND",
    "OR",
    "@",
    ",",
    '"',
    ".config:x",
]

# Values without ties and zeros: there benchstat is right.
PLAIN = ["untied"]
STYLES = ["noise", "noise", "tied", "tied", "constant", "zero"]


def _value(rng: random.Random, style: str, center: float) -> str:
    if style == "constant":
        return f"{center:.4g}"
    if style == "tied":
        return str(round(center) + rng.choice([0, 0, 0, 1, 1, 2]))
    if style == "zero":
        return rng.choice(["0", "0", "1", "-1", "0.0"])
    return f"{center * rng.lognormvariate(0, 0.05):.{rng.choice([3, 4, 6]) if style == 'noise' else 12}g}"


def _lines(rng: random.Random, styles: list[str]) -> list[str]:
    pool = rng.sample(NAMES, rng.choice([1, 2, 3]))
    names = [
        f"{rng.choice(pool)}{''.join(rng.sample(PARTS, rng.choice([0, 0, 1, 1, 2])))}{rng.choice(PROCS)}"
        for _ in range(rng.choice([1, 2, 3, 4]))
    ]
    units = rng.sample(UNITS, rng.choice([1, 1, 2, 3]))
    runs = rng.choice([1, 2, 3, 4, 5, 5, 6, 6, 8, 10, 10, 12, 20, 26, 31, 52])
    style = {unit: rng.choice(styles) for unit in units}
    lines = [f"{key}: {rng.choice(values)}" for key, values in CONFIGURATION if rng.random() < 0.3]
    for name in names:
        center = rng.choice([3, 10, 250, 1e-3, 1e4, 99.995, 1e7, 1e12])
        count = runs if rng.random() < 0.7 else rng.randint(1, 12)
        for _ in range(count):
            pairs = " ".join(f"{_value(rng, style[unit], center)} {unit}" for unit in units)
            lines.append(f"Benchmark{name}{rng.choice([' ', chr(9), '  '])}{rng.randint(1, 10**6)} {pairs}")
            if rng.random() < 0.03:
                key, values = rng.choice(CONFIGURATION)
                lines.append(f"{key}: {rng.choice(values)}")
            if rng.random() < 0.03:
                lines.append(rng.choice([n for n in NOISE if styles is STYLES or n[:1] != "B"]))
    if rng.random() < 0.2:
        rng.shuffle(lines)
    return lines


def _projection(rng: random.Random) -> str:
    fields = [rng.choice(KEYS) for _ in range(rng.choice([0, 1, 1, 2, 3]))]
    orders = [rng.choice(ORDERS) if field != ".config" else "" for field in fields]
    return rng.choice([",", " ", ", "]).join(f + o for f, o in zip(fields, orders, strict=True))


def _filter(rng: random.Random, depth: int = 2) -> str:
    """Return an expression in the language of filters, now and then a malformed one."""
    if rng.random() < 0.01:
        return rng.choice(MISTAKES)
    kind = rng.randrange(7) if depth else rng.randrange(3)
    if kind < 3:
        key = rng.choice(list(FILTER_KEYS))
        values = FILTER_KEYS[key]
        if kind == 2:
            return f"{key}:({' OR '.join(rng.choices(values, k=rng.randint(1, 3)))})"
        return f"{key}:{rng.choice(values)}"
    if kind == 3:
        return rng.choice(["-", "-", "- "]) + _filter(rng, depth - 1)
    if kind == 4:
        return f"({_filter(rng, depth - 1)})"
    glue = rng.choice([" ", " AND ", " OR ", " OR "])
    return glue.join(_filter(rng, depth - 1) for _ in range(rng.randint(2, 3)))


def _level(rng: random.Random, usual: list[str]) -> str:
    return rng.choice(usual) if rng.random() < 0.5 else f"{rng.random() ** rng.choice([1, 4]):.4g}"


def random_case(seed: int, directory: Path, *, plain: bool = False) -> list[str]:
    """Write the files of a case and return benchstat's arguments, relative to the directory.

    `plain` leaves out what benchstat is wrong about: values without ties but for constants.
    """
    rng = random.Random(seed)
    files = ["a.txt", "b.txt", "c.txt"][: rng.choice([1, 2, 2, 2, 3])]
    shape = rng.getrandbits(32)
    for file in files:
        own = random.Random(shape if rng.random() < 0.8 else rng.getrandbits(32))
        lines = _lines(own, PLAIN if plain else STYLES)
        # The same benchmarks with other noise: names and units come from the shared seed.
        lines = [_shaken(rng, line, plain=plain) for line in lines] if file != "a.txt" else lines
        end = rng.choice(["\n", "\n", "\n", "\r\n"])
        Path(directory, file).write_bytes((end.join(lines) + rng.choice([end, ""])).encode())
    arguments: list[str] = []
    for flag in ("-table", "-row", "-col", "-ignore"):
        if rng.random() < 0.25:
            arguments += [flag, _projection(rng)]
    if rng.random() < 0.3:
        arguments += ["-filter", rng.choice(FILTERS) if rng.random() < 0.3 else _filter(rng)]
    if rng.random() < 0.2:
        arguments += [f"-alpha={_level(rng, ['0', '0.01', '0.1', '0.5', '1', '1e-05'])}"]
    if rng.random() < 0.2:
        arguments += [f"--confidence={_level(rng, ['0', '0.5', '0.9', '0.99', '1', '0.9999'])}"]
    if rng.random() < 0.6:
        arguments += rng.choice([["-format", "csv"], ["--format=csv"], ["-format=csv"], ["-format", "text"]])
    sources = [rng.choice(["", "", "", "L=", "new="]) + file for file in files]
    if rng.random() < 0.05 and not plain:
        sources.append(sources[0])
    return arguments + sources


def _shaken(rng: random.Random, line: str, *, plain: bool) -> str:
    """Return the line with other values, now and then without it."""
    fields = line.split(" ")
    if not line.startswith("Benchmark") or line in NOISE or (rng.random() < 0.1 and not plain):
        return line
    if rng.random() < 0.03:
        return ""
    for i in range(len(fields) - 2, 0, -2):
        try:
            value = float(fields[i])
        except ValueError:
            continue
        if plain:
            fields[i] = f"{value * rng.uniform(1, 1.2):.14g}"
        elif rng.random() < 0.5:
            fields[i] = f"{value * rng.choice([1, 1.1, 2, 0.9]):.4g}"
        elif rng.random() < 0.5:
            fields[i] = str(round(value) + 1)
    return " ".join(fields)
