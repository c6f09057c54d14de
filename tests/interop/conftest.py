"""Programs that several modules of tests look into; each module has its own."""

from __future__ import annotations

import pytest

from go_toolchain import go_on_path
from interop.native_programs import build_c, build_go, run_go


@pytest.fixture(scope="module")
def go_program(tmp_path_factory):
    """Return a Go program that has written its profiles beside itself."""
    program = build_go(tmp_path_factory.mktemp("go"))
    run_go(program)
    return program


@pytest.fixture(scope="module")
def c_program(tmp_path_factory):
    return build_c(tmp_path_factory.mktemp("c"))


@pytest.fixture
def no_binaries_elsewhere(monkeypatch):
    monkeypatch.setenv("PPROF_BINARY_PATH", "/nonexistent")
    monkeypatch.setenv("PATH", go_on_path())
