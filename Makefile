# Everything a fresh machine needs: `make demo` and `make test` set up what they use.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check -q

# PyTorch's default wheel carries gigabytes of CUDA libraries: without an NVIDIA GPU the CPU build is the right one.
TORCH       := torch==2.13.0
CPU_WHEELS  := https://download.pytorch.org/whl/cpu
TORCH_INDEX := $(if $(shell command -v nvidia-smi 2>/dev/null),,--retries 0 --extra-index-url $(CPU_WHEELS))

# What bf16 and int8 cost in errors is told on the held-out set where it can be synthesised.
HELDOUT := $(if $(wildcard /usr/lib/*/libespeak-ng.so.1),.callscope/training/heldout/manifest.jsonl)

.PHONY: help demo test bench bench-meaning lint format checkpoint samples clean
.DEFAULT_GOAL := help

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/.standalone ## Run the sample calls through the whole cluster on this machine
	$(BIN)/callscope demo

test: $(VENV)/.dev ## Run every test; the tests start their own servers
	$(BIN)/pytest

bench: $(VENV)/.bench $(HELDOUT) ## Measure callscope beside stock FunASR and others (most of an hour)
	$(BIN)/callscope bench

bench-meaning: $(VENV)/.bench ## Measure deriving, rules and reports over many calls (a quarter of an hour)
	$(BIN)/callscope bench --stages meaning,reports --output bench/results/meaning.json

.callscope/training/heldout/manifest.jsonl:
	$(BIN)/python -m training held-out

lint: $(VENV)/.dev ## Check style, types and the rooms' arrows
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

checkpoint: $(VENV)/.dev ## Train the demo checkpoint again (needs espeak-ng; about an hour)
	$(BIN)/python -m training checkpoint

samples: $(VENV)/.dev ## Synthesise the sample calls again (needs espeak-ng and ffmpeg)
	$(BIN)/python -m training samples

clean: ## Remove the environment and everything the demo wrote
	rm -rf $(VENV) .callscope

# The pinned torch goes in first and alone: asking the CPU wheels' index for every other package would only cost time.
$(VENV)/.torch: Makefile
	$(PYTHON) -c 'import sys; sys.exit("callscope needs Python 3.11 or newer: make PYTHON=python3.12 ...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --no-deps $(TORCH_INDEX) $(TORCH)
	@touch $@

$(VENV)/.standalone: $(VENV)/.torch pyproject.toml constraints.txt
	$(PIP) install -c constraints.txt -e '.[standalone]'
	@touch $@

$(VENV)/.dev: $(VENV)/.bench
	$(PIP) install -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/.standalone

# funasr-onnx asks for a numpy that is older than anything else here, and runs on the present one.
$(VENV)/.bench: $(VENV)/.torch pyproject.toml constraints.txt
	$(PIP) install -c constraints.txt -e '.[bench]'
	$(PIP) install --no-deps funasr-onnx==0.4.3
	@touch $@ $(VENV)/.standalone
