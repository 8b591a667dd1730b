"""DQN: its updates, targets, metrics and exploration on a chain; other networks and constant masks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from chain import Chain, build, play

from agents.dqn_settings import DQNSettings
from agents.networks.base import Layout
from agents.networks.candidates import CandidateSettings
from agents.networks.mlp import ImageSettings, MLPSettings
from agents.settings import Task

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize(
    ("per_step", "expected"), [(1 / 16, [0, 0, 0, 0, 0, 1, 0, 1]), (0.25, [0, 0, 0, 0, 2, 2, 2, 2])]
)
def test_updates_are_spread_evenly_and_begin_after_learning_starts(per_step: float, expected: list[int]) -> None:
    agent, env, done = build(updates_per_step=per_step, learning_starts=40, batch_size=2), Chain(num_envs=8), []
    for k in range(8):
        play(agent, env, 8 * k, 8 * k + 8)
        done.append(agent.updates)
    assert np.diff([0, *done]).tolist() == expected


@pytest.mark.parametrize("switches", [{}, {"dueling": True, "noisy": True}], ids=["fused", "general"])
def test_metrics_are_means_since_the_last_read(switches: dict[str, Any]) -> None:
    agent = build(seeds=(0, 1), **switches)
    assert agent.means() == [{}, {}]
    play(agent, Chain(num_envs=16), 0, 400)
    metrics = agent.means()
    assert metrics[0] != metrics[1]
    for row in metrics:
        assert set(row) == {
            "loss",
            "q_mean",
            "td_error_abs",
            "grad_norm",
            "dormant",
            "dormant_at_first",
            "memory_steps",
        }
        assert all(np.isfinite(value) for value in row.values())
        assert 0 < row["loss"] <= row["td_error_abs"]
        assert 0 <= row["dormant"] <= 1
        assert 0 <= row["dormant_at_first"] <= 1
    assert agent.means() == [{}, {}]
    play(agent, Chain(num_envs=16), 400, 800)
    assert "dormant_at_first" not in agent.means()[0]


@pytest.mark.parametrize("switches", [{}, {"noisy": True}], ids=["fused", "general"])
def test_target_network_is_copied_every_so_many_updates(switches: dict[str, Any]) -> None:
    agent = build(updates_per_step=1 / 8, target_every=30, learning_starts=80, **switches)
    env, fresh = Chain(num_envs=8), agent.learner.target_flat.values.clone()
    play(agent, env, 0, 80 + 8 * 28)
    assert agent.updates == 29
    assert torch.equal(agent.learner.target_flat.values, fresh)
    assert not torch.equal(agent.learner.flat.values, fresh)
    play(agent, env, 80 + 8 * 28, 80 + 8 * 29)
    assert agent.updates == 30
    assert torch.equal(agent.learner.target_flat.values, agent.learner.flat.values)


def test_target_network_is_a_moving_average() -> None:
    agent, env = build(updates_per_step=1 / 8, tau=0.25, learning_starts=80), Chain(num_envs=8)
    expected = agent.learner.target_flat.values.clone()
    for env_step in range(0, 320, 8):
        before = agent.updates
        play(agent, env, env_step, env_step + 8)
        if agent.updates > before:
            expected.lerp_(agent.learner.flat.values, 0.25)
    assert agent.updates == 31
    torch.testing.assert_close(agent.learner.target_flat.values, expected)


def test_learning_rate_falls_linearly() -> None:
    agent, env = build(total_steps=2_000, learning_rate=1e-3, learning_rate_final_share=0.2), Chain(num_envs=8)
    play(agent, env, 0, 1_000)
    assert agent.learner.optimizer.learning_rate == pytest.approx(6e-4, rel=0.01)
    play(agent, env, 1_000, 2_400)
    assert agent.learner.optimizer.learning_rate == pytest.approx(2e-4)


def test_importance_weights_grow_to_full() -> None:
    """Their exponent rises linearly to 1 at the last step; without priorities all weigh 1."""
    agent = build(total_steps=1_000, importance_start=0.4, prioritised=True)
    assert [agent.importance(step) for step in (0, 500, 1_000, 2_000)] == pytest.approx([0.4, 0.7, 1.0, 1.0])
    play(agent, Chain(num_envs=8), 0, 600)
    assert agent.batch is not None
    priorities, batch = agent.memories[0].priorities, agent.batch
    assert priorities is not None
    assert batch.weights.max() == 1
    assert batch.weights.min() < 0.9
    plain = build(total_steps=1_000)
    play(plain, Chain(num_envs=8), 0, 600)
    assert plain.batch is not None
    assert set(plain.batch.weights.flatten().tolist()) == {1.0}


def test_td_errors_become_priorities() -> None:
    """(|TD error| + 1e-6) ** exponent of the last batch, of each seed in its own memory."""
    agent = build(prioritised=True, priority_exponent=0.5, seeds=(0, 1), updates_per_step=1 / 8, huber_delta=0.01)
    play(agent, Chain(num_envs=16), 0, 400)
    assert agent.learner.fused is not None
    assert agent.batch is not None
    td_error, slots = agent.learner.fused.td.abs().double(), agent.batch.slots
    for s, memory in enumerate(agent.memories):
        assert memory.priorities is not None
        values = memory.priorities.tree.values()[slots[s]]
        torch.testing.assert_close(values, (td_error[s] + 1e-6) ** 0.5, rtol=1e-4, atol=1e-6)
    assert not torch.equal(slots[0], slots[1])


def test_acting_mixes_random_and_greedy_rows() -> None:
    for seeds in ((0,), (0, 1)):
        agent = build(epsilon_start=0.5, epsilon_end=0.5, num_envs=400, seeds=seeds)
        chain = Chain(num_envs=400 * len(seeds))
        chain.place[:] = 2
        obs, mask = chain.observe()
        a, best = agent.act(obs, mask, None, env_step=0), agent.greedy(obs, mask)
        for rows in np.arange(len(a)).reshape(len(seeds), 400):
            assert 0.55 < (a == best)[rows].mean() < 0.78  # half greedy, a third of the other half by chance
        assert agent.epsilon(0) == 0.5
        sure = build(epsilon_start=0.0, epsilon_end=0.0, num_envs=400, seeds=seeds)
        assert (sure.act(obs, mask, None, env_step=0) == sure.greedy(obs, mask)).all()


def test_exploration_is_legal_and_by_groups_in_every_seed() -> None:
    agent = build(epsilon_start=1.0, num_envs=300, seeds=(0, 1), group_weights=[3.0, 1.0])
    chain = Chain(num_envs=600)
    chain.place[300:] = 2
    obs, mask = chain.observe()
    groups = np.tile(np.array([0, 1, 1], np.int8), (600, 1))
    for of_rows in (groups, groups[0]):
        a = agent.act(obs, mask, of_rows, env_step=0)
        assert set(a[:300].tolist()) == {1}  # alone legal in state 0
        assert np.bincount(a[300:]) / 300 == pytest.approx([0.75, 0.125, 0.125], abs=0.08)


@pytest.mark.parametrize("kind", ["candidates", "full", "image"])
@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
def test_other_networks_and_constant_masks_run(kind: str, seeds: tuple[int, ...]) -> None:
    """A candidate network, a raw action space without masks in memory, and convolutions."""
    layout, network, n_actions = {
        "candidates": (Layout(2, 3, 4, 5, 6), CandidateSettings(width=8), 5),
        "full": (Layout(2, 3, 4, 0, 0), MLPSettings(width=[8]), 1_000),
        "image": (Layout(75, 0, 0, 0, 0, image=(5, 5, 3)), ImageSettings(channels=[4, 4], width=[8]), 6),
    }[kind]
    store_masks, rows = kind == "candidates", 4 * len(seeds)
    task = Task(
        make_network=lambda **options: network.build(layout=layout, n_actions=n_actions, **options),  # type: ignore[attr-defined]
        num_envs=4, obs_size=layout.size, n_actions=n_actions, total_steps=100, device=torch.device("cpu"),
        seeds=seeds, store_masks=store_masks, gamma=0.9,
    )  # fmt: skip
    agent = DQNSettings(learning_starts=0, batch_size=4, memory_capacity=100, updates_per_step=1.0).build(task)
    rng, no, start = np.random.default_rng(0), np.zeros(rows, bool), agent.learner.flat.values.clone()
    mask = (rng.random((rows, n_actions)) < (0.5 if store_masks else 2)).astype(np.int8)
    for k in range(10):
        obs = rng.random((rows, layout.size), np.float32)
        a = agent.act(obs, mask, rng.integers(0, 3, n_actions), env_step=4 * k)
        assert mask[np.arange(rows), a][mask.any(1)].all()
        agent.observe(
            obs_tm1=obs, mask_tm1=mask, a_tm1=a, r_t=rng.random(rows), terminated_t=no, truncated_t=no, reset_rows=no
        )
        agent.learn(4 * k + 4)
    assert agent.updates > 0
    assert (agent.learner.flat.values != start).any(1).all()
    assert all(np.isfinite(row["loss"]) for row in agent.means())
    q = agent.q_values(obs, mask)
    assert q.shape == (rows, n_actions)
    assert (np.isneginf(q) == (mask == 0)).all()
