# `make` alone prints the list of targets.

TASK ?= go-nogo
SEED ?= 1
THREADS ?=
ARTIFACTS ?= artifacts
CARGO ?= cargo

BIN := target/release
# Every artifact records the revision of the programs that made it.
export MDL_RNN_REVISION := $(shell git describe --always --dirty --abbrev=40 --exclude '*' 2>/dev/null)
# Options of every stage; TRAIN_OPTIONS, SEARCH_OPTIONS and EVAL_OPTIONS are for single stages.
OPTIONS = --force $(if $(THREADS),--threads $(THREADS))

# The network and data in a config determine its stages.
CONFIGS := $(filter-out schema,$(basename $(notdir $(wildcard configs/*.json))))
CONFIG := configs/$(TASK).json
TEXT := $(if $(wildcard $(CONFIG)),$(shell tr -d ' \n' < $(CONFIG)))
SPIKING := $(findstring "network":{"kind":"spiking",$(TEXT))
IMAGES := $(or $(findstring "kind":"digits",$(TEXT)),$(findstring "dataset":,$(TEXT)))
DATASET ?= $(or $(if $(TEXT),$(shell sed -n 's/.*"dataset": *"\([^"]*\)".*/\1/p' $(CONFIG))),mnist)
NETWORK := $(if $(SPIKING),spiking,rate)
DATA := $(if $(IMAGES),data)

# File names may contain spaces, which are escaped in targets.
RUN := $(ARTIFACTS)/$(TASK)/$(SEED)
space := $(subst ,, )
escaped = $(subst $(space),\ ,$(1))
RUN_ := $(call escaped,$(RUN))

.DEFAULT_GOAL := help
# Programs write files atomically, so a file that exists is complete and is kept even if a later step fails.
.PRECIOUS: %.safetensors
.PHONY: help configs build data pipeline train-rate train-spiking lambda-search calibrate eval-lif eval-rate eval-spiking $(CONFIGS) train-mnist eval-mnist \
	train-mante eval-mante test lint doc schema snapshots bench bench-kernels bench-lif compare-lif results results-spiking results-library install book book-figures pages dist test-dist python test-python test-oracle test-slurm test-sweep test-report reproduce test-reproduce sweep sweep-slurm sweep-table audit cuda \
	cuda-toolkit cuda-test cuda-check clean

help: ## print this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-16s %s\n", $$1, $$2 }'
	@echo "  make NAME             pipeline of the config of that name; make configs lists them"
	@echo "  variables:      TASK=$(TASK) (a config's name)  SEED=$(SEED)  THREADS=all  ARTIFACTS=$(ARTIFACTS)  DATASET=$(DATASET)"
	@echo "                  TRAIN_OPTIONS, SEARCH_OPTIONS, CALIBRATE_OPTIONS, EVAL_OPTIONS: options for a stage, such as --set network.neurons=100"

configs: ## list the configs with their descriptions
	@sed -n 's/^ *"description": "\(.*\)",*$$/\1/p; t; d' /dev/null
	@for name in $(CONFIGS); do \
	  printf '  make %-24s %s\n' "$$name" "$$(sed -n 's/^ *"description": *"\(.*\)",*$$/\1/p' "configs/$$name.json")"; \
	done

configs/%.json:
	@echo "there is no config $@; make configs lists those there are" >&2; exit 2

build: ## build the programs
	$(CARGO) build --release --workspace --bins

# Existing files are verified and kept; a file that does not belong to the data set is replaced.
data: build ## download MNIST (or fashion-mnist) to artifacts/data/; [DATASET=mnist]
	"$(BIN)/get-data" --dataset $(DATASET) --force -o "$(ARTIFACTS)/data/$(DATASET)"

# Status 4 means that the output is written but a criterion was not met: the pipeline continues and reports it at the end.
STAGE = scripts/stage "$(RUN)/$(1).criterion-not-met" "$(BIN)/$(1)"
# File of trials, which the config names relative to itself.
FILE := $(if $(wildcard $(CONFIG)),$(shell tr -d '\n' < $(CONFIG) | sed -n 's/.*"trials": *"\([^"]*\)".*/\1/p'))
MOVED := $(if $(FILE),--set "task.trials=$(if $(filter /%,$(FILE)),,configs/)$(FILE)")
# Directory of the data if ARTIFACTS differs from the configs.
DIRECTORY := $(if $(and $(IMAGES),$(filter-out artifacts,$(ARTIFACTS))),--set "task.directory=$(ARTIFACTS)/data/$(DATASET)")

pipeline: $(RUN_)/eval.safetensors ## train a network, convert it if it is a rate network, evaluate it; [TASK=go-nogo] [SEED=1]
	@for missed in "$(RUN)"/*.criterion-not-met; do \
	  [ -e "$$missed" ] && echo "criterion not met: $$(basename "$$missed" .criterion-not-met)"; \
	done; echo "report: $(RUN)/report.html"

$(CONFIGS):
	@$(MAKE) --no-print-directory pipeline TASK=$@

# Stages depend on each other through files: a stage runs again if its config or input is newer than its output.
train-rate: $(if $(SPIKING),train-spiking,$(RUN_)/rate.safetensors) ## train the rate network

train-spiking: $(RUN_)/$(NETWORK).safetensors ## train the spiking network, for example with TASK=mnist

$(RUN_)/rate.safetensors: $(CONFIG) | build $(DATA)
	$(call STAGE,train-rate) --config $(CONFIG) --seed $(SEED) $(OPTIONS) $(DIRECTORY) $(TRAIN_OPTIONS) --resume \
	  --metrics "$(RUN)/metrics.jsonl" -o "$@"

$(RUN_)/spiking.safetensors: $(CONFIG) | build $(DATA)
	$(call STAGE,train-spiking) --config $(CONFIG) --seed $(SEED) $(OPTIONS) $(DIRECTORY) $(TRAIN_OPTIONS) --resume \
	  --metrics "$(RUN)/metrics.jsonl" -o "$@"

lambda-search: $(RUN_)/lif.safetensors ## search for the scaling factor

$(RUN_)/lif.safetensors: $(RUN_)/rate.safetensors | build
	$(call STAGE,lambda-search) $(OPTIONS) $(MOVED) $(SEARCH_OPTIONS) --resume -o "$@" "$<"

calibrate: $(RUN_)/calibrated-eval.safetensors ## calibrate the LIF network and evaluate it; [TASK=go-nogo] [SEED=1]
	@echo "report: $(RUN)/calibrated-report.html"

$(RUN_)/calibrated.safetensors: $(RUN_)/lif.safetensors | build
	"$(BIN)/calibrate" $(OPTIONS) $(MOVED) $(CALIBRATE_OPTIONS) -o "$@" "$<"

$(RUN_)/calibrated-eval.safetensors: $(RUN_)/calibrated.safetensors | build
	"$(BIN)/eval-lif" $(OPTIONS) $(MOVED) $(EVAL_OPTIONS) --report "$(RUN)/calibrated-report.html" -o "$@" "$<"

eval-lif: pipeline ## evaluate the LIF network, with figures and report

eval-spiking eval-rate: pipeline ## evaluate a spiking network, or a rate network trained on images

EVALUATED := $(if $(SPIKING)$(IMAGES),$(NETWORK),lif)
$(RUN_)/eval.safetensors: $(RUN_)/$(EVALUATED).safetensors | build
	"$(BIN)/eval-$(EVALUATED)" $(OPTIONS) $(MOVED) $(EVAL_OPTIONS) --report "$(RUN)/report.html" -o "$@" "$<"

# Short names that predate the targets for configs.
train-mnist:
	@$(MAKE) --no-print-directory train-spiking TASK=mnist
eval-mnist:
	@$(MAKE) --no-print-directory pipeline TASK=mnist
train-mante:
	@$(MAKE) --no-print-directory train-spiking TASK=mante-spiking
eval-mante:
	@$(MAKE) --no-print-directory pipeline TASK=mante-spiking

test: build ## run all tests
	$(CARGO) test --release --workspace --no-fail-fast

lint: ## check formatting and run clippy, warnings denied
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --workspace --all-targets -- -D warnings

doc: ## build the documentation, warnings denied
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --release --no-deps --workspace

snapshots: build ## update tests/snapshots (help, messages, reports); check the diff
	INSTA_UPDATE=always $(CARGO) test --release -p mdl-tests --test snapshots

bench-kernels: ## time kernels and networks one by one, in a minute; for comparing two versions on an idle machine
	$(CARGO) bench -p mdl-kernels --bench kernels
	$(CARGO) bench -p mdl-model --bench networks

schema: ## update the JSON Schemas and docs/fields.md after a change of their types
	UPDATE_SCHEMA=1 $(CARGO) test --release --workspace --test configs --test fields --test mapping schema

PYTHON := target/python
$(PYTHON)/ready: examples/python/requirements.txt
	python3 -m venv $(PYTHON)
	$(PYTHON)/bin/pip install --quiet -r $<
	touch $@

pages: build ## update the generated pages of docs/ after a change of a program's options
	UPDATE_PAGES=1 $(CARGO) test --release --workspace --test book generated

# The book: see docs/book.toml. mdBook and MathJax are installed under target/.
BOOK := target/book
BOOK_TOOLS := target/book-tools
$(BOOK_TOOLS)/bin/mdbook:
	$(CARGO) install --quiet --locked --root $(BOOK_TOOLS) --target-dir $(BOOK_TOOLS)/build mdbook --version 0.5.4
	rm -rf $(BOOK_TOOLS)/build
MATHJAX := $(BOOK_TOOLS)/node_modules/mathjax
$(MATHJAX)/package.json:
	npm install --silent --no-save --prefix $(BOOK_TOOLS) mathjax@3.2.2
MDBOOK ?= $(BOOK_TOOLS)/bin/mdbook

book: $(if $(filter $(BOOK_TOOLS)/%,$(MDBOOK)),$(MDBOOK)) $(MATHJAX)/package.json ## build the book in target/book; it needs no network to be read
	rm -rf $(BOOK)
	"$(MDBOOK)" build docs
	scripts/book.py finish $(BOOK) $(MATHJAX)

book-figures: build $(PYTHON)/ready ## draw the figures of the book and of the README again, from networks trained for them (10 minutes)
	$(PYTHON)/bin/python scripts/book_figures.py "$(BIN)" $(FIGURES)

PEERS := target/peers
$(PEERS)/ready: bench/peers/requirements.txt
	python3 -m venv $(PEERS)
	$(PEERS)/bin/pip install --quiet -r $<
	touch $@

bench: data $(PEERS)/ready ## run benchmarks against peers; [BENCH="spiking-mante …"], or BENCH=--write to update docs/benchmarks.md
	$(PEERS)/bin/python bench/run.py $(BENCH)

LIF_PEERS := target/lif-peers
$(LIF_PEERS)/ready: bench/peers/lif-requirements.txt
	python3 -m venv $(LIF_PEERS)
	$(LIF_PEERS)/bin/pip install --quiet -r $<
	touch $@

bench-lif: build $(LIF_PEERS)/ready ## time LIF trials against other simulators; needs Octave; [LIF="go-nogo mante scaling"]
	$(LIF_PEERS)/bin/python bench/lif.py $(LIF)

compare-lif: build $(LIF_PEERS)/ready ## compare the fast LIF simulation with the exact one; LIF="FILE ..."
	$(LIF_PEERS)/bin/python bench/fast_exact.py $(LIF)

results: build ## rerun configs and seeds and update docs/results.md (about 10 minutes on 2 cores)
	bench/results.py $(RUNS)

results-spiking: data ## rerun spiking networks, and digits for several N and P, and update docs/results.md (an hour); [RUNS=mnist]
	$(MAKE) data DATASET=fashion-mnist
	bench/spiking.py $(RUNS)

results-library: build ## rerun a rate and a spiking network for every task and update docs/results.md (an hour of CPU time); [RUNS="xor"]
	bench/library.py $(RUNS)

# Hundreds of networks: see docs/sweeps.md.
WORKFLOW := target/sweep
$(WORKFLOW)/ready: workflow/requirements.txt
	python3 -m venv $(WORKFLOW)
	$(WORKFLOW)/bin/pip install --quiet -r $<
	touch $@

# Figures of both papers: see docs/reproduction.md. Networks on digits need the data.
REPRODUCE = bench/reproduce.py run --programs "$(BIN)" $(if $(PAPER),--paper $(PAPER)) $(if $(FIGURE),--figure "$(FIGURE)") \
  $(if $(QUICK),--quick) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(PUBLISHED),--published "$(PUBLISHED)") $(REPRODUCE_OPTIONS)
reproduce: build $(WORKFLOW)/ready $(if $(filter pnas,$(PAPER)),,data) ## make the figures of both papers again, or go on with them; [PAPER=pnas|modes] [FIGURE=1C,2C] [SEEDS=3] [QUICK=1] [PUBLISHED=DIR]
	$(WORKFLOW)/bin/python $(REPRODUCE)

test-reproduce: build $(WORKFLOW)/ready data ## make a thinned version of all figures (at most 20 minutes on two cores), twice
	scripts/test-reproduce "$(WORKFLOW)/bin/python" "$(BIN)"

# CUDA: see docs/cuda.md. CUDA_HOME names an installed CUDA 13 toolkit; without it, the compiler is installed from PyPI.
TOOLKIT := $(CURDIR)/target/cuda-toolkit
CUDA_HOME ?= $(TOOLKIT)/nvidia/cu13
CUDA_COMPUTE_CAP ?= 90
CUDA_TARGET := x86_64-unknown-linux-gnu

cuda-toolkit: ## install CUDA's compiler under target/cuda-toolkit, from PyPI
	scripts/cuda-toolkit "$(TOOLKIT)"

# The flag makes the programs load CUDA's libraries only when a GPU is requested. Without --target it would also apply to build
# scripts, which do not accept it.
CUDA_FEATURES := mdl-cli/cuda
CUDA_ENVIRONMENT = CUDA_HOME="$(CUDA_HOME)" PATH="$(CUDA_HOME)/bin:$$PATH" CUDA_COMPUTE_CAP=$(CUDA_COMPUTE_CAP) \
	NVCC_APPEND_FLAGS=--compress-mode=size RUSTFLAGS='--cfg feature="dynamic-loading"'
CUDA_OPTIONS := --release --target $(CUDA_TARGET) --target-dir target/cuda --workspace --features $(CUDA_FEATURES)
CUDA_READY := $(if $(filter $(TOOLKIT)/%,$(CUDA_HOME)),cuda-toolkit)

cuda: $(CUDA_READY) ## build the programs with CUDA; they also start on machines without a GPU
	$(CUDA_ENVIRONMENT) $(CARGO) build $(CUDA_OPTIONS) --bins
	@echo "programs: target/cuda/$(CUDA_TARGET)/release"

cuda-test: $(CUDA_READY) ## run the tests on a GPU; skipped with a message without one
	$(CUDA_ENVIRONMENT) $(CARGO) test $(CUDA_OPTIONS) --test gpu

cuda-check: ## type-check the CUDA code without a CUDA compiler; compile the kernels if there is one
	scripts/cuda-check
	scripts/cuda-kernels

PREFIX ?= /usr/local
TO := $(DESTDIR)$(PREFIX)
PROGRAMS := $(filter-out mdl-rnn,$(sort $(basename $(notdir $(wildcard crates/cli/src/bin/*.rs)))))
SHARE := $(TO)/share
install: build ## install programs, configs, documentation, manual pages, shell completions; [PREFIX=/usr/local] [DESTDIR=]
	install -d "$(TO)/bin" "$(SHARE)/man/man1" "$(SHARE)/bash-completion/completions" "$(SHARE)/zsh/site-functions" \
	  "$(SHARE)/fish/vendor_completions.d" "$(SHARE)/mdl-rnn/configs" "$(SHARE)/mdl-rnn/tasks" "$(SHARE)/mdl-rnn/workflow" "$(SHARE)/doc/mdl-rnn"
	install -m 755 "$(BIN)/mdl-rnn" "$(TO)/bin/"
	install -m 644 configs/*.json "$(SHARE)/mdl-rnn/configs/"
	install -m 644 tasks/*.star "$(SHARE)/mdl-rnn/tasks/"
	install -m 755 workflow/*.py "$(SHARE)/mdl-rnn/workflow/"
	install -m 644 workflow/Snakefile workflow/sweep.sbatch workflow/requirements.txt workflow/*.yaml "$(SHARE)/mdl-rnn/workflow/"
	for profile in local slurm; do \
	  install -m 644 -D workflow/profiles/$$profile/config.yaml "$(SHARE)/mdl-rnn/workflow/profiles/$$profile/config.yaml" || exit 1; \
	done
	install -m 644 README.md docs/*.md docs/*.json "$(SHARE)/doc/mdl-rnn/"
	set -e; for program in $(PROGRAMS); do \
	  ln -sf mdl-rnn "$(TO)/bin/$$program"; \
	  "$(BIN)/$$program" --generate man > "$(SHARE)/man/man1/$$program.1"; \
	  "$(BIN)/$$program" --generate bash > "$(SHARE)/bash-completion/completions/$$program"; \
	  "$(BIN)/$$program" --generate zsh > "$(SHARE)/zsh/site-functions/_$$program"; \
	  "$(BIN)/$$program" --generate fish > "$(SHARE)/fish/vendor_completions.d/$$program.fish"; \
	done

# NeuroGym needs other versions of NumPy and Matplotlib than the other scripts. PsychRNN may not install.
TRIALS := target/python-trials
$(TRIALS)/ready: examples/python/trials-requirements.txt
	python3 -m venv $(TRIALS)
	$(TRIALS)/bin/pip install --quiet -r $<
	-$(TRIALS)/bin/pip install --quiet --no-deps psychrnn==1.0.0
	touch $@

test-python: build $(PYTHON)/ready $(TRIALS)/ready python ## run the scripts in examples/python, read exports with SciPy, NumPy and nir, and test the Python package
	$(PYTHON)/bin/python examples/python/check.py "$(BIN)"
	$(TRIALS)/bin/python examples/python/check_trials.py "$(BIN)"
	rm -rf $(FRESH)
	python3 -m venv $(FRESH)
	$(FRESH)/bin/pip install --quiet -r crates/python/tests/requirements.txt $(WHEELS)/*.whl
	$(FRESH)/bin/python -m pytest -q crates/python/tests

# The Python package: one wheel for every Python from 3.10. FRESH is an environment without anything else.
WHEELS := target/wheels
FRESH := target/python-package
MATURIN := target/maturin
$(MATURIN)/ready:
	python3 -m venv $(MATURIN)
	$(MATURIN)/bin/pip install --quiet 'maturin>=1.9,<2'
	touch $@

python: $(MATURIN)/ready ## build the wheel of the Python package in target/wheels
	rm -rf $(WHEELS)
	PATH="$(CURDIR)/$(MATURIN)/bin:$$PATH" $(MATURIN)/bin/maturin build --release --locked --out $(WHEELS)

test-sdist: $(MATURIN)/ready ## build the Python package from its source distribution, without a network, and run the README's example
	scripts/test-sdist $(MATURIN) target/sdist

test-python-versions: python ## test the wheel with every supported Python that is there, with NumPy 1.26 and 2; [VERSIONS="3.10 3.13"]
	scripts/test-python-versions $(WHEELS)/*.whl target/python-versions

# With the tools that the package works with. Those that do not fit together are in environments of their own.
OPTIONAL := target/python-optional
$(OPTIONAL)/ready: crates/python/tests/optional-requirements.txt
	rm -rf $(OPTIONAL)
	python3 -m venv $(OPTIONAL)/torch
	$(OPTIONAL)/torch/bin/pip install --quiet -r crates/python/tests/requirements.txt -r $<
	python3 -m venv $(OPTIONAL)/jax
	$(OPTIONAL)/jax/bin/pip install --quiet -r crates/python/tests/requirements.txt spyx==1.0.0 nir==1.0.8
	python3 -m venv $(OPTIONAL)/neurogym
	$(OPTIONAL)/neurogym/bin/pip install --quiet -r crates/python/tests/requirements.txt neurogym==2.2.0
	touch $@

test-python-torch: python $(OPTIONAL)/ready ## test the package with PyTorch, snnTorch, nir, Neo, NWB, JAX, Spyx and NeuroGym; installs them (7 GB)
	$(OPTIONAL)/torch/bin/pip install --quiet --force-reinstall --no-deps $(WHEELS)/*.whl
	$(OPTIONAL)/torch/bin/python -m pytest -q crates/python/tests
	$(OPTIONAL)/jax/bin/pip install --quiet --force-reinstall --no-deps $(WHEELS)/*.whl
	$(OPTIONAL)/jax/bin/python -m pytest -q crates/python/tests/test_interchange.py crates/python/tests/test_jax.py
	$(OPTIONAL)/neurogym/bin/pip install --quiet --force-reinstall --no-deps $(WHEELS)/*.whl
	$(OPTIONAL)/neurogym/bin/python -m pytest -q crates/python/tests/test_neurogym.py

NOTEBOOKS := target/notebooks
$(NOTEBOOKS)/ready: examples/notebooks/requirements.txt
	python3 -m venv $(NOTEBOOKS)
	$(NOTEBOOKS)/bin/pip install --quiet -r $<
	-$(NOTEBOOKS)/bin/pip install --quiet torch==2.15.0
	touch $@

notebooks: python $(NOTEBOOKS)/ready ## run the notebooks of examples/notebooks and compare their output; [NOTEBOOK="first"] or NOTEBOOK=--write
	$(NOTEBOOKS)/bin/pip install --quiet --force-reinstall --no-deps $(WHEELS)/*.whl
	$(NOTEBOOKS)/bin/python scripts/notebooks.py $(NOTEBOOK)

PYTHON_PEERS := target/python-peers
$(PYTHON_PEERS)/ready: bench/peers/python-requirements.txt
	python3 -m venv $(PYTHON_PEERS)
	$(PYTHON_PEERS)/bin/pip install --quiet -r $<
	touch $@

bench-python: build python $(PYTHON_PEERS)/ready ## time the Python package against PyTorch, snnTorch, Norse and Brian2; BENCH_PYTHON="--rounds 3"
	$(PYTHON_PEERS)/bin/pip install --quiet --force-reinstall --no-deps $(WHEELS)/*.whl
	$(PYTHON_PEERS)/bin/python bench/python.py $(BENCH_PYTHON)

# Files of a release: see CONTRIBUTING.md.
DIST := target/dist
AUDIT := target/auditwheel
$(AUDIT)/ready:
	python3 -m venv $(AUDIT)
	$(AUDIT)/bin/pip install --quiet 'auditwheel>=6,<7' 'wheel>=0.45'
	touch $@

dist: build python $(AUDIT)/ready ## make the files of a release in target/dist: source, programs, Debian package, wheel, bill of materials
	MAKE="$(MAKE)" BIN="$(BIN)" scripts/dist $(DIST) $(WHEELS)/*.whl $(AUDIT)/bin/python

test-dist: ## run the first tutorial with the files of target/dist, in empty environments without Rust
	scripts/test-dist $(DIST)

test-oracle: ## recompute the test fixtures from the equations and compare; installs PyTorch from PyPI (6 GB)
	scripts/test-oracle target/oracle

audit: ## check advisories, licences and sources of the dependencies (deny.toml); needs cargo-deny
	@command -v cargo-deny > /dev/null || { echo "make audit needs cargo-deny: cargo install --locked cargo-deny" >&2; exit 2; }
	$(CARGO) deny check

SWEEP ?= workflow/example.yaml
SWEEPS = "$(SWEEP)" --output "$(ARTIFACTS)/sweeps" --programs "$(BIN)"
sweep: build $(WORKFLOW)/ready ## run the networks of a sweep on all cores, or go on with it; [SWEEP=workflow/example.yaml] [SWEEP_OPTIONS="--cores 8"]
	$(WORKFLOW)/bin/python workflow/sweep.py run $(SWEEPS) $(SWEEP_OPTIONS)

sweep-slurm: build $(WORKFLOW)/ready ## submit a sweep to Slurm as an array; [SWEEP=…] [SWEEP_OPTIONS="--sbatch '--partition=short'"]
	$(WORKFLOW)/bin/python workflow/sweep.py slurm $(SWEEPS) $(SWEEP_OPTIONS)

sweep-table: build ## make the table of a sweep that is not finished; [SWEEP=…]
	python3 workflow/sweep.py table $(SWEEPS)

test-sweep: build $(WORKFLOW)/ready ## run sweeps with Snakemake, one of them killed in the middle; installs Snakemake
	scripts/test-sweep "$(WORKFLOW)/bin/python" "$(BIN)"

test-report: build ## open reports in a headless Chromium and try every control; installs Chromium if root can
	scripts/test-report "$(BIN)"

test-slurm: build ## run a sweep and a long run on a temporary Slurm, which is installed if root can
	scripts/test-slurm "$(BIN)"

clean: ## remove builds; artifacts are kept
	$(CARGO) clean
