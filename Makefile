# Everything here needs Python 3.11 and make; the rest is set up in .venv, from PyPI.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready-$(shell cksum pyproject.toml | cut -d' ' -f1)
SPEED ?= 5
# Most tests wait for a lab rather than compute: two to a core.
WORKERS ?= $(shell $(PYTHON) -c "import os; print(2 * (os.cpu_count() or 1))")

# Tests start hundreds of processes; without bytecode each of them compiles the whole package anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test check format lint types contracts test-real e2e-kind bench picture transcript pages docs wheel clean

help:
	@echo "make demo       two clusters on this machine: install, verify, teardown"
	@echo "make test       all tests that need no cluster"
	@echo "make check      format, lint, types, import contracts"
	@echo "make test-real  the tests against real Kubernetes control planes (builds them once, in 5 to 10 minutes)"
	@echo "make e2e-kind   the whole tool on two kind clusters (needs docker, kind, kubectl, helm)"
	@echo "make bench      what is claimed about speed, measured"
	@echo "make picture    docs/terminal.svg, from a real run"
	@echo "make transcript docs/explanation/real-api-servers.md, from a real run"
	@echo "make pages      the HTML pages of a lab run, opened in Chromium if there is one"
	@echo "make docs       the generated pages of docs/reference"
	@echo "make wheel      dist/*.whl"

setup: $(READY)

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "meshctl needs Python 3.11 or newer: make PYTHON=python3.12")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[lab]' --group dev
	@rm -f $(VENV)/.ready-*; touch $@

demo: $(READY)
	@PATH="$(CURDIR)/$(BIN):$$PATH" scripts/demo.sh $(SPEED)

test: $(READY)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

check: format lint types contracts

format: $(READY)
	$(BIN)/ruff format --check .

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/shellcheck .ci/run scripts/*.sh tests/kind/*.sh

types: $(READY)
	$(BIN)/mypy

contracts: $(READY)
	$(BIN)/lint-imports

test-real: $(READY)
	$(BIN)/python -m tests.real.run -n $(WORKERS) --dist loadgroup -m real tests/world tests/real tests/kind tests/contract

e2e-kind: $(READY)
	PATH="$(CURDIR)/$(BIN):$$PATH" tests/kind/e2e.sh

bench: $(READY)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m benchmarks

picture: $(READY)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python scripts/picture.py docs/terminal.svg

transcript: $(READY)
	$(BIN)/python -m tests.real.build
	$(BIN)/python -m scripts.transcript docs/explanation/real-api-servers.md

pages: $(READY)
	$(BIN)/python scripts/pages.py

docs: $(READY)
	$(BIN)/python scripts/reference.py docs/reference

wheel: $(READY)
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

clean:
	rm -rf $(VENV) dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
