# Two commands matter: `make demo` and `make test`. Everything else serves them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: install demo up test lint bench soak lock clean

install: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v[:2] < (3, 14) else "ghtrader-assets needs Python 3.11 to 3.13, this is %d.%d: set PYTHON=" % v[:2])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --no-index -e .
	$(BIN)/python -m ghtrader_assets.questdb.embedded.jar
	@touch $@

demo: install
	$(BIN)/ghtrader-assets demo $(ARGS)

up: install
	$(BIN)/ghtrader-assets up $(ARGS)

test: install
	sh infra/dev/test-parts.sh
	$(BIN)/python -m pytest -n 4 --dist loadgroup $(ARGS)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports

bench: install
	$(BIN)/ghtrader-assets bench $(or $(ARGS),validate)

soak: install
	$(BIN)/python -m pytest -m soak $(ARGS)

# Needs uv (`pip install uv`). The lock names no index, so it works behind any mirror.
lock:
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
	  --no-strip-extras --no-header --quiet -o requirements.lock --no-emit-index-url

clean:
	rm -rf $(VENV)
