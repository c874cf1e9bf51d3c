.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
# Errors alone: warnings are about the machine's index and hide the lines that tell how far it is
PIP = $(BIN)/python -m pip install -qq --disable-pip-version-check

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*##[[:space:]]*/\1|/' | while IFS='|' read -r t d; do printf '  %-12s %s\n' "$$t" "$$d"; done

setup: .venv/.installed  ## create .venv from the hash-pinned lock

.venv/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Deskbell needs Python 3.11 or newer, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@echo "Setting up .venv, once: 1/3 Python"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Setting up .venv, once: 2/3 $$(grep -c == requirements.lock) libraries, about a minute"
	@$(PIP) --require-hashes -r requirements.lock
	@echo "Setting up .venv, once: 3/3 Deskbell"
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

lock:  ## resolve pyproject.toml into the two hash-pinned locks (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --group dev --generate-hashes --no-header --no-emit-index-url --no-annotate -o requirements.lock pyproject.toml
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate --constraints requirements.lock -o requirements-prod.lock pyproject.toml

check: setup  ## format, lint, types, unit tests; needs no service
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	@$(MAKE) --no-print-directory --jobs 2 types units

types: setup
	$(BIN)/mypy

units: setup
	$(BIN)/pytest -n auto --dist loadfile -m "not slow" tests/unit

test: check  ## everything CI runs
	$(BIN)/pytest -n 4 --dist loadfile --no-loadscope-reorder --durations 20 -m "not slow" tests/acceptance tests/integration
	$(BIN)/pytest -n 2 --dist worksteal -m "not slow" tests/simulation tests/chaos tests/browser

demo: setup  ## 60 notifications against the sandbox, with everything that can go wrong
	@$(BIN)/python examples/demo.py

up: setup  ## run everything on this machine
	$(BIN)/deskbell up

bench: setup  ## measure the figures of benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks

chaos: setup  ## the slow tests, then kills, freezes and power cuts with a count of losses; CHAOS='--seed 1 --kills 50' for those alone
	$(if $(CHAOS),,$(BIN)/pytest -n 2 --dist loadfile --durations 20 -m slow tests)
	$(if $(CHAOS),,EXAMPLES_TIMES=4 $(BIN)/pytest -n 2 --dist loadfile -m "hypothesis and not slow" tests)
	$(BIN)/python -m tests.chaos $(CHAOS)

mutants: setup  ## put faults in on purpose: a test must find each; MUTANTS='7 8 throttle' for some
	$(BIN)/python -m tests.mutations $(MUTANTS)

simulate: setup  ## 100,000 schedules of crashes, losses and clocks from one seed; SIMULATE='--seed 7 --schedules 500' for others
	PYTHONHASHSEED=0 $(BIN)/python -m tests.simulation --schedules 100000 --processes 2 $(SIMULATE)

docs: setup  ## generate the reference pages from the code
	$(BIN)/python docs/generate.py

screenshots: setup  ## pictures of the console, into docs/screenshots/ (needs Chromium)
	$(BIN)/python -m tests.browser.screenshots

.PHONY: help setup lock check types units test demo up bench chaos mutants simulate docs screenshots
