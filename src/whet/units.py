"""Units of measured values: families, factors, and the text form pprof gives them.

Inside whet quantities are integers of a base unit (nanoseconds, bytes, counts); this
module knows how units relate, how pprof writes a value and how people write one. It holds
no state. The text forms are those of pprof's `internal/measurement`, because reports are
compared with pprof's byte by byte.
"""

from __future__ import annotations

__all__ = [
    "format_duration", "format_percentage", "format_value", "is_binary_unit", "parse_duration_s",
    "parse_size", "same_family", "scale", "tidy_unit", "to_base",
]  # fmt: skip

# (canonical name, aliases, factor to the family's base unit)
_Unit = tuple[str, tuple[str, ...], float]

_MEMORY: list[_Unit] = [
    ("B", ("b", "byte"), 1.0),
    ("kB", ("kb", "kbyte", "kilobyte"), 2.0**10),
    ("MB", ("mb", "mbyte", "megabyte"), 2.0**20),
    ("GB", ("gb", "gbyte", "gigabyte"), 2.0**30),
    ("TB", ("tb", "tbyte", "terabyte"), 2.0**40),
    ("PB", ("pb", "pbyte", "petabyte"), 2.0**50),
]
_TIME: list[_Unit] = [
    ("ns", ("ns", "nanosecond"), 1.0),
    ("us", ("μs", "us", "microsecond"), 1e3),
    ("ms", ("ms", "millisecond"), 1e6),
    ("s", ("s", "sec", "second"), 1e9),
    ("hrs", ("hour", "hr"), 3600e9),
]
_COMPUTE: list[_Unit] = [
    ("n*GCU", ("nanogcu",), 1e-9),
    ("u*GCU", ("microgcu",), 1e-6),
    ("m*GCU", ("milligcu",), 1e-3),
    ("GCU", ("gcu",), 1.0),
    ("k*GCU", ("kilogcu",), 1e3),
    ("M*GCU", ("megagcu",), 1e6),
    ("G*GCU", ("gigagcu",), 1e9),
    ("T*GCU", ("teragcu",), 1e12),
    ("P*GCU", ("petagcu",), 1e15),
]
# (units, name and factor of the unit a value is shown in where none was asked for)
_FAMILIES: list[tuple[list[_Unit], str, float]] = [
    (_MEMORY, "B", 1.0),
    (_TIME, "s", 1e9),
    (_COMPUTE, "GCU", 1.0),
]
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_BASE_NAMES = ("bytes", "nanoseconds", "gcu")
_AUTOMATIC = ("minimum", "auto")
_SILENT = ("count", "sample", "unit", "minimum", "auto")


def scale(value: int, from_unit: str, to_unit: str) -> tuple[float, str]:
    """Scale a value to another unit; return it with the unit's short name.

    `to_unit` may be "minimum" or "auto": the largest unit in which the value is at least 1.
    The name is empty where it says nothing (counts).
    """
    if value < 0 and value != -(2**63):
        scaled, name = scale(-value, from_unit, to_unit)
        return -scaled, name
    for units, default_name, default_factor in _FAMILIES:
        source = _find(units, from_unit)
        if source is None:
            continue
        base = float(value) * source[2]
        if to_unit in _AUTOMATIC:
            best = _largest_fitting(units, base)
        else:
            best = _find(units, to_unit)
        if best is None:
            return base / default_factor, default_name
        return base / best[2], best[0]
    return float(value), "" if to_unit in _SILENT else to_unit


def same_family(one: str, other: str) -> bool:
    """Say whether both units measure the same thing: memory, time or compute."""
    return any(_find(units, one) and _find(units, other) for units, _, _ in _FAMILIES)


def _find(units: list[_Unit], name: str) -> _Unit | None:
    name = name.lower()
    # The length that decides is that of the bytes: "μs" has three, and loses its s.
    if len(name.encode("utf-8", "surrogateescape")) > 2:
        name = name.removesuffix("s")
    return next((unit for unit in units if name in unit[1]), None)


def _largest_fitting(units: list[_Unit], base: float) -> _Unit | None:
    best: _Unit | None = None
    for unit in units:
        if base / unit[2] >= 1.0 and unit[2] >= (best[2] if best else 0.0):
            best = unit
    return best


