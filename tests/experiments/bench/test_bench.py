"""The benchmark: its options, its arithmetic, and that a case runs."""

from __future__ import annotations

import pytest
import torch

from agents.networks.candidates import CandidateSettings
from agents.networks.mlp import MLPSettings
from experiments.bench.__main__ import options
from experiments.bench.cases import GAMES, Case, Training, sb3_training
from experiments.bench.split import product_seconds, products, split_time
from experiments.bench.tables import median_and_range, ratios

CPU = torch.device("cpu")
SMALL = Case("small", "CartPole-v1", MLPSettings(width=[16, 12], layer_norm=False), 512)


@pytest.mark.parametrize(
    "argument", ["rounds=0", "rounds=x", "device=gpu", "seeds=2", "rounds", "device=", "tables=update"]
)
def test_options_that_are_none_are_refused(argument: str) -> None:
    with pytest.raises(ValueError, match=r"allowed are") as error:
        options([argument])
    assert "\n" not in str(error.value)
    assert argument.partition("=")[2] in str(error.value)


def test_options() -> None:
    assert options(["device=cpu", "rounds=7"]) == ("cpu", 7, ["engine", "sb3", "split", "seeds"])
    assert options(["device=cpu"])[1] == 3
    assert options(["device=cpu", "tables=split,engine"])[2] == ["split", "engine"]


def test_figures_are_medians_with_their_range() -> None:
    assert median_and_range([1000.0, 3000.0, 2000.0]) == "2,000 (1,000 … 3,000)"
    assert ratios([8.0, 9.0, 20.0], [2.0, 3.0, 4.0]) == "4.0 (3.0 … 5.0)"  # of 4, 3 and 5


def test_the_products_of_an_mlp_update() -> None:
    """Two ways forward, then each layer's weights, and each layer's inputs but the first."""
    training = Training(SMALL, CPU)
    batch = training.agent.sample(2048, 1)
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


def test_the_other_side_trains_as_much() -> None:
    assert sb3_training(SMALL, CPU, games=GAMES)() > 0
