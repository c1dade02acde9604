# Two commands for a newcomer: `make demo` and `make test`. Each sets up all it needs, in .venv.
# `make test T="-k ledger"` passes words to pytest.

VENV := .venv
PY := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
CATALOGS := $(patsubst %.po,%.mo,$(wildcard distributor/locale/*/LC_MESSAGES/*.po))
READY := $(INSTALLED) $(CATALOGS)
T ?=

# Names are tried by running them: one on PATH may be a stub, or lack what virtual environments need.
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do \
  $$python -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

# The demo is about itself alone: no relay, ledger or broker of a real site may come in from the environment.
DEMO := env -u DISTRIBUTOR_SITE -u DISTRIBUTOR_RELAY -u DISTRIBUTOR_FROM -u DISTRIBUTOR_LEDGER -u DISTRIBUTOR_BROKER \
  $(VENV)/bin/distributor

.DELETE_ON_ERROR:
.PHONY: help demo test lint coverage bench chaos locale constraints clean

help:
	@echo "make demo         send the example bulletin to a mailbox on this machine and show the report"
	@echo "make test         run every test"
	@echo "make lint         style, types, floors of the house"
	@echo "make coverage     run every test and name the lines that none of them reaches"
	@echo "make bench        measure"
	@echo "make chaos        kill -9 at random moments, and look whether a letter is lost or goes twice"
	@echo "make locale       bring the catalogs up to date and check that the Chinese one is complete"
	@echo "make constraints  pin today's versions of everything in constraints.txt"
	@echo "make clean        remove whatever these made"

demo: $(READY)
	@rm -rf .demo
	@$(DEMO) init .demo >/dev/null
	@echo "$$ distributor --site .demo send .demo/examples/bulletin.txt --yes"
	@$(DEMO) --site .demo send .demo/examples/bulletin.txt --yes
	@echo; echo "$$ distributor --site .demo report 61"
	@$(DEMO) --site .demo report 61
	@echo; echo "The letters, one file each; a mail program opens them:"; find .demo/outbox -type f | sort
	@echo; echo "Go on as README says under \"Use it\"; here the command is $(VENV)/bin/distributor."

test: $(READY)
	$(PY) -m pytest -n auto --dist worksteal $(T)

coverage: $(READY)
	$(PY) -m pytest -n auto --dist worksteal --cov --cov-report=term-missing:skip-covered $(T)

lint: $(READY)
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy
	$(VENV)/bin/lint-imports

bench: $(READY)
	$(PY) -m benchmarks

chaos: $(READY)
	$(PY) -m tests.chaos

locale: $(READY)
	@mkdir -p build
	$(VENV)/bin/pybabel -q extract --no-wrap --add-location=file --sort-by-file \
	  --project=distributor --version=1 --msgid-bugs-address="the project" -o build/distributor.pot distributor
	$(VENV)/bin/pybabel -q update --no-wrap --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date \
	  -D distributor -i build/distributor.pot -d distributor/locale
	$(MAKE) $(CATALOGS)
	$(PY) -m pytest -q tests/test_house.py -k catalog

constraints: $(READY)
	$(PY) -m pip install --quiet uv
	$(PY) -m uv pip compile pyproject.toml --group build --group lint --group test --universal --python-version 3.11 \
	  --upgrade --no-header --no-annotate --quiet --output-file constraints.txt

clean:
	rm -rf $(VENV) .demo build dist .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	rm -f $(CATALOGS)
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Made anew when what it is made from changes, so that nothing is left over from what was.
$(INSTALLED): pyproject.toml constraints.txt
	@if test -z "$(PYTHON)"; then \
	  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  && echo "This Python cannot make virtual environments; install that part of it (Debian: apt install python3-venv)." >&2 \
	  || echo "Python 3.11 or newer is needed, and none was found; or say where: make PYTHON=/path/to/python3.11 …" >&2; \
	  exit 1; fi
	$(PYTHON) -m venv --clear $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt pip
	$(PY) -m pip install --quiet --constraint constraints.txt --build-constraint constraints.txt \
	  --editable . --group lint --group test
	@touch $@

%.mo: %.po | $(INSTALLED)
	$(VENV)/bin/pybabel -q compile -i $< -o $@
