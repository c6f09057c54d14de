"""The bytecode of a Python function, by source line.

A profile knows a function's name, file and first line. The source is compiled, never run, by
this interpreter, and the code object of that name and line is taken apart (the standard
library's `dis`). Opens nothing.
"""

from __future__ import annotations

import dis
import re
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType

from whet.model.profile import Profile

__all__ = ["Bytecode", "Instruction", "find_bytecode", "function_bytecode", "recorded_version"]

_VERSION = re.compile(r"python[=/ -]*(?:cpython )?v?(3\.[0-9]+)", re.IGNORECASE)
MAX_SOURCE_CHARACTERS = 2_000_000
MAX_INSTRUCTIONS = 5_000


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: its place in the code, its name, its argument as text."""

    offset: int
    name: str
    argument: str


@dataclass(slots=True)
class Bytecode:
    """Instructions by source line; line 0 has those without one."""

    lines: dict[int, list[Instruction]]


def find_bytecode(source: str, name: str, first_line: int) -> Bytecode | None:
    """Compile a file's text and take apart the function that begins at a line.

    Args:
        source: the whole file.
        name: the function's name; only what follows the last dot counts.
        first_line: where the function begins, its decorators included; 0 is unknown.

    Returns:
        None where the text is not Python of this version or has no such function.
    """
    module = _compiled(source)
    code = None if module is None else _choose(module, name.rsplit(".", 1)[-1], first_line)
    return None if code is None else Bytecode(_by_line(code))


def function_bytecode(
    profile: Profile, name: str, first_line: int, source: str
) -> tuple[Bytecode | None, str]:
    """Return the bytecode of a function of a profile, and what there is to say about it.

    Args: as those of `find_bytecode`; the profile tells which Python it was recorded with.
    """
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    found = find_bytecode(source, name, first_line)
    if found is None:
        return None, f"no bytecode: the file has no {name} at line {first_line} that Python {here} compiles"
    recorded = recorded_version(profile)
    if not recorded:
        return found, f"bytecode is that of Python {here}; the profile does not tell its own"
    if recorded == here:
        return found, ""
    return found, f"bytecode is that of Python {here}; the profile was recorded with Python {recorded}"


def recorded_version(profile: Profile) -> str:
    """Return the Python version that a profile's comments or its binary's name tell, or ''."""
    texts = profile.comment_texts()
    texts += [profile.strings.text(name) for name in profile.mappings.filename.tolist()]
    return next((found[1] for text in texts if (found := _VERSION.search(text))), "")


@lru_cache(maxsize=4)
def _compiled(source: str) -> CodeType | None:
    if len(source) > MAX_SOURCE_CHARACTERS:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the program's own, not about this report
            return compile(source, "<profile>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return None


def _choose(module: CodeType, name: str, first_line: int) -> CodeType | None:
    """Return the code object of a name and first line; without a line, of a name there is once."""
    if name == "<module>":
        return module
    found = [code for code in _all_code(module) if code.co_name == name]
    if first_line > 0:
        found = [code for code in found if code.co_firstlineno == first_line]
    return found[0] if len(found) == 1 else None


def _all_code(code: CodeType) -> Iterator[CodeType]:
    pending = [code]
    while pending:
        code = pending.pop()
        yield code
        pending += [part for part in code.co_consts if isinstance(part, CodeType)]


def _by_line(code: CodeType) -> dict[int, list[Instruction]]:
    lines: dict[int, list[Instruction]] = {}
    for count, found in enumerate(dis.get_instructions(code)):
        if count == MAX_INSTRUCTIONS:
            break
        line = found.positions.lineno if found.positions else None
        instruction = Instruction(found.offset, found.opname, found.argrepr)
        lines.setdefault(line or 0, []).append(instruction)
    return lines
