# Everything a developer or a newcomer needs; each target installs what it uses.
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

help: ## Show what there is
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(READY): requirements/dev.txt pyproject.toml scripts/make-venv
	@scripts/make-venv "$(PYTHON)" "$(VENV)"
	@touch $@

run: $(READY) ## Run the exporter against its built-in simulator and say what to open
	@$(BIN)/avepoint-exporter demo $(ARGS)

test: $(READY) programs ## Install what the tests need and run them all
	@$(BIN)/python -m pytest --cov --cov-report=term:skip-covered $(ARGS)

lint: $(READY) ## Check format, style, types, the import contract and generated files
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python scripts/generate_docs.py --check

fix: $(READY) ## Format, and mend what can be mended mechanically
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: $(READY) ## Write the generated documents again
	@$(BIN)/python scripts/generate_docs.py

lock: $(READY) ## Write the locked requirements again
	@$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --quiet \
		pyproject.toml --output-file requirements/runtime.txt
	@$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --quiet \
		pyproject.toml --group dev --output-file requirements/dev.txt

programs: ## Install the Debian programs that the tests use, where that is possible
	@scripts/install-programs

clean: ## Remove what was built and installed here
	@rm -rf $(VENV) build dist .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis

.PHONY: help run test lint fix docs lock programs clean
