"""Module names for files of other processes, and live counts."""

import os
from pathlib import Path

import pytest

from whet.collect.remote import modules
from whet.collect.remote.modules import FileNames


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FileNames:
    monkeypatch.setattr(
        modules, "command_line", lambda _pid: ["python", "-X", "dev", "-u", str(tmp_path / "app.py"), "-c"]
    )
    return FileNames(os.getpid())


def test_the_script_is_main(files: FileNames, tmp_path: Path) -> None:
    assert files.function("f", str(tmp_path / "app.py")) == "__main__.f"


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("/usr/lib/python3.11/json/decoder.py", "json.decoder.f"),
        ("/usr/lib/python3.13/json/__init__.py", "json.f"),
        ("/venv/lib/python3.12/site-packages/numpy/linalg/linalg.py", "numpy.linalg.linalg.f"),
        ("/usr/lib/python3/dist-packages/yaml/loader.py", "yaml.loader.f"),
        ("<frozen importlib._bootstrap>", "importlib._bootstrap.f"),
        ("<string>", "f"),
        ("/nowhere/tool.py", "tool.f"),
    ],
)
def test_modules_are_named_as_import_would(files: FileNames, file: str, name: str) -> None:
    assert files.function("f", file) == name


def test_a_package_outside_the_library_is_found_by_its_files(files: FileNames, tmp_path: Path) -> None:
    inner = tmp_path / "shop" / "cart"
    inner.mkdir(parents=True)
    for folder in (inner, inner.parent):
        (folder / "__init__.py").touch()
    assert files.function("f", str(inner / "items.py")) == "shop.cart.items.f"


@pytest.mark.parametrize(
    ("arguments", "script"),
    [
        (["python", "a.py", "b.py"], "a.py"),
        (["python", "-Wd", "-W", "error", "a.py"], "a.py"),
        (["python", "-m", "http.server"], ""),
        (["python", "-Ic", "pass"], ""),
        (["python"], ""),
    ],
)
def test_the_script_is_found_in_the_command_line(arguments: list[str], script: str) -> None:
    assert modules._script(arguments) == script


def test_code_of_the_command_line_is_main(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modules, "command_line", lambda _pid: ["python", "-c", "f()"])
    assert FileNames(os.getpid()).function("f", "<string>") == "__main__.f"
