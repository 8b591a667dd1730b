"""Self-play's pool: what the learner was at some steps of its training.

It is spread over the whole training, not the last part of it: who only ever meets its newest self forgets how to beat
the older ones and learns in circles (so Bansal et al. 2018 draw from old versions, too).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from experiments.runs.domain import ActGreedily

Weights = Mapping[str, Any]


def one_to_drop(steps: Sequence[int]) -> int:
    """Which of at least two snapshots, by their steps in order, is missed least: its neighbours lie nearest.

    Step 0 is the first one's neighbour, so the untrained network goes early. The newest stays; of equals the older
    goes.
    """
    before = [0, *steps[:-2]]
    gaps = [after - earlier for earlier, after in zip(before, steps[1:], strict=True)]
    return steps[gaps.index(min(gaps))]


class SnapshotPool:
    """Up to ``size`` snapshots, each named by the environment step that it is from.

    Args:
        make_actor: an untrained actor of the learner's kind.
        every: environment steps between two snapshots.
        size: snapshots to draw from, at least 1.
        latest_share: chance to draw the newest; otherwise all are drawn alike.
        seed: of the draws.
        others: how many players of another kind are drawn, too.
        others_share: chance that one of them is drawn and no snapshot, each alike.
    """

    def __init__(
        self,
        *,
        make_actor: Callable[[], Any],
        every: int,
        size: int,
        latest_share: float,
        seed: int,
        others: int = 0,
        others_share: float = 0.0,
    ) -> None:
        self._make_actor, self._every, self._size, self._latest_share = make_actor, every, size, latest_share
        self._others, self._others_share = others, others_share
        self._generator = np.random.default_rng([seed, 0x5E1F])
        self._weights: dict[int, Weights] = {}
        self._actors: dict[int, Any] = {}
        self.steps: list[int] = []  # of those that can be drawn

    def is_due(self, env_step: int) -> bool:
        """True when a snapshot is to be taken: before the first step, then every ``every`` steps."""
        return not self.steps or env_step - self.steps[-1] >= self._every

    def add(self, env_step: int, weights: Weights, *, playing: Collection[int]) -> None:
        """Take a snapshot in. One that has to leave stays as long as it is ``playing``."""
        self._keep(env_step, weights)
        self.steps.append(env_step)
        if len(self.steps) > self._size:
            self.steps.remove(one_to_drop(self.steps) if self._size > 1 else self.steps[0])
        for step in set(self._weights) - set(self.steps) - set(playing):
            del self._weights[step], self._actors[step]

    def _keep(self, env_step: int, weights: Weights) -> None:
        actor = self._make_actor()
        actor.load_policy(weights)
        self._weights[env_step], self._actors[env_step] = weights, actor

    def draw(self, count: int) -> np.ndarray:
        """Who plays ``count`` seats, int64 [count]: steps of snapshots; 0, where training begins, before the first.

        The k-th of the others is -1 - k.
        """
        steps = np.array(self.steps or [0], np.int64)
        drawn = steps[self._generator.integers(len(steps), size=count)]
        drawn = np.where(self._generator.random(count) < self._latest_share, steps[-1], drawn)
        if not self._others:
            return drawn
        others = -1 - self._generator.integers(self._others, size=count)
        return np.where(self._generator.random(count) < self._others_share, others, drawn)

    def greedy(self, env_step: int) -> ActGreedily:
        """How the snapshot of that environment step acts."""
        return self._actors[env_step].greedy

    def state_dict(self) -> dict[str, Any]:
        """Snapshots and the state of the draws, as tensors and plain data."""
        state = dict(self._generator.bit_generator.state)
        return {"steps": list(self.steps), "weights": dict(self._weights), "generator": state}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a ``state_dict``."""
        self.steps = list(state["steps"])
        self._weights, self._actors = {}, {}
        for step, weights in state["weights"].items():
            self._keep(int(step), weights)
        self._generator.bit_generator.state = state["generator"]
