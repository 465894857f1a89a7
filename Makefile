# Everything starts here: `make demo` shows the main job end to end on loopback, `make test` runs every test.
# Needs Python 3.11 or newer, git and make; Node, the CDK and MiniStack are installed below this folder.

PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONPATH := $(CURDIR)/constructs:$(CURDIR)/lambdas:$(CURDIR)
NPM := PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/npm --no-fund --no-audit --no-update-notifier

.PHONY: help demo down test check unit wheel conformance setup setup-dev clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 24

demo: setup ## run documents through the real thing on loopback (DOCS=folder: your own)
	$(BIN)/python -m local.demo run $(if $(DOCS),--documents "$(DOCS)")

down: ## end everything that the demo started
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m local.demo down; fi

test: setup-dev check ## run every test
	$(BIN)/python -m pytest

check: setup-dev ## format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

unit: setup-dev ## only the tests without I/O
	$(BIN)/python -m pytest tests/unit

wheel: setup-dev ## build dist/*.whl
	$(BIN)/python -m build --wheel --outdir dist .

conformance: setup-dev ## prove every parameter, state and error; writes docs/conformance.md
	$(BIN)/python -m bench.conformance --write

setup: .venv/.installed node_modules/.installed .rehearsal/.ministack

setup-dev: setup .venv/.installed-dev

clean: down ## remove everything that was installed or made
	rm -rf .venv node_modules .rehearsal cdk.out dist

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "Python 3.11 or newer is needed, and $(PYTHON) is `$(PYTHON) --version 2>&1`; try make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.installed: requirements.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/.installed-dev: requirements-dev.txt .venv/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

node_modules/.installed: package.json package-lock.json | .venv/.installed
	$(NPM) ci --silent
	@touch $@

.rehearsal/.ministack: local/ministack-requirements.txt | .venv/bin/python
	@mkdir -p .rehearsal
	$(BIN)/python -m venv .rehearsal/ministack
	.rehearsal/ministack/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@
