"""Running games as the company in the first seat can believe them to be, kept up turn by turn."""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.batch import Batch
from envs.waybill.core.scratch import make_scratch
from envs.waybill.core.state import ORDER, STATE, records
from envs.waybill.core.threads import Threads
from envs.waybill.maps.pool import MapPool, empty_pool
from envs.waybill.players.beliefs import draw_beliefs, follow_beliefs, make_beliefs
from envs.waybill.players.planner_seen import hides_something


class BelievedGames:
    """D whole states of each of a batch's N games that agree with all that the first seat knows.

    They are drawn by ``players/beliefs.py`` as the games begin, and follow them from turn to turn.

    Where nothing is hidden they are the games themselves, D is 1, and nothing is drawn.

    Args:
        batch: the games; ``follow`` is to be called whenever they stand at a new turn.
        draws: D; 0 takes the games as they are, with all that is hidden.
        seed: of the draws.
        threads: threads to draw with; no result depends on it.
    """

    def __init__(self, batch: Batch, *, draws: int, seed: int = 0, threads: int = 1) -> None:
        self._batch, self._seed = batch, seed
        self.is_exact = draws == 0 or not hides_something(batch.level)
        self.draws = 1 if self.is_exact else draws
        if self.is_exact:
            return
        n, level = len(batch.states), batch.level
        self._level = level.record()
        self._states = records(n * draws, STATE)
        self._pool = empty_pool(self._level, n * draws)
        self._table = np.zeros((n * draws, *batch.table.shape[1:]), np.float32)
        self._orders = records(n * level.horizon, ORDER).reshape(n, level.horizon)
        self._fresh = np.zeros((n, draws), np.bool_)
        parts = [slice(i * draws, (i + 1) * draws) for i in range(n)]
        self._beliefs = [
            make_beliefs(level, draws)._replace(
                states=self._states[part], pool=MapPool(*(array[part] for array in self._pool))
            )
            for part in parts
        ]
        self._threads, self._scratch = Threads(threads), [make_scratch() for _ in range(threads)]
        for scratch in self._scratch:
            scratch.script[:] = level.script()

    def follow(self) -> None:
        """Believe what can be believed now: games go on from the turn that was played last, or begin."""
        if self.is_exact:
            return
        batch, running = self._batch, np.flatnonzero(self._running())
        played = running[batch.states["turn"][running] > 0]
        self._orders[played, batch.states["turn"][played] - 1] = batch.given[played, batch.seats[0]]
        self._fresh[:] = False

        def some(low: int, high: int, thread: int) -> None:
            for i in running[low:high]:
                self._follow_one(int(i), self._scratch[thread])

        self._threads.run(len(running), some)
        if self._fresh.any():
            fresh = np.flatnonzero(self._fresh.reshape(-1))
            self._table[fresh] = batch.encode(MapPool(*(array[fresh] for array in self._pool)))

    def _running(self) -> np.ndarray:
        states: Any = self._batch.states
        running: np.ndarray = (states["done"] == 0) & (states["companies"]["bankrupt"][:, self._batch.seats[0]] == 0)
        return running

    def _follow_one(self, i: int, scratch: Any) -> None:
        batch, found = self._batch, self._beliefs[i]
        games = (batch.states, batch.seats[0], batch.pool, self._level, scratch, self._orders, found)
        if batch.states["turn"][i] > 0:
            follow_beliefs(*games, self._fresh[i], i)
        else:
            draw_beliefs(*games, self._seed + int(batch.states["map_seed"][i]), i)
            self._fresh[i] = True

    def held(self, games: np.ndarray, draw: int) -> tuple[np.ndarray, MapPool, np.ndarray]:
        """Draw number ``draw`` of these games [n] as states [n], and the maps and places that they are played on."""
        batch = self._batch
        if self.is_exact:
            return batch.states[games], batch.pool, batch.table
        rows = games * self.draws + draw
        states = self._states[rows]
        states["map"] = rows
        return states, self._pool, self._table
