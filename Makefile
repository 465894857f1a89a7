# Everything starts here: `make demo` shows the workflow from end to end on 127.0.0.1, `make test` runs every test.
# Needs Python 3.11 or newer, git and make; Node, the CDK and MiniStack are installed below this folder.

PYTHON ?= python3
# Given to make, never taken from what a shell exports.
PORT = 4566
DOCS =
OUT =
.DEFAULT_GOAL := help
ALL =
SEED =
STEPS =
MINUTES =
PROFILE =
REGION =
RECORD =
BIN := .venv/bin
MINISTACK := .rehearsal/ministack
CHECKOV := .rehearsal/checkov
SITE := .rehearsal/docs
# A file's tests run in one process, which shares what they deploy; the files that take longest begin.
PYTEST := $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
PIP := -m pip --quiet --disable-pip-version-check
INSTALL := $(PIP) install --require-hashes -r
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header
# First: the CDK starts the app as `python3 app.py`, and Node stands beside our Python.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONPATH := $(CURDIR)/constructs:$(CURDIR)/lambdas:$(CURDIR)/cli:$(CURDIR)
# What tools keep for later lies below this folder, too, and not in the home folder: `make clean` leaves nothing.
CACHE := $(CURDIR)/.rehearsal/cache
export PIP_NO_CACHE_DIR := 1
export UV_CACHE_DIR := $(CACHE)/uv
export npm_config_cache := $(CACHE)/npm
# aws-cdk-lib and Chromium know no other place than the home folder (tests and the demo give them one by themselves).
BENCH := HOME="$(CURDIR)/.rehearsal/home" $(BIN)/python -m

.PHONY: $(shell sed -nE 's/^([a-z-]+):.*##.*/\1/p' $(firstword $(MAKEFILE_LIST))) setup setup-dev free-port

demo: free-port setup ## run documents through the workflow on a local AWS (DOCS=folder OUT=report.html PORT=4566)
	@$(BIN)/python -m local.demo run --port $(PORT) $(if $(DOCS),--documents "$(DOCS)") $(if $(OUT),--output "$(OUT)")

down: ## stop everything that the demo started
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m local.demo down; fi

test: setup-dev $(CHECKOV)/.installed check ## run every test that is not marked as long
	$(PYTEST) -m "not long"

wheel: .venv/.installed-build ## build dist/*.whl
	$(BIN)/python -m build --wheel --no-isolation --outdir dist .
	cp locks/*.cdx.json dist

clean: down ## remove everything that was installed or made here
	rm -rf .venv node_modules .rehearsal site cdk.out dist build report.html .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
	rm -rf examples/*/.venv examples/*/cdk.out examples/*/dist
	find . -name .git -prune -o \( -name __pycache__ -o -name '*.egg-info' \) -prune -exec rm -rf {} +

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 28

acceptance: setup ## prove each point on a local AWS, or with PROFILE=name (REGION=name) on your own AWS account
	@$(if $(PROFILE),cli/comprehend-entities accept --profile "$(PROFILE)" $(if $(REGION),--region "$(REGION)"),$(BIN)/python -m local.acceptance)

acceptance-page: setup-dev ## take records of acceptance into docs/verified-on-aws.md (RECORD=acceptance-aws-....json)
	$(BENCH) bench.acceptance $(RECORD) --write

test-all: setup-dev $(CHECKOV)/.installed check ## run every test, those that take long as well
	$(PYTEST)

check: setup-dev ## format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

test-bounds: setup-dev ## test the oldest and the newest packages that pyproject.toml allows, and each Python found
	$(BIN)/python -m tests.bounds

unit: setup-dev ## only the tests without I/O
	$(PYTEST) tests/unit

