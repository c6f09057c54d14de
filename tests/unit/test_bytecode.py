from __future__ import annotations

import pytest

from web.profiles import Sample, Step, build
from whet.analyze.profile.bytecode import find_bytecode, function_bytecode, recorded_version

SOURCE = """\
@property
def decorated(self):
    return 1

def outer(x):
    def inner(y):
        return y * 2
    return [inner(i) for i in x]

class A:
    def twice(self): return 1
class B:
    def twice(self): return 2
"""


def names(name: str, line: int) -> dict[int, list[str]] | None:
    found = find_bytecode(SOURCE, name, line)
    return None if found is None else {at: [i.name for i in rows] for at, rows in found.lines.items()}


def test_instructions_stand_at_their_source_lines() -> None:
    found = names("inner", 6)
    assert found is not None
    assert any(name.startswith("BINARY_OP") for name in found[7])
    assert not any(name.startswith("BINARY_OP") for name in found.get(6, []))


def test_a_function_is_known_by_name_and_first_line() -> None:
    assert names("A.twice", 11) is not None
    assert names("twice", 13) is not None
    assert names("twice", 12) is None
    assert names("twice", 0) is None, "there are two of them"
    assert names("decorated", 1) is not None
    assert names("<module>", 1) is not None


@pytest.mark.parametrize("source", ["def f(:\n", "\0", "x = " + "(" * 5000 + ")" * 5000, "x = '\ud800'"])
def test_what_does_not_compile_has_no_bytecode(source: str) -> None:
    assert find_bytecode(source, "f", 1) is None


def test_the_source_is_not_run() -> None:
    assert find_bytecode("print(1 / 0)\ndef f(): pass\n", "f", 2) is not None


@pytest.mark.parametrize(
    ("comment", "version"),
    [("whet: python=cpython 3.13.1", "3.13"), ("made by python3.12", "3.12"), ("go1.26", ""), ("python", "")],
)
def test_the_recorded_version_is_read_from_comments(comment: str, version: str) -> None:
    profile = build([Sample([Step("f")], (1, 1))], comments=(comment,))
    assert recorded_version(profile) == version


def test_another_version_is_said() -> None:
    profile = build([Sample([Step("f")], (1, 1))], comments=("whet: python=cpython 3.1.0",))
    found, note = function_bytecode(profile, "outer", 5, SOURCE)
    assert found is not None
    assert "recorded with Python 3.1" in note
    assert function_bytecode(profile, "outer", 4, SOURCE)[0] is None
