# The pipeline for a person. `make` alone prints this help.

TASK ?= go-nogo
DATASET ?= mnist
SEED ?= 1
THREADS ?=
ARTIFACTS ?= artifacts
CARGO ?= cargo

RUN := $(ARTIFACTS)/$(TASK)/$(SEED)
CONFIG := configs/$(TASK).json
BIN := target/release
# Every artifact names the revision of the programs that made it.
export MDL_RNN_REVISION := $(shell git describe --always --dirty --abbrev=40 --exclude '*' 2>/dev/null)
OPTIONS := --force $(if $(THREADS),--threads $(THREADS))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help build data pipeline train-rate lambda-search eval-lif train-mnist eval-mnist train-mante eval-mante test lint doc schema bench bench-lif compare-lif results results-spiking install test-python test-slurm cuda cuda-toolkit cuda-test cuda-check clean

help: ## this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-15s %s\n", $$1, $$2 }'
	@echo "  variables:      TASK=$(TASK) (any file of configs/)  SEED=$(SEED)  THREADS=all  DATASET=$(DATASET)"

build: ## build the programs
	$(CARGO) build --release --workspace --bins

# Verified and left alone if already there; a file that is not the data set's is replaced.
data: build ## put MNIST (or fashion-mnist) under artifacts/data/; [DATASET=mnist]
	$(BIN)/get-data --dataset $(DATASET) --force -o $(ARTIFACTS)/data/$(DATASET)

pipeline: eval-lif ## train a rate network, find its scaling factor, judge the LIF network; [TASK=go-nogo] [SEED=1]

train-rate: $(RUN)/rate.safetensors ## train the rate network

lambda-search: $(RUN)/lif.safetensors ## search for the scaling factor

eval-lif: $(RUN)/eval.safetensors ## judge the LIF network, draw its figures, write its report
	@echo "report: $(RUN)/report.html"

# Stages depend on one another through files: a stage runs again when its config or its input is newer than its output.
$(RUN)/rate.safetensors: $(CONFIG) | build
	$(BIN)/train-rate --config $(CONFIG) --seed $(SEED) $(OPTIONS) --resume --metrics $(RUN)/metrics.jsonl -o $@

$(RUN)/lif.safetensors: $(RUN)/rate.safetensors | build
	$(BIN)/lambda-search $(OPTIONS) --resume -o $@ $<

$(RUN)/eval.safetensors: $(RUN)/lif.safetensors | build
	$(BIN)/eval-lif $(OPTIONS) --report $(RUN)/report.html -o $@ $<

# Spiking networks, trained directly: on MNIST, and on the contextual task of Mante et al.
SPIKING = $(ARTIFACTS)/$(1)/$(SEED)

train-mnist: $(call SPIKING,mnist)/spiking.safetensors ## train a spiking network on MNIST (4 minutes on one core); [SEED=1]

eval-mnist: $(call SPIKING,mnist)/eval.safetensors ## its accuracy on the test set, figures and report
	@echo "report: $(call SPIKING,mnist)/report.html"

train-mante: $(call SPIKING,mante-spiking)/spiking.safetensors ## train a spiking network on the contextual task; [SEED=1]

eval-mante: $(call SPIKING,mante-spiking)/eval.safetensors ## its performance on fresh trials, figures and report
	@echo "report: $(call SPIKING,mante-spiking)/report.html"

$(call SPIKING,mnist)/spiking.safetensors: | data

$(ARTIFACTS)/%/$(SEED)/spiking.safetensors: configs/%.json | build
	$(BIN)/train-spiking --config $< --seed $(SEED) $(OPTIONS) --resume --metrics $(@D)/metrics.jsonl -o $@

$(ARTIFACTS)/%/$(SEED)/eval.safetensors: $(ARTIFACTS)/%/$(SEED)/spiking.safetensors | build
	$(BIN)/eval-spiking $(OPTIONS) --report $(@D)/report.html -o $@ $<

test: build ## all tests
	$(CARGO) test --release --workspace

lint: ## formatting and clippy, warnings denied
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --workspace --all-targets -- -D warnings

doc: ## documentation, warnings denied
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --release --no-deps --workspace

schema: ## write the JSON Schemas of configs and mappings anew after a change of their types
	UPDATE_SCHEMA=1 $(CARGO) test --release --workspace --test configs --test mapping schema

PEERS := target/peers
$(PEERS)/ready: bench/peers/requirements.txt
	python3 -m venv $(PEERS)
	$(PEERS)/bin/pip install --quiet -r $<
	touch $@

bench: data $(PEERS)/ready ## benchmarks against peers; [BENCH="spiking-mante …"], or --write for new figures in docs/
	$(PEERS)/bin/python bench/run.py $(BENCH)

