# Everything is installed into .venv; nothing outside the repository is changed.
PYTHON ?= python3.11
VENV := .venv
POOL ?= process
BIN := $(VENV)/bin
# silence for machines without internet, and no analytics from anywhere
export DO_NOT_TRACK := 1
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY := false
export PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS := false
export DVC_NO_ANALYTICS := 1
export BENTOML_DO_NOT_TRACK := True
export GX_ANALYTICS_ENABLED := false
export PATH := $(CURDIR)/$(BIN):$(PATH)

PAGE := src/posemill/live_page/static/digests.json

.PHONY: help setup demo test lint types contracts unit chaos fuzz sbom audit docs web test-tools serve deploy lock clean

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(VENV)/.installed  ## install everything into .venv, build the live page
	@$(MAKE) -s web || echo "posemill: everything but the live page works without it" >&2

$(VENV)/.installed: requirements.lock pyproject.toml tools/preflight.sh
	@PYTHON=$(PYTHON) sh tools/preflight.sh
	@test -x $(BIN)/uv || { $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install -q 'uv>=0.9,<1'; }
	$(BIN)/uv pip sync -q --compile-bytecode --python $(BIN)/python requirements.lock
	$(BIN)/uv pip install -q --python $(BIN)/python --no-deps -e .
	@touch $@

web: $(PAGE)  ## build the live page from web/, with the packages of its lock file

$(PAGE): web/package-lock.json web/build.mjs $(wildcard web/src/*.js web/src/*/*.js web/static/* web/licences/*) | $(VENV)/.installed
	@PYTHON=$(BIN)/python sh tools/live_page.sh

demo: setup  ## the whole main job on a synthetic corpus, then how to serve it
	@$(BIN)/posemill demo

test: setup lint types contracts unit  ## lint, types, import rules and all tests

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

contracts: setup
	$(BIN)/lint-imports

unit: setup test-tools
	# a file goes to one worker, so that its servers start once; a worker that dies ends the run, which names its test
	$(BIN)/pytest -n 2 --dist loadfile --max-worker-restart 0

FUZZ ?= --seconds 60 --seed 0
fuzz: setup  ## mutated files to every reader, an hour by hand: FUZZ="--seconds 60 --seed 7 --write docs/security.md"
	PYTHONPATH=src:tests:. $(BIN)/python -m fuzzing.campaign $(FUZZ)

sbom: setup  ## the bill of materials of all locked packages (CycloneDX), in build/sbom
	@$(BIN)/python tools/sbom.py requirements.lock build

audit: setup  ## locked packages against OSV's advisories: ADVISORIES=all.zip, fetched on any machine
	@$(BIN)/python tools/advisories.py requirements.lock $(ADVISORIES)

docs: setup  ## the documentation as a site, in docs/_build/html
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html
	@echo "now: docs/_build/html/index.html"

chaos: setup  ## fault injection over the whole matrix (an hour); writes docs/reliability.md
	PYTHONPATH=tests $(BIN)/python -m chaos $(CHAOS)

test-tools: setup  # programs and servers that stand beside posemill in its tests
	@sh tools/test_tools.sh
	@PYTHON=$(BIN)/python sh tools/azurite.sh

serve: setup  ## serve the newest bento on 127.0.0.1:3000: pages at /uat and /live-page/, endpoints at /docs
	@$(BIN)/posemill serve

deploy: setup  ## register work pool (POOL=process, docker or kubernetes), deployments and automations with Prefect
	$(BIN)/python -m flows.register --type $(POOL)
	@echo "now: prefect worker start --pool posemill"

lock:  ## resolve again and write requirements.lock (no host names)
	$(BIN)/uv lock
	$(BIN)/uv export -q --format requirements-txt --no-emit-project --no-header --no-annotate -o requirements.lock > /dev/null

clean:  ## remove stage outputs and caches, keep database and store
	rm -rf build docs/_build docs/api/generated .mypy_cache .ruff_cache .pytest_cache .hypothesis
