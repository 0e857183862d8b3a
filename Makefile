# leadglass from a bare checkout: `make demo` needs Python 3.11 or later and pip, nothing else.

# The first name that really is 3.11 or later; looked up only by targets that make the environment.
PYTHON ?= $(shell for p in python3.11 python3 python3.12 python3.13 python3.14; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo "$$p"; break; }; done)
WORKERS ?= 2
BIN := .venv/bin
INSTALL = $(BIN)/python -m pip install -q -c constraints.txt

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help setup demo test exact fuzz services lint bench docs clean

help:  ## say what there is to make
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: .venv/.dev  ## make .venv with leadglass in it and all that tests, linters and docs need

demo: .venv/.core  ## one film's life from door to door; writes demo/report.html
	@$(BIN)/python -m leadglass.demo

test: .venv/.dev  ## run the tests on WORKERS (2) processes; lists the peers that were not found
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

# One hour of processor time in all; FUZZ=600 for ten minutes.
FUZZ ?= 3600
exact: .venv/.dev  ## 2,000 generated films of every pixel form: covered, sealed, lifted and restored without a difference
	@LEADGLASS_PIXEL_FORMS=2000 $(BIN)/python -m pytest -q tests/e2e/test_pixel_forms.py

fuzz: .venv/.dev  ## mutate odd files for FUZZ (3600) seconds of processor time; what fails is kept
	@$(BIN)/python tests/fuzz/deid_fuzz.py --cpu $(FUZZ)

services:  ## install the programs that tests of peers call (Debian, as root)
	@tools/services

lint: .venv/.dev  ## ruff, mypy strict, the floors
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

# A variable that picks old kernels for numpy would make every figure smaller than it is.
bench: .venv/.core  ## run each benchmark in bench/ and print its figures
	@for f in $(sort $(wildcard bench/*.py)); do echo "== $$f"; \
		env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BIN)/python "$$f" || exit 1; done

docs: .venv/.dev  ## build the documentation into site/, warnings are errors
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

clean:  ## remove what was made here, example films included; .venv stays
	@rm -rf site demo dist build .films .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find src tests tools bench -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# pip is the last thing that venv puts in place, so a half-made environment is made again.
$(BIN)/pip:
	@[ -n "$(PYTHON)" ] || { echo 'leadglass needs Python 3.11 or later and found none; name one: make PYTHON=/path/to/python3' >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'leadglass needs Python 3.11 or later; $(PYTHON) is not that' >&2; exit 1; }
	@"$(PYTHON)" -m venv .venv || { echo 'venv failed; on Debian: apt-get install python3-venv' >&2; exit 1; }

.venv/.core: pyproject.toml constraints.txt | $(BIN)/pip
	@echo 'installing leadglass into .venv'
	@$(INSTALL) -e '.[trace]'
	@touch $@

.venv/.dev: pyproject.toml constraints.txt | $(BIN)/pip
	@echo 'installing leadglass and its development tools into .venv'
	@$(INSTALL) -e '.[dev]'
	@touch .venv/.core $@
