# Two commands: `make run` and `make test`. Both set up everything they need in .venv.
PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin

.PHONY: run test test-nightly lint bench docs clean

run: .venv/run
	@$(BIN)/gradjury serve --port $(PORT)

test: .venv/test lint
	$(BIN)/python -m pytest -n 3

test-nightly: .venv/test lint
	$(BIN)/python -m pytest -n 2 -m "" --hypothesis-profile=nightly

lint: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: .venv/test
	for question in judging exhaustive large large_graphs growth command_line throughput soundness graphs diagnosis diagnosis_cost shrinking leaks contract hostility durability load; do $(BIN)/python -m benchmarks.$$question || exit 1; done

docs: .venv/run
	$(BIN)/python -m verifier.bug_pages docs/bugs
	$(BIN)/python -m verifier.gallery_pages examples/gallery

# compat: a folder named like a package, where a command is run, must not hide the package
.venv/run: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --config-settings editable_mode=compat --editable ".[service]"
	@touch $@

.venv/test: .venv/run
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --config-settings editable_mode=compat --editable ".[test,lint]"
	@touch $@

clean:
	rm -rf .venv
