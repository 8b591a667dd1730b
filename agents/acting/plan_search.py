"""Search where nothing is hidden or drawn: a beam of games, each played to its end by the policy; the best one is kept.

The first round of a decision tries each action, played on by the policy. Every further one goes a turn deeper: the best
games found so far are left at that turn for each other action. So it is a beam search with the policy as its rollout,
and the best game of all is kept from turn to turn (as the sequence that nested Monte Carlo search memorises, Cazenave
2009): what is played never comes out worse than what was found.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from agents.acting.search import Search

BEAM = 4  # games that a further round leaves
_LEAST = 1e-9  # a better game gains more than rounding


class PlannedGames(NamedTuple):
    """B copies of games, played to their end."""

    game: np.ndarray  # int64 [B], which is copied
    actions: np.ndarray  # int64 [B, T]
    rewards: np.ndarray  # float64 [B, T], 0 after the end

    def taken(self, rows: np.ndarray) -> PlannedGames:
        """Some of them."""
        return PlannedGames(*(array[rows] for array in self))


def merged(one: PlannedGames, other: PlannedGames) -> PlannedGames:
    """All of both."""
    turns = max(one.actions.shape[1], other.actions.shape[1])
    pairs = [(part.game, _widened(part.actions, turns), _widened(part.rewards, turns)) for part in (one, other)]
    return PlannedGames(*(np.concatenate(pair) for pair in zip(*pairs, strict=True)))


def _widened(array: np.ndarray, turns: int) -> np.ndarray:
    return np.pad(array, ((0, 0), (0, turns - array.shape[1])))


class PlanSearch(Search):
    """Plays the best game found so far, one turn after the other."""

    def __init__(self, **search: Any) -> None:
        super().__init__(**search)
        self.plans = PlannedGames(np.zeros(0, np.int64), np.zeros((0, 0), np.int64), np.zeros((0, 0)))

    def choose(self, q: np.ndarray) -> np.ndarray:
        """As in ``Search``."""
        actions, rounds = np.zeros(len(q), np.int64), 0
        running = np.isfinite(q).any(axis=1)
        if not running.any():
            return actions
        kept = self.plans.taken(np.flatnonzero(running[self.plans.game]))
        found = kept
        while rounds == 0 or (rounds < found.actions.shape[1] and self.goes_on(rounds)):
            if rounds == 0:
                tried = self._play(*self.worth_trying(q))
            else:
                beam = found.taken(self._best(found, BEAM))
                tried = self._others(beam, rounds)
            found = merged(found, tried)
            rounds += 1
        best = found.taken(self._best(found, 1))
        actions[best.game] = best.actions[:, 0]
        self.plans = PlannedGames(best.game, best.actions[:, 1:], best.rewards[:, 1:])
        return actions

    def _best(self, found: PlannedGames, most: int) -> np.ndarray:
        """Which bring most, so many of each game; of equal ones, mostly the same game, the first found."""
        value = np.round(found.rewards @ (self.gamma ** np.arange(found.rewards.shape[1])) / _LEAST)
        order = np.lexsort((np.arange(len(value)), -value, found.game))
        game = found.game[order]
        again = (np.diff(game, prepend=-1) == 0) & (np.diff(value[order], prepend=np.inf) == 0)
        order, game = order[~again], game[~again]
        first = np.unique(game, return_index=True)[1]
        rank = np.arange(len(order)) - np.repeat(first, np.diff([*first, len(order)]))
        return order[rank < most]

    def _play(self, game: np.ndarray, action: np.ndarray, before: np.ndarray | None = None) -> PlannedGames:
        """Copies of games [B] after actions ``before`` [B, turns] and ``action`` [B], played to their end."""
        self.branches.begin(game, 0)
        actions = [] if before is None else list(before.T)
        actions.append(action)
        rewards = [self.branches.step(given) for given in actions]
        while len(going := np.flatnonzero(~self.branches.over)) > 0:
            obs, mask = self.branches.seen
            action = np.zeros(len(game), np.int64)
            action[going] = self.policy.greedy(obs[going], mask[going])
            actions.append(action)
            rewards.append(self.branches.step(action))
        return PlannedGames(game, np.stack(actions, axis=1), np.stack(rewards, axis=1))

    def _others(self, beam: PlannedGames, turn: int) -> PlannedGames:
        """The games of the beam left at a turn for each other action."""
        self.branches.begin(beam.game, 0)
        for given in beam.actions[:, :turn].T:
            self.branches.step(given)
        going = np.flatnonzero(~self.branches.over)
        if len(going) == 0:
            return beam.taken(np.zeros(0, np.int64))
        obs, mask = self.branches.seen
        q = self.policy.q_values(obs[going], mask[going])
        q[np.arange(len(going)), beam.actions[going, turn]] = -np.inf
        row, action = self.worth_trying(q)
        if len(row) == 0:
            return beam.taken(np.zeros(0, np.int64))
        parent = going[row]
        return self._play(beam.game[parent], action, beam.actions[parent, :turn])
