.PHONY: demo test check matrix engine lint types imports format clean

# Bytecode matters: importing pulumi_aws without it is three times slower.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
BIN := .venv/bin
# Three processes on two cores: some tests of the lab wait for real processes, and the third uses that time.
WORKERS ?= 3

demo: .venv/ready
	$(BIN)/sc-deploy demo

test: .venv/ready
	$(BIN)/pytest -n $(WORKERS) --dist=loadgroup

# The checkers run beside each other, the tests after them: their closing line ends the output.
check: .venv/ready
	$(MAKE) --jobs=2 lint types imports
	$(MAKE) test

# Crashes, faults, races and slow boots: every cell, where `make check` runs some of the costly ones, and 400 sequences
# of anything in any order, other ones each time. SC_DEPLOY_EXAMPLES=4000 makes more of these.
matrix: .venv/ready
	SC_DEPLOY_MATRIX=1 $(BIN)/pytest -n $(WORKERS) --dist=loadgroup tests/engine/test_crash_matrix.py \
	    tests/engine/test_crashes_of_other_runs.py \
	    tests/engine/test_fault_matrix.py tests/engine/test_lost_lease.py tests/engine/test_take_over.py \
	    tests/engine/test_read_lag.py tests/engine/test_slow_boots.py \
	    tests/engine/test_any_order.py

# Preview, apply and preview again with the real engine: needs `pulumi` on PATH and an emulator in AWS_ENDPOINT_URL.
# Elsewhere each test says why it was skipped.
engine: .venv/ready
	$(BIN)/pytest -m engine -rs tests/infra/test_engine.py

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/ready
	$(BIN)/mypy

imports: .venv/ready
	$(BIN)/lint-imports

format: .venv/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch .venv/ready

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
