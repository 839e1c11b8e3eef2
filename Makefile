# Everything that a person or CI runs here. `make` alone lists it.
SHELL := bash
.DEFAULT_GOAL := help
.PHONY: help install demo check test lint format models llm bench-tools audio-filters test-silero pico lock clean

code := voiceai pipelines transports asterisk tests
bin := .venv/bin

help: ## list the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1 - \2/p' $(firstword $(MAKEFILE_LIST))

install: ## .venv from the locks, model data, Debian packages; quick when nothing changed
	@PYTHON='$(PYTHON)' scripts/install.sh

demo: install ## the whole system on this machine, without keys and without a trunk
	@$(bin)/python -m voiceai demo $(if $(STAY),--stay)

check: lint ## before each commit: under a minute, no network
	@$(bin)/python -m pytest -q tests/unit tests/architecture

test: lint ## everything that CI runs
	@timeout --foreground --signal=INT --kill-after=30 3000 $(bin)/python -m pytest --durations=5

lint: install
	@echo "lint: ruff format"; $(bin)/ruff format --quiet --check . || { echo "mend it with: make format"; exit 1; }
	@echo "lint: ruff check"; $(bin)/ruff check --quiet .
	@echo "lint: mypy"; $(bin)/mypy --no-error-summary $(code)
	@echo "lint: import contracts"; $(bin)/lint-imports > var/lint-imports.log || { cat var/lint-imports.log; exit 1; }

format: install ## let ruff format, and mend what it can
	@$(bin)/ruff format --quiet .; $(bin)/ruff check --quiet --fix .

models: install ## try the model data again
	@scripts/install.sh models

llm: install ## a small English language model that runs here
	@scripts/install.sh llm

test-silero: install ## Silero on PyTorch beside ours; torch goes into .venv/silero
	@scripts/test_silero.sh

bench-tools: install ## what bench concealment measures with, and is compared to
	@scripts/install.sh bench

audio-filters: install ## echo cancellation and noise suppression, for pipelines that ask for them
	@scripts/install.sh audio-filters

pico: install ## a better German voice, from Debian's non-free, below VOICEAI_DATA_DIR
	@LOGURU_LEVEL=WARNING $(bin)/python -m voiceai.pico

lock: install ## write the locks from pyproject.toml (UPGRADE=1: all newest; UPGRADE=name: one)
	@UPGRADE='$(UPGRADE)' scripts/lock.sh

clean: ## remove caches and builds; .venv and var stay
	@rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find $(code) -name __pycache__ -prune -exec rm -rf {} +
