# Two commands: `make up` runs the demo, `make test` passes the tests. Each sets up what it needs.
# Only Python 3.11+ and make are required; a real Valkey comes with the Python packages.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/.ready-to-run
DEV := $(VENV)/.ready-to-test

.PHONY: up test lint types cover soak chaos clean

up: $(RUN)
	@exec $(BIN)/workstreams up --demo

# Two cores are kept busy by four: most tests wait for processes to start, die and come back.
test: $(DEV)
	$(BIN)/python -m pytest -n 4

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEV)
	$(BIN)/mypy

cover: $(DEV)
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage combine -q
	$(BIN)/coverage report --skip-covered --show-missing

# The properties of the scripts, ten thousand sequences instead of the few hundred of `make test`.
soak: $(DEV)
	WORKSTREAMS_HYPOTHESIS=soak $(BIN)/python -m pytest tests/lua --timeout=0

# Everything at once and for longer than in `make test`: `make chaos ARGS='--seconds 300 --seed 7'`.
chaos: $(DEV)
	$(BIN)/python -m tests.chaos $(ARGS)

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "expected Python 3.11 or later on PATH, found none: install it, or name one with PYTHON=…" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV)

$(RUN): pyproject.toml | $(BIN)/python
	@echo "setting up in $(VENV) (once) …"
	@$(BIN)/python -m pip install -q --disable-pip-version-check -e .
	@touch $@

$(DEV): pyproject.toml | $(BIN)/python
	@echo "setting up in $(VENV) (once) …"
	@$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[dev]'
	@touch $@ $(RUN)

clean:
	rm -rf $(VENV) .workstreams .coverage .coverage.* htmlcov .mypy_cache .pytest_cache .ruff_cache .hypothesis
