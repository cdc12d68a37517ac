# Everything from a clean clone: `make demo`, `make test`. Needs Python 3.11 or later and make, nothing else.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.installed
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check

.PHONY: help setup demo test lint bench clean

help:
	@echo "make demo    watch a model learn what came first (minutes, on this machine)"
	@echo "make test    run the tests             (PYTEST_ARGS=... for pytest)"
	@echo "make lint    check style and types"
	@echo "make bench   measure the speed, half an hour (BENCH_ARGS='--only towers', or --quick)"
	@echo "make setup   only install, into .venv  (PYTHON=... for another Python)"
	@echo "make clean   remove what the others made"

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "chronoclap needs Python 3.11 or later: make PYTHON=/path/to/python3.12"; exit 1; }
	@echo "Installing into .venv (once, some minutes: torch is large) ..."
	@$(PYTHON) -m venv .venv
	@$(PIP) install --constraint constraints.txt torch
	@$(PIP) install --constraint constraints.txt --editable ".[dev]"
	@touch $@

demo: $(READY)
	@$(BIN)/chronoclap demo $(DEMO_ARGS)

test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 $(PYTEST_ARGS)

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: $(READY)
	@$(BIN)/python benchmarks/report.py $(BENCH_ARGS)

clean:
	rm -rf .venv demo-out .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
