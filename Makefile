# make run    the quickstart: local Ray, teacher, four minutes on two cores
# make test   everything CI runs
# make check  lint, types, import contracts, unit tests: what one runs all day

PYTHON ?= python3.11
BIN := .venv/bin
CONFIG ?= jobs/recipes/quickstart.yaml

.PHONY: run test check setup lint types imports unit test-ray

setup: .venv/ready

# torch first and by name: nothing may pull another build of it.
.venv/ready: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip==26.*"
	$(BIN)/python -m pip install --quiet torch==2.13.0
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@

run: setup
	$(BIN)/skillray run $(CONFIG)

test: check test-ray

check: setup lint types imports unit

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types:
	$(BIN)/mypy

imports:
	$(BIN)/lint-imports --no-cache

unit:
	$(BIN)/python -m pytest tests/unit

test-ray:
	$(BIN)/python -m pytest tests/ray -m ray --durations=10
