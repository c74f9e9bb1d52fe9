# Paths are relative and programs run as `.venv/bin/python -m …`: make splits names at
# blanks, and a script's first line may not be longer than 127 bytes.
FIT := -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do $$p $(FIT) && echo $$p && break; done)
PY := .venv/bin/python
define SETUP
@"$(or $(PYTHON),false)" $(FIT) || { echo "Paddlewheel needs Python 3.11 or newer: install one, or name it, as in \`make PYTHON=/path/to/python3.12 up\`." >&2; exit 1; }
@"$(PYTHON)" ops/setup.py
endef

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev up demo test test-sandbox drill histories coverage check lint types layers format lock docs bench clean

help: ## show this
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' Makefile | while IFS='|' read -r name text; do printf '%-14s %s\n' "$$name" "$$text"; done

setup: ## virtual environment with what runs Paddlewheel
	$(SETUP) requirements.lock

setup-dev: ## the same with what tests and checks it
	$(SETUP) requirements-dev.lock

up: setup ## run everything on this machine, until Ctrl-C
	@./paddlewheel up

demo: setup ## play a course shop's season and compare the end state
	@./paddlewheel demo

# In the order of `testpaths`, the long ones first: else a drill is left over at the end and
# the other processes wait for it. Python may keep what it compiles, though the shell says
# it may not: the drills start hundreds of processes.
test: setup-dev ## the whole suite, on servers of its own
	@PYTHONDONTWRITEBYTECODE= $(PY) -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

test-sandbox: setup-dev ## compare Paddle's sandbox with the local Paddle; needs PADDLE_SANDBOX_API_KEY
	@$(PY) -m pytest -q tests/sandbox

# What must never be wrong: not a branch of it may go untested.
CORE := web_hook/verify.py,worker/envelope.py,worker/lifecycle.py,worker/putting_off.py,worker/statements.py,models/fold.py,models/clock.py,models/access_rules.py,models/purchase_rules.py,models/subscription_rules.py,models/enrollment_rules.py
CORE_TESTS := tests/unit/models tests/unit/web_hook tests/unit/worker/test_envelope.py tests/integration/worker/test_lifecycle.py tests/integration/worker/test_drain.py

STEPS ?= 20000
drill: histories ## all drills, and 20,000 steps of any history
	@$(PY) -m pytest -q tests/drill

histories: setup-dev ## any history in any order, through PostgreSQL: STEPS=20000
	@HISTORY_STEPS=$(STEPS) $(PY) -m pytest -q tests/integration/test_histories.py tests/integration/test_people_histories.py tests/integration/test_drift_histories.py

coverage: setup-dev ## every branch of the core is tested
	@$(PY) -m coverage run -m pytest -q $(CORE_TESTS)
	@$(PY) -m coverage report --include=$(CORE) --fail-under=100 --show-missing

check: lint types layers ## everything but the tests

lint: setup-dev ## ruff, rules and format
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .

types: setup-dev ## mypy, strict
	@$(PY) -m mypy

layers: setup-dev ## who may import whom
	@$(PY) -c 'from importlinter.cli import lint_imports_command as lint; lint()'

format: setup-dev ## let ruff rewrite what it can
	@$(PY) -m ruff check --fix-only .
	@$(PY) -m ruff format .

lock: setup-dev ## lock the dependencies again, with hashes and for all platforms
	@$(PY) -m uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11 --extra local pyproject.toml -o requirements.lock
	@$(PY) -m uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11 --extra local --extra dev pyproject.toml -o requirements-dev.lock

docs: setup-dev ## the tables that are written from the code: settings, alerts, events, messages
	@$(PY) -m ops.settings_docs
	@$(PY) -m ops.alerts_docs
	@$(PY) -m ops.events_docs
	@$(PY) -m ops.errors_docs
	@$(PY) -m ops.notices_docs
	@$(PY) -m ops.doctor_docs
	@$(PY) -m ops.notices_looks

bench: setup-dev ## measure against the usual ways
	@$(PY) -m bench

clean: ## remove caches; data and virtual environment stay
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage* bench/out
	@find . -path ./.venv -prune -o -name __pycache__ -type d -print0 | xargs -0 rm -rf
