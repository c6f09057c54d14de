"""A process of its own for benchmarks: `python -m whet.collect.bench_worker REQUEST`.

The request is one JSON object; what is found goes, one JSON object a line, to the descriptor it
names. Standard output of the benchmarks goes to standard error: the answer is not mixed with
what they print. Which process runs when is for others to say.

Request: `path` of a file of benchmarks (or `statement` and `setup`), `function` to measure or none to
list them, `pattern` (a list of regular expressions, one for each `/`-separated part of a name),
`budget_ns`, `iterations`, `memory`, `threads`, `descriptor`, `path_position` of the file's directory in
sys.path.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict
from functools import partial
from types import ModuleType
from typing import Any

from whet.collect.bench import B, BenchmarkError, Plan, measure, measure_overhead
from whet.collect.bench_names import PREFIX, public_name
from whet.collect.parametrize import combinations

__all__ = ["benchmarks_of", "main"]

STATEMENT = "statement"


def main(request: dict[str, Any]) -> None:
    """Answer one request."""
    answer = os.fdopen(request["descriptor"], "w", encoding="utf-8")

    def say(kind: str, content: dict[str, object]) -> None:
        try:
            answer.write(json.dumps({"kind": kind, **content}) + "\n")
            answer.flush()
        except BrokenPipeError:
            raise SystemExit(1) from None  # nobody listens any more

    try:
        functions = _functions(request)
    except Exception as error:  # noqa: BLE001 (somebody else's code)
        say("broken", {"error": _explain(error)})
        return
    if not request.get("function"):
        from whet.collect.bench_check import doubts

        for name, function in functions.items():
            say("found", {"function": name, "doubts": doubts(function)})
        return
    plan = Plan(
        budget_ns=request["budget_ns"],
        iterations=request["iterations"],
        memory=request["memory"],
        threads=request["threads"],
        slow_from_ns=request["slow_from_ns"],
    )
    styles = set()
    with _recorded(request.get("recording")) as labelled:
        for name, call in _variants(request["function"], functions[request["function"]]):
            with labelled(benchmark=name):
                for reading in measure(name, call, plan, partial(is_wanted, request["pattern"])):
                    styles.add(reading.style)
                    say("reading", asdict(reading))
    for style in sorted(styles & {"for", "loop"}):
        say("overhead", {"style": style, "slices": measure_overhead(style)})


@contextmanager
def _recorded(wanted: dict[str, Any] | None) -> Iterator[Callable[..., AbstractContextManager[object]]]:
    """Record profiles where that is asked for; what is yielded labels their samples."""
    if wanted is None:
        yield lambda **_labels: nullcontext()
        return
    from whet.collect.labels import labels
    from whet.collect.library import profile

    collect = dict.fromkeys(wanted["collect"], True)
    with profile(wanted["directory"], report=False, **collect):
        yield labels


def _functions(request: dict[str, Any]) -> dict[str, Callable[..., object]]:
    if "statement" in request:
        return {STATEMENT: _statement(request["statement"], request["setup"])}
    return benchmarks_of(_load(request["path"], request.get("path_position", 0)))


def benchmarks_of(module: ModuleType) -> dict[str, Callable[..., object]]:
    """Return the benchmark functions of a module in the order in which they are defined."""
    return {
        name: value for name, value in vars(module).items() if name.startswith(PREFIX) and callable(value)
    }


def is_wanted(pattern: list[str], name: str) -> bool:
    """Say whether `name`, or something below it, matches, part by part as `go test -bench` does.

    The first part has been matched by whoever chose the function.
    """
    parts = name.split("/")
    return all(re.search(regex, part) for regex, part in zip(pattern[1:], parts[1:], strict=False))


def _variants(function: str, call: Callable[..., object]) -> Iterator[tuple[str, Callable[[B], object]]]:
    for suffix, chosen in combinations(call):
        yield public_name(function) + suffix, partial(call, **chosen) if chosen else call


def _load(path: str, position: int) -> ModuleType:
    sys.path.insert(position, os.path.dirname(path))
    name = os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise BenchmarkError("is no Python file")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _statement(statement: str, setup: str) -> Callable[[B], object]:
    """Make a benchmark of a line of code, as timeit does.

    Raises:
        BenchmarkError: it is not valid Python.
    """
    lines = ["def bench_statement(b):", *_indented(setup, 1), "    for _ in b:", *_indented(statement, 2)]
    source = "\n".join(lines) + "\n"
    namespace: dict[str, Any] = {}
    try:
        exec(compile(source, "<statement>", "exec"), namespace)
    except SyntaxError as error:
        raise BenchmarkError(f"not valid Python: {error.msg}: {(error.text or '').strip()}") from None
    function: Callable[[B], object] = namespace["bench_statement"]
    function.whet_source = source  # type: ignore[attr-defined]
    return function


def _indented(code: str, level: int) -> list[str]:
    return [" " * 4 * level + line for line in (code or "pass").splitlines()]


def _explain(error: BaseException) -> str:
    text = f"{type(error).__name__}: {error}" if not isinstance(error, BenchmarkError) else str(error)
    return " ".join(text.split())


if __name__ == "__main__":
    os.dup2(2, 1)
    main(json.loads(sys.argv[1]))
