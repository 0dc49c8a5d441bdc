# make quickstart   a virtual environment, then the main job on synthetic scenes, with tables
# make test         the test suite
# make check        ruff, mypy and the test suite
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
# Where only a CPU build of torch is wanted: make install PIP_ARGS="--extra-index-url URL"
PIP_ARGS ?=

.PHONY: quickstart test check lint format install test-runtimes pi-test clean

quickstart: install
	PATH="$(CURDIR)/$(BIN):$$PATH" recipes/quickstart.sh

test: install
	$(BIN)/python -m pytest -q -n 2 --dist loadscope

check: lint test

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The wheel in environments of its own: the runtime half alone, and the oldest supported runtimes.
test-runtimes: install
	PYTHON=$(PYTHON) tests/compat/run.sh

# The wheel on emulated Raspberry Pis: make pi-test BOARDS="pi4 pi5 zero2 pi5-trixie pi3-32bit"
pi-test: install
	PYTHON=$(BIN)/python tests/pi/run.sh $(BOARDS)

install: $(VENV)/installed

$(VENV)/installed: setup.cfg pyproject.toml
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) .venv-* quickstart build *.egg-info
