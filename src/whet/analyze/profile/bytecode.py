"""The bytecode of a Python function, by source line.

A profile knows a function's name, file and first line. The source is compiled, never run, by
this interpreter, and the code object of that name and line is taken apart (the standard
library's `dis`). Opens nothing.
"""

from __future__ import annotations

import dis
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType

__all__ = ["Bytecode", "Instruction", "find_bytecode"]

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
    if len(source) > MAX_SOURCE_CHARACTERS:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the program's own, not about this report
            module = compile(source, "<profile>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return None
    code = _choose(module, name.rsplit(".", 1)[-1], first_line)
    return None if code is None else Bytecode(_by_line(code))


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
