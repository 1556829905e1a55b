# Every target works in the active virtual environment.
.DEFAULT_GOAL := help
.PHONY: help build tools test sanitize nightly lint format bench docs sdist wheel wheel-check ci clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build:  ## compile in place and install as editable, with what the tests need
	python -m pip install -e ".[test]"

tools:  ## install the pinned linters
	python -m pip install -r .ci/lint-requirements.txt

test:  ## run the tests
	pytest

sanitize:  ## run the tests with the address and undefined-behaviour sanitizers (needs GCC)
	python tools/sanitize.py

nightly:  ## run the long checks: nightly tests, sanitizers, races, valgrind, planted faults; figures at the end
	python tools/nightly.py

lint:  ## check style and types, change nothing
	ruff check .
	ruff format --check .
	cython-lint cbackprop
	mypy cbackprop
	stubtest cbackprop.engine --concise --mypy-config-file pyproject.toml --allowlist .ci/stubtest-allowlist.txt

format:  ## put style right where a tool can
	ruff check --fix .
	ruff format .

bench:  ## time steps, fits and predictions beside the bare BLAS calls and other libraries
	python benchmarks

docs:  ## build the pages into docs/_build/html, running the examples (needs the extra `docs`)
	python -m sphinx -W --keep-going -b html docs docs/_build/html

sdist:  ## build the source distribution into dist/ (needs the package `build`)
	python -m build --sdist

wheel:  ## build the wheel into dist/ (needs the package `build`)
	python -m build --wheel

wheel-check:  ## build the Linux wheel, audit it, run all tests where it is installed; ARGS="--help" lists the choices
	python tools/wheel_check.py $(ARGS)

ci:  ## do what the continuous integration does, in an environment of its own
	bash .ci/run

clean:  ## remove what was built, and only files that git ignores
	git clean -fdXq -- build dist cbackprop cbackprop.egg-info .pytest_cache .mypy_cache .ruff_cache
