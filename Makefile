# Everything starts here: `make train`. The environment is made on first use and again when its pins change.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/installed
TESTS := .venv/tests_installed
JAX := .venv/jax_installed
ARGS ?=
OTHER ?= python3.13
device ?= auto
jobs ?= 2


.PHONY: train test proofs mistakes crash fuzz soak properties pictures other check bench bench-quick gpu clean .venv

train: $(STAMP)
	$(BIN)/python train.py agent=dqn reward=shaped $(ARGS)

test: $(TESTS)
	$(BIN)/python -m pytest -n $(jobs) --dist loadfile -m "not gpu and not proof" $(ARGS)

proofs: $(TESTS)
	$(BIN)/python -m pytest -n $(jobs) -m proof $(ARGS)

mistakes: $(TESTS)
	$(BIN)/python tests/helpers/mistakes/walk.py $(ARGS)

# Drawn levels and games, many new ones: what holds in all of them, shrunk to a short game where it doesn't
properties: $(TESTS)
	WAYBILL_PROPERTIES=long $(BIN)/python -m pytest -n $(jobs) tests/envs/properties $(ARGS)

# Wrong inputs of all kinds: ARGS=minutes=60
fuzz: $(TESTS)
	$(BIN)/python tests/helpers/fuzz/fuzz.py $(ARGS)

# Games played on and on: ARGS=steps=1e8
soak: $(TESTS)
	$(BIN)/python tests/helpers/soak/soak.py $(ARGS)

# Trainings killed at 50 random moments and at every named point, resumed, and compared with uninterrupted ones
crash: $(TESTS)
	$(BIN)/python tests/helpers/crash/crash.py $(ARGS)

# The pictures of docs/gallery.md, after a training as that of `make train`; needs Chromium
pictures: $(TESTS)
	$(BIN)/python -m experiments.gallery $(ARGS)

# The core on another Python: make other OTHER=python3.13
other:
	$(OTHER) -m venv .venv_other
	.venv_other/bin/pip install -q -c constraints.txt -e . pytest pytest-xdist
	.venv_other/bin/python -m pytest -n $(jobs) -m "not gpu and not proof" tests/groundwork tests/envs/test_golden.py \
		tests/experiments/runs/test_training.py tests/agents/learning

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -p no:cacheprovider tests/test_layers.py

# All tables of this machine's processor go into the page; some of them, or a GPU's, are only printed
bench: $(JAX)
	$(BIN)/python -m experiments.bench device=$(device) $(if $(ARGS)$(filter cuda,$(device)),,page=docs/performance.md) $(ARGS)

# The tables that matter most, in two minutes
bench-quick: $(JAX)
	$(BIN)/python -m experiments.bench device=$(device) rounds=1 tables=train,jax $(ARGS)

gpu: $(STAMP)
	$(BIN)/python -m pytest -m gpu tests
	$(BIN)/python -m experiments.bench device=cuda tables=train,regimes,split $(ARGS)

.venv: $(STAMP)

$(STAMP): constraints.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install -q -c constraints.txt -e ".[dev]"
	touch $(STAMP)

$(JAX): $(STAMP)
	$(BIN)/pip install -q -c constraints.txt -e ".[jax]"
	touch $(JAX)

$(TESTS): $(STAMP)
	$(BIN)/pip install -q -c constraints.txt -e ".[tests]"
	touch $(TESTS)

clean:
	rm -rf .venv .venv_other .cache build *.egg-info .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
