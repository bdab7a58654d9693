# Kennel: every target is one line; `make` alone lists them. It runs on Linux (x86-64) and in WSL2.
PYTHON ?=
VENV   := .venv
RUN    := $(VENV)/bin/python
LOCK   := docker/locks/dev.txt
COMPAT := cli sdk-v2 sdk-v3

KENNEL := $(RUN) -m scripts
TESTS  := $(RUN) -m pytest -q -m 'not slow and not engine' --dist loadfile --no-loadscope-reorder --max-worker-restart 0
export TARGET ?= local
export BACKEND ?=

.DEFAULT_GOAL := help
.PHONY: help demo data weights tune train deploy invoke logs report status down doctor up stop test test-faults test-projects test-images test-notebooks test-install test-bench notebook compat check coverage mutants soak fuzz bench lock base build push clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 13

demo: IMAGES ?= train serve-cpu rules
demo: $(VENV)/.ready $(if $(filter docker,$(BACKEND)),build) ## the whole story through the SageMaker API (DATA=folder WEIGHTS=file for your own pictures, BACKEND=docker)
	@$(KENNEL) demo $(if $(DATA),--data '$(DATA)') $(if $(WEIGHTS),--weights '$(WEIGHTS)') $(ARGS)

data: $(VENV)/.ready ## draw pictures and upload them (ARGS=--udacity, or DATA=folder)
	@$(KENNEL) data $(if $(DATA),--folder '$(DATA)') $(ARGS)

weights: $(VENV)/.ready ## fetch pretrained weights and upload them (or WEIGHTS=file)
	@$(KENNEL) weights $(if $(WEIGHTS),'$(WEIGHTS)') $(ARGS)

tune: $(VENV)/.ready ## search the hyperparameters; the best go to .kennel/best.json
	@$(KENNEL) tune $(ARGS)

train: $(VENV)/.ready ## train with the best hyperparameters
	@$(KENNEL) train $(ARGS)

deploy: $(VENV)/.ready ## put the model behind an endpoint
	@$(KENNEL) deploy $(ARGS)

invoke: $(VENV)/.ready ## ask the endpoint about a picture (PICTURE=file or folder)
	@$(KENNEL) invoke $(if $(PICTURE),'$(PICTURE)') $(ARGS)

logs: $(VENV)/.ready ## what the last job printed (NAME=another job or endpoint, ARGS=--follow)
	@$(KENNEL) logs $(NAME) $(ARGS)

report: $(VENV)/.ready ## what happened in the last training job, as a page (JOB=another job, tuning job or folder, ARGS=--open)
	@$(KENNEL) report $(if $(JOB),'$(JOB)') $(ARGS)

status: $(VENV)/.ready ## what runs
	@$(KENNEL) status $(ARGS)

down: $(VENV)/.ready ## remove the endpoint, its config and its model
	@$(KENNEL) down $(ARGS)

doctor: $(VENV)/.ready ## check this machine and the target
	@$(KENNEL) doctor $(ARGS)

up: $(VENV)/.ready ## start the local SageMaker
	@$(KENNEL) up $(ARGS)

stop: $(VENV)/.ready ## end the local SageMaker (NAME=a job to stop instead)
	@$(KENNEL) stop $(NAME) $(ARGS)

notebook: .kennel/notebook/.ready ## JupyterLab with the SageMaker SDK, pointed at the local SageMaker (ARGS=dogs.ipynb)
	@$(KENNEL) notebook $(ARGS)

compat: $(VENV)/.ready $(COMPAT:%=.kennel/compat/%/.ready) ## the SageMaker SDK (2 and 3) and the AWS CLI against the local SageMaker (1.5 GB)
	$(RUN) -m pytest -q -n 3 --dist loadfile tests/compat

# Loaders fork the process they are in: their tests have one of their own, and the training program's none of the other rooms'.
# The other rooms' tests wait for programs more than they compute: three files at a time keep two cores busy, and a fourth would
# only make them wait. Hundreds of short programs are started: each finds our modules compiled, and none has threads that wait for
# cores which other tests have.
test test-faults: export PYTHONDONTWRITEBYTECODE =
test test-faults: export OMP_NUM_THREADS = 1
test: $(VENV)/.ready ## the tests of every room that need no Docker engine, several files at a time
	$(RUN) -m pytest -q tests/train/data/test_loader.py
	$(TESTS) -n 2 tests/train --ignore=tests/train/data/test_loader.py
	$(TESTS) -n 3 --ignore=tests/train --ignore=tests/faults

