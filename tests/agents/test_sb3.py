"""Stable-Baselines3 behind our calls: trains, stops, goes on, and leaves nothing pickled."""

from __future__ import annotations

import dataclasses
import io
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.vec_env import DummyVecEnv

from agents.sb3.agent import SB3Agent, SB3Policy
from agents.sb3.settings import SB3DQNSettings, SB3MaskablePPOSettings
from groundwork import limits
from groundwork.errors import WaybillError

Settings = SB3DQNSettings | SB3MaskablePPOSettings


class Walk(gymnasium.Env):
    """Ten steps; action 2 pays 1, action 0 pays 0 and action 1 is never legal (and pays 5)."""

    def __init__(self) -> None:
        self.observation_space = spaces.Box(0.0, 1.0, (4,), np.float32)
        self.action_space = spaces.Discrete(3)
        self.turn = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        self.turn = 0
        return self._obs(), {}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.turn += 1
        return self._obs(), (0.0, 5.0, 1.0)[int(action)], self.turn == 10, False, {"turn": self.turn}

    def action_masks(self) -> np.ndarray:
        return np.array([True, False, True])

    def _obs(self) -> np.ndarray:
        return np.full(4, self.turn / 10, np.float32)


DQN_SETTINGS = SB3DQNSettings(
    net_arch=[16], batch_size=16, buffer_size=400, learning_starts=40, target_update_interval=40, n_steps=2,
    learning_rate=5e-3,
)  # fmt: skip
PPO_SETTINGS = SB3MaskablePPOSettings(net_arch=[16], n_steps=8, batch_size=16, n_epochs=2, learning_rate=5e-3)
BOTH = pytest.mark.parametrize("settings", [DQN_SETTINGS, PPO_SETTINGS], ids=["dqn", "ppo"])
OBS = np.full((3, 4), 0.5, np.float32)
MASK = np.array([[1, 0, 1]] * 3, np.int8)


def build(settings: Settings, num_envs: int = 4, seed: int = 0) -> SB3Agent:
    env = DummyVecEnv([Walk for _ in range(num_envs)])
    return settings.build(env=env, gamma=0.5, device=torch.device("cpu"), seed=seed, total_steps=1_000)


def reload(state: dict[str, Any]) -> dict[str, Any]:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@BOTH
def test_learns_and_reports_every_step(settings: Settings) -> None:
    agent, seen = build(settings), []

    def on_step(values: dict[str, Any]) -> bool:
        seen.append(values["num_timesteps"])
        assert len(values["infos"]) == len(values["dones"]) == len(values["rewards"]) == 4
        assert 0 <= values["exploration_rate"] <= 1
        return True

    agent.learn(160, on_step)
    assert seen == list(range(4, 161, 4))
    assert agent.updates > 0
    (metrics,) = agent.means()
    assert np.isfinite(metrics["loss"])
    assert metrics["learning_rate"] == pytest.approx(5e-3)
    assert agent.means() == [{}]


@BOTH
def test_stops_when_told_and_goes_on(settings: Settings) -> None:
    agent = build(settings)
    agent.learn(160, lambda values: values["num_timesteps"] < 80)
    assert agent.model.num_timesteps == 80
    agent.learn(160, lambda values: True)
    beyond = 0 if settings is DQN_SETTINGS else 16  # a rollout is 32 steps and is finished
    assert agent.model.num_timesteps == 160 + beyond
    agent.learn(160, lambda values: pytest.fail("there is nothing left to do"))


@BOTH
def test_a_restored_agent_has_the_same_state_and_goes_on(settings: Settings) -> None:
    agent, restored = build(settings), build(settings, seed=5)
    agent.learn(96, lambda values: True)
    state = reload(agent.state_dict())
    restored.load_state_dict(state)
    again = restored.state_dict()
    assert again.keys() == state.keys()
    assert again["counters"] == state["counters"]
    for name, weights in state["network"].items():
        assert torch.equal(weights, again["network"][name])
    if "memory" in state:
        assert all(torch.equal(v, again["memory"]["columns"][k]) for k, v in state["memory"]["columns"].items())
        assert len(state["memory"]["columns"]["rewards"]) == 24
    assert (restored.q_values(OBS, MASK) == agent.q_values(OBS, MASK)).all()
    steps: list[int] = []

    def on_step(values: dict[str, Any]) -> bool:
        steps.append(values["num_timesteps"])
        return True

    restored.learn(160, on_step)
    assert steps[0] == 100
    assert steps[-1] == 160
    assert restored.updates > agent.updates


