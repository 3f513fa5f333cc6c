PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# TORCH=cpu: PyTorch's own builds without CUDA, from its index; see docs/operations.md.
TORCH := pypi
TORCH_INDEX_pypi :=
TORCH_INDEX_cpu := --extra-index-url https://download.pytorch.org/whl/cpu
ifeq ($(filter $(TORCH),pypi cpu),)
$(error TORCH = $(TORCH): allowed are pypi, the default, and cpu, PyTorch without CUDA)
endif

PIP := $(BIN)/python -m pip install --quiet --constraint constraints.txt $(TORCH_INDEX_$(TORCH))

SUDO := $(if $(filter-out 0,$(shell id -u)),sudo)

# Two workers; a file stays with one of them, with what its tests share.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: help study check test test-all chromium prometheus latex docs lint format clean

help:
	@echo "make study     install what is needed and run the default study to its report;"
	@echo "               TORCH=cpu on this or the next: without CUDA, gigabytes less"
	@echo "make check     linters and unit tests, no Ray"
	@echo "make test      install what is needed and run the tests, studies on real Rays included"
	@echo "make test-all  the same with the long suites"
	@echo "make lint      ruff, mypy and import-linter"
	@echo "make docs      the pages of docs/ as a site, in build/site"
	@echo "make format    let ruff rewrite the files"

study: $(VENV)/.sweep
	$(BIN)/python -m study.run $(ARGS)

check: lint
	$(PYTEST) -m "not slow and not long" $(ARGS)

test: $(VENV)/.dev chromium
	$(PYTEST) -m "not long" $(ARGS)

test-all: $(VENV)/.dev chromium prometheus latex
	$(PYTEST) $(ARGS)

# What shows the report to the tests.
chromium:
	@command -v chromium >/dev/null || ($(SUDO) apt-get update --quiet=2 && \
		$(SUDO) apt-get install --yes --quiet=2 --no-install-recommends chromium)

# RUNLEVEL=1: Debian's package would start a service that listens on every address.
prometheus:
	@command -v prometheus >/dev/null || ($(SUDO) apt-get update --quiet=2 && \
		$(SUDO) env RUNLEVEL=1 apt-get install --yes --quiet=2 --no-install-recommends prometheus)

latex:
	@command -v pdflatex >/dev/null || ($(SUDO) apt-get update --quiet=2 && \
		$(SUDO) apt-get install --yes --quiet=2 --no-install-recommends \
			texlive-latex-base texlive-latex-recommended)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.dev
	$(BIN)/mkdocs build --strict --quiet

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(VENV)/.pip:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	touch $@

$(VENV)/.sweep: $(VENV)/.pip pyproject.toml constraints.txt
	$(PIP) --editable ".[sweep]"
	touch $@

$(VENV)/.dev: $(VENV)/.sweep
	$(PIP) --group dev
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
