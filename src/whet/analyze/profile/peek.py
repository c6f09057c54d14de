"""`peek`: the nodes whose printable name matches an expression."""

from __future__ import annotations

from whet.analyze.profile.graph import Graph
from whet.analyze.regexp.pattern import compile_pattern
from whet.errors import UsageError

__all__ = ["choose_nodes", "no_match"]


def choose_nodes(graph: Graph, regex: str) -> list[int]:
    """Return the nodes of a graph that match, in its order.

    Raises:
        UsageError: the expression is malformed, or nothing matches it.
    """
    pattern = compile_pattern(regex, name="argument")
    chosen = [n for n in graph.order if pattern.search(graph.nodes.printable_name(n))]
    if not chosen:
        raise no_match(regex)
    return chosen


def no_match(regex: str) -> UsageError:
    """Return the error for an expression that names no function of the profile."""
    return UsageError(f"no matches found for regexp: {regex}", hint="whet prof top shows the names there are")
