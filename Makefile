# `make demo` and `make test`, and `make docs` for the site. All they write stays in this folder, but for pip's cache.
#
# Everything is called as `python -m ...`: the scripts that pip writes name their interpreter in the first line, which
# a folder with a space in its path breaks.

PYTHON ?= python3
JOBS ?= 2
# How many times as fast as the clock the demo's year passes (as fast as it goes where it is empty: some ten seconds; 100000
# takes five minutes), and how long its page stays at a terminal.
SPEED ?=
LINGER ?= 10m

VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip --disable-pip-version-check
# pip would make the bytecode of what it installs on one core, and of other packages' tests too.
INSTALL := $(PIP) install --quiet --no-compile -c constraints.txt
BYTECODE := $(RUN) -m compileall -qq -j 0 -x '/tests/' $(VENV)/lib || true
DEMO_READY := $(VENV)/.demo-ready
TEST_READY := $(VENV)/.test-ready
DOCS_READY := $(VENV)/.docs-ready
FLIGHTS := .demo/flights.parquet

.DELETE_ON_ERROR:
.PHONY: help demo test lint docs clean

help: ## Show what there is to make
	@grep -hE '^[a-z]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 8 | sed 's/^/  make /'

demo: $(FLIGHTS) ## Replay 336,776 flights and show how their rare class was learned
	$(RUN) -m streamimb_services replay $(FLIGHTS) -c benchmarks/flights.toml --run .demo/run \
	    --report .demo/report.html --serve 8080 --linger $(LINGER) $(if $(SPEED),--speed $(SPEED))

test: lint ## Lint, check types, run every test
	mkdir -p .tmp
	TMPDIR="$$PWD/.tmp" PYTHONDONTWRITEBYTECODE= $(RUN) -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder \
	    --basetemp=.tmp/pytest

lint: $(TEST_READY) ## Lint and check types
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

docs: $(DOCS_READY) ## Build the documentation as a site, in .site
	NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --strict -f docs/mkdocs/mkdocs.yml
	@echo "the site is in .site: $(RUN) -m http.server -d .site --bind 127.0.0.1 8000 shows it"

clean: ## Remove everything that was made, the virtual environment too
	rm -rf $(VENV) .demo .site .tmp .numba_cache .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(FLIGHTS): services/streamimb_services/flights.py | $(DEMO_READY)
	$(RUN) -m streamimb_services.flights $@

$(DEMO_READY): pyproject.toml constraints.txt | $(RUN)
	$(INSTALL) -e '.[demo]'
	@$(BYTECODE)
	@touch $@

$(TEST_READY): pyproject.toml constraints.txt | $(RUN)
	$(INSTALL) -e '.[demo,test]'
	@$(BYTECODE)
	@touch $@ $(DEMO_READY) $(DOCS_READY)

$(DOCS_READY): pyproject.toml constraints.txt | $(RUN)
	$(INSTALL) -e '.[docs]'
	@touch $@

# The link's own age says nothing (it may be the system's interpreter): it is made once, and so asked for by order only.
$(RUN):
	@command -v '$(PYTHON)' >/dev/null || \
	    { echo "streamimb needs Python 3.11 or newer, and there is no '$(PYTHON)': make PYTHON=... names one" >&2; exit 1; }
	@'$(PYTHON)' -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "streamimb needs Python 3.11 or newer, but '$(PYTHON)' is $$('$(PYTHON)' -V): make PYTHON=... names another" >&2; exit 1; }
	@echo "setting up $(VENV) (once; it takes a minute)"
	'$(PYTHON)' -m venv $(VENV)
