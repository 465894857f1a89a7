# Everything starts here: `make demo` shows the main job end to end on loopback, `make test` runs every test.
# Needs Python 3.11 or newer, git and make; Node, the CDK and MiniStack are installed below this folder.

PYTHON ?= python3
# Given to make, never taken from what a shell exports.
PORT = 4566
DOCS =
OUT =
PROFILE =
REGION =
RECORD =
BIN := .venv/bin
MINISTACK := .rehearsal/ministack
CHECKOV := .rehearsal/checkov
# A file's tests run in one process, which shares what they deploy; the files that take longest begin.
PYTEST := $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
PIP := -m pip --quiet --disable-pip-version-check
INSTALL := $(PIP) install --require-hashes -r
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header
# First: the CDK starts the app as `python3 app.py`, and Node stands beside our Python.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONPATH := $(CURDIR)/constructs:$(CURDIR)/lambdas:$(CURDIR)/cli:$(CURDIR)

.PHONY: $(shell sed -nE 's/^([a-z-]+):.*##.*/\1/p' $(firstword $(MAKEFILE_LIST))) setup setup-dev free-port

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 24

demo: free-port setup ## run documents through the workflow on a local AWS (DOCS=folder OUT=report.html PORT=4566)
	@$(BIN)/python -m local.demo run --port $(PORT) $(if $(DOCS),--documents "$(DOCS)") $(if $(OUT),--output "$(OUT)")

down: ## stop everything that the demo started
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m local.demo down; fi

acceptance: setup ## prove each point on a local AWS, or with PROFILE=name (REGION=name) on your own AWS account
	@$(if $(PROFILE),cli/comprehend-entities accept --profile "$(PROFILE)" $(if $(REGION),--region "$(REGION)"),$(BIN)/python -m local.acceptance)

acceptance-page: setup-dev ## take records of acceptance into docs/verified-on-aws.md (RECORD=acceptance-aws-....json)
	$(BIN)/python -m bench.acceptance $(RECORD) --write

test: setup-dev check ## run every test that is not marked as long
	$(PYTEST) -m "not long"

test-all: setup-dev check ## run every test
	$(PYTEST)

check: setup-dev ## format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

test-bounds: setup-dev ## test the oldest and the newest packages that pyproject.toml allows, and each Python found
	$(BIN)/python -m tests.bounds

unit: setup-dev ## only the tests without I/O
	$(PYTEST) tests/unit

