# Two commands matter: `make demo` and `make test`. Everything else serves them. CONTRIBUTING.md says when to run which.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WORKERS := -n 3 --dist loadgroup --no-loadscope-reorder
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# The tests and the platform start hundreds of processes: without bytecode each compiles the package again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: install demo up check check-computing check-others test test-joints soak lint bench lock sbom clean

install: $(STAMP)

# Only wheels of known content: no package runs code of its own while it is installed, and pip itself is one of them.
LOCKED := --quiet --require-hashes --only-binary :all:

$(STAMP): requirements.lock pip.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v[:2] < (3, 14) else "ghtrader-assets needs Python 3.11 to 3.13, this is %d.%d: set PYTHON=" % v[:2])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install $(LOCKED) -r pip.lock
	$(BIN)/python -m pip install $(LOCKED) -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --no-index -e .
	$(BIN)/python -m ghtrader_assets.questdb.embedded.jar
	@touch $@

demo: install
	$(BIN)/ghtrader-assets demo $(ARGS)

up: install
	$(BIN)/ghtrader-assets up $(ARGS)

# Lint, types, and the tests that need no service, side by side; each prints when it is done. Two processes that collect
# different rooms cost ten seconds of processor time less than two workers that collect all of them.
check: install
	@$(MAKE) --no-print-directory -j 3 -O lint check-computing check-others

SERVICELESS := $(BIN)/python -m pytest -q --hypothesis-profile check -m "not service and not process and not joint and not soak"
TESTS := ghtrader_assets_tests
COMPUTING := $(TESTS)/market $(TESTS)/validation $(TESTS)/exchange

check-computing: install
	$(SERVICELESS) $(ARGS) $(COMPUTING)

check-others: install
	$(SERVICELESS) $(ARGS) $(addprefix --ignore=,$(COMPUTING)) $(TESTS)

test: install
	sh infra/dev/test-parts.sh
	$(BIN)/python -m pytest $(WORKERS) $(ARGS)

test-joints: install
	sh infra/dev/test-parts.sh
	$(BIN)/python -m pytest $(WORKERS) -m joint $(ARGS)

# A shard of eight begins no test after 40 minutes: make soak ARGS="--shard 1/8 --seed 7". Without a seed it takes the time, and prints it.
soak: install
	sh infra/dev/test-parts.sh
	$(BIN)/python -m pytest -m "soak or (hypothesis and not service)" --hypothesis-profile soak \
	  --minutes 40 --timeout 2700 --results soak.jsonl --seed $$(date +%s) $(ARGS)

lint: install
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports

bench: install
	$(BIN)/ghtrader-assets bench $(or $(ARGS),validate)

# Needs uv (`pip install uv`). The lock names no index, so it works behind any mirror.
lock:
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
	  --no-strip-extras --no-header --quiet -o requirements.lock --no-emit-index-url
	echo pip | uv pip compile - --universal --python-version 3.11 --generate-hashes --no-header --quiet \
	  -o pip.lock --no-emit-index-url

# What is installed, with versions and licences, as CycloneDX (https://cyclonedx.org); NOTICE has what needs a word.
sbom: install
	$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --mc-type application --output-reproducible \
	  --gather-license-texts --of JSON -o sbom.json $(BIN)/python

clean:
	rm -rf $(VENV)