def to_base(value: int, unit: str) -> tuple[int, str]:
    """Return a value in its family's base unit: bytes or nanoseconds; others are unchanged."""
    for (units, _, _), base_name in zip(_FAMILIES[:2], _BASE_NAMES, strict=False):
        source = _find(units, unit)
        if source is not None:
            return value * int(source[2]), base_name
    return value, unit


def format_value(value: int, from_unit: str, to_unit: str = "auto") -> str:
    """Write a value with its unit as pprof does: at most two decimals, `.00` dropped."""
    scaled, name = scale(value, from_unit, to_unit)
    text = f"{scaled:.2f}".removesuffix(".00")
    return "0" if text in ("0", "-0") else text + name


def format_percentage(value: int, total: int) -> str:
    """Write |value / total| in percent, six columns wide; 99.95..100.05 is 100%."""
    ratio = abs(float(value) / float(total)) * 100 if total else 0.0
    if 99.95 <= ratio <= 100.05:
        return "  100%"
    return f"{ratio:5.2f}%" if ratio >= 1.0 else f"{ratio:5.2g}%"


def format_duration(nanoseconds: int) -> str:
    """Write a duration in Go's form: `1h2m3.5s`, `1.5ms`, `0s`."""
    sign, left = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    if left == 0:
        return "0s"
    if left < 10**9:
        digits, name = next(d for d in ((6, "ms"), (3, "µs"), (0, "ns")) if left >= 10 ** d[0])
        return f"{sign}{_decimal(left, digits)}{name}"
    seconds, fraction = divmod(left, 10**9)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{_decimal(seconds * 10**9 + fraction, 9)}s"
    if hours:
        return f"{sign}{hours}h{minutes}m{text}"
    return f"{sign}{minutes}m{text}" if minutes else f"{sign}{text}"


def _decimal(value: int, digits: int) -> str:
    whole, fraction = divmod(value, 10**digits)
    text = f"{fraction:0{digits}d}".rstrip("0") if digits else ""
    return f"{whole}.{text}" if text else str(whole)


def parse_duration_s(text: str) -> float | None:
    """Return the seconds that "1.5s", "300ms" or "1m30s" says, None if it is no time above 0."""
    import re  # most reports need none

    parts = re.findall(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)", text)
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    whole = "".join(number + unit for number, unit in parts)
    return seconds if whole == text and seconds > 0 else None


def parse_size(text: str) -> int | None:
    """Return the bytes that "4096", "512kB" or "1MiB" says, None if it is no whole number of them above 0.

    All prefixes are powers of 1024, as everywhere in profiles.
    """
    import re

    found = re.fullmatch(r"(\d{1,18}(?:\.\d{1,9})?)(?:([kmgt])i?b?|b)?", text, re.IGNORECASE)
    if not found:
        return None
    size = float(found[1]) * 1024 ** "bkmgt".index((found[2] or "b").lower())
    return int(size) if size == int(size) and size >= 1 else None


def tidy_unit(unit: str) -> tuple[str, float]:
    """Return a benchmark's unit without prefixes that were applied already, and the factor to it.

    In the numerator `ns` becomes `sec` and `MB` becomes `B` (of 10^6), so that a table never
    says "micronanoseconds"; the rule is that of x/perf's benchunit.
    """
    if "ns" not in unit and "MB" not in unit:
        return unit, 1.0
    pieces, factor = [], 1.0
    for piece, is_numerator in _unit_pieces(unit):
        if is_numerator and piece == "ns":
            piece, factor = "sec", factor / 1e9
        elif is_numerator and piece == "MB":
            piece, factor = "B", factor * 1e6
        pieces.append(piece)
    return "".join(pieces), factor


def is_binary_unit(unit: str) -> bool:
    """Say whether values of a benchmark's unit are bytes, which are scaled by 1024."""
    return any(is_numerator and piece in ("B", "MB", "bytes") for piece, is_numerator in _unit_pieces(unit))


def _unit_pieces(unit: str) -> list[tuple[str, bool]]:
    """Cut a unit into words and what stands between them, each with whether it is in the numerator."""
    pieces: list[tuple[str, bool]] = []
    word, is_numerator = "", True
    for character in unit:
        if character not in "*/-" and not character.isspace():
            word += character
            continue
        pieces += [(word, is_numerator), (character, False)]
        word = ""
        if character in "*/":
            is_numerator = character == "*"
    return [*pieces, (word, is_numerator)]
