"""Copies of running games that are played on apart from them, so that an order can be tried before it is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from envs.waybill.batch import Batch
from envs.waybill.core.state import GREEDY, OUTSIDE
from envs.waybill.maps.pool import MapPool


class Clones(Batch):
    """Room for copies of a batch's games, seen from its first seat; greedy rules play all others that aren't random.

    Nobody begins anew here: a copy that is over stays as it is. All arrays have a row for each copy in use.

    Args:
        batch: whose games are copied; its level, reward, action space and encoding are the copies' own.
        room: copies, at most.
        threads: threads to step with; no result depends on it.
    """

    def __init__(self, batch: Batch, *, room: int, threads: int = 1) -> None:
        level = replace(batch.level, rivals=["greedy" if who == "planner" else who for who in batch.level.rivals])
        first, _ = batch.options.maps
        options = replace(batch.options, level=level, maps=(first, 1))
        super().__init__(options, num_envs=room, threads=threads, seats=batch.seats[:1])
        script = self._scratch[0].script.copy()
        script[(script == OUTSIDE) & (np.arange(len(script)) < self.n_seats)] = GREEDY
        script[self.seats[0]] = OUTSIDE
        for scratch in self._scratch:
            scratch.script[:] = script
        self.room, self.used = room, 0

    def place(self, states: np.ndarray, potential: np.ndarray, pool: MapPool, table: np.ndarray) -> None:
        """Hold these states [n], and no others: ``map`` says which row of ``pool`` and ``table`` a game is played on.

        ``potential`` [n] is what the reward has given in advance.
        """
        self.used, self.pool, self.table = len(states), pool, table
        self.states[: self.used], self.potential[: self.used] = states, potential
        self.look()

    def step(self, actions: np.ndarray) -> None:
        """Play ``actions`` int64 [n]; in copies that are over nothing happens, and their reward counts nothing."""
        self._actions = np.zeros(self.room, np.int64)
        self._actions[: self.used] = actions
        self._restart, self.restarted = np.zeros(self.room, np.bool_), np.zeros(self.room, np.bool_)
        self._run(self._step)

    @property
    def over(self) -> np.ndarray:
        """Whether there is nothing more to decide in a copy, bool [n]."""
        states: Any = self.states[: self.used]
        over: np.ndarray = (states["done"] != 0) | (states["companies"]["bankrupt"][:, self.seats[0]] != 0)
        return over

    @property
    def observations(self) -> np.ndarray:
        """float32 [n, D], as of ``Batch``."""
        return self._rows[0].flat[: self.used]

    @property
    def mask(self) -> np.ndarray:
        """Legal actions, int8 [n, A]."""
        return self.space.mask[: self.used]

    def _run(self, work: Callable[[int, int, int], None]) -> None:
        self.begun = True
        self._renew()
        self._threads.run(self.used, work)