LIF_PEERS := target/lif-peers
$(LIF_PEERS)/ready: bench/peers/lif-requirements.txt
	python3 -m venv $(LIF_PEERS)
	$(LIF_PEERS)/bin/pip install --quiet -r $<
	touch $@

bench-lif: build $(LIF_PEERS)/ready ## LIF trials against other simulators; needs Octave; [LIF="go-nogo mante scaling"]
	$(LIF_PEERS)/bin/python bench/lif.py $(LIF)

compare-lif: build $(LIF_PEERS)/ready ## the fast LIF simulation against the exact one; LIF="FILE ..."
	$(LIF_PEERS)/bin/python bench/fast_exact.py $(LIF)

results: build ## run configs and seeds again and write docs/results.md (about 10 minutes on 2 cores)
	bench/results.py $(RUNS)

results-spiking: data ## train spiking networks and digits over N and P, write their part of docs/results.md (an hour); [RUNS=mnist]
	$(MAKE) data DATASET=fashion-mnist
	bench/spiking.py $(RUNS)

# CUDA: docs/cuda.md. CUDA_HOME names a toolkit of CUDA 13 that is there already; else the compiler comes from PyPI.
TOOLKIT := $(CURDIR)/target/cuda-toolkit
CUDA_HOME ?= $(TOOLKIT)/nvidia/cu13
CUDA_COMPUTE_CAP ?= 90
CUDA_TARGET := x86_64-unknown-linux-gnu

cuda-toolkit: ## put CUDA's compiler under target/cuda-toolkit, from PyPI
	scripts/cuda-toolkit "$(TOOLKIT)"

# The flag makes the programs load CUDA's libraries only when they are asked for a GPU. Without --target it would reach the
# build scripts, too, which refuse it.
CUDA_FEATURES := mdl-cli/cuda
CUDA_ENVIRONMENT = CUDA_HOME="$(CUDA_HOME)" PATH="$(CUDA_HOME)/bin:$$PATH" CUDA_COMPUTE_CAP=$(CUDA_COMPUTE_CAP) \
	NVCC_APPEND_FLAGS=--compress-mode=size RUSTFLAGS='--cfg feature="dynamic-loading"'
CUDA_OPTIONS := --release --target $(CUDA_TARGET) --target-dir target/cuda --workspace --features $(CUDA_FEATURES)
CUDA_READY := $(if $(filter $(TOOLKIT)/%,$(CUDA_HOME)),cuda-toolkit)

cuda: $(CUDA_READY) ## build the programs with CUDA; they start on machines without a GPU, too
	$(CUDA_ENVIRONMENT) $(CARGO) build $(CUDA_OPTIONS) --bins
	@echo "programs: target/cuda/$(CUDA_TARGET)/release"

cuda-test: $(CUDA_READY) ## tests on a GPU; where there is none they say so
	$(CUDA_ENVIRONMENT) $(CARGO) test $(CUDA_OPTIONS) --test gpu

cuda-check: ## type-check the code for CUDA without its compiler; compile the kernels where there is one
	scripts/cuda-check
	scripts/cuda-kernels

PREFIX ?= /usr/local
TO := $(DESTDIR)$(PREFIX)
PROGRAMS := $(sort $(basename $(notdir $(wildcard crates/cli/src/bin/*.rs))))
SHARE := $(TO)/share
install: build ## programs, manual pages and shell completions; [PREFIX=/usr/local] [DESTDIR=]
	install -d "$(TO)/bin" "$(SHARE)/man/man1" "$(SHARE)/bash-completion/completions" "$(SHARE)/zsh/site-functions" \
	  "$(SHARE)/fish/vendor_completions.d"
	set -e; for program in $(PROGRAMS); do \
	  install -m 755 "$(BIN)/$$program" "$(TO)/bin/"; \
	  "$(BIN)/$$program" --generate man > "$(SHARE)/man/man1/$$program.1"; \
	  "$(BIN)/$$program" --generate bash > "$(SHARE)/bash-completion/completions/$$program"; \
	  "$(BIN)/$$program" --generate zsh > "$(SHARE)/zsh/site-functions/_$$program"; \
	  "$(BIN)/$$program" --generate fish > "$(SHARE)/fish/vendor_completions.d/$$program.fish"; \
	done

PYTHON := target/python
$(PYTHON)/ready: examples/python/requirements.txt
	python3 -m venv $(PYTHON)
	$(PYTHON)/bin/pip install --quiet -r $<
	touch $@

test-python: build $(PYTHON)/ready ## run the scripts of examples/python, and read exports with SciPy, NumPy and nir
	$(PYTHON)/bin/python examples/python/check.py $(BIN)

test-slurm: build ## run the scripts of examples/slurm on a Slurm that it starts; skipped without Slurm's programs
	scripts/test-slurm $(BIN)

clean: ## remove builds; artifacts stay
	$(CARGO) clean