package: setup-dev ## build the sdist and the wheel into dist/, byte for byte the same for a commit, and check them
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -m build --no-isolation --outdir dist .
	$(BIN)/twine check --strict dist/*.whl dist/*.tar.gz
	$(BIN)/check-wheel-contents dist/*.whl

lock: setup-dev ## pin the packages of requirements files, with hashes (locks/), and list what the wheel needs (SBOM)
	$(COMPILE) requirements-dev.txt -o locks/requirements-dev.txt
	$(COMPILE) requirements.txt -c locks/requirements-dev.txt -o locks/requirements.txt
	$(COMPILE) requirements-build.txt -c locks/requirements-dev.txt -o locks/requirements-build.txt
	$(COMPILE) pyproject.toml -c locks/requirements-dev.txt -o locks/wheel.txt
	$(COMPILE) local/ministack-requirements.txt -o locks/ministack.txt
	$(COMPILE) tests/checkov-requirements.txt -o locks/checkov.txt
	$(COMPILE) docs/requirements.txt -o locks/docs.txt
	$(BIN)/uvx --from cyclonedx-bom==7.5.0 cyclonedx-py requirements locks/wheel.txt --pyproject pyproject.toml \
		--output-reproducible --output-file locks/cdk-comprehend-entities.cdx.json

hooks: setup-dev ## have git format and lint what you commit
	$(BIN)/uvx pre-commit@4.3.0 install

audit: setup-dev ## ask pypi.org and npm for known vulnerabilities of installed packages
	@$(BIN)/uvx pip-audit==2.10.1 --strict --disable-pip --require-hashes --progress-spinner off \
		-r locks/requirements-dev.txt || { echo "Not audited, or vulnerable: see above."; exit 1; }
	@$(BIN)/npm audit || { echo "Not audited, or vulnerable: see above."; exit 1; }

docs: $(SITE)/.installed ## build the documentation site into site/, strict, and check every link in it
	@$(SITE)/bin/zensical build --strict --clean
	@$(SITE)/bin/python -m bench.site
	@echo "To read it: $(BIN)/python -m http.server --bind 127.0.0.1 --directory site, then http://127.0.0.1:8000"

docs-in-browser: setup-dev docs ## open each page of the site in Chromium, as a phone and a desktop, and search (CHROME=)
	$(BENCH) bench.site_in_browser

conformance: setup-dev ## prove every parameter, state and error; writes docs/conformance.md
	$(BENCH) bench.conformance --write

contracts: setup-dev ## write the parts of docs/ that are made from types and hints
	$(BENCH) bench.contracts --write

mutate: setup-dev ## run a sample of 300 mutants of the functions against the unit tests (ALL=1 SEED=19)
	$(BENCH) bench.mutate $(if $(ALL),--all) $(if $(SEED),--seed $(SEED))

prove-iam: setup-dev ## remove every permission and show what fails; writes docs/permissions.md
	$(BENCH) bench.prove_iam --write

bench-uploads: setup-dev ## simulate two hours of uploads at several rates
	$(BENCH) bench.uploads

bench-cost: setup-dev ## count the calls that uploads make, and price them
	$(BENCH) bench.upload_cost

bench-publish: setup-dev ## publish archives of 0.1, 1 and 5 GB and more, beside gzip and the naive way
	$(BENCH) bench.publish

bench-completion: setup-dev ## simulate how the end of a job is noticed; writes docs/completion.md
	$(BENCH) bench.completion --write

rehearse-completion: setup-dev ## run 100 jobs on the local AWS: how soon their end is seen, with late and lost events
	$(BENCH) bench.rehearse_completion

rehearse-failures: setup-dev ## let every task fail in every way on the local AWS: all ends are as documented
	$(BENCH) bench.rehearse_failures

bench-synth: setup-dev ## time the synthesis of the smallest workflow, beside the same resources by hand
	$(BENCH) bench.synth

bench-cold-start: setup-dev ## time the import of each Lambda handler, beside boto3
	$(BENCH) bench.cold_start

chaos: setup-dev ## run everything at once while all of it fails by chance (SEED=1 STEPS=330 MINUTES=0)
	$(BENCH) bench.chaos $(if $(SEED),--seed $(SEED)) $(if $(STEPS),--steps $(STEPS)) $(if $(MINUTES),--minutes $(MINUTES))

bench-capacity: setup-dev ## work out what limits 10, 1,000 and 20,000 uploads a second; writes docs/performance-limits.md
	$(BENCH) bench.capacity --write

bench-inventory: setup-dev ## an input of 1,000,000 objects within the functions' memory and time
	$(BENCH) bench.large_inventory

bench-quota: setup-dev ## simulate 200 executions at once under the quota of 10 jobs, beside uploads
	$(BENCH) bench.quota

bench-report: setup-dev ## write a report of 500,000 entities and open it in Chromium (CHROME=/path/to/chromium)
	$(BENCH) bench.report

bench-emulator: setup-dev ## run 30 MB of books and 5,000 documents through the Comprehend emulator, for minutes
	$(BENCH) bench.emulator

diagrams: setup-dev ## draw the diagrams of docs/concepts.md from a template (needs Graphviz)
	$(BENCH) bench.diagrams

pictures: setup-dev ## make the pictures of docs/images from report.html (CHROME=/path/to/chromium)
	$(BENCH) bench.pictures

load-uploads: setup-dev ## put 10,000 uploads into a local AWS whose calls fail at random
	$(BENCH) bench.load_uploads

free-port:
	@$(PYTHON) -m local.port $(PORT)

setup: .venv/.installed .venv/.installed-build node_modules/.installed $(MINISTACK)/.installed

setup-dev: setup .venv/.installed-dev

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Python 3.11 or newer is needed; $(PYTHON) is: `$(PYTHON) --version 2>&1`"; \
		echo "Install one and name it: make $(MAKECMDGOALS) PYTHON=python3.13"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
		echo "$(PYTHON) can't make virtual environments; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

.venv/.installed-build: locks/requirements-build.txt | .venv/bin/python
	@echo "Installing what builds the wheel (once) ..."
	@$(BIN)/python $(INSTALL) $<
	@touch $@

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

# It needs nothing of the package: the reference is read from the sources.
$(SITE)/.installed: locks/docs.txt | .venv/bin/python
	@echo "Installing what builds the documentation (once) ..."
	@$(BIN)/python -m venv --clear $(SITE)
	@$(SITE)/bin/python $(INSTALL) $<
	@touch $@
