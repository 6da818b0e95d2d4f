# The two commands to know: `make demo` and `make test`. Each sets everything up first.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export DVC_NO_ANALYTICS := 1
export PYTHONUNBUFFERED := 1

.PHONY: setup demo study test test-slow test-engines check-ledger faults lint report lock clean site

setup: $(VENV)/.done

$(VENV)/.done: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys, ensurepip; sys.exit(sys.version_info[:2] < (3, 11))' 2>/dev/null || \
	  { echo "Python 3.11 with venv is needed: apt-get install python3.11 python3.11-venv"; exit 1; }
	@echo "== setting up $(VENV) with the exact versions of requirements.lock (about 4 minutes, 6 GB)"
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: setup
	@echo "== drawing the phantoms of Mix0, training every method on them, writing the report"
	@git rev-parse --git-dir >/dev/null 2>&1 || { echo "make demo needs a Git clone: DVC keeps its records beside Git's"; exit 1; }
	@mixseg sync || echo "== a broken method stops no other"
	@mixseg prepare --mix mix0
	@mixseg run --all --mix mix0 --jobs 2 || echo "== a failed run stops no other"
	@dvc repro --quiet report@mix0 || mixseg report --mix mix0
	@mixseg show --mix mix0

study: setup
	@test -n "$(DATA)" || { echo "Say where the images are: make study DATA=DIR (docs/measured.md)"; exit 1; }
	@for mix in open128 open128.unseen; do mixseg data --from "$(DATA)" --mix $$mix && mixseg prepare --mix $$mix || exit 1; done
	@mixseg run --all --mix open128 --jobs 2
	@dvc repro report@open128

test: setup
	@echo "== running the tests"
	@python -m pytest -n auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder

test-slow: setup
	@python -m pytest -m slow -n auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder

test-engines: setup
	@python -m pip install --quiet --disable-pip-version-check uv  # pip takes minutes for these extras
	@uv pip install --quiet --python $(VENV)/bin/python -e '.[engines]'
	@python -m pytest -m engines -n 2 --dist loadfile

check-ledger: setup
	@echo "== what each edit runs, on a copy of the project"
	@python tests/pipeline/check_ledger.py

faults: setup
	@python tests/faults --write docs/faults.md

lint: setup
	@ruff format --check .
	@ruff check .
	@mypy
	@codespell README.md CONTRIBUTING.md CHANGELOG.md benchmark baselines mmsnet docs --skip '*.csv,*.json' --ignore-words-list nam

report: setup
	@mixseg report

site: setup
	@mixseg site

lock:
	@uv pip compile -q pyproject.toml --extra dev --generate-hashes --no-header --python-version 3.11 -o requirements.lock

clean:
	@rm -rf work .pytest_cache .mypy_cache .ruff_cache
