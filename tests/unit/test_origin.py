"""Whose code a file is."""

import pytest

from whet.analyze.profile.origin import LIBRARY, NATIVE, OWN, STANDARD, Origin, origins


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("/venv/lib/python3.12/site-packages/numpy/core/x.py", Origin(LIBRARY, "numpy")),
        ("/venv/lib/python3.12/site-packages/six.py", Origin(LIBRARY, "six")),
        ("/usr/lib/python3/dist-packages/yaml/__init__.py", Origin(LIBRARY, "yaml")),
        ("/usr/lib/python3.12/json/decoder.py", Origin(STANDARD, "json")),
        ("/opt/py/lib/python3.14t/heapq.py", Origin(STANDARD, "heapq")),
        ("<frozen importlib._bootstrap>", Origin(STANDARD, "importlib")),
        ("/usr/local/go/src/net/http/server.go", Origin(STANDARD, "net/http")),
        ("/root/go/pkg/mod/github.com/x/y@v1.2.3/z.go", Origin(LIBRARY, "github.com/x/y")),
        ("", Origin(NATIVE, "native")),
        ("/usr/bin/python3", Origin(NATIVE, "python3")),
    ],
)
def test_code_of_others_is_known_by_its_place(name: str, expected: Origin) -> None:
    assert origins([name], native_files=frozenset(["/usr/bin/python3"])) == [expected]


def test_own_modules_are_named_below_their_common_directory() -> None:
    found = origins(["/app/src/a.py", "/app/src/web/b.py", "/usr/lib/python3.12/ast.py"])
    assert found[:2] == [Origin(OWN, "a"), Origin(OWN, "web.b")]


def test_a_single_own_file_has_a_name() -> None:
    assert origins(["/app/main.py"]) == [Origin(OWN, "main")]
    assert origins(["main.py"]) == [Origin(OWN, "main")]
