"""A Gymnasium game as Stable-Baselines3 wants it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np

from experiments.games.gym.checks import MASK, GameChecks
from experiments.games.gym.make import GameChoice, make
from experiments.games.gym.shapes import shapes_of


class SB3Game(gymnasium.Wrapper):
    """A single game as Stable-Baselines3 wants it: flat observations, actions from 0, masks, sums over its episodes.

    The first game's seed is ``seed`` whatever ``reset`` is given: Stable-Baselines3 would seed training with the
    agent's own seed, and so with the seeds of held-out episodes.
    """

    def __init__(self, *, game: GameChoice, seed: int) -> None:
        super().__init__(make(game))
        space = self.env.observation_space
        self._shapes = shapes_of(game.id, space, self.env.action_space)
        self._checks = GameChecks(game.id, space, self._shapes)
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (self._shapes.obs_size,), np.float32)
        self.action_space = gymnasium.spaces.Discrete(self._shapes.n_actions)
        self._seed, self._return, self._length = seed, 0.0, 0
        self._mask = np.ones(self._shapes.n_actions, np.bool_)

    def action_masks(self) -> np.ndarray:
        """Which actions are legal now, bool [A] (the name sb3-contrib asks for)."""
        return self._mask

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin a new game."""
        obs, info = self.env.reset(seed=None if seed is None else self._seed, options=options)
        self._return, self._length = 0.0, 0
        return self._seen(obs, info, False), info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """One step; its info has ``finished`` (``r``, ``l``) at the end."""
        obs, r, terminated, truncated, info = self.env.step(int(action) + self._shapes.first_action)
        self._length += 1
        reward = float(self._checks.rewards([r], self._where)[0])
        self._return += reward
        over = bool(terminated or truncated)
        if over:
            info = {**info, "finished": {"r": self._return, "l": self._length}}
        return self._seen(obs, info, over), reward, terminated, truncated, info

    def _seen(self, obs: Any, info: Mapping[str, Any], over: bool) -> np.ndarray:
        mask = self._checks.masks([info.get(MASK)], np.full(1, over), self._where)
        if mask is not None:
            self._mask = mask[0] != 0
        return self._checks.rows([obs], self._where)[0]

    def _where(self, game: int) -> str:
        return f"step {self._length}" if self._length else "reset"
