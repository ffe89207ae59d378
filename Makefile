# Two commands on a fresh machine: `make up` installs and runs the gateway, `make test` installs and passes all tests.
PYTHON ?= python3.11
VENV   ?= .venv
BIN    := $(VENV)/bin
# Another environment: LLM Guard pins what the gateway cannot share.
SCANNER ?= .venv-scanner
ARGS   ?=
# Most tests wait for servers of their own: two at a time halve the wait. Files stay whole: they share servers.
PARALLEL ?= -n 2 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help scanner test-scanner lock-scanner up test check protos lock bench bench-config bench-limits bench-rules docs-picture eval-auto eval-guard bench-guard clean

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

scanner: $(SCANNER)/.installed ## install and run a scanner service (ARGS="--config scanner.yaml")
	@exec $(SCANNER)/bin/extproc scanner serve $(ARGS)

test-scanner: $(VENV)/.dev $(SCANNER)/.test ## run LLM Guard and Presidio in a scanner service, as a gateway asks them
	SCANNER_PYTHON=$(abspath $(SCANNER))/bin/python $(BIN)/pytest $(ARGS) tests/scanner

lock-scanner: $(VENV)/.dev ## resolve that lock file again; pip must know where PyTorch without CUDA is
	cd requirements && $(abspath $(BIN))/pip-compile -q --generate-hashes --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --allow-unsafe --no-header -o scanner.txt build.in scanner.in

bench-rules: $(VENV)/.dev ## what one organisation's slow texts cost another
	$(BIN)/python bench/rule_pool.py $(ARGS)

bench-limits: $(VENV)/.dev ## what limits cost with 1,000, 100,000 and 1,000,000 keys, on Redis and Valkey
	$(BIN)/python bench/limits.py $(ARGS)

bench-config: $(VENV)/.dev ## what 10, 100 and 1,000 deployments in one gateway.yaml cost
	$(BIN)/python bench/config.py $(ARGS)

docs-picture: $(VENV)/.dev ## draw docs/reports.png anew, in Debian's Chromium (apt-get install chromium)
	PYTHONPATH=. $(BIN)/python bench/report_picture.py $(ARGS)

bench-guard: $(VENV)/.dev ## what the firewall's rules cost on ordinary texts and on hard ones
	$(BIN)/python bench/guard.py $(ARGS)

bench: $(VENV)/.dev ## one paired run: bare Envoy beside the gateway
	$(BIN)/python bench/run.py $(ARGS)

eval-auto: $(VENV)/.dev ## learn and measure the classifier behind model: auto (ARGS=--write stores its weights)
	$(BIN)/python bench/auto.py $(ARGS)

eval-guard: $(VENV)/.dev ## how good the firewall's rules are (DATA=dir: on a folder of JSON Lines too)
	$(BIN)/python bench/guard_eval.py $(if $(DATA),--data $(DATA)) $(ARGS)

clean: ## remove what make installed
	rm -rf $(VENV) $(SCANNER)

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

$(SCANNER)/.installed: requirements/scanner.txt pyproject.toml
	@echo "Installing the scanner service (1.5 GB, some minutes the first time)"
	@test -x $(SCANNER)/bin/python || $(PYTHON) -m venv $(SCANNER)
	@$(SCANNER)/bin/pip install -q --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/scanner.txt
	@$(SCANNER)/bin/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(SCANNER)/.test: requirements/scanner-test.txt $(SCANNER)/.installed
	@$(SCANNER)/bin/pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements/scanner-test.txt
	@touch $@
