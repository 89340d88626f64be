# Two commands: `make run` and `make test`. Both set up everything they need in .venv.
PYTHON ?= python3
PORT ?= 8000
# what `make run` installs: EXTRAS=service leaves out PyTorch, the largest part by far
EXTRAS ?= service,torch
BIN := .venv/bin
HASHED = $(BIN)/python -m pip install --require-hashes --no-deps --requirement
# compat: a folder named like a package, where a command is run, must not hide the package
INSTALL = $(BIN)/python -m pip install --constraint constraints.txt \
  --config-settings editable_mode=compat --editable

# without stored bytecode, every process would compile all modules and pytest would rewrite them
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test test-nightly needs lint bench docs dist clean

run: .venv/run
	@$(BIN)/gradjury serve --port $(PORT)

# the linters run beside the tests, and yield to them; what they say comes last
test test-nightly: needs
	@$(MAKE) --no-print-directory .venv/test
	@{ nice $(MAKE) --no-print-directory lint > .venv/lint.txt 2>&1; } & lint=$$!; \
	start=$$(date +%s); \
	$(BIN)/python -m pytest -n 3 --no-loadscope-reorder $(TESTS); tests=$$?; \
	echo "tests: $$(($$(date +%s) - start)) s"; \
	wait $$lint; lint=$$?; \
	cat .venv/lint.txt; \
	test $$tests -eq 0 && test $$lint -eq 0

test-nightly: TESTS := -m "" --hypothesis-profile=nightly

lint: .venv/test
	@start=$$(date +%s); \
	for tool in "ruff check ." "ruff format --check ." "mypy" "lint-imports --no-cache"; do \
	  echo "$$tool"; $(BIN)/$$tool || failed=yes; \
	done; \
	echo "lint: $$(($$(date +%s) - start)) s"; \
	test -z "$$failed"

# what no virtual environment holds: a Python for it, and a browser for the tests of pages
needs:
	@$(PYTHON) -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2> /dev/null || { \
	  echo "make test: missing Python 3.11 or later with venv; install python3 and python3-venv, or set PYTHON" >&2; \
	  exit 1; }
	@command -v chromium-headless-shell > /dev/null || command -v chromium > /dev/null || { \
	  start=$$(date +%s); \
	  install="apt-get install -qq -y --no-install-recommends"; export DEBIAN_FRONTEND=noninteractive; \
	  command -v apt-get > /dev/null && test "$$(id -u)" = 0 && apt-get update -qq && \
	  { $$install chromium-headless-shell > /dev/null || $$install chromium > /dev/null; } && \
	  echo "installation of Chromium: $$(($$(date +%s) - start)) s" || { \
	  echo "make test: missing Chromium, for the tests of pages; as root: apt-get install chromium" >&2; \
	  exit 1; }; }

bench: .venv/test
	for question in judging exhaustive large large_graphs growth command_line throughput soundness graphs functions diagnosis diagnosis_noise diagnosis_cost shrinking leaks contract hostility durability load attacks.turns attacks.bodies attacks.half_sent attacks.stopping attacks.derived attacks.addresses attacks.callers attacks.injections attacks.documents attacks.crowds attacks.framing attacks.exhaustion attacks.databases attacks.large_class attacks.verdict_timing; do $(BIN)/python -m benchmarks.$$question || exit 1; done

# pages of the mistakes and the gallery, then the site that the service shows at /guide
docs: .venv/docs
	$(BIN)/python -m verifier.cli.pages docs/bugs
	$(BIN)/python -m verifier.cli.pages examples/gallery
	$(BIN)/python -m guide

# what the service needs is installed by its hashes first; PyTorch's files differ by index, so they have none
.venv/run: pyproject.toml constraints.txt requirements-service.txt
	@echo "installing GradJury with its extras $(EXTRAS) into .venv; this takes some minutes, once"
	@start=$$(date +%s); $(PYTHON) -m venv .venv && \
	$(if $(or $(findstring service,$(EXTRAS)),$(findstring all,$(EXTRAS))),$(HASHED) requirements-service.txt &&) $(INSTALL) ".[$(EXTRAS)]" && \
	touch $@ && echo "installation: $$(($$(date +%s) - start)) s"

.venv/docs: .venv/run
	@echo "installing what builds the documentation into .venv"
	@$(INSTALL) ".[docs]" && touch $@

.venv/test: .venv/run
	@echo "installing what the tests and linters need into .venv"
	@start=$$(date +%s); $(INSTALL) ".[test,lint]" && \
	touch $@ && echo "installation for tests: $$(($$(date +%s) - start)) s"

# wheel and source distribution in dist/ with the guide, checked, and the wheel tried in a fresh environment
dist: docs .venv/dist
	rm -rf dist build
	$(BIN)/python -m build --outdir dist .
	$(BIN)/python -m twine check --strict dist/*
	.ci/try-wheel dist/*.whl $(PYTHON)

.venv/dist: .venv/run
	@$(INSTALL) ".[release]" && touch $@

clean:
	rm -rf .venv
