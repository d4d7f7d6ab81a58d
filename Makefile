# Each target sets itself up: a bare Debian 12 with python3, python3-venv and make is enough.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
ARGS   ?=

.PHONY: demo test check bench nightly docs clean

demo: $(VENV)/.run
	@$(BIN)/aidstation demo $(ARGS)

test: $(VENV)/.test
	@$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(MAKE) --no-print-directory test

nightly: $(VENV)/.test
	@$(BIN)/pytest -m nightly $(ARGS)

bench: $(VENV)/.test
	@$(BIN)/python -m tests.bench $(ARGS)

docs: $(VENV)/.run
	@$(BIN)/python -c 'from conflict.reference import policies_text as text; print(text(), end="")' > conflict/POLICIES.md
	@$(BIN)/python -c 'from conflict.reference import slots_text as text; print(text(), end="")' > conflict/SLOTS.md
	@$(BIN)/python -c 'from node.permissions import permissions_text as text; print(text(), end="")' > deploy/PERMISSIONS.md

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' || \
	  { echo "aidstation needs Python 3.11 or 3.12, $(PYTHON) is $$($(PYTHON) -V): set PYTHON=python3.11"; exit 2; }
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "could not make $(VENV): on Debian, install python3-venv, then run make again"; rm -rf $(VENV); exit 2; }

$(VENV)/.run: pyproject.toml | $(VENV)/bin/python
	@echo "installing Aidstation into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.test: pyproject.toml | $(VENV)/bin/python
	@echo "installing Aidstation and its test tools into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	@touch $@ $(VENV)/.run

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