wheel: setup-dev ## build dist/*.whl
	$(BIN)/python -m build --wheel --no-isolation --outdir dist .
	cp locks/*.cdx.json dist

lock: setup-dev ## pin what requirements files name, with hashes (locks/), and list what the wheel needs (SBOM)
	$(COMPILE) requirements-dev.txt -o locks/requirements-dev.txt
	$(COMPILE) requirements.txt -c locks/requirements-dev.txt -o locks/requirements.txt
	$(COMPILE) pyproject.toml -c locks/requirements-dev.txt -o locks/wheel.txt
	$(COMPILE) local/ministack-requirements.txt -o locks/ministack.txt
	$(COMPILE) tests/checkov-requirements.txt -o locks/checkov.txt
	$(BIN)/uvx --from cyclonedx-bom==7.5.0 cyclonedx-py requirements locks/wheel.txt --pyproject pyproject.toml \
		--output-reproducible --output-file locks/cdk-comprehend-entities.cdx.json

audit: setup-dev ## ask pypi.org and npm for known vulnerabilities of what is installed
	@$(BIN)/uvx pip-audit==2.10.1 --strict --disable-pip --require-hashes --progress-spinner off \
		-r locks/requirements-dev.txt || { echo "Not audited, or vulnerable: see above."; exit 1; }
	@$(BIN)/npm audit || { echo "Not audited, or vulnerable: see above."; exit 1; }

conformance: setup-dev ## prove every parameter, state and error; writes docs/conformance.md
	$(BIN)/python -m bench.conformance --write

contracts: setup-dev ## write docs/event-schema.json, the payloads of docs/architecture.md, the columns of docs/queries.md
	$(BIN)/python -m bench.contracts --write

prove-iam: setup-dev ## take away every right, see what fails; writes docs/permissions.md
	$(BIN)/python -m bench.prove_iam --write

bench-uploads: setup-dev ## simulate two hours of uploads at several rates
	$(BIN)/python -m bench.uploads

bench-cost: setup-dev ## count the calls that uploads make, and price them
	$(BIN)/python -m bench.upload_cost

bench-publish: setup-dev ## publish archives of 0.1, 1 and 5 GB and more, beside gzip and the naive way
	$(BIN)/python -m bench.publish

bench-completion: setup-dev ## simulate how the end of a job is noticed; writes docs/completion.md
	$(BIN)/python -m bench.completion --write

rehearse-completion: setup-dev ## 100 jobs on a rehearsal: how soon their end is seen, however events come
	$(BIN)/python -m bench.rehearse_completion

rehearse-failures: setup-dev ## let every task fail in every way on a rehearsal: all ends are as documented
	$(BIN)/python -m bench.rehearse_failures

bench-quota: setup-dev ## simulate 200 executions at once under the quota of 10 jobs, beside uploads
	$(BIN)/python -m bench.quota

bench-report: setup-dev ## write a report of 500,000 entities and open it in Chromium (CHROME=/path/to/chromium)
	$(BIN)/python -m bench.report

bench-emulator: setup-dev ## run 30 MB of books and 5,000 documents through the Comprehend emulator, for minutes
	$(BIN)/python -m bench.emulator

pictures: setup-dev ## make the pictures of docs/images from report.html (CHROME=/path/to/chromium)
	$(BIN)/python -m bench.pictures

load-uploads: setup-dev ## put 10,000 uploads into a rehearsal whose calls fail at random
	$(BIN)/python -m bench.load_uploads

free-port:
	@$(PYTHON) -m local.port $(PORT)

setup: .venv/.installed node_modules/.installed $(MINISTACK)/.installed

setup-dev: setup .venv/.installed-dev $(CHECKOV)/.installed

clean: down ## remove everything that was installed or made
	rm -rf .venv node_modules .rehearsal cdk.out examples/your_stack/cdk.out dist report.html

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Python 3.11 or newer is needed; $(PYTHON) is: `$(PYTHON) --version 2>&1`"; \
		echo "Install one and name it: make $(MAKECMDGOALS) PYTHON=python3.13"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
		echo "$(PYTHON) can't make virtual environments; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

.venv/.installed: locks/requirements.txt | .venv/bin/python
	@echo "Installing Python packages below this folder (once, a minute or two) ..."
	@$(BIN)/python $(INSTALL) $<
	@touch $@

.venv/.installed-dev: locks/requirements-dev.txt .venv/.installed
	@echo "Installing the test tools (once) ..."
	@$(BIN)/python $(INSTALL) $<
	@touch $@

node_modules/.installed: package.json package-lock.json | .venv/.installed
	@echo "Installing the CDK command line (once) ..."
	@$(BIN)/npm ci --ignore-scripts --silent --no-fund --no-audit --no-update-notifier
	@touch $@

# An environment of its own, with what the Lambda runtime has: a package missing from the functions' asset shows.
$(MINISTACK)/.installed: locks/ministack.txt | .venv/bin/python
	@echo "Installing MiniStack (once) ..."
	@$(BIN)/python -m venv --clear $(MINISTACK)
	@$(MINISTACK)/bin/python $(INSTALL) $<
	@touch $@

# It pins an old boto3.
$(CHECKOV)/.installed: locks/checkov.txt | .venv/bin/python
	@echo "Installing checkov (once, a minute) ..."
	@$(BIN)/python -m venv --clear $(CHECKOV)
	@$(CHECKOV)/bin/python $(INSTALL) $<
	@touch $@
