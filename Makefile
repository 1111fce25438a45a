# Every command of the project. `make` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --require-hashes --only-binary :all:

.PHONY: help run test check fmt migrate migration check-books bench-quick lock clean

help: ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

run: $(VENV)/.runtime ## set everything up and run the campaign at http://127.0.0.1:8000
	@exec $(BIN)/python -m shop up

test: $(VENV)/.dev ## set everything up and run all tests
	@$(BIN)/python -m pytest -n 2

check: $(VENV)/.dev ## format, lint, types, import contracts, migration drift
	@$(BIN)/ruff format --check shop tasks tests migrations wsgi.py
	@$(BIN)/ruff check shop tasks tests migrations wsgi.py
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m shop check-migrations

fmt: $(VENV)/.dev ## format the code
	@$(BIN)/ruff format shop tasks tests migrations wsgi.py
	@$(BIN)/ruff check --fix shop tasks tests migrations wsgi.py

migrate: $(VENV)/.runtime ## bring DATABASE_URL (or the embedded database) up to date
	@$(BIN)/python -m shop migrate

check-books: $(VENV)/.runtime ## prove the books of DATABASE_URL (or of the running `make run`)
	@$(BIN)/python -m shop check-books

bench-quick: $(VENV)/.dev ## three minutes of ratios against pgbench and a bare Flask answer
	@$(BIN)/python -m tests.bench.quick

lock: ## write the lock files anew (needs uv)
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --no-build --no-emit-index-url --quiet -o requirements.lock
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-header --no-build --no-emit-index-url --quiet -c requirements.lock -o requirements-dev.lock

clean: ## remove the virtual environment and caches (not the data)
	rm -rf $(VENV) .ruff_cache .mypy_cache .hypothesis .import_linter_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "需要 Python 3.11 或更新版本 · Python 3.11 or newer is needed (PYTHON=... names one)"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.lock | $(VENV)/bin/python
	@echo "安装依赖 · installing dependencies ..."
	@$(PIP) -r requirements.lock
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	@$(PIP) -r requirements-dev.lock
	@touch $@
