# `make` lists the targets. Everything runs in .venv, which `make install` creates.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
comma := ,
SIZE ?= full
# Processes that run the tests at the same time; 0: one after the other, in this process. Tests wait for programs that
# they start, so two for each processor keep it busy.
WORKERS ?= $(shell expr 2 \* $$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2))
# Containers often forbid keeping what is compiled; then each of the hundreds of programs here compiles the package anew.
unexport PYTHONDONTWRITEBYTECODE

PYTEST = $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal --durations 20

.DEFAULT_GOAL := help
.PHONY: help install demo test check throttled shuffled full lint types arrows bench derived torture hostile conformance judges frameworks docs clean coverage mutants pictures ray pythons package sbom bandit lock lock-check audit

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

# uv, where it is there, installs several times faster than pip.
UV := $(or $(shell command -v uv 2>/dev/null),$(wildcard $(BIN)/uv))
ifneq ($(UV),)
NEW_VENV = $(UV) venv --quiet --seed --python $(PYTHON) $(VENV)
PIP_INSTALL = $(UV) pip install --quiet --python $(BIN)/python
else
NEW_VENV = $(PYTHON) -m venv $(VENV)
PIP_INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check
endif
EXTRA_GROUPS = docs bench release
# Install groups of pyproject.toml's extras: $(call add,test,lint). LOCKED=1 takes all of them, as locked/dev.txt has them.
ifdef LOCKED
add = $(PIP_INSTALL) --require-hashes --requirement locked/dev.txt \
  && $(PIP_INSTALL) --require-hashes --requirement locked/build.txt \
  && $(PIP_INSTALL) --no-deps --no-build-isolation --editable .
else
add = $(PIP_INSTALL) --editable '.[$(1)]'
endif

$(VENV)/.installed: pyproject.toml
	@test -x $(BIN)/python || $(NEW_VENV)
	@echo "installing into $(VENV) what the tests and checks need: 620 MB; half a minute with uv, three with pip"
	@$(call add,test$(comma)lint)
	@touch $@ $(if $(LOCKED),$(EXTRA_GROUPS:%=$(VENV)/.has-%))

$(VENV)/.has-%: pyproject.toml
	@test -x $(BIN)/python || $(NEW_VENV)
	@echo "installing into $(VENV) what else is needed for '$*'"
	@$(call add,$*)
	@touch $@

$(VENV)/.has-demo: pyproject.toml
	@test -x $(BIN)/python || $(NEW_VENV)
	@test -e $(VENV)/.installed || echo "installing into $(VENV): 300 MB in 4 s with uv, 370 MB in 40 s with pip"
	@test -e $(VENV)/.installed || $(call add,demo)
	@touch $@

install: $(VENV)/.installed ## make .venv with what the tests and checks need: 620 MB

demo: $(VENV)/.has-demo ## the whole way, from an agent's words to a video, with no key; alone it needs 300 to 370 MB
	@$(BIN)/oxen-video demo

test: install ## run the tests on all cores; prints the slowest twenty
	$(PYTEST)

check: install ## in a minute: lint, types, arrows, and the tests nearest to what changed
	$(BIN)/python scripts/check.py

throttled: install ## the tests with the processor throttled to a fifth: none may fail for slowness
	$(BIN)/python scripts/throttled.py

shuffled: SEEDS ?= 1 2 3
shuffled: install ## the tests in random order, three times; SEEDS="7" for one
	@for seed in $(SEEDS); do echo "order $$seed"; TESTS_SEED=$$seed $(PYTEST) --quiet || exit 1; done

full: install ## all tests, those too that take longer than CI allows; then `mutants`
	$(PYTEST) -m "full or not full"
	$(MAKE) mutants

pythons: install $(VENV)/.has-release ## run the tests on every supported Python that is here
	$(BIN)/python scripts/test_pythons.py

coverage: install ## line coverage of hub, catalog, studio and tools
	$(BIN)/python -m pytest -q $(foreach room,hub catalog studio tools,--cov=oxen_video_tools.$(room)) --cov-report=term-missing:skip-covered

torture: SIZE ?= small
torture: install ## kill -9 and stop workers at every step; the sandbox's books judge. SIZE=small: 3 min; SIZE=full: over 1,000 crashes
	$(BIN)/python -m tests.torture --size $(SIZE)

hostile: install ## bombs, mutated media, a hostile hub, inputs that are swapped, strangers; its last line counts attacks and breaks. 2 min
	$(BIN)/python -m tests.hostile

frameworks: install $(VENV)/.has-release ## the program of every page in docs/frameworks, each in an environment of its own; before a release
	$(BIN)/python scripts/frameworks.py $(ONLY)

mutants: SAMPLE ?= 60
mutants: install $(VENV)/.has-bench ## small changes to code that must not break: are they noticed? SAMPLE=60 in each of four rooms, at most 2 h 10 min in all; SAMPLE=all: hours
	$(BIN)/python scripts/mutants.py $(if $(filter all,$(SAMPLE)),--minutes 600,--sample $(SAMPLE) --minutes 25)

pictures: install ## draw the pictures of README and docs anew
	$(BIN)/python scripts/make_pictures.py

ray: install ## a batch over a Ray cluster of two nodes, one killed midway
	$(call add,test$(comma)ray)
	$(BIN)/python -m pytest tests/ray -m "full or not full"

lint: install ## format and lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: install ## mypy, strict
	$(BIN)/mypy

arrows: install ## imports go down only
	$(BIN)/lint-imports

bench: install $(VENV)/.has-bench ## measure; writes benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks

derived: install ## after a change to the tools or pyproject.toml: write what follows from them (README, manifests, LangChain's names)
	$(BIN)/python scripts/make_manifests.py

docs: install $(VENV)/.has-docs ## build the documentation; every link is checked
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

package: install $(VENV)/.has-release ## wheel and sdist, each extra alone in a clean environment, twine check
	$(BIN)/python scripts/check_package.py

sbom: install $(VENV)/.has-release ## what the package with all extras brings along, as CycloneDX
	@mkdir -p dist
	$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --output-file dist/sbom.cdx.json $(BIN)/python

lock: install $(VENV)/.has-release ## write locked/*.txt anew: every version and its hashes. LOCKED=1 makes `install` take them
	$(BIN)/python scripts/lock.py

lock-check: install $(VENV)/.has-release ## do the lock files still fit pyproject.toml?
	$(BIN)/python scripts/lock.py --check

audit: install $(VENV)/.has-release ## known weaknesses in what is locked; needs the network
	@for file in dev server build; do \
	  $(BIN)/uv run --quiet --no-project --isolated --with-requirements locked/audit.txt \
	    pip-audit --strict --require-hashes --disable-pip --progress-spinner off --requirement locked/$$file.txt || exit 1; \
	done

bandit: install ## known kinds of insecure code
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml oxen_video_tools mcp_server.py

judges: ## install the judges from outside: conformance suites, other clients, a browser
	PYTHON=$(PYTHON) bash scripts/judges.sh

conformance: install judges ## what they say about the MCP server
	$(BIN)/python -m tests.mcp.conformance

clean: ## remove what was made here
	rm -rf $(VENV) dist build site .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
