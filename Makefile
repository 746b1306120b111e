# The project's commands. A checkout's environment is .venv, kept in step with requirements/*.lock;
# everything else that is written goes under .maitred/ and protos/gen/.

PYTHON ?= python3
BIN := .venv/bin
# `up` needs the build set only, but what has the dev set keeps it.
SET := $(if $(wildcard .venv/.dev),dev,build)
TYPED := services gateway tests protos/compile.py

TMP := .maitred/tmp

export TMPDIR := $(CURDIR)/$(TMP)

.PHONY: up
up: .venv/.$(SET) gen  ## start everything and seed the demo tenants
	@exec $(BIN)/maitred up $(ARGS)

.PHONY: test
test: .venv/.dev gen  ## all tests, acceptance tests at reduced size
	@$(BIN)/pytest $(ARGS)

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

COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock" $(UPGRADE)
BUILD = -c requirements/runtime.lock --extra embedded --group build

.PHONY: clean
clean:  ## forget the environment and what was generated; data in .maitred/ stays
	rm -rf .venv dist protos/gen .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

.venv/bin/uv: requirements/uv.lock | $(TMP)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

.venv/.build .venv/.dev: .venv/.%: requirements/%.lock pyproject.toml .venv/bin/uv
	$(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes $<
	$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@rm -f .venv/.build .venv/.dev && touch $@

$(TMP):
	@umask 077 && mkdir -p $@
