"""A Gymnasium game as Stable-Baselines3 wants it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np

from experiments.games.gym.make import make, shapes_of


class SB3Game(gymnasium.Wrapper):
    """A single game as Stable-Baselines3 wants it: flat observations, actions from 0, masks, sums over its episodes.

    The first game's seed is ``seed`` whatever ``reset`` is given: Stable-Baselines3 would seed training with the
    agent's own seed, and so with the seeds of held-out episodes.
    """

    def __init__(self, *, id: str, kwargs: Mapping[str, Any], seed: int) -> None:
        super().__init__(make(id, kwargs))
        self._shapes = shapes_of(id, self.env.observation_space, self.env.action_space)
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
        return self._seen(obs, info), info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """One step; its info has ``episode`` (``r``, ``l``) at the end."""
        obs, r, terminated, truncated, info = self.env.step(int(action) + self._shapes.first_action)
        self._return, self._length = self._return + float(r), self._length + 1
        if terminated or truncated:
            info = {**info, "episode": {"r": self._return, "l": self._length}}
        return self._seen(obs, info), r, terminated, truncated, info

    def _seen(self, obs: Any, info: Mapping[str, Any]) -> np.ndarray:
        if "action_mask" in info:
            self._mask = np.asarray(info["action_mask"]) != 0
        return self._shapes.rows([obs])[0]
