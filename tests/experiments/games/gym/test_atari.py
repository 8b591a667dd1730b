"""Atari: the prepared experiment sees and scores what the usual preprocessing gives, and learns for a moment."""

from __future__ import annotations

from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gym_nodes import node, result_of

from experiments.config.reading import read_setup
from experiments.games.gym.domain import GymDomain
from experiments.games.gym.seeds import training_seed
from experiments.runs import train
from experiments.runs.loop import make_loop

pytest.importorskip("ale_py")
SMALL = (
    "network.channels=[4,4,4]", "network.width=[16]", "num_envs=4", "steps=512", "agent.rollout=16",
    "agent.minibatches=2", "evaluation.every=256", "evaluation.episodes=2", "evaluation.final_episodes=2",
    "evaluation.max_steps=40",
)  # fmt: skip


def test_a_short_training_leaves_a_result(tmp_path: Path) -> None:
    train.start_run(node(tmp_path, "experiment=atari_breakout", *SMALL), folder=tmp_path / "run")
    result = result_of(tmp_path / "run")
    assert result["env_steps"] >= 512
    assert result["updates"] == 7 * 2 * 2  # whole rollouts with a step after them, minibatches, epochs
    assert result["game"]["training_wrappers"] == [{"ClipReward": {"min_reward": -1, "max_reward": 1}}]
    assert result["scores"]["pqn"]["mean"] >= 0


def test_the_network_is_that_of_the_source(tmp_path: Path) -> None:
    """Mnih et al. 2015, Methods: 32 filters of 8 x 8 by 4, 64 of 4 x 4 by 2, 64 of 3 x 3 by 1, then 512 units."""
    setup = read_setup(node(tmp_path, "experiment=atari_breakout", "num_envs=2"))
    loop = make_loop(setup, validation=setup.domain.validation(setup))
    [weights] = loop.agent.policy_state_dict(0).values()
    shapes = {name: tuple(array.shape) for name, array in weights.items()}
    inputs = [shape[-2] for name, shape in shapes.items() if name.endswith("weight") and shape[-1] in (32, 64, 512)]
    assert inputs == [8 * 8 * 4, 4 * 4 * 32, 3 * 3 * 64, 7 * 7 * 64]


def test_training_games_show_what_gymnasiums_wrappers_show(tmp_path: Path) -> None:
    setup = read_setup(node(tmp_path, "experiment=atari_breakout", "num_envs=2"))
    assert isinstance(setup.domain, GymDomain)
    games = setup.domain.training_games(setup)
    assert games.layout.image == (84, 84, 4)
    bare = gymnasium.make("ALE/Breakout-v5", frameskip=1)
    env = gymnasium.wrappers.FrameStackObservation(gymnasium.wrappers.AtariPreprocessing(bare), stack_size=4)
    obs, _ = games.reset(seed=3)
    expected, _ = env.reset(seed=training_seed(3))
    for step in range(60):
        rows = np.moveaxis(np.asarray(expected), 0, -1).reshape(-1).astype(np.float32) / 255
        np.testing.assert_allclose(obs[0], rows, atol=1e-6)
        action = [1, 2, 3, 0][step // 5 % 4]
        obs, r, terminated, _, _ = games.step(np.array([action, 0]))
        expected, reward, over, _, _ = env.step(action)
        assert r[0] == np.clip(reward, -1, 1)
        assert terminated[0] == over
        if over:
            break
