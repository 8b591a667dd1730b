"""Games that answer anything at random, for agents that are looked at, not taught."""

from __future__ import annotations

from typing import Any

import numpy as np
from states import observations

from agents.networks.base import Layout


class RandomGames:
    """N games of K actions, some of which are legal; some end at each step, and reset themselves at the next."""

    def __init__(self, count: int, layout: Layout, n_actions: int, *, masks: bool = True, seed: int = 0) -> None:
        self.count, self.layout, self.n_actions, self.masks = count, layout, n_actions, masks
        self.seed, self.rng, self.ended = 1000 * seed, np.random.default_rng(seed), np.zeros(count, np.bool_)

    def observe(self) -> tuple[np.ndarray, np.ndarray]:
        """Observations [N, D] and masks [N, K] int8, one legal action at least."""
        self.seed += 1
        if self.layout.candidates:
            obs, mask = observations(self.seed, rows=self.count, layout=self.layout)
            return obs[0].numpy(), mask[0].numpy().astype(np.int8)
        obs = np.round(self.rng.random((self.count, self.layout.size)) * 8).astype(np.float32)
        mask = (self.rng.random((self.count, self.n_actions)) < 0.6).astype(np.int8)
        mask[:, 0] = 1
        return obs, mask if self.masks else np.ones_like(mask)

    def step(self) -> dict[str, Any]:
        """What comes of a step, whatever is done."""
        reset, rng = self.ended.copy(), self.rng
        terminated, truncated = (~reset & (rng.random(self.count) < 0.1) for _ in range(2))
        self.ended = terminated | truncated
        r = np.where(reset, 0, rng.normal(size=self.count)).astype(np.float32)
        return {"r_t": r, "terminated_t": terminated, "truncated_t": truncated, "reset_rows": reset}
