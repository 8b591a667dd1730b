"""Expert iteration on the chain: copies of its games, and an agent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from chain import RIGHT, Chain, make_task

from agents.acting.teacher import TeacherSettings
from agents.expert_iteration import ExpertIteration
from agents.expert_settings import ExpertSettings

GAMMA = 0.8


class Copies:
    """Copies of some of a chain's games."""

    is_exact, draws = True, 1

    def __init__(self, env: Chain, first: int, count: int) -> None:
        self.env, self.first, self.count = env, first, count
        self.chain = Chain(num_envs=1)

    def follow(self) -> None:
        """Nothing is hidden."""

    def begin(self, games: np.ndarray, draw: int) -> None:
        self.chain = Chain(num_envs=len(games), limit=10_000)
        self.chain.place = self.env.place[self.first + games]
        self.chain.ended = self.env.ended[self.first + games]

    def step(self, actions: np.ndarray) -> np.ndarray:
        chain, over, place = self.chain, self.chain.ended.copy(), self.chain.place.copy()
        result = chain.step(np.where(over, RIGHT, actions))
        chain.place, chain.ended = np.where(over, place, chain.place), over | chain.ended
        return np.where(over, 0.0, result["r_t"])

    @property
    def over(self) -> np.ndarray:
        return self.chain.ended

    @property
    def seen(self) -> tuple[np.ndarray, np.ndarray]:
        return self.chain.observe()


def build_expert(
    env: Chain, seeds: tuple[int, ...] = (0,), teacher: TeacherSettings | None = None, device: str = "cpu",
    **changes: Any,
) -> ExpertIteration:  # fmt: skip
    """An agent on the games of ``env``."""
    defaults: dict[str, Any] = {
        "gamma": GAMMA, "turns": 3, "candidates": 3, "batch_size": 32, "updates_per_step": 1 / 16,
        "learning_starts": 64, "learning_rate": 5e-3, "memory_capacity": 400, "epsilon_start": 0.3, "epsilon_end": 0.3,
        "tau": 0.1,
    }  # fmt: skip
    own = env.n // len(seeds)
    branches = [Copies(env, k * own, own) for k in range(len(seeds))]
    task = replace(make_task(own, seeds, 20_000, teacher), branches=branches, device=torch.device(device))
    return ExpertSettings(**(defaults | changes)).build(task)
