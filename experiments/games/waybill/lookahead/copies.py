"""Copies of Waybill's games, with what is hidden as it can be believed to be, or as it is."""

from __future__ import annotations

import numpy as np

from envs.waybill.batch import Batch
from envs.waybill.believed import BelievedGames
from envs.waybill.clones import Clones


class CopiedGames:
    """Copies of a batch's games, as rollouts play them on (``agents.acting.rollouts.Branches``).

    ``draws`` as for ``BelievedGames``; ``room`` copies are made ready for, more when they are needed.
    """

    def __init__(self, batch: Batch, *, draws: int, room: int = 0, threads: int = 1) -> None:
        self._batch, self._room, self._threads = batch, 0, threads
        self._believed = BelievedGames(batch, draws=draws, threads=threads)
        self.is_exact, self.draws = self._believed.is_exact, self._believed.draws
        if room > 0:
            self._need(room)

    def _need(self, room: int) -> None:
        if room > self._room:
            self._room = max(room, 2 * self._room)
            self._clones = Clones(self._batch, room=self._room, threads=self._threads)

    def follow(self) -> None:
        """The games stand at a new turn."""
        self._believed.follow()

    def begin(self, games: np.ndarray, draw: int) -> None:
        """Copy these games, int64 [B], with what is hidden as in a draw."""
        self._need(len(games))
        states, pool, table = self._believed.held(games, draw)
        first = games * len(self._batch.seats)
        self._clones.place(states, self._batch.potential[first], pool, table)
        self._over = self._clones.over

    def step(self, actions: np.ndarray) -> np.ndarray:
        """Play actions [B]; rewards float64 [B], 0 in copies that were over."""
        self._clones.step(actions)
        rewards = np.where(self._over, 0.0, self._clones.reward[: len(actions)])
        self._over = self._clones.over
        return rewards

    @property
    def over(self) -> np.ndarray:
        """Whether a copy's game has ended, bool [B]."""
        return self._over

    @property
    def seen(self) -> tuple[np.ndarray, np.ndarray]:
        """Observations [B, D] and masks [B, A]."""
        return self._clones.observations, self._clones.mask
