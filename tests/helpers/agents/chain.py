"""A chain of states whose values are known, and agents that play it: for the tests of dqn and pqn."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import torch

from agents.acting.teacher import TeacherSettings
from agents.dqn import DQN
from agents.dqn_settings import DQNSettings
from agents.networks.base import Layout, QNetwork
from agents.networks.mlp import MLPSettings
from agents.pqn import PQN
from agents.pqn_settings import PQNSettings
from agents.settings import Task

LEFT, RIGHT, QUIT = range(3)
STATES = 6
LAYOUT = Layout(globals=STATES + 1, entities=0, entity_features=0, candidates=0, candidate_features=0)


class Chain:
    """States 0..5 in a row. RIGHT in the last state pays 1 and ends; QUIT, only in state 2, pays 0.3 and ends.

    LEFT is illegal in state 0. Games are cut after ``limit`` steps and reset themselves one step after they end.
    """

    def __init__(self, *, num_envs: int, limit: int = 12) -> None:
        self.n, self.limit = num_envs, limit
        self.place = np.zeros(num_envs, np.int64)
        self.turn = np.zeros(num_envs, np.int64)
        self.ended = np.zeros(num_envs, bool)

    def observe(self) -> tuple[np.ndarray, np.ndarray]:
        """Observations and masks of all games."""
        mask = np.ones((self.n, 3), np.int8)
        mask[:, LEFT] = self.place > 0
        mask[:, QUIT] = self.place == 2
        mask[self.place == STATES] = 0  # beyond the last state
        return np.eye(STATES + 1, dtype=np.float32)[self.place], mask

    def step(self, a: np.ndarray) -> dict[str, np.ndarray]:
        """Reward, ends, and which games were reset instead of played."""
        reset = self.ended.copy()
        _, mask = self.observe()
        assert mask[np.arange(self.n), a][~reset].all()
        won, quit_ = (self.place == STATES - 1) & (a == RIGHT), a == QUIT
        self.place = np.where(reset, 0, self.place + np.select([a == RIGHT, a == LEFT], [1, -1], 0))
        self.turn = np.where(reset, 0, self.turn + 1)
        terminated = ~reset & (won | quit_)
        truncated = ~reset & ~terminated & (self.turn >= self.limit)
        self.ended = terminated | truncated
        r = np.where(reset, 0.0, won * 1.0 + quit_ * 0.3).astype(np.float32)
        return {"r_t": r, "terminated_t": terminated, "truncated_t": truncated, "reset_rows": reset}

    def copy(self) -> Chain:
        """The same games once more."""
        twin = Chain(num_envs=self.n, limit=self.limit)
        twin.place, twin.turn, twin.ended = self.place.copy(), self.turn.copy(), self.ended.copy()
        return twin


def every_state(seeds: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Observations and masks of the six states, for each seed."""
    chain = Chain(num_envs=STATES * seeds)
    chain.place = np.tile(np.arange(STATES), seeds)
    return chain.observe()


def optimal_q(gamma: float) -> np.ndarray:
    """Value iteration over the chain, [S, 3]; illegal actions are -inf."""
    q = np.full((STATES, 3), -np.inf)
    v = np.zeros(STATES + 1)
    for _ in range(200):
        for s in range(STATES):
            q[s, RIGHT] = 1.0 if s == STATES - 1 else gamma * v[s + 1]
            if s > 0:
                q[s, LEFT] = gamma * v[s - 1]
        q[2, QUIT] = 0.3
        v[:STATES] = q.max(1)
    return q


def assert_optimal(agent: DQN | PQN, gamma: float, tolerance: float = 0.05) -> None:
    """The agent knows the value of every legal action of every state."""
    q, expected = agent.q_values(*every_state()), optimal_q(gamma)
    legal = np.isfinite(expected)
    assert (np.isneginf(q) == ~legal).all()
    assert np.abs(q[legal] - expected[legal]).max() < tolerance
    assert agent.greedy(*every_state()).tolist() == expected.argmax(1).tolist()


def make_network(width: int = 32, **options: Any) -> QNetwork:
    """What the chain's agents are."""
    return MLPSettings(width=[width]).build(layout=LAYOUT, n_actions=3, **options)


def make_task(num_envs: int, seeds: tuple[int, ...], total_steps: int, teacher: TeacherSettings | None) -> Task:
    """The chain's games, as an agent is built for them."""
    return Task(
        make_network=make_network, num_envs=num_envs, obs_size=STATES + 1, n_actions=3, total_steps=total_steps,
        device=torch.device("cpu"), seeds=seeds, store_masks=True, teacher=teacher,
    )  # fmt: skip


def build(
    num_envs: int = 8,
    seeds: tuple[int, ...] = (0,),
    total_steps: int = 20_000,
    teacher: TeacherSettings | None = None,
    **changes: Any,
) -> DQN:
    """A DQN for the chain."""
    defaults: dict[str, Any] = {
        "batch_size": 64, "updates_per_step": 1 / 16, "learning_starts": 200, "n_step": 1, "target_every": 50,
        "learning_rate": 3e-3, "memory_capacity": 4_000, "gamma": 0.8,
    }  # fmt: skip
    return DQNSettings(**(defaults | changes)).build(make_task(num_envs, seeds, total_steps, teacher))


def build_pqn(
    num_envs: int = 8,
    seeds: tuple[int, ...] = (0,),
    total_steps: int = 20_000,
    teacher: TeacherSettings | None = None,
    **changes: Any,
) -> PQN:
    """A PQN for the chain."""
    defaults: dict[str, Any] = {
        "gamma": 0.8, "rollout": 16, "minibatches": 4, "epochs": 2, "learning_rate": 3e-3, "epsilon_fraction": 0.4,
    }  # fmt: skip
    return PQNSettings(**(defaults | changes)).build(make_task(num_envs, seeds, total_steps, teacher))


def play(agent: DQN | PQN, env: Chain, first: int, last: int) -> list[list[int]]:
    """Steps first..last of the training loop; returns the actions of each batch step."""
    actions, n_games = [], env.n // agent.seeds
    for env_step in range(first, last, n_games):
        obs, mask = env.observe()
        a = agent.act(obs, mask, np.arange(3, dtype=np.int8), env_step=env_step)
        result = env.step(a)
        agent.observe(obs_tm1=obs, mask_tm1=mask, a_tm1=a, **result)
        agent.learn(env_step + n_games)
        actions.append(a.tolist())
    return actions


def everything(value: Any, path: str = "") -> dict[str, Any]:
    """A nested state as one flat dict."""
    if not isinstance(value, dict | list):
        return {path: value}
    pairs: list[Any] = list(value.items() if isinstance(value, dict) else enumerate(value))
    return {k: v for key, entry in pairs for k, v in everything(entry, f"{path}.{key}").items()}


def assert_same_state(ours: Any, theirs: Any) -> None:
    """Two agents' states are the same, bit for bit."""
    a, b = everything(ours), everything(theirs)
    assert a.keys() == b.keys()
    for name, value in a.items():
        same = torch.equal(value, b[name]) if isinstance(value, torch.Tensor) else value == b[name]
        assert same, name


def reload(state: dict[str, Any]) -> dict[str, Any]:
    """A state that was written to disk and read without pickled code."""
    torch.save(state, file := io.BytesIO())
    return torch.load(io.BytesIO(file.getvalue()), weights_only=True)
