# The project's commands. A checkout's environment is .venv, kept in step with requirements/*.lock;
# everything else that is written goes under .maitred/ and protos/gen/.

PYTHON ?= python3
BIN := .venv/bin
# Sets of dependencies, each in the next: `up` needs `build` only, `test` also what checks the chart,
# `bench` and `soak` what loads the mesh.
# What has a larger set, or is about to, keeps it.
has = $(wildcard .venv/.$(1))
SET := $(if $(call has,bench)$(filter bench soak,$(MAKECMDGOALS)),bench,$(if \
	$(call has,test)$(filter test cov,$(MAKECMDGOALS)),test,$(if \
	$(call has,dev)$(filter-out up gen lock,$(MAKECMDGOALS)),dev,build)))

TMP := .maitred/tmp

export TMPDIR := $(CURDIR)/$(TMP)
export BUF_CACHE_DIR := $(CURDIR)/.maitred/cache/buf
# As pip does, so that both work behind a proxy of one's own.
export UV_SYSTEM_CERTS ?= true

.PHONY: up
up: .venv/.$(SET) gen  ## start everything and seed the demo tenants
	@exec $(BIN)/maitred up $(ARGS)

.PHONY: test
test: lint chromium  ## lint, then all tests, acceptance tests at reduced size
	@$(BIN)/pytest --ignore=tests/repo $(PARALLEL) $(ARGS)

# A file's tests stay together; folders come in their order, which is that of how long files take.
PARALLEL := --numprocesses 2 --dist loadfile --no-loadscope-reorder

# Elsewhere the tests of the pages skip and say what to install.
.PHONY: chromium
chromium:
	@if [ "$$CI" = true ] && [ "$$(id -u)" = 0 ] && ! command -v chromium >/dev/null; then \
		apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium >/dev/null; \
	fi || echo "chromium could not be installed"

.PHONY: lint
lint: .venv/.$(SET) gen  ## format, lint, types, layers, contracts, the tree's own rules
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	@$(MAKE) --no-print-directory --jobs 2 types rules

# The longest alone, beside everything else.
.PHONY: types
types:
	$(BIN)/mypy

.PHONY: rules
rules:
	$(BIN)/lint-imports --no-cache
	$(BIN)/buf format --diff --exit-code protos
	$(BIN)/python protos/compile.py --image $(TMP)/image.binpb
	$(BIN)/buf lint $(TMP)/image.binpb --config buf.yaml
	@$(MAKE) --no-print-directory breaking
	$(BIN)/pytest --quiet tests/repo

# The baseline is the last tag's contracts, compiled by today's script. Until v1.0 breaks are reported.
.PHONY: breaking
breaking: BASELINE := $(TMP)/baseline
breaking:
	@tag=$$(git describe --tags --abbrev=0 2>/dev/null) || { echo "buf breaking: no tag yet"; exit 0; }; \
	rm -rf $(BASELINE) && mkdir $(BASELINE) && \
	git archive $$tag protos/maitred | tar -x -C $(BASELINE) && \
	$(BIN)/python protos/compile.py --image $(BASELINE).binpb $(BASELINE)/protos && \
	{ $(BIN)/buf breaking $(TMP)/image.binpb --against $(BASELINE).binpb --config buf.yaml || \
		case $$tag in v0.*) echo "breaks $$tag: refused from v1.0 on";; *) exit 1;; esac; }

.PHONY: cov
cov: .venv/.$(SET) gen  ## the tests with line coverage
	@$(BIN)/pytest --cov --cov-report=term $(PARALLEL) $(ARGS)

.PHONY: soak
soak: .venv/.$(SET) gen  ## whole evenings through kills, at the sizes that `make test` reduces
	@$(BIN)/pytest -m soak --timeout 1800 tests/soak $(ARGS)

.PHONY: bench
bench: .venv/.$(SET) gen  ## every figure beside its bare baseline, in one table
	@$(BIN)/python -m tests.bench $(ARGS)

.PHONY: gen
gen: protos/gen/.inputs  ## compile the contracts into protos/gen

protos/gen/.inputs: $(shell find protos/maitred) protos/compile.py .venv/.$(SET)
	@$(BIN)/python protos/compile.py

.PHONY: lock
lock: .venv/.$(SET)  ## re-lock the dependencies; UPGRADE=--upgrade moves them
	echo uv | $(COMPILE) -o requirements/uv.lock -
	$(COMPILE) -o requirements/runtime.lock pyproject.toml
	$(COMPILE) -o requirements/build.lock $(BUILD) pyproject.toml
	$(COMPILE) -o requirements/dev.lock $(BUILD) --group dev pyproject.toml
	$(COMPILE) -o requirements/chart.lock -c requirements/dev.lock --group chart
	$(COMPILE) -o requirements/bench.lock -c requirements/dev.lock -c requirements/chart.lock \
		--group bench

COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock" $(UPGRADE)
BUILD = -c requirements/runtime.lock --extra embedded --group build

.PHONY: clean
clean:  ## forget the environment and what was generated; data in .maitred/ stays
	rm -rf .venv dist protos/gen .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

.venv/bin/uv: requirements/uv.lock | $(TMP)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: PYTHON=...")'
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

SETS := .venv/.build .venv/.dev .venv/.test .venv/.bench
.venv/.build: requirements/build.lock
.venv/.dev: requirements/dev.lock
.venv/.test: requirements/dev.lock requirements/chart.lock
.venv/.bench: requirements/dev.lock requirements/chart.lock requirements/bench.lock
$(SETS): pyproject.toml .venv/bin/uv
	$(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes $(filter %.lock,$^)
	$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@rm -f $(SETS) && touch $@

$(TMP):
	@umask 077 && mkdir -p $@

.PHONY: help
help:  ## this list
	@sed -n 's/^\([a-z]*\):.*  ## /\1\t/p' Makefile
