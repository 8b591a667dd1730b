"""Small Gymnasium games for the tests: with masks and actions from 3, with a batch that resets in the same step."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv


class Stairs(gymnasium.Env):
    """Climb to 4: action 3 goes down (not from 0), 4 up by one, 5 by two (only from even steps). Draws its start."""

    def __init__(self, masks: bool = True) -> None:
        self.observation_space = spaces.Box(0.0, 10.0, (2,), np.float64)
        self.action_space = spaces.Discrete(3, start=3)
        self.masks, self.place, self.turn = masks, 0, 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        self.place, self.turn = int(self.np_random.integers(3)), 0
        return self._obs(), self._info()

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        assert self.action_space.contains(action), action
        self.place += {3: -1, 4: 1, 5: 2}[int(action)]
        self.turn += 1
        return self._obs(), self.place / 2, self.place >= 4, False, self._info()

    def _obs(self) -> np.ndarray:
        return np.array([self.place, self.turn], np.float64)

    def _info(self) -> dict[str, Any]:
        mask = np.array([self.place > 0, True, self.place % 2 == 0], np.int8)
        return {"action_mask": mask} if self.masks else {}

    def render(self) -> np.ndarray:
        return np.full((3, 4, 3), self.place / 10)


class Picture(Stairs):
    """The same seen as bytes [3, 4, 2]."""

    def __init__(self) -> None:
        super().__init__(masks=False)
        self.observation_space = spaces.Box(0, 255, (3, 4, 2), np.uint8)

    def _obs(self) -> np.ndarray:
        picture = np.zeros((3, 4, 2), np.uint8)
        picture[self.place % 3, self.turn % 4, self.place % 2] = 255
        return picture


class SameStepBatch(SyncVectorEnv):
    """A batch that loses the final observation to its infos."""

    def __init__(self, num_envs: int, **kwargs: Any) -> None:
        super().__init__([lambda: Stairs(**kwargs) for _ in range(num_envs)], autoreset_mode=AutoresetMode.SAME_STEP)


class NextStepBatch(SyncVectorEnv):
    """A batch as it should be."""

    def __init__(self, num_envs: int, max_episode_steps: int, **kwargs: Any) -> None:
        def make() -> gymnasium.Env:
            return gymnasium.wrappers.TimeLimit(Stairs(**kwargs), max_episode_steps)

        super().__init__([make for _ in range(num_envs)])


def register() -> None:
    """Make them known to Gymnasium."""
    for id, options in {
        "tests/Stairs-v0": {"entry_point": Stairs, "max_episode_steps": 6},
        "tests/Picture-v0": {"entry_point": Picture, "max_episode_steps": 6},
        "tests/SameStep-v0": {"entry_point": Stairs, "vector_entry_point": SameStepBatch},
        "tests/SameStepAlone-v0": {"vector_entry_point": SameStepBatch},
        "tests/NextStep-v0": {"entry_point": Stairs, "vector_entry_point": NextStepBatch, "max_episode_steps": 6},
    }.items():
        if id not in gymnasium.registry:
            gymnasium.register(id=id, **options)  # type: ignore[arg-type]


register()
