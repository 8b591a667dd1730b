"""Copies of Waybill's games, with what is hidden as it can be believed to be, or as it is."""

from __future__ import annotations

import numpy as np

from envs.waybill.batch import Batch
from envs.waybill.believed import BelievedGames
from envs.waybill.clones import Clones
from experiments.games.waybill.ladder import LadderGames
from experiments.games.waybill.rival_games import LevelGames


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


class LadderCopies:
    """Copies of games on the levels of a ladder, as they are; what is hidden is the same in them.

    When the games have moved up, they are copies of the new ones from the next turn on.
    """

    is_exact, draws = True, 1

    def __init__(self, games: LadderGames, *, threads: int = 1) -> None:
        self._games, self._threads = games, threads
        self._parts: list[LevelGames] = []
        self._over = np.zeros(0, np.bool_)

    def follow(self) -> None:
        """The games stand at a new turn."""
        if self._parts is not self._games.parts:
            self._parts = self._games.parts
            self._copies = [CopiedGames(part.batch, draws=0, threads=self._threads) for part in self._parts]
            self._first = np.cumsum([0] + [count for _, count in self._games.active])
        for copies in self._copies:
            copies.follow()

    def begin(self, games: np.ndarray, draw: int) -> None:
        """Copy these games, int64 [B]; there is one draw."""
        part = np.searchsorted(self._first, games, side="right") - 1
        rows = [np.flatnonzero(part == number) for number in range(len(self._copies))]
        self._used = [(copies, own) for copies, own in zip(self._copies, rows, strict=True) if len(own)]
        for copies, own in self._used:
            copies.begin(games[own] - self._first[part[own[0]]], draw)
        self._note_ends(len(games))

    def step(self, actions: np.ndarray) -> np.ndarray:
        """Play actions [B]; rewards float64 [B], 0 in copies that were over."""
        rewards = np.zeros(len(actions))
        for copies, own in self._used:
            rewards[own] = copies.step(actions[own])
        self._note_ends(len(actions))
        return rewards

    def _note_ends(self, count: int) -> None:
        self._over = np.zeros(count, np.bool_)
        for copies, own in self._used:
            self._over[own] = copies.over

    @property
    def over(self) -> np.ndarray:
        """Whether a copy's game has ended, bool [B]."""
        return self._over

    @property
    def seen(self) -> tuple[np.ndarray, np.ndarray]:
        """Observations [B, D] and masks [B, A]."""
        first_obs, first_mask = self._used[0][0].seen
        count = len(self._over)
        obs, mask = (np.empty((count, one.shape[1]), one.dtype) for one in (first_obs, first_mask))
        for copies, own in self._used:
            obs[own], mask[own] = copies.seen
        return obs, mask
