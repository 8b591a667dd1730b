"""Agents on pretended GPUs: nothing is mixed up, nothing waits, graphs do what single operations do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any
from unittest import mock

import chain
import numpy as np
import pytest
import torch
from chain import Chain
from expert import build_expert
from pretended import World, pretended_gpus
from random_games import RandomGames

from agents.dqn import DQN
from agents.dqn_settings import DQNSettings
from agents.networks.base import Layout
from agents.networks.candidates import CandidateSettings
from agents.networks.mlp import ImageSettings, MLPSettings
from agents.networks.relational import RelationalSettings
from agents.pqn import PQN
from agents.pqn_settings import PQNSettings
from agents.settings import Task

SETS = Layout(globals=3, entities=5, entity_features=4, candidates=6, candidate_features=7)
POINTING = SETS._replace(pointers=2)
FLAT = Layout(globals=9, entities=0, entity_features=0, candidates=0, candidate_features=0)
IMAGE = Layout(72, 0, 0, 0, 0, image=(6, 6, 2))
NETWORKS: dict[str, tuple[Any, Layout]] = {
    "mlp": (MLPSettings(width=[16]), FLAT),
    "image": (ImageSettings(channels=[4], width=[8]), IMAGE),
    "candidates": (CandidateSettings(width=16), SETS),
    "relational": (RelationalSettings(width=16), POINTING),
}
GAMES, ACTIONS, PLACE = 8, 6, 1
Agent = DQN | PQN


def build(network: str, kind: str, masks: bool, seeds: int, changes: dict[str, Any]) -> Agent:
    made, layout = NETWORKS[network]
    task = Task(
        make_network=partial(made.build, layout=layout, n_actions=ACTIONS), num_envs=GAMES, obs_size=layout.size,
        n_actions=ACTIONS, total_steps=800, device=torch.device("cuda", PLACE), seeds=range(seeds),
        store_masks=masks,
    )  # fmt: skip
    shared: dict[str, Any] = {"learning_rate": 3e-3, "v_min": -4.0, "v_max": 4.0, "atoms": 7, "epsilon_end": 0.1}
    if kind == "pqn":
        given = {"rollout": 4, "minibatches": 2, "epochs": 2, **shared}
        return PQNSettings(**(given | changes)).build(task)
    given = {
        "batch_size": 12, "updates_per_step": 1 / 4, "learning_starts": 40, "n_step": 3, "memory_capacity": 160,
        **shared,
    }  # fmt: skip
    return DQNSettings(**(given | changes)).build(task)


def play(agent: Agent, games: RandomGames, first: int, last: int) -> list[list[int]]:
    """Batch steps of the training loop; the actions of each."""
    actions = []
    for number in range(first, last):
        obs, mask = games.observe()
        a = agent.act(obs, mask, None, env_step=number * GAMES)
        agent.observe(obs_tm1=obs, mask_tm1=mask, a_tm1=a, **games.step())
        agent.learn((number + 1) * GAMES)
        actions.append(a.tolist())
    return actions


def trained(
    look: Callable[[Agent], None], network: str, kind: str, masks: bool, seeds: int, changes: dict[str, Any]
) -> tuple[Agent, list[list[int]]]:  # fmt: skip
    agent = build(network, kind, masks, seeds, changes)
    games = RandomGames(GAMES * seeds, NETWORKS[network][1], ACTIONS, masks=masks)
    actions = play(agent, games, 0, 30)
    look(agent)
    return agent, actions + play(agent, games, 30, 50)


CASES: list[tuple[str, str, bool, int, dict[str, Any]]] = [
    ("mlp", "dqn", True, 1, {}),
    ("mlp", "dqn", False, 2, {"prioritised": True, "n_step_end": 1}),
    ("mlp", "dqn", True, 2, {"noisy": True, "dueling": True, "head": "quantile", "risk": "cvar"}),
    ("mlp", "dqn", True, 1, {"munchausen": True, "n_step": 1, "double": False, "tau": 0.01}),
    ("mlp", "dqn", True, 2, {"redo_every": 5, "redo_threshold": 0.5, "reset_every": 17}),
    ("image", "dqn", False, 1, {"obs_dtype": "uint8", "head": "categorical"}),
    ("candidates", "dqn", True, 1, {"obs_dtype": "float16", "prioritised": True, "tau": 0.01}),
    ("candidates", "dqn", True, 2, {"head": "hl_gauss", "weight_decay": 0.01}),
    ("candidates", "dqn", True, 1, {"head": "categorical", "dueling": True, "noisy": True}),
    ("candidates", "dqn", True, 1, {"head": "quantile", "double": False}),
    ("relational", "dqn", True, 2, {"prioritised": True}),
    ("mlp", "pqn", True, 1, {}),
    ("mlp", "pqn", False, 2, {"head": "hl_gauss"}),
    ("candidates", "pqn", True, 2, {}),
    ("relational", "pqn", True, 1, {"head": "hl_gauss"}),
]


def name_of(case: Any) -> str:
    network, kind, masks, seeds, changes = case
    return "-".join([network, kind, "masks" if masks else "all legal", str(seeds), *changes])


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_graphs_do_what_single_operations_do(case: Any) -> None:
    """To the bit, while rates, exponents and n change; and the CPU waits for one copy a batch step."""
    world: World
    counted: list[Counter[str]] = []
    with pretended_gpus() as world:
        agent, actions = trained(lambda _: counted.append(world.counts.copy()), *case)
        counted.append(world.counts.copy())
        weights = agent._updater.flat.values.cpu()
        updates = agent.updates
        with mock.patch("agents.gpu.captured.WARM_UP", 10**9):
            other, others = trained(lambda _: None, *case)
        assert actions == others
        assert torch.equal(weights, other._updater.flat.values.cpu())
        start = build(*case)._updater.flat.values.cpu()
    assert updates == other.updates
    assert updates > 30
    assert (weights - start).abs().max() > 1e-2
    assert world.counts["recordings"] == 2  # of acting and of updates
    lately = counted[1] - counted[0]
    steps, seeds = 20, case[3]
    assert lately["waits"] == lately["recordings"] == 0
    assert lately["unpinned copies to a device"] == 0 or "redo_every" in case[4]  # which wants new weights
    assert lately["copies from a device"] == steps
    assert lately["copies to a device"] <= steps * (1 + seeds) + (lately["replays"] - steps if case[1] == "pqn" else 0)
    assert lately["replays"] > steps + 10


@pytest.mark.parametrize("head", ["scalar", "hl_gauss"])
def test_expert_iteration_is_at_home_there_too(head: str) -> None:
    """It plays as it does on a CPU, whose random numbers it has; nothing of it is one graph."""
    changes: dict[str, Any] = {"head": head, "atoms": 31, "v_min": -0.3, "v_max": 1.3, "turns": 2, "candidates": 2}
    with pretended_gpus() as world:
        games = [Chain(num_envs=8) for _ in range(2)]
        there = build_expert(games[0], (0, 1), device=f"cuda:{PLACE}", **changes)
        actions = [chain.play(there, games[0], 0, 96)]  # type: ignore[arg-type]
        assert world.counts["copies from a device"] > 20
        assert (there.updates, there.policy.device) == (2, torch.device("cuda", PLACE))
        here = build_expert(games[1], (0, 1), **changes)
        actions.append(chain.play(here, games[1], 0, 96))  # type: ignore[arg-type]
        there.load_state_dict(there.state_dict())
    assert actions[0] == actions[1]


@pytest.mark.parametrize("kind", ["dqn", "pqn"])
def test_evaluations_curves_and_saves_are_at_home_there_too(kind: str) -> None:
    """What a run asks of an agent beside steps; a restored agent goes on as the saved one does."""
    case = ("candidates", kind, True, 2, {"head": "hl_gauss", "prioritised": True} if kind == "dqn" else {})
    with pretended_gpus():
        agent, _ = trained(lambda _: None, *case)
        obs, mask = RandomGames(GAMES, SETS, ACTIONS, seed=5).observe()
        for seed in range(2):
            policy = agent.greedy_policy(seed)
            assert policy.device == torch.device("cuda", PLACE)
            q = policy.q_values(obs, mask)
            assert (np.isneginf(q) == (mask == 0)).all()
            assert policy.greedy(obs, mask).tolist() == q.argmax(1).tolist()
        means = agent.means()
        assert all(np.isfinite(value) for row in means for value in row.values())
        assert {"loss", "at_ends"} <= set(means[0]) or kind == "pqn"
        restored = build(*case)
        restored.load_state_dict(agent.state_dict())
        games = [RandomGames(2 * GAMES, SETS, ACTIONS, seed=9) for _ in range(2)]
        assert play(agent, games[0], 50, 70) == play(restored, games[1], 50, 70)
        ours, theirs = (x._updater.flat.values.cpu() for x in (agent, restored))
    assert torch.equal(ours, theirs)
