"""The benchmark: its options, its arithmetic, and that a case runs."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from pretended import pretended_gpus

from agents.networks.candidates import CandidateSettings
from agents.networks.mlp import MLPSettings
from experiments.bench.__main__ import BEGIN, END, describe, main, options, put_into
from experiments.bench.cases import GAMES, Case, Training, as_trained, sb3_training
from experiments.bench.jax_dqn import JAXTraining, has_fallen, physics
from experiments.bench.split import product_seconds, products, split_time
from experiments.bench.tables import Found, median_and_range, ratios

CPU = torch.device("cpu")
SMALL = Case("small", "CartPole-v1", MLPSettings(width=[16, 12], layer_norm=False), 512)


@pytest.mark.parametrize(
    "argument",
    ["rounds=0", "rounds=x", "device=gpu", "seeds=2", "rounds", "device=", "tables=update", "page=README.md"],
)
def test_options_that_are_none_are_refused(argument: str) -> None:
    with pytest.raises(ValueError, match=r"allowed are|no page with the marks") as error:
        options([argument])
    assert "\n" not in str(error.value)
    assert argument.partition("=")[2] in str(error.value)


def test_options() -> None:
    all_tables = ["engine", "train", "jax", "sb3", "split", "seeds", "diagnostics", "saves"]
    assert options(["device=cpu", "rounds=7"]) == ("cpu", 7, all_tables, None)
    assert options(["page=docs/performance.md"]).page == Path("docs/performance.md")
    assert options(["device=cpu"])[1] == 3
    assert options(["device=cpu", "tables=split,engine"])[2] == ["split", "engine"]
    assert options(["device=cuda"])[2] == [*all_tables, "regimes"]
    assert options(["device=cpu", "tables=regimes"])[2] == ["regimes"]


def test_without_jax_it_is_said_before_anything_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("sys.argv", ["bench", "tables=engine,jax"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code not in (0, None)
    told = capsys.readouterr()
    assert 'tables=jax needs JAX and Optax: pip install -e ".[jax]"' in f"{told.err}{ended.value.code}"
    assert "GFLOP" not in told.out


def test_figures_are_medians_with_their_range() -> None:
    assert median_and_range([1000.0, 3000.0, 2000.0]) == "2,000 (1,000 … 3,000)"
    assert ratios([8.0, 9.0, 20.0], [2.0, 3.0, 4.0]) == "4.0 (3.0 … 5.0)"  # of 4, 3 and 5


def test_the_products_of_an_mlp_update() -> None:
    """Two ways forward, then each layer's weights, and each layer's inputs but the first."""
    training = Training(SMALL, CPU)
    batch, reading = training.agent.draw(2048, 1)
    training.agent.read(reading)
    forward = [(128, 4, 16), (128, 16, 12), (128, 12, 2)]
    back = [(4, 128, 16), (16, 128, 12), (128, 12, 16), (12, 128, 2), (128, 2, 12)]
    assert sorted(products(training.agent.policy.network, batch)) == sorted(forward + forward + back)


def test_larger_products_take_longer() -> None:
    assert product_seconds((256, 256, 256), CPU) > product_seconds((16, 16, 16), CPU) > 0


@pytest.mark.parametrize("seeds", [1, 2])
@pytest.mark.parametrize("game", ["CartPole-v1", "refine"])
def test_a_case_trains_and_its_time_is_split(game: str, seeds: int) -> None:
    network = SMALL.network if game == "CartPole-v1" else CandidateSettings(width=8)
    training = Training(Case("small", game, network, 512), CPU, seeds=seeds)
    before, steps = training.agent.updates, training.env_step
    assert training() > 0
    assert training.env_step - steps == 512
    assert training.agent.updates - before == 512 // 4
    if seeds == 1:
        spent = split_time(training)
        assert set(spent) == {"engine", "act", "remember", "sample", "update", "floor"}
        assert min(spent.values()) > 0
        assert training.agent.updates - before == 2 * 512 // 4  # the split's round is one of training


@pytest.mark.parametrize(("game", "count", "size"), [("CartPole-v1", 128, 512), ("rivals", 32, 64)])
def test_larger_batches_replay_as_many_transitions_for_each_step(game: str, count: int, size: int) -> None:
    network = SMALL.network if game == "CartPole-v1" else CandidateSettings(width=8)
    training = Training(Case("large", game, network, 1024, count=count, batch_size=size), CPU)
    before, steps = training.agent.updates, training.env_step
    training()
    assert training.env_step - steps == 1024
    assert (training.agent.updates - before) * size == 32 * 1024


def test_a_gpu_s_time_is_split_too_though_it_draws_within_the_update() -> None:
    with pretended_gpus():
        training = Training(dataclasses.replace(SMALL, steps=128), torch.device("cuda", 0))
        spent = split_time(training)
    assert spent.pop("sample") == 0
    assert set(spent) == {"engine", "act", "remember", "update", "floor"}
    assert min(spent.values()) > 0


def test_tables_are_put_between_the_marks_of_a_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Before\n\n{BEGIN}\nold figures\n{END}\n\nafter\n")
    table = Found("a title", ["what", "median"], [["one", "2"], ["three", "4"]])
    put_into(page, ["Of a machine.", table.markdown()])
    rows = "| what | median |\n| --- | --- |\n| one | 2 |\n| three | 4 |"
    assert page.read_text() == f"# Before\n\n{BEGIN}\n\nOf a machine.\n\n### a title\n\n{rows}\n\n{END}\n\nafter\n"


def test_the_machine_is_described_with_its_speed() -> None:
    line = describe(CPU)
    assert re.search(r"^\d+ cores, .+ GFLOP/s on one thread, [\d,]+ on all\.$", line), line


def test_a_case_with_the_settings_of_make_train() -> None:
    case = as_trained()
    assert case.settings is not None
    found = case.settings.batch_size, case.settings.updates_per_step, case.settings.n_step, case.settings.double
    assert found == (128, 1 / 32, 20, True)


def test_the_compiled_program_learns_to_keep_the_pole_up() -> None:
    training = JAXTraining([32, 32], games=GAMES, batch_size=64, steps_per_update=4, steps=16_384)
    first = training.mean_length()
    assert training() > 0
    training.mean_length()
    assert training() > 0
    assert training.mean_length() > 3 * first > 30


def test_its_games_are_those_of_gymnasium() -> None:
    """From the same states the same states, in each of two hundred random turns."""
    env: Any = gymnasium.make("CartPole-v1").unwrapped
    rng = np.random.default_rng(0)
    fallen = 0
    for _ in range(200):
        env.reset(seed=0)
        state = rng.uniform(-1, 1, 4) * [2.6, 2.0, 0.25, 2.0]
        env.state, action = tuple(state), int(rng.integers(2))
        after, _, over, _, _ = env.step(action)
        ours = physics(np.float32(state)[None], np.array([action]))
        np.testing.assert_allclose(np.asarray(ours)[0], after, rtol=1e-4, atol=1e-5)
        assert bool(has_fallen(ours)[0]) == over
        fallen += over
    assert 20 < fallen < 180


def test_the_other_side_trains_as_much() -> None:
    assert sb3_training(SMALL, CPU, games=GAMES)() > 0
