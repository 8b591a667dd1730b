"""For the tests of the memory: random games, and transitions made of their rows by plain loops."""

from __future__ import annotations

from typing import Any

import numpy as np

from agents.memory.priorities import Priorities
from agents.memory.ring import SequentialMemory

Row = dict[str, Any]


def make_memory(**changes: Any) -> SequentialMemory:
    """20 rows of 3 games, 2 numbers each and 11 actions."""
    values: dict[str, Any] = {
        "capacity": 60, "num_envs": 3, "obs_size": 2, "n_actions": 11, "obs_dtype": "float32", "store_masks": True,
        "memory_bytes": 2**20, "generator": np.random.default_rng(0),
    }  # fmt: skip
    return SequentialMemory(**(values | changes))


def make_prioritised(*, rows: int = 20, num_envs: int = 3, seed: int = 0, **changes: Any) -> SequentialMemory:
    """The same with priorities."""
    generator = np.random.default_rng(seed)
    priorities = Priorities(slots=rows * num_envs, exponent=1.0, generator=generator)
    return make_memory(
        capacity=rows * num_envs, num_envs=num_envs, generator=generator, priorities=priorities, **changes
    )


class Games:
    """Random games that end at random, reset one step later, and count their steps in the observation."""

    def __init__(self, *, num_envs: int = 3, n_actions: int = 11, seed: int = 0, end_chance: float = 0.15) -> None:
        self.rng, self.n, self.n_actions, self.end_chance = np.random.default_rng(seed), num_envs, n_actions, end_chance
        self.ended = np.zeros(num_envs, bool)
        self.step = 0

    def row(self) -> Row:
        """What a batch step adds; the observation names the row and the game."""
        rng, n = self.rng, self.n
        reset = self.ended.copy()
        terminated = ~reset & (rng.random(n) < self.end_chance)
        truncated = ~reset & (rng.random(n) < self.end_chance)
        obs = np.stack([np.full(n, self.step), np.arange(n)], 1).astype(np.float32)
        self.ended, self.step = terminated | truncated, self.step + 1
        return {
            "obs_tm1": obs,
            "mask_tm1": (rng.random((n, self.n_actions)) < 0.4).astype(np.int8),
            "a_tm1": rng.integers(0, self.n_actions, n),
            "r_t": np.where(reset, 0, rng.normal(size=n)).astype(np.float32),
            "terminated_t": terminated,
            "truncated_t": truncated,
            "reset_rows": reset,
        }


def naive_transition(rows: list[Row], start: int, game: int, n_step: int, gamma: float) -> tuple[float, float, int]:
    """Return, discount and last row, one step at a time."""
    total, discount = 0.0, 1.0
    for k in range(start, start + n_step):
        total += discount * float(rows[k]["r_t"][game])
        discount *= gamma
        if rows[k]["terminated_t"][game]:
            return total, 0.0, k + 1
        if rows[k]["truncated_t"][game]:
            break
    return total, discount, k + 1
