# Two commands do all set-up on a fresh machine: `make demo` and `make test`. `make help` lists the rest.
# Variables: PYTHON (which interpreter makes the environment), VENV (where it lies), JOBS (test processes).
SHELL := /bin/bash

VENV ?= .venv
JOBS ?= 2
TESTS ?= tests
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# The first interpreter here that fits and can make environments; only looked for when one has to be made.
FITS := import ensurepip, sys, venv; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11 python3.10,\
	$(shell $(name) -c '$(FITS)' 2>/dev/null && echo $(name))))

# The constraints need Python 3.11 or newer; on 3.10 pip chooses the newest versions that still support it.
CONSTRAIN := import sys; print("-c constraints.txt" if sys.version_info >= (3, 11) else "")

# One thread in each test process: the processes are as many as the cores already.
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 NUMBA_NUM_THREADS=1
PYTEST := $(ONE_THREAD) $(BIN)/python -m pytest -n $(JOBS)

.DEFAULT_GOAL := help
.PHONY: help install demo test test-fast lint format type layers static-checks clean

help:  ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP)  ## make the environment and install fxrep with everything a developer needs

$(STAMP): pyproject.toml constraints.txt
	@if ! $(BIN)/python -c '' 2>/dev/null; then \
		if [ -z "$(PYTHON)" ]; then \
			echo "fxrep needs Python 3.10 to 3.13 with venv: 'apt install python3-venv', or name one: make PYTHON=python3.12" >&2; \
			exit 1; \
		fi; \
		echo "making the environment $(VENV) with $(PYTHON)"; \
		$(PYTHON) -m venv $$(test -e "$(VENV)/pyvenv.cfg" && echo --clear) "$(VENV)"; \
	fi
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]' $$($(BIN)/python -c '$(CONSTRAIN)')
	@touch $@

demo: $(STAMP)  ## the whole road on generated songs, in about three minutes; results in fxrep-demo/
	$(BIN)/fxrep demo --out fxrep-demo

test: $(STAMP)  ## the whole test suite
	$(PYTEST) $(TESTS)

test-fast: $(STAMP)  ## the tests that take under ten seconds each
	$(PYTEST) -m 'not slow' $(TESTS)

lint: $(STAMP)  ## ruff's rules and its format, nothing is changed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(STAMP)  ## let ruff repair and format the tree
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

type: $(STAMP)  ## mypy, strict
	$(BIN)/mypy

layers: $(STAMP)  ## imports only point down (import-linter)
	$(BIN)/lint-imports

static-checks: lint type layers  ## everything that is checked without running the code

clean:  ## remove caches and builds; the environment and fxrep-demo/ stay
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +
