"""Small games as users bring them, each odd in one way; all are a walk on a line of six steps to the right."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

GOAL, LATER = 6, 7  # LATER: the step in which some go wrong


class Path(gymnasium.Env):
    """Sound: action 1 goes right, 0 left, reward 1 at the goal. The base of all others."""

    observation: spaces.Space = spaces.Box(-10.0, 10.0, (3,), np.float32)

    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode = render_mode
        self.observation_space, self.action_space = self.observation, spaces.Discrete(2)
        self.at = self.turn = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.at, self.turn = int(self.np_random.integers(0, 3)), 0
        return self.seen(), self.told(over=False)

    def step(self, action: Any) -> Any:
        over = self.walk(int(action))
        return self.seen(), self.paid(over), over, False, self.told(over)

    def walk(self, action: int) -> bool:
        self.at, self.turn = max(0, self.at + (1 if action else -1)), self.turn + 1
        return self.at >= GOAL

    def seen(self) -> Any:
        return np.array([self.at, self.turn / 10, 1.0], np.float32)

    def paid(self, over: bool) -> Any:
        return float(over)

    def told(self, over: bool) -> dict[str, Any]:
        return {}


class Masked(Path):
    """Sound, with masks."""

    def told(self, over: bool) -> dict[str, Any]:
        return {"action_mask": self.mask(over)}

    def mask(self, over: bool) -> Any:
        return np.array([self.at > 0, True], np.int8)


class MaskNotAtEnd(Masked):
    def told(self, over: bool) -> dict[str, Any]:
        return {} if over else super().told(over)


class NoneLegalAtEnd(Masked):
    def mask(self, over: bool) -> Any:
        return np.zeros(2, np.int8) if over else super().mask(over)


class MaskOfBools(Masked):
    def mask(self, over: bool) -> Any:
        return [bool(self.at > 0), True]


class ShortMask(Masked):
    def mask(self, over: bool) -> Any:
        return np.ones(1, np.int8)


class WideMask(Masked):
    def mask(self, over: bool) -> Any:
        return np.ones((1, 2), np.int8)


class TextMask(Masked):
    def mask(self, over: bool) -> Any:
        return ["left", "right"]


class NothingLegal(Masked):
    def mask(self, over: bool) -> Any:
        return np.zeros(2, np.int8) if self.turn == LATER else np.ones(2, np.int8)


class LateMask(Masked):
    def told(self, over: bool) -> dict[str, Any]:
        return super().told(over) if self.turn == LATER else {}


class NoneReward(Path):
    def paid(self, over: bool) -> Any:
        return 1.0 if over else None


class ArrayReward(Path):
    def paid(self, over: bool) -> Any:
        return np.array([float(over)])


class TextReward(Path):
    def paid(self, over: bool) -> Any:
        return "one" if over else "none"


class NanReward(Path):
    def paid(self, over: bool) -> Any:
        return np.float64("nan") if self.turn == LATER else float(over)


class InfReward(Path):
    def paid(self, over: bool) -> Any:
        return -np.inf if self.turn == LATER else float(over)


class LateNanReward(Path):
    """Not seen at the door: only after a thousand steps of all games."""

    steps = 0

    def paid(self, over: bool) -> Any:
        LateNanReward.steps += 1
        return np.nan if LateNanReward.steps > 1000 else float(over)


class NanObs(Path):
    def seen(self) -> Any:
        return np.array([self.at, np.nan if self.turn == LATER else self.turn / 10, 1.0], np.float32)


class InfObs(Path):
    def seen(self) -> Any:
        return np.array([self.at, self.turn, np.inf if self.turn == LATER else 0.0], np.float32)


class HugeObs(Path):
    """Finite, but no float32."""

    observation = spaces.Box(-np.inf, np.inf, (3,), np.float64)

    def seen(self) -> Any:
        return np.array([1e300 if self.turn == LATER else 0.0, self.at, 1.0])


class LongObs(Path):
    def seen(self) -> Any:
        return np.array([self.at, self.turn, 1.0, 2.0], np.float32)


class GrowingObs(Path):
    def seen(self) -> Any:
        return np.ones(4 if self.turn == LATER else 3, np.float32)


class TextObs(Path):
    def seen(self) -> Any:
        return ["here", "there", "nowhere"]


class NumberedObs(Path):
    observation = spaces.Discrete(GOAL + 1)

    def seen(self) -> Any:
        return self.at


class ObsAbove(NumberedObs):
    observation = spaces.Discrete(GOAL)


class ObsBelow(NumberedObs):
    observation = spaces.Discrete(GOAL, start=1)


class Leaves(Path):
    """Leaves its space's bounds: said, and trained on."""

    observation = spaces.Box(-1.0, 1.0, (3,), np.float32)


class Unseeded(Path):
    """Its seed decides nothing."""

    def seen(self) -> Any:
        return np.array([self.at, np.random.default_rng().random(), 1.0], np.float32)


class Named(Path):
    """A dictionary, as in Gymnasium's own tutorial."""

    observation = spaces.Dict(
        {"agent": spaces.Box(0, GOAL, (1,), np.int64), "target": spaces.Box(0, GOAL, (1,), np.int64)}
    )

    def seen(self) -> Any:
        return {"agent": np.array([self.at]), "target": np.array([GOAL])}


class Pair(Path):
    observation = spaces.MultiDiscrete([7, 7])

    def seen(self) -> Any:
        return np.array([self.at, GOAL])


class Parts(Path):
    observation = spaces.Tuple((spaces.Discrete(7), spaces.Box(0.0, 100.0, (1,), np.float32)))

    def seen(self) -> Any:
        return self.at, np.array([self.turn], np.float32)


class Bits(Path):
    observation = spaces.MultiBinary(4)

    def seen(self) -> Any:
        return np.array([self.at >> k & 1 for k in range(4)], np.int8)


class Grey(Path):
    """A picture without a dimension for its one channel."""

    observation = spaces.Box(0, 255, (20, 16), np.uint8)

    def seen(self) -> Any:
        picture = np.zeros((20, 16), np.uint8)
        picture[self.at, self.at] = 255
        return picture


class Frames(Path):
    """Channels before height and width, as frames that were stacked."""

    observation = spaces.Box(0, 255, (2, 20, 16), np.uint8)

    def seen(self) -> Any:
        picture = np.zeros((2, 20, 16), np.uint8)
        picture[1, 3, self.at] = 255
        return picture


class Backwards(gymnasium.wrappers.TransformReward):
    """A wrapper of the user's own: every step costs."""

    def __init__(self, env: gymnasium.Env, cost: float = 0.1) -> None:
        super().__init__(env, lambda r: float(r) - cost)


def register(games: dict[str, Any]) -> None:
    """Make the games of a module known to Gymnasium, as odd/NAME-v0."""
    for name, kind in list(games.items()):
        if isinstance(kind, type) and issubclass(kind, Path) and f"odd/{name}-v0" not in gymnasium.registry:
            gymnasium.register(id=f"odd/{name}-v0", entry_point=kind, max_episode_steps=40)


register(globals())
