# Every command of the project. `make` lists them.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install -qq --require-hashes --only-binary :all:

.PHONY: help run test check browser fmt migrate migration check-books openapi errors model-income model-agreements bench-quick bench-county bench-burst lock clean

help: ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

run: $(VENV)/.runtime ## set everything up and run the campaign at http://127.0.0.1:8000 (PORT=..., DATA_DIR=...)
	@exec $(BIN)/python -m shop up

test: $(VENV)/.dev ## set everything up and run all tests
	@$(BIN)/python -m pytest -n 2

check: $(VENV)/.dev ## format, lint, types, import contracts, dependencies, migration drift
	@$(BIN)/ruff format --check shop tasks tests migrations wsgi.py
	@$(BIN)/ruff check shop tasks tests migrations wsgi.py
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/deptry --no-ansi .
	@$(BIN)/python -m shop check-migrations

browser: ## install Chromium, in which the pages are tested (Debian or Ubuntu, as root; nothing to do where one is there)
	@command -v chromium chromium-browser google-chrome >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; }

fmt: $(VENV)/.dev ## format the code
	@$(BIN)/ruff format shop tasks tests migrations wsgi.py
	@$(BIN)/ruff check --fix shop tasks tests migrations wsgi.py

migrate: $(VENV)/.runtime ## bring DATABASE_URL (or the embedded database) up to date
	@$(BIN)/python -m shop migrate

migration: $(VENV)/.dev ## write the next revision from the models: make migration m="what it does"
	@test -n "$(m)" || { echo '请写明内容 · Say what it does: make migration m="..."'; exit 1; }
	@$(BIN)/python -m shop new-migration "$(m)"

check-books: $(VENV)/.runtime ## prove the books of DATABASE_URL (or of the running `make run`)
	@$(BIN)/python -m shop check-books

openapi: $(VENV)/.runtime ## print the OpenAPI document
	@$(BIN)/python -m shop openapi

errors: $(VENV)/.runtime ## write docs/errors.md anew
	@$(BIN)/python -m shop errors-doc > docs/errors.md.new && mv docs/errors.md.new docs/errors.md

model-income: $(VENV)/.dev ## 2,000 walks of household income against a model of plain integers (some minutes)
	@MODEL_EXAMPLES=2000 $(BIN)/python -m pytest -n 0 -q tests/properties/test_income_model.py tests/properties/test_surplus_model.py

model-agreements: $(VENV)/.dev ## 2,000 lives of an agreement against a model that counts by hand (an hour)
	@MODEL_EXAMPLES=2000 $(BIN)/python -m pytest -n 0 -q tests/properties/test_agreement_machine.py

bench-quick: $(VENV)/.dev ## three minutes of ratios against pgbench and a bare Flask answer
	@$(BIN)/python -m tests.bench.quick

bench-county: $(VENV)/.dev ## a county of 1 and 10 million rows: jobs, rebuilds, reports (ROWS=1000000; needs 20 GB)
	@$(BIN)/python -m tests.bench.county

bench-burst: $(VENV)/.dev ## ten thousand buyers of a thousand packs at once (BURSTS=2, BUYERS=, UNITS=)
	@$(BIN)/python -m tests.bench.burst

lock: ## write the lock files anew (needs uv)
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --no-build --no-emit-index-url --quiet -o requirements.lock
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-header --no-build --no-emit-index-url --quiet -c requirements.lock -o requirements-dev.lock

clean: ## remove the virtual environment and caches (not the data)
	rm -rf $(VENV) .ruff_cache .mypy_cache .hypothesis .import_linter_cache

# The stamp comes last, so that a setup that was broken off is done again; what is there is kept.
$(VENV)/.made:
	@command -v $(PYTHON) >/dev/null || { echo "找不到 $(PYTHON)，需要 Python 3.11 或更新版本 · $(PYTHON) is not there: Python 3.11 or newer is needed (PYTHON=... names one)"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "需要 Python 3.11 或更新版本 · Python 3.11 or newer is needed (PYTHON=... names one)"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "缺少 venv 模块，请安装 python3-venv · The venv module is missing: install python3-venv"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.runtime: requirements.lock | $(VENV)/.made
	@echo "  安装依赖，约半分钟 · installing dependencies, about half a minute ..."
	@began=$$SECONDS; $(PIP) -r requirements.lock && echo "  ✓ 依赖已安装 · dependencies installed  $$((SECONDS - began)) s"
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	@echo "  安装开发工具 · installing development tools ..."
	@$(PIP) -r requirements-dev.lock
	@touch $@
