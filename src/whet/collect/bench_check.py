"""Doubts about a benchmark that can be had before it runs.

The compiler folds constant expressions, so `1 + 1` in a loop is no addition, and a loop with
nothing in it measures itself. Both are found in the source; nothing is run.
"""

from __future__ import annotations

import ast
import dis
import inspect
import textwrap
from collections.abc import Callable, Iterator

__all__ = ["doubts"]

# What is left of a statement that does nothing.
_NOTHING = {
    "RESUME", "NOP", "LOAD_CONST", "LOAD_COMMON_CONSTANT", "LOAD_SMALL_INT", "RETURN_CONST", "RETURN_VALUE",
    "POP_TOP", "CACHE",
}  # fmt: skip


def doubts(function: Callable[..., object]) -> list[str]:
    """Return why a benchmark may not measure what it seems to, a line each."""
    try:
        source = getattr(function, "whet_source", None) or textwrap.dedent(inspect.getsource(function))
        definition = ast.parse(source).body[0]
    except (OSError, TypeError, SyntaxError, IndexError):
        return []
    if not isinstance(definition, ast.FunctionDef | ast.AsyncFunctionDef) or not definition.args.args:
        return []
    handle = definition.args.args[0].arg
    found = []
    for loop in _loops(definition, handle):
        found += _doubts_of(loop)
    return found


def _loops(definition: ast.AST, handle: str) -> Iterator[ast.For | ast.While]:
    for node in ast.walk(definition):
        if (isinstance(node, ast.For) and _names(node.iter, handle)) or (
            isinstance(node, ast.While)
            and isinstance(node.test, ast.Call)
            and isinstance(node.test.func, ast.Attribute)
            and _names(node.test.func.value, handle)
        ):
            yield node


def _names(node: ast.AST, handle: str) -> bool:
    return isinstance(node, ast.Name) and node.id == handle


def _doubts_of(loop: ast.For | ast.While) -> list[str]:
    if _opcodes(loop.body) <= _NOTHING:
        shown = "; ".join(ast.unparse(statement) for statement in loop.body)
        return [f"line {loop.body[0].lineno}: nothing is left of `{shown}` when it is compiled"]
    found = []
    for statement in loop.body:
        value = getattr(statement, "value", None)
        if (
            isinstance(value, ast.BinOp | ast.UnaryOp | ast.Subscript | ast.Compare)
            and _opcodes([ast.copy_location(ast.Expr(value), value)]) <= _NOTHING
        ):
            found.append(f"line {value.lineno}: `{ast.unparse(value)}` is computed when it is compiled")
    return found


def _opcodes(body: list[ast.stmt]) -> set[str]:
    """Return the opcodes of statements, compiled where their values are thrown away."""
    try:
        code = compile(ast.Module(body, []), "<loop>", "exec")
    except (SyntaxError, ValueError):  # `await` or `return` outside of a function: something happens
        return {"?"}
    return {instruction.opname for instruction in dis.get_instructions(code)}