test-faults: $(VENV)/.ready ## the faults of docs/3 done to the real programs: kills, floods, full disks, hostile input
	$(TESTS) -n 3 tests/faults

check: $(VENV)/.ready ## lint, format, types and the shape of the project
	$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check . && $(VENV)/bin/mypy && $(RUN) -m pytest -q tests/test_structure.py

coverage: $(VENV)/.ready ## the lines and branches that the tests reach, and that they are enough (twice as long as `make test`; ARGS=tests for some)
	$(RUN) tests/measure_coverage.py $(ARGS)

mutants: $(VENV)/.ready ## plants a fault at each limit, one at a time: the tests of that limit have to find it (ARGS=file for some)
	$(RUN) tests/mutants.py $(ARGS)

soak: MINUTES ?= 10
soak: $(VENV)/.ready ## everything at once with kills and freezes, each answer compared, leaks counted (MINUTES=10, ARGS="--seed N")
	$(RUN) -m tests.soak --minutes $(MINUTES) $(ARGS)

fuzz: MINUTES ?= 10
fuzz: $(VENV)/.ready ## the fuzz tests, larger and with other inputs each time (MINUTES=10, ARGS=file for one)
	$(RUN) tests/fuzz.py $(MINUTES) $(ARGS)

bench: $(VENV)/.ready ## every benchmark beside its peers (ARGS="serving tuning" for some), then bench/results.json and the plots
	$(RUN) -m bench $(ARGS)

test-bench: $(VENV)/.ready ## every benchmark but that of the images, small: that it runs, not what it finds
	$(RUN) -m pytest -q -n 2 tests/bench

lock: ## resolve docker/locks/*.in again, with the versions of docker/versions.json (needs uv)
	@docker/lock.sh

base: ## a base image from Debian packages alone, kennel-base:bookworm (needs root, debootstrap and a Docker engine)
	@docker/base.sh kennel-base:bookworm

build: $(VENV)/.ready ## build the images (IMAGES="train serve-cpu", BASE=image, CA=file, PIP=file)
	@$(KENNEL) build $(IMAGES) $(if $(BASE),--base '$(BASE)') $(if $(CA),--ca '$(CA)') $(if $(PIP),--pip '$(PIP)') $(ARGS)

push: $(VENV)/.ready ## push the images to the target's registry, by digest (IMAGES="train serve-cpu")
	@$(KENNEL) push $(IMAGES) $(ARGS)

test-images: $(VENV)/.ready ## the tests that need a Docker engine, on the built images; without one they fail
	$(RUN) -m pytest -q -m engine --no-skips tests/images tests/faults

test-projects: $(VENV)/.ready ## twelve scripts and ten handlers of tests/projects, as people wrote them (ten minutes; two need a package index, and say so)
	$(RUN) -m pytest -q -rs tests/e2e/test_projects.py tests/e2e/test_handlers.py

test-notebooks: .kennel/notebook/.ready ## kennel run and kennel notebook, our own notebook and those of tests/projects
	$(RUN) -m pytest -q -n 2 --no-skips tests/scripts/notebooks tests/scripts/verbs/test_run.py tests/scripts/verbs/test_notebook.py \
		tests/e2e/test_notebooks.py tests/e2e/test_peoples_notebooks.py

test-install: $(VENV)/.ready ## the package, installed with pip in an empty environment outside the checkout (needs a package index)
	$(RUN) -m pytest -q -m slow tests/faults/test_90*.py

clean: ## stop the local server and remove what it and the demo made (keeps .venv)
	@[ ! -x $(RUN) ] || $(KENNEL) stop; rm -rf .kennel

$(VENV)/.ready: $(LOCK) pyproject.toml setup.py
	@docker/venv.sh $(VENV) '$(PYTHON)'

.kennel/notebook/.ready: docker/locks/notebook.txt $(VENV)/.ready
	@echo "setting up .kennel/notebook: JupyterLab, about 0.9 GB"
	@$(RUN) -m venv .kennel/notebook
	@.kennel/notebook/bin/pip install -q --disable-pip-version-check --require-hashes -r $<
	@$(RUN) -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > "$$(echo .kennel/notebook/lib/python3*/site-packages)/kennel-packages.pth"
	@touch $@

.kennel/compat/%/.ready: docker/locks/compat-%.txt
	@echo "setting up .kennel/compat/$*"
	@$(RUN) -m venv .kennel/compat/$*
	@.kennel/compat/$*/bin/pip install -q --disable-pip-version-check --require-hashes -r $<
	@touch $@
