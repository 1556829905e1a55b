# For GNU make. Every target works in the active virtual environment; where none is active, in .venv here, which is made
# if it is missing. What a target needs is installed there once, and again when pyproject.toml has changed.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo build tools test quick sanitize nightly lint format bench docs sdist wheel wheel-check ci clean

PYTHON ?= python3
ENVIRONMENT := $(or $(VIRTUAL_ENV),$(CURDIR)/.venv)
export PATH := $(ENVIRONMENT)/bin:$(PATH)
ENVIRONMENT_ := $(subst $() ,\ ,$(ENVIRONMENT))
BIN := $(ENVIRONMENT_)/bin
READY = @$(BIN)/python tools/ready.py

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z -]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(BIN)/python  ## install, and compare with scikit-learn on handwritten digits
	$(READY)
	$(BIN)/cbackprop demo

build: $(BIN)/python  ## compile what has changed, in place; install as editable, with what the tests need
	$(READY) test

test: build  ## run the tests
	$(BIN)/pytest

quick: build  ## run the tests that find most faults, on all cores, within a minute
	$(BIN)/pytest -m quick -n auto

sanitize: build  ## run the tests with the address and undefined-behaviour sanitizers (needs GCC)
	$(BIN)/python tools/sanitize.py

nightly: $(BIN)/python  ## run the long checks: nightly tests, sanitizers, races, valgrind, planted faults; figures at the end
	$(READY) test docs
	$(BIN)/python tools/nightly.py

tools: $(BIN)/python  ## install the pinned linters
	$(BIN)/python -m pip install -q --disable-pip-version-check -r .ci/lint-requirements.txt

lint: build tools  ## check style and types, change nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/cython-lint cbackprop
	$(BIN)/mypy cbackprop
	$(BIN)/stubtest cbackprop.engine --concise --mypy-config-file pyproject.toml --allowlist .ci/stubtest-allowlist.txt

format: tools  ## put style right where a tool can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(BIN)/python  ## time steps, fits and predictions beside the bare BLAS calls and other libraries
	$(READY) bench
	$(BIN)/python benchmarks

docs: $(BIN)/python  ## build the pages into docs/_build/html, running the examples
	$(READY) docs
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

sdist wheel: $(BIN)/python  ## build the source distribution, or the wheel, into dist/
	$(BIN)/python -m pip install -q --disable-pip-version-check build
	$(BIN)/python -m build --$@

wheel-check: $(BIN)/python  ## build the Linux wheel, audit it, run all tests where it is installed; ARGS="--help" lists the choices
	$(BIN)/python tools/wheel_check.py $(ARGS)

ci:  ## do what the continuous integration does, in an environment of its own
	bash .ci/run

clean:  ## remove what was built, and only files that git ignores; .venv stays
	git clean -fdXq -- build dist cbackprop cbackprop.egg-info .pytest_cache .mypy_cache .ruff_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed, not " + sys.version)'
	$(PYTHON) -m venv $(ENVIRONMENT_)
