"""Epsilon-greedy exploration over legal actions that come in groups (the verbs of a game)."""

from __future__ import annotations

from typing import Any

import numpy as np

from groundwork.errors import WaybillError


def random_legal(
    *,
    generator: np.random.Generator,
    mask: np.ndarray | None,
    groups: np.ndarray | None = None,
    group_weights: np.ndarray | None = None,
    shape: tuple[int, int] | None = None,
) -> np.ndarray:
    """One random legal action per row: first a group among those with a legal action, then an action of it uniformly.

    A group of ten thousand carts does not drown a group with one action this way.

    Args:
        mask: [M, A] bool or int8; None means that all actions are legal, then ``shape`` gives (M, A).
        groups: group number of each action, [M, A] or [A]; None makes every legal action equally likely.
        group_weights: [G], chances of the groups; None makes them equal. If all groups at hand weigh 0, they are equal.

    Returns:
        int64 [M]; 0 in rows without a legal action.
    """
    if mask is None and shape is None:
        raise WaybillError("random_legal needs a mask or a shape")
    rows, n_actions = mask.shape if mask is not None else shape or (0, 0)
    if mask is None and groups is None:
        return generator.integers(0, n_actions, size=(rows,))
    shared = mask is None and groups is not None and groups.ndim == 1  # every row draws from the same legal actions
    if mask is None:
        mask = np.ones((1 if shared else rows, n_actions), np.bool_)
    row_of = np.zeros(rows, np.int64) if shared else np.arange(rows)
    row, action = _legal_pairs(mask)  # [L], [L]
    if not len(action):
        return np.zeros(rows, np.int64)
    group = _groups_of(groups, row, action)  # [L]
    n_groups = int(group.max()) + 1
    bins = row * n_groups + group  # [L], one for each row and group
    counts = np.bincount(bins, minlength=len(mask) * n_groups)
    drawn = _draw_group(generator, counts.reshape(-1, n_groups)[row_of], group_weights)  # [M]
    chosen = row_of * n_groups + drawn  # [M], bin of each row's group
    first = counts.cumsum() - counts  # where each bin starts, once the pairs of one bin lie side by side
    order = np.argsort(bins, kind="stable")
    picks = first[chosen] + generator.integers(0, np.maximum(counts[chosen], 1))
    actions = action[order[np.minimum(picks, len(action) - 1)]]
    return np.where(counts[chosen] > 0, actions, 0)


def _groups_of(groups: np.ndarray | None, row: np.ndarray, action: np.ndarray) -> np.ndarray:
    """Group of each legal pair, int64 [L]."""
    if groups is None:
        return np.zeros(len(row), np.int64)
    return (groups[action] if groups.ndim == 1 else groups[row, action]).astype(np.int64)


def _legal_pairs(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row and action of each legal pair of mask [M, A], sorted by row."""
    flat = np.flatnonzero(np.ascontiguousarray(mask).view(np.bool_).ravel())
    return flat // mask.shape[1], flat % mask.shape[1]


def _draw_group(generator: np.random.Generator, counts: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """A group [M] by weight among those that have an action, counts [M, G]."""
    at_hand = counts > 0
    chance = at_hand.astype(np.float64)
    if weights is not None:
        weighted = at_hand[:, : len(weights)] * weights[: counts.shape[1]]
        has_weight = weighted.sum(1) > 0
        chance[has_weight] = 0.0
        chance[has_weight, : weighted.shape[1]] = weighted[has_weight]
    edges = chance.cumsum(1)  # [M, G]
    point = generator.random(len(counts)) * edges[:, -1]
    return np.minimum((edges <= point[:, None]).sum(1), counts.shape[1] - 1)


class LinearSchedule:
    """A number that goes linearly from ``start`` to ``end`` over the first ``steps`` steps and then stays there."""

    def __init__(self, *, start: float, end: float, steps: float) -> None:
        self.start, self.end, self.steps = start, end, steps

    def __call__(self, step: int) -> float:
        """The number at that step."""
        share = 1.0 if self.steps <= 0 else min(max(step / self.steps, 0.0), 1.0)
        return self.start + share * (self.end - self.start)


class EpsilonGreedy:
    """The exploration of one seed: which games explore at a step, with epsilon by schedule, and what they do then.

    With ``ladder`` > 0 game i of N explores with ``eps ** (1 + ladder * i / (N - 1))`` (Ape-X, Horgan
    et al. 2018, sec. 4).

    Where a rule gives advice, a share ``advised`` of the games follows it for ``advised_turns`` turns on end: single
    random actions hardly ever make the many orders in a row that a long chain takes before it pays.
    """

    def __init__(
        self,
        *,
        schedule: LinearSchedule,
        ladder: float,
        group_weights: np.ndarray | None,
        generator: np.random.Generator,
        advised: LinearSchedule | None = None,
        advised_turns: int = 1,
    ) -> None:
        self.schedule, self.ladder, self.group_weights, self.generator = schedule, ladder, group_weights, generator
        self.advised, self.advised_turns = advised, advised_turns
        self._calls, self._lots = 0, np.zeros(0)

    def epsilon(self, env_step: int, num_envs: int) -> np.ndarray:
        """Chance to explore of each game, float64 [N]."""
        exponent = 1.0 + self.ladder * np.arange(num_envs) / max(num_envs - 1, 1)
        return self.schedule(env_step) ** exponent

    def explorers(self, env_step: int, num_envs: int) -> np.ndarray:
        """Which games explore at this step, bool [N]."""
        return self.generator.random(num_envs) < self.epsilon(env_step, num_envs)

    def followers(self, env_step: int, num_envs: int) -> np.ndarray:
        """Which games follow the rule's advice at this step, bool [N]; lots are drawn anew every ``advised_turns``."""
        if self.advised is None:
            return np.zeros(num_envs, np.bool_)
        if self._calls % self.advised_turns == 0 or len(self._lots) != num_envs:
            self._lots = self.generator.random(num_envs)
        self._calls += 1
        return self._lots < self.advised(env_step)

    def actions(self, mask: np.ndarray | None, groups: np.ndarray | None, shape: tuple[int, int]) -> np.ndarray:
        """Random legal actions of the exploring games alone, int64 [M]: see ``random_legal``."""
        return random_legal(
            generator=self.generator, mask=mask, groups=groups, group_weights=self.group_weights, shape=shape
        )

    def state_dict(self) -> dict[str, Any]:
        """The state of the generator and the lots of ``followers``, as plain numbers."""
        lots = {"calls": self._calls, "lots": self._lots.tolist()}
        return {"generator": dict(self.generator.bit_generator.state), **lots}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with the generator of that state."""
        self.generator.bit_generator.state = state["generator"]
        self._calls, self._lots = int(state["calls"]), np.array(state["lots"])