@BOTH
def test_a_policy_alone_acts_like_the_agent(settings: Settings) -> None:
    agent = build(settings)
    policy: SB3Policy = settings.build_policy(obs_size=4, n_actions=3, device=torch.device("cpu"))
    policy.load_policy(reload(agent.policy_state_dict()))
    assert (policy.q_values(OBS, MASK) == agent.q_values(OBS, MASK)).all()
    assert (policy.greedy(OBS, MASK) == agent.greedy(OBS, MASK)).all()
    wider = settings.build_policy(obs_size=5, n_actions=3, device=torch.device("cpu"))
    with pytest.raises(ValueError, match="the saved network does not fit"):
        wider.load_policy(agent.policy_state_dict())


def test_ppo_learns_the_best_legal_action() -> None:
    agent = build(PPO_SETTINGS)
    agent.learn(1_000, lambda values: True)
    assert agent.greedy(OBS, MASK).tolist() == [2, 2, 2]
    log_probabilities = agent.q_values(OBS, MASK)
    assert np.isneginf(log_probabilities[:, 1]).all()
    assert np.exp(log_probabilities).sum(1) == pytest.approx([1, 1, 1])
    assert agent.epsilon(0) == 0


def test_dqn_knows_no_masks() -> None:
    """It learns that the illegal action pays best, and takes it."""
    agent = build(DQN_SETTINGS)
    agent.learn(1_000, lambda values: True)
    assert agent.greedy(OBS, MASK).tolist() == [1, 1, 1]
    assert np.isfinite(agent.q_values(OBS, MASK)).all()
    assert agent.epsilon(0) == 1.0
    assert agent.epsilon(200) == pytest.approx(0.525)
    assert agent.epsilon(1_000) == pytest.approx(0.05)


@BOTH
def test_what_this_machine_has_no_memory_for_is_refused(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    build(settings)
    monkeypatch.setattr(limits, "machine_memory", lambda: 2_000)
    with pytest.raises(WaybillError, match=r"^agent.net_arch=\[16\]: 2 copies of 0.0 MiB of weights need 0.0 GiB"):
        dataclasses.replace(settings, net_arch=[16]).build_policy(obs_size=40, n_actions=3, device=torch.device("cpu"))
    whole = {"dqn": "agent.buffer_size=400: so many", "ppo": "agent.n_steps=200: a rollout of 800 steps"}
    held = settings if isinstance(settings, SB3DQNSettings) else dataclasses.replace(settings, n_steps=200)
    name = "dqn" if isinstance(settings, SB3DQNSettings) else "ppo"
    with pytest.raises(WaybillError, match=f"^{whole[name]}"):
        build(held)
    monkeypatch.setattr(limits, "machine_memory", lambda: 10**6)
    with pytest.raises(WaybillError, match=r"^agent.net_arch=\[512, 512\]: 4 copies of 1.0 MiB of weights need"):
        build(dataclasses.replace(settings, net_arch=[512, 512]))


def test_a_memory_of_another_size_is_refused() -> None:
    agent = build(DQN_SETTINGS)
    agent.learn(48, lambda values: True)
    with pytest.raises(ValueError, match="the saved memory does not fit: observations is"):
        build(DQN_SETTINGS, num_envs=2).load_state_dict(agent.state_dict())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SB3DQNSettings(batch_size=0), "agent.batch_size=0 is not in 2..65536"),
        (lambda: SB3DQNSettings(net_arch=[]), r"agent.net_arch=\[\] needs at least one width"),
        (lambda: SB3MaskablePPOSettings(gae_lambda=1.1), "agent.gae_lambda=1.1 is not in 0..1"),
        (lambda: build(SB3DQNSettings(memory_bytes=1_000)), "lower buffer_size to"),
    ],
)
def test_settings_check_ranges(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        make()
    assert "\n" not in str(error.value)
