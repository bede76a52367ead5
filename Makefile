# kinechain: `make` lists what it can do.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.kinechain-ready
CLUSTER := $(VENV)/cluster/.ready
DOCS := $(VENV)/docs/.ready
INTERACTIVE := $(VENV)/interactive/.ready
BROWSER := $(VENV)/browser/.ready
CORES ?= 2
# One BLAS thread a process: parallelism comes from processes, and sums keep their order.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export MKL_NUM_THREADS := 1

.PHONY: help setup cluster report interactive docs check verify lint test test-all golden bench bench-draws bench-intervals bench-engine fuzz bench-coverage bench-trials bench-verdicts bench-tampering bench-edits bench-faults bench-processors bench-scale bench-slurm bench-fresh bench-files bench-readers bench-pages lock clean

help: ## list what make can do
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## install what requirements.lock names into .venv (a second time: nothing)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "setup: $(PYTHON) is missing or older than 3.11. Name a newer one: make setup PYTHON=python3.12" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { echo "setup: $(PYTHON) -m venv failed. On Debian and Ubuntu install python3-venv, then run make again" >&2; exit 2; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --no-compile -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q -j $(CORES) $(VENV)/lib workflow/kinechain >/dev/null || true
	@touch $@

cluster: $(CLUSTER) ## what snakemake needs to hand jobs to a queue (profiles/queue, profiles/slurm)
	@echo 'Before snakemake: export PYTHONPATH="$(CURDIR)/$(VENV)/cluster"'

# In a folder of its own: every plugin that is installed slows the start of snakemake, wanted or not.
$(CLUSTER): requirements-cluster.lock $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --upgrade \
	  --target $(VENV)/cluster -r requirements-cluster.lock
	@touch $@

report: setup ## the default study: reports/index.html
	$(BIN)/snakemake --cores $(CORES)

interactive: $(INTERACTIVE) ## the default study, with bars and colours that show how far it is
	PYTHONPATH=$(VENV)/interactive $(BIN)/snakemake --profile profiles/interactive --cores $(CORES)

$(INTERACTIVE): requirements-interactive.lock $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --upgrade \
	  --target $(VENV)/interactive -r requirements-interactive.lock
	@touch $@

verify: setup ## compute everything again in a fresh folder, and say what differs from what was committed
	$(BIN)/snakemake --cores $(CORES) verify

check: setup ## mistakes in config and data, all at once, before anything runs
	$(BIN)/kinechain check

lint: setup ## style, types, format, and pages made from other files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint
	$(BIN)/python docs/generate.py --check

test: lint $(CLUSTER) $(DOCS) $(BROWSER) ## lint and the tests: what CI runs
	$(BIN)/pytest -n $(CORES) -m "not slow" tests

test-all: lint $(CLUSTER) $(DOCS) $(BROWSER) ## the slow tests too
	$(BIN)/pytest -n $(CORES) tests

$(BROWSER): requirements-browser.lock $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --upgrade \
	  --target $(VENV)/browser -r requirements-browser.lock
	@touch $@

golden: setup ## make the reference numbers again (needs R with lavaan: r-base-core r-cran-lavaan r-cran-jsonlite)
	$(BIN)/python tests/golden/make.py

bench-engine: setup ## speed and memory of one fit beside semopy (SEMOPY_PYTHON=...) and lavaan (about 3 minutes)
	$(BIN)/python benchmarks/engine.py

fuzz: setup ## ten thousand odd models and data sets: an answer or one clear line each (about 5 minutes)
	$(BIN)/python benchmarks/fuzz_engine.py --examples 10000

bench: bench-engine bench-draws bench-readers ## the benchmarks of fits, draws and readers, joined in benchmarks/RESULTS.md (about 12 minutes)
	$(BIN)/python benchmarks/collect.py

bench-draws: setup ## speed of the draws against the bare matrix product, pingouin and lavaan (about 5 minutes on a quiet machine)
	$(BIN)/python -m benchmarks.resampling --million

bench-intervals: setup ## how often each kind of interval holds a serial effect (about 15 minutes of one core)
	nice $(BIN)/python benchmarks/interval_coverage.py

bench-coverage: setup ## coverage of intervals where the truth is known (about half an hour)
	nice $(BIN)/python -m benchmarks.coverage
	nice $(BIN)/python -m benchmarks.coverage --missing fiml --models M2_chain_open --draws 399

