# Everything that is done with this project, one target each; `make` lists them.
# uv does the installing. Where there is none it comes from pip, into a folder of its own (.uv).

PYTHON ?= python3
export UV_PYTHON_DOWNLOADS := never
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
RUN := .venv/bin/
CORPUS ?=
ONLY ?=
WORKERS ?= auto

.DEFAULT_GOAL := help
.PHONY: help demo test lint format bench bench-peers corpus corpus-postgres campaign fuzz reference clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

demo: .venv/installed ## install into .venv, then take the tour: a fleet, a rollout, a move, a rollback
	@$(RUN)tenantdb demo

test: .venv/tools ## install what the tests need, then run them all
	@scripts/install-debian-packages.sh redis-server postgresql
	@$(RUN)pytest -n $(WORKERS) --dist worksteal

lint: .venv/tools ## ruff, mypy (strict) and import-linter
	@$(RUN)ruff check .
	@$(RUN)ruff format --check .
	@$(RUN)mypy
	@$(RUN)lint-imports

format: .venv/tools ## let ruff put the code in its form
	@$(RUN)ruff format .
	@$(RUN)ruff check --fix .

bench: .venv/tools ## print the figures, each a ratio of one run (takes long; TENANTDB_BENCH_ROWS=800000: files of 1 GB)
	@$(RUN)python benchmarks/bench.py

bench-peers: .venv/tools ## what a rebuild by Alembic, sqlite-utils and Django loses, ours beside theirs [WRITE=1]
	@$(UV) sync --quiet --frozen --python $(PYTHON) --group peers --inexact
	@$(RUN)python benchmarks/losses.py $(if $(WRITE),--write)

corpus: .venv/tools ## hold the engine against real schemas: CORPUS=folder [ONLY="name name"]
	@[ -d "$(CORPUS)" ] || { echo "Say where the schemas are: make corpus CORPUS=folder (with ../tools/check_corpus.py beside it)"; exit 2; }
	@$(RUN)python $(CORPUS)/../tools/check_corpus.py $(CORPUS) $(if $(ONLY),--only $(ONLY))

corpus-postgres: .venv/tools ## load the same schemas in a PostgreSQL: CORPUS=folder; says why others are refused
	@[ -d "$(CORPUS)" ] || { echo "Say where the schemas are: make corpus-postgres CORPUS=folder"; exit 2; }
	@scripts/install-debian-packages.sh postgresql
	@TENANTDB_CORPUS=$(CORPUS) $(RUN)pytest -q tests/integration/postgres/test_loading.py

fuzz: .venv/tools ## look for texts that the engine cannot take, for FUZZ_SECONDS=600
	@$(UV) sync --quiet --frozen --python $(PYTHON) --inexact --group fuzz
	@$(RUN)python tests/fuzz/run.py

campaign: .venv/tools ## the long tests: histories and crashes at scale
	@TENANTDB_CAMPAIGN=1 TENANTDB_EXAMPLES=500 TENANTDB_HISTORIES=1000 TENANTDB_HISTORY_SECONDS=120 \
	  $(RUN)pytest -n $(WORKERS) --timeout 3600 tests/crash tests/property tests/acceptance

reference: .venv/tools ## write docs/reference from the code
	@$(RUN)python scripts/make_reference.py

clean: ## remove what was installed and cached
	@rm -rf .venv .uv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

.venv/installed: pyproject.toml uv.lock | $(UV)
	@$(UV) sync --quiet --frozen --python $(PYTHON) --no-default-groups --inexact
	@touch $@

.venv/tools: pyproject.toml uv.lock | $(UV)
	@$(UV) sync --quiet --frozen --python $(PYTHON)
	@touch $@ .venv/installed

.uv/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "tenantdb needs Python 3.11 or newer: install one, or name it: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "python3-venv is missing. Type: sudo apt-get install -y python3-venv"; exit 1; }
	@$(PYTHON) -m venv .uv && .uv/bin/pip install --quiet --disable-pip-version-check uv
