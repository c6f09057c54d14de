# whet: everything a developer types. `make` alone explains itself.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.whet-stamp
NATIVE := $(shell find native -name '*.cpp' -o -name '*.c' -o -name '*.h' -o -name '*.hpp' 2>/dev/null)
BUILD_INPUTS := pyproject.toml CMakeLists.txt native/CMakeLists.txt $(NATIVE) tools/make_venv.sh
# Generated files are checked, never edited: each of these scripts takes --check.
GENERATORS := $(wildcard tools/gen_*.py)

.DEFAULT_GOAL := help
.PHONY: help venv run test test-all check format bench fuzz clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: $(STAMP)  ## make .venv with the whet command in it (again only when its inputs changed)

$(STAMP): $(BUILD_INPUTS)
	tools/make_venv.sh $(PYTHON) $(VENV) dev

run: $(STAMP)  ## record a real program, show its biggest boxes, say where the report is
	$(BIN)/whet run -o whet.out examples/indexer.py

test: $(STAMP)  ## all quick tests, process tests on every other Python present beside them
	$(BIN)/python tools/run_tests.py

test-all: $(STAMP)  ## every test, and newer Pythons in a chroot folder (needs root)
	$(BIN)/python tools/run_tests.py --all

check: $(STAMP)  ## what CI asks before the tests: lint, format, types, floors, generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/clang-format --dry-run -Werror $(NATIVE)
	@set -e; for tool in $(GENERATORS); do echo "$$tool --check"; $(BIN)/python $$tool --check; done

format: $(STAMP)  ## put all sources into their canonical form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(NATIVE)

bench: $(STAMP)  ## measure whet itself (BENCH=--quick for a trial): overhead, reports, start-up, errors of comparisons
	$(BIN)/python benchmarks/startup.py $(BENCH)
	$(BIN)/python benchmarks/prof_speed.py $(BENCH)
	$(BIN)/python benchmarks/format_speed.py $(BENCH)
	$(BIN)/python benchmarks/overhead.py $(BENCH)
	$(BIN)/python benchmarks/heap_overhead.py $(BENCH)
	$(BIN)/python benchmarks/web_ui.py $(BENCH)
	$(BIN)/python benchmarks/slowdown.py $(BENCH)
	$(BIN)/python benchmarks/service.py $(BENCH)
	$(BIN)/python benchmarks/compare_errors.py $(BENCH)
	$(BIN)/python benchmarks/stat_speed.py $(BENCH)
	$(BIN)/python benchmarks/block_calls.py $(BENCH)
	$(BIN)/python benchmarks/bench_trust.py $(BENCH)
	$(BIN)/python benchmarks/attach.py $(BENCH)
	$(BIN)/python benchmarks/attach_cost.py $(BENCH)
	$(BIN)/python benchmarks/live_cost.py $(BENCH)
	$(BIN)/python benchmarks/agent_cost.py $(BENCH)
	$(BIN)/python benchmarks/load_speed.py $(BENCH)

fuzz: $(STAMP)  ## fuzz the codec under sanitizers, a minute for each target
	$(MAKE) -C fuzz run

clean:  ## remove everything that was made here
	rm -rf .venv .venv-* build dist out whet.out .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
