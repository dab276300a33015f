# Everything a developer or a newcomer needs; each target installs what it uses.
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# There in place of it while the environment has only what runs the exporter.
RUNS := $(VENV)/.runs
# The number of workers and the order of tests: tests/conftest.py. Which tests share a worker: tests/parallel.py.
PARALLEL := --numprocesses=auto --maxprocesses=4 --no-loadscope-reorder
# Python without an extension, which the tools do not find by themselves.
SCRIPTS := scripts/sync-chart scripts/release-check scripts/take-pictures

help: ## Show the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(READY): requirements/dev.txt pyproject.toml scripts/make-venv
	@scripts/make-venv "$(PYTHON)" "$(VENV)" dev
	@touch $@

$(RUNS): requirements/runtime.txt pyproject.toml scripts/make-venv
	@scripts/make-venv "$(PYTHON)" "$(VENV)" runtime
	@touch $@

run: $(or $(wildcard $(READY)),$(RUNS)) ## Run the exporter against its built-in simulator and print what to open
	@$(BIN)/python -m exporter demo $(ARGS)

# Without compiled files, each of the many processes that tests start would compile the exporter again.
test: export PYTHONDONTWRITEBYTECODE :=
test: $(READY) programs ## Install the dependencies of the tests and run all tests
	@$(BIN)/python -m pytest $(PARALLEL) --cov --cov-report=term:skip-covered $(ARGS)

soak: $(READY) programs ## Run soaks and floods at full length (about 40 minutes) and print their figures
	@$(BIN)/python -m pytest --soak -s --no-cov tests/truth/test_chaos.py tests/prometheus/test_scenarios.py tests/e2e

bench: $(READY) ## Measure pages, refreshes, memory and starts, and write docs/performance.md (about ten minutes)
	@$(BIN)/python -m benchmarks $(ARGS)

lint: $(READY) ## Check format, style, types, the import contract and generated files
	@$(BIN)/ruff format --check . $(SCRIPTS)
	@$(BIN)/ruff check . $(SCRIPTS)
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python scripts/generate_docs.py --check
	@$(BIN)/python scripts/generate_manual.py --check
	@$(BIN)/python -m grafana.generate --check
	@$(BIN)/python scripts/sync-chart --check
	@scripts/release-check

fix: $(READY) ## Format, and fix what ruff can fix
	@$(BIN)/ruff check --fix . $(SCRIPTS)
	@$(BIN)/ruff format . $(SCRIPTS)

docs: $(READY) ## Generate documents, dashboards and the chart's copies
	@$(BIN)/python scripts/generate_docs.py
	@$(BIN)/python scripts/generate_manual.py
	@$(BIN)/python -m grafana.generate
	@$(BIN)/python scripts/sync-chart

image: ## Build the image without a registry and check that it runs hardened
	@scripts/build-image

release-check: ## Check that every file has the same version
	@scripts/release-check $(TAG)

lock: $(READY) ## Lock the requirements
	@$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-header --quiet \
		pyproject.toml --extra postgresql --output-file requirements/runtime.txt
	@$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-header --quiet \
		pyproject.toml --extra postgresql --group dev --output-file requirements/dev.txt
	@$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-header --quiet \
		--group release --output-file requirements/release.txt

prometheus: ## Build current Prometheus and Alertmanager for the tests, if Go is installed
	@scripts/build-prometheus

programs: ## Install the Debian programs that the tests use, if this machine can
	@scripts/install-programs

clean: ## Remove everything that these targets built and installed
	@rm -rf $(VENV) build dist .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis

.PHONY: help run test soak bench lint fix docs image release-check lock programs prometheus clean
