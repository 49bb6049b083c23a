# The two commands for everyone are `make demo` and `make test`. Nothing but make, Python 3.11+ and its venv is needed:
# the environment is made in .venv, and made again only when pyproject.toml changes.
#
# PYTHON=/path/to/python chooses the interpreter. Tests run JOBS files at a time, each with servers of their own:
# `make test JOBS=0 ARGS=tests/targets` runs those of one folder one after the other.

.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/stamps
JOBS := 3

.PHONY: help demo demo-rollback demo-migration test lint clean

help:
	@echo "make demo   start a small Open edX on this machine, and restore a destroyed course in it"
	@echo "make demo-rollback   start a forum on this machine, break it by a deploy while people write to it, and go back"
	@echo "make demo-migration   start a forum, drop its comments by a migration, and put every row back"
	@echo "make test   run the tests"
	@echo "make lint   check style, types and layers"
	@echo "make clean  delete the environment, the demo and what tools left behind"

demo: $(STAMPS)/demo
	@$(BIN)/rollbook demo

demo-rollback: $(STAMPS)/demo
	@$(BIN)/rollbook demo-rollback

demo-migration: $(STAMPS)/demo
	@$(BIN)/rollbook demo-migration

test: $(STAMPS)/dev
	@$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(STAMPS)/dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

# As root a forum's database lies in /var/tmp, behind a link.
clean:
	for forum in .rollbook/demo-forum .rollbook/demo-migration; do \
	    if [ -L $$forum/postgres ]; then rm -rf "$$(readlink $$forum/postgres)"; fi; \
	done
	rm -rf $(VENV) .rollbook/demo .rollbook/demo-forum .rollbook/demo-migration .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist

$(STAMPS)/demo: $(STAMPS)/python pyproject.toml
	@echo "Installing Rollbook into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[demo]'
	@touch $@

$(STAMPS)/dev: $(STAMPS)/python pyproject.toml
	@echo "Installing Rollbook with its test and development tools into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[demo,test,dev]'
	@touch $@ $(STAMPS)/demo

# A name on PATH may be a shim for a version that is not installed, and Debian ships Python without ensurepip: ask each.
$(STAMPS)/python:
	@set -e; wanted='import sys, pip; sys.exit(sys.version_info < (3, 11))'; \
	if ! $(BIN)/python -c "$$wanted" >/dev/null 2>&1; then \
	    for python in $(PYTHON) python3.13 python3.12 python3.11 python3; do \
	        if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	            found=$$python; \
	            if "$$python" -c 'import venv, ensurepip' >/dev/null 2>&1; then usable=$$python; break; fi; \
	        fi; \
	    done; \
	    if [ -z "$$found" ]; then \
	        echo "Rollbook needs Python 3.11 or newer, and there is none on PATH." >&2; \
	        echo "Debian, Ubuntu: sudo apt-get install python3-venv   Elsewhere: make PYTHON=/path/to/python" >&2; \
	        exit 1; \
	    elif [ -z "$$usable" ]; then \
	        echo "$$found cannot make virtual environments." >&2; \
	        echo "Debian, Ubuntu: sudo apt-get install python3-venv" >&2; \
	        exit 1; \
	    fi; \
	    "$$usable" -m venv --clear $(VENV); \
	fi
	@mkdir -p $(STAMPS) && touch $@
