# Two commands on a fresh machine: `make up` installs and runs the gateway, `make test` installs and passes all tests.
PYTHON ?= python3.11
VENV   ?= .venv
BIN    := $(VENV)/bin
ARGS   ?=
# Most tests wait for servers of their own: two at a time halve the wait. Files stay whole: they share servers.
PARALLEL ?= -n 2 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help up test check protos lock bench bench-config bench-limits eval-auto clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

up: $(VENV)/.local ## install, then run the whole gateway on this machine (ARGS="--port 0" and so on)
	@exec $(BIN)/extproc up $(ARGS)

test: $(VENV)/.dev ## install, then run every check and every test
	$(MAKE) check
	$(BIN)/pytest $(PARALLEL) $(ARGS)

check: $(VENV)/.dev ## formatting, lint, types, room contracts, generated code, lock files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python protos/generate.py --check

protos: $(VENV)/.dev ## regenerate the protobuf code from protos/
	$(BIN)/python protos/generate.py

lock: $(VENV)/.dev ## resolve the lock files again from pyproject.toml
	$(BIN)/pip-compile -q --generate-hashes --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --allow-unsafe --no-header -o requirements/gateway.txt requirements/build.in pyproject.toml
	$(BIN)/pip-compile -q --generate-hashes --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --allow-unsafe --no-header --extra local -o requirements/local.txt requirements/build.in pyproject.toml
	$(BIN)/pip-compile -q --generate-hashes --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --allow-unsafe --no-header --extra local --extra dev -o requirements/dev.txt requirements/build.in pyproject.toml
	$(BIN)/pip-compile -q --generate-hashes --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --allow-unsafe --no-header -o extproc/local/model.txt requirements/model.in

bench-limits: $(VENV)/.dev ## what limits cost with 1,000, 100,000 and 1,000,000 keys
	$(BIN)/python bench/limits.py $(ARGS)

bench-config: $(VENV)/.dev ## what 10, 100 and 1,000 deployments in one gateway.yaml cost
	$(BIN)/python bench/config.py $(ARGS)

bench: $(VENV)/.dev ## one paired run: bare Envoy beside the gateway
	$(BIN)/python bench/run.py $(ARGS)

eval-auto: $(VENV)/.dev ## learn and measure the classifier behind model: auto (ARGS=--write stores its weights)
	$(BIN)/python bench/auto.py $(ARGS)

clean: ## remove what make installed
	rm -rf $(VENV)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# The stamps say which lock file the environment holds; hashes are required, nothing is built from an unpinned source.
$(VENV)/.local: requirements/local.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing the gateway and its local servers (about a minute the first time)"
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/local.txt
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing the gateway with its development tools (about a minute the first time)"
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/dev.txt
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.local