bench-verdicts: setup ## how often each verdict falls, truth by truth (up to an hour)
	nice $(BIN)/python -m benchmarks.hidden_cause
	nice $(BIN)/python -m benchmarks.verdicts --processes $(CORES)
	$(BIN)/python -m benchmarks.draw_verdicts

bench-trials: setup ## contrasts and mediation of trials with a known truth (about ten minutes of one core)
	nice $(BIN)/python benchmarks/trials.py

bench-tampering: setup ## a hundred one-digit edits in published tables: each caught and named (about two minutes)
	$(BIN)/python -m benchmarks.tampering

bench-edits: setup ## a thousand single edits to a valid config: explained or harmless (about 6 minutes)
	nice $(BIN)/python -m benchmarks.edits 1000 --page benchmarks/results/edits.md

bench-faults: setup ## a hundred kills at random and every other fault once (about 20 minutes; a full disk takes root)
	nice $(BIN)/python benchmarks/faults.py --kills 100 --page benchmarks/results/faults.md

bench-processors: setup ## the default study under two kernels: the same bytes from another processor? (about 6 minutes)
	nice $(BIN)/python -m benchmarks.processors --page benchmarks/results/processors.md

bench-scale: setup $(CLUSTER) ## what a run costs beside its imports: default study, then 50 cohorts by 10 models (about 12 minutes)
	$(BIN)/python benchmarks/scale.py default --page benchmarks/results/scale_default.md
	$(BIN)/python benchmarks/scale.py many --cohorts 50 --page benchmarks/results/scale_many.md
	PYTHONPATH=$(VENV)/cluster $(BIN)/python benchmarks/scale.py many --cohorts 4 --profile profiles/queue --page benchmarks/results/scale_queue.md

bench-slurm: setup $(CLUSTER) ## a cohort through Slurm and on this machine: the same bytes? (root starts a Slurm where none answers)
	PYTHONPATH=$(VENV)/cluster $(BIN)/python -m benchmarks.slurm --page benchmarks/results/slurm.md

bench-fresh: ## the README's first command on a new Debian, made for it (root, debootstrap)
	sh benchmarks/fresh_machine.sh report > benchmarks/results/fresh_machine.md

bench-files: setup ## five thousand spoilt cohort files: a cohort or one clear line each (about ten minutes)
	$(BIN)/python -m benchmarks.corpus 5000 --page benchmarks/results/corpus.md

bench-readers: setup ## a million rows from csv, parquet and sav, beside plain pandas
	$(BIN)/python -m benchmarks.readers --page benchmarks/results/readers.md

bench-pages: report ## bytes and first paint of every page, and CPU of the report stage by script (about two minutes; needs Chromium)
	$(BIN)/python -m benchmarks.pages --page benchmarks/results/pages.md

docs: $(DOCS) ## the documentation site, from prose, claims, schemas and docstrings: site/html/index.html
	$(BIN)/python docs/build_site.py

$(DOCS): requirements-docs.lock $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --upgrade \
	  --target $(VENV)/docs -r requirements-docs.lock
	@touch $@

lock: setup ## requirements.lock from requirements.in, then environment.yml and config/README.md
	$(PYTHON) -m venv $(VENV)/lock && $(VENV)/lock/bin/python -m pip install --quiet uv
	$(VENV)/lock/bin/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-emit-index-url \
	  --no-emit-find-links --no-header requirements.in -o requirements.lock
	$(VENV)/lock/bin/uv pip compile --quiet --universal --generate-hashes --no-deps --python-version 3.11 \
	  --no-emit-index-url --no-emit-find-links --no-header requirements-cluster.in -o requirements-cluster.lock
	$(VENV)/lock/bin/uv pip compile --quiet --universal --generate-hashes --no-deps --python-version 3.11 \
	  --no-emit-index-url --no-emit-find-links --no-header requirements-browser.in -o requirements-browser.lock
	$(VENV)/lock/bin/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 -c requirements.lock \
	  --no-emit-index-url --no-emit-find-links --no-header requirements-docs.in -o requirements-docs.lock
	$(VENV)/lock/bin/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 -c requirements.lock \
	  --no-emit-index-url --no-emit-find-links --no-header requirements-interactive.in -o requirements-interactive.lock
	$(BIN)/python docs/generate.py

clean: ## remove what the workflow made (not .venv)
	rm -rf data/derived logs .snakemake
	find reports -mindepth 1 ! -name manifest.json -delete
