# Kennel: every target is one line; `make` alone lists them.
PYTHON ?= python3.11
VENV   := .venv
RUN    := $(VENV)/bin/python
LOCK   := docker/locks/dev.txt

.DEFAULT_GOAL := help
.PHONY: help demo ask serve test check bench lock clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

demo: $(VENV)/.ready ## train, pack, serve and ask on this machine (DATA=folder WEIGHTS=file for your own pictures)
	@$(RUN) -m scripts.demo $(if $(DATA),--data '$(DATA)') $(if $(WEIGHTS),--weights '$(WEIGHTS)')

ask: $(VENV)/.ready ## ask the demo's model about a picture (PICTURE=file)
	@$(RUN) -m scripts.serving ask $(if $(PICTURE),'$(PICTURE)')

serve: $(VENV)/.ready ## keep the demo's model on 127.0.0.1:8080
	@$(RUN) -m scripts.serving up

test: $(VENV)/.ready ## all tests that need no Docker engine
	$(RUN) -m pytest -q -m 'not slow'

check: $(VENV)/.ready ## lint, format and the shape of the project
	$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check . && $(RUN) -m pytest -q tests/test_structure.py

bench: $(VENV)/.ready ## serving beside its peers, in one run (bench/results)
	$(RUN) -m bench.serving

lock: ## resolve docker/locks/*.in again (needs uv)
	cd docker/locks && for name in dev train serve-cpu; do uv pip compile -q --python-version 3.11 --python-platform x86_64-manylinux_2_28 --generate-hashes --no-emit-index-url --no-header $$name.in -o $$name.txt $$([ $$name = dev ] || echo -c dev.txt) || exit 1; done

clean: ## remove what the demo made (keeps .venv)
	rm -rf .kennel

$(VENV)/.ready: $(LOCK) pyproject.toml
	@echo "setting up $(VENV): about 5 GB, one to three minutes"
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info[:2] == (3, 11) else f"need Python 3.11, PYTHON=$(PYTHON) is {sys.version.split()[0]}")'
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/pip install -q --disable-pip-version-check --require-hashes -r $(LOCK)
	@$(VENV)/bin/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
