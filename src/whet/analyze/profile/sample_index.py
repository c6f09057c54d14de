"""Which value column `sample_index` names. Rules: pprof's `SampleIndexByName`. Imports no NumPy."""

from __future__ import annotations

from whet.errors import UsageError

__all__ = ["index_of"]


def index_of(names: list[str], default: str, wanted: str) -> int:
    """Return the column that `wanted` names: by number, by type, or, where it is '', the default.

    Raises:
        UsageError: there is no such column.
    """
    if not names:
        raise UsageError("the profile has no samples and no sample types", hint="nothing was recorded in it")
    if not wanted:
        return names.index(default) if default and default in names else len(names) - 1
    digits = wanted[1:] if wanted[:1] in "+-" else wanted
    if digits.isascii() and digits.isdigit():
        if 0 <= int(wanted) < len(names):
            return int(wanted)
        raise UsageError(
            f"sample_index {wanted} is outside the range 0..{len(names) - 1}",
            hint=f"sample types are {', '.join(names)}",
        )
    for index, name in enumerate(names):
        if name in (wanted, wanted.removeprefix("inuse_")):
            return index
    raise UsageError(
        f"sample_index {wanted!r} is not a sample type of this profile",
        hint=f"sample types are {', '.join(names)}",
    )
