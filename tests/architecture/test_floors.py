import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src"
MODULES = sorted(SOURCE.rglob("*.py"))


def imported_names(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_all_contracts_of_the_floors_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    lint = pytest.importorskip("importlinter.cli", reason="import-linter is not installed here")
    monkeypatch.chdir(SOURCE.parent)
    assert lint.lint_imports(no_cache=True) == lint.EXIT_STATUS_SUCCESS


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_each_compiled_module_has_one_door(path: Path) -> None:
    doors = {
        "whet._native": "whet/kernels/__init__.py",
        "whet._probe": "whet/collect/probe.py",
        "whet._remote": "whet/collect/remote/door.py",
        "whet._load": "whet/driver/load/lane.py",
    }
    names = list(imported_names(path))
    for module, door in doors.items():
        if path != SOURCE / door:
            assert not [name for name in names if name.startswith(module)]


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_nobody_imports_the_package_root(path: Path) -> None:
    public = {"__version__", "profile", "labels", "start", "stop"}
    names = set(imported_names(path))
    assert "whet" not in names
    assert not [name for name in names if name.startswith("whet.") and name.removeprefix("whet.") in public]


def calls(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Call):
            function = node.func
            yield function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


@pytest.mark.parametrize("floor", ["units.py", "errors.py", "kernels", "model", "formats", "analyze"])
def test_lower_floors_open_no_files(floor: str) -> None:
    opening = {"open", "read_bytes", "read_text", "write_bytes", "write_text"}
    for path in MODULES:
        if path.relative_to(SOURCE / "whet").parts[0] == floor:
            assert not opening & set(calls(path)), path
