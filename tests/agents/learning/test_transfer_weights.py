"""Which weights are taken over, how far they move, and what follows them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from chain import build, build_pqn
from states import LAYOUT
from torch import Tensor

from agents.dqn_settings import DQNSettings
from agents.learning import transfer
from agents.networks.base import Layout, QNetwork
from agents.networks.candidates import CandidateSettings
from agents.networks.mlp import ImageSettings, MLPSettings
from agents.settings import Task

CPU = torch.device("cpu")


def make_candidates(**options: Any) -> QNetwork:
    return CandidateSettings(width=8).build(layout=LAYOUT, n_actions=6, **options)


def agent_of(seeds: tuple[int, ...] = (0, 1), width: int = 8, **settings: Any) -> Any:
    made = CandidateSettings(width=width)
    task = Task(
        make_network=lambda **options: made.build(layout=LAYOUT, n_actions=6, **options),
        num_envs=2, obs_size=LAYOUT.size, n_actions=6, total_steps=100, device=CPU, seeds=seeds, store_masks=True,
    )  # fmt: skip
    return DQNSettings(memory_capacity=64, **settings).build(task)


def weights(network: QNetwork) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def taken(**changes: Any) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor], Any]:
    """Weights of two sources, fresh ones, those at first, and the agent that took them over."""
    sources, agent = agent_of(seeds=(7, 8)), agent_of()
    fresh = DQNSettings().fresh_network(make_candidates, (0, 1), CPU)
    saved, first = [sources.policy_state_dict(s)["network"] for s in (0, 1)], weights(agent.learner.network)
    agent.begin_with(saved, **{"mode": "full", "fresh": fresh, "shrink_perturb": 0.0, **changes})
    return weights(sources.learner.network), weights(fresh), first, agent


def test_parts_of_each_network() -> None:
    network = make_candidates(dueling=True)
    encoder = transfer.taken_over(network, "encoder")
    assert encoder == ["entity.0.weight", "state.0.weight", "state.0.bias", "state.1.gain", "state.1.bias"]
    head = transfer.taken_over(network, "head")
    assert {name.partition(".")[0] for name in head} == {
        "state_to_scorer", "candidate", "meet", "scorer", "head", "value",
    }  # fmt: skip
    assert sorted(encoder + head) == sorted(transfer.taken_over(network, "full"))
    assert transfer.taken_over(network, "random_init") == []
    mlp = MLPSettings(width=[4, 4], layer_norm=False).build(layout=LAYOUT, n_actions=6)
    assert transfer.taken_over(mlp, "head") == ["head.weight", "head.bias"]
    image = ImageSettings(channels=[2], width=[4], layer_norm=False)
    seen = image.build(layout=Layout(25, 0, 0, 0, 0, image=(5, 5, 1)), n_actions=2)
    assert "see.0.inner.0.weight" in transfer.taken_over(seen, "encoder")


@pytest.mark.parametrize("mode", transfer.MODES)
def test_each_mode_takes_its_part_and_the_rest_is_fresh(mode: str) -> None:
    saved, fresh, first, agent = taken(mode=mode)
    own = transfer.taken_over(agent.learner.network, mode)
    for name, value in agent.learner.network.state_dict().items():
        expected = first if mode == "random_init" else saved if name in own else fresh
        assert torch.equal(value, expected[name]), name
    target = agent.learner.target_network.state_dict()
    assert all(torch.equal(value, target[name]) for name, value in agent.learner.network.state_dict().items())
    assert not torch.equal(fresh["head.weight"], first["head.weight"])


def test_shrink_and_perturb_goes_part_of_the_way() -> None:
    saved, fresh, _, agent = taken(shrink_perturb=0.25)
    for name, value in agent.learner.network.state_dict().items():
        torch.testing.assert_close(value, 0.75 * saved[name] + 0.25 * fresh[name], rtol=0, atol=1e-6)


def test_the_optimiser_forgets() -> None:
    agent = agent_of()
    agent.learner.optimizer.mean.fill_(1.0)
    saved = [agent_of(seeds=(7,)).policy_state_dict()["network"]] * 2
    fresh = DQNSettings().fresh_network(make_candidates, (0, 1), CPU)
    agent.begin_with(saved, mode="head", fresh=fresh, shrink_perturb=0.0)
    assert agent.learner.optimizer.mean.abs().max() == 0


def test_fresh_weights_are_not_those_that_a_run_of_the_seed_begins_with() -> None:
    """A source of the same seed began with those: moving towards them would be a step back."""
    settings, seeds = DQNSettings(), range(20)
    fresh = settings.fresh_network(make_candidates, seeds, CPU).state_dict()["head.weight"]
    begun = torch.cat([agent_of(seeds=(seed,)).policy_state_dict()["network"]["head.weight"] for seed in seeds])
    distance = (fresh.unsqueeze(0) - begun.unsqueeze(1)).abs().flatten(2).amax(2)  # [20, 20]
    assert distance.min() > 1e-3


def test_what_does_not_fit_is_named() -> None:
    wider = [agent_of(seeds=(s,), width=16).policy_state_dict()["network"] for s in (0, 1)]
    fresh = DQNSettings().fresh_network(make_candidates, (0, 1), CPU)
    given: dict[str, Any] = {"fresh": fresh, "shrink_perturb": 0.0}
    agent = agent_of()
    with pytest.raises(ValueError, match=r"fit: entity.0.weight is \(2, 4, 16\) there and \(2, 4, 8\) here"):
        agent.begin_with(wider, mode="encoder", **given)
    lacking = [{k: v for k, v in x.items() if k != "head.bias"} for x in wider]
    with pytest.raises(ValueError, match="the saved network does not fit"):
        agent.begin_with(lacking, mode="head", **given)
    before = agent.learner.flat.values.clone()
    agent.begin_with(wider, mode="random_init", **given)
    assert torch.equal(agent.learner.flat.values, before)


@pytest.mark.parametrize("make", [build, build_pqn], ids=["dqn", "pqn"])
def test_both_agents_act_on_what_they_took(make: Any) -> None:
    from chain import every_state, make_network

    source, agent = make(seeds=(5,)), make(seeds=(0,))
    obs, mask = every_state()
    fresh = DQNSettings().fresh_network(make_network, (0,), CPU)
    agent.begin_with([source.policy_state_dict()["network"]], mode="full", fresh=fresh, shrink_perturb=0.0)
    assert (agent.q_values(obs, mask) == source.q_values(obs, mask)).all()
