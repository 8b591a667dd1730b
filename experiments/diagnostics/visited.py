"""The states that a policy visits in an evaluation's games, kept with what it did there and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

WATCHED_GAMES = 8  # of an evaluation whose states are kept, at most
MOST_BYTES = 2**25  # of the states that are kept


class EvaluationWatch(Protocol):
    """Whoever looks on while a policy is evaluated."""

    def begin(self, env: Any) -> None:
        """All games have begun in ``env``."""

    def turn(
        self, *, games: np.ndarray, obs_tm1: np.ndarray, mask_tm1: np.ndarray, a_tm1: np.ndarray, r_t: np.ndarray,
        terminated_t: np.ndarray, env: Any, infos: Mapping[str, Any],
    ) -> None:  # fmt: skip
        """One step of those games that still ran before it.

        Args:
            games: int64 [M], their numbers, rising; the other arrays have a row for each: observations [M, D], masks
                [M, A], actions, training rewards and terminations [M].
            env: the environment of all games, after the step.
            infos: what the step told, a row for each of all games; empty where there is nothing to tell.
        """


class Visited(NamedTuple):
    """K states, game after game, each game's in the order of its turns."""

    obs: np.ndarray  # float32 [K, D]
    mask: np.ndarray  # int8 [K, A]
    a: np.ndarray  # int64 [K], what was done
    r: np.ndarray  # float64 [K], the training reward that followed
    returned: np.ndarray  # float64 [K], the discounted return that followed
    ended: np.ndarray  # bool [K], the game terminated with that action
    game: np.ndarray  # int64 [K]
    turn: np.ndarray  # int64 [K], from 0

    @property
    def followed(self) -> np.ndarray:
        """Whether the next row is the state that followed, bool [K]."""
        same = (self.game[1:] == self.game[:-1]) & (self.turn[1:] == self.turn[:-1] + 1)
        return np.append(same, False) & ~self.ended

    def thinned(self, count: int) -> Visited:
        """At most ``count`` of the states, evenly spread."""
        if len(self.a) <= count:
            return self
        chosen = np.linspace(0, len(self.a) - 1, count).round().astype(np.int64)
        return Visited(*(column[chosen] for column in self))


class VisitedStates:
    """Keeps the states of an evaluation's first games, of each the first turns: ``states`` in all, or 32 MiB."""

    def __init__(self, *, states: int, gamma: float) -> None:
        self._states, self._gamma = states, gamma
        self._most = 0  # states of each game: known once one was seen
        self._rows: list[list[tuple[np.ndarray, np.ndarray, int]]] = [[] for _ in range(WATCHED_GAMES)]
        self._rewards: list[list[float]] = [[] for _ in range(WATCHED_GAMES)]
        self._ended = [False] * WATCHED_GAMES

    def begin(self, env: Any) -> None:
        """See ``EvaluationWatch``."""

    def turn(
        self, *, games: np.ndarray, obs_tm1: np.ndarray, mask_tm1: np.ndarray, a_tm1: np.ndarray, r_t: np.ndarray,
        terminated_t: np.ndarray, env: Any, infos: Mapping[str, Any],
    ) -> None:  # fmt: skip
        """See ``EvaluationWatch``."""
        if not self._most:
            row_bytes = obs_tm1[0].nbytes + mask_tm1[0].nbytes
            self._most = max(1, min(self._states, MOST_BYTES // row_bytes) // WATCHED_GAMES)
        for row, game in enumerate(games[: np.searchsorted(games, WATCHED_GAMES)].tolist()):
            self._rewards[game].append(float(r_t[row]))
            self._ended[game] = bool(terminated_t[row])
            if len(self._rows[game]) < self._most:
                self._rows[game].append((obs_tm1[row].copy(), mask_tm1[row].copy(), int(a_tm1[row])))

    def all(self) -> Visited:
        """What was kept; the returns count what came after the kept turns, too."""
        obs, masks, actions, rewards, returns, ended, games, turns = ([] for _ in range(8))
        for game, rows in enumerate(self._rows):
            came = _returns(np.array(self._rewards[game]), self._gamma)
            for turn, (o, mask, a) in enumerate(rows):
                obs.append(o)
                masks.append(mask)
                actions.append(a)
                rewards.append(self._rewards[game][turn])
                returns.append(came[turn])
                ended.append(self._ended[game] and turn == len(came) - 1)
                games.append(game)
                turns.append(turn)
        return Visited(
            obs=np.array(obs, np.float32), mask=np.array(masks, np.int8), a=np.array(actions, np.int64),
            r=np.array(rewards), returned=np.array(returns), ended=np.array(ended, np.bool_),
            game=np.array(games, np.int64), turn=np.array(turns, np.int64),
        )  # fmt: skip


def _returns(rewards: np.ndarray, gamma: float) -> np.ndarray:
    """The discounted return from each step of an episode [T] on."""
    found, after = np.zeros(len(rewards)), 0.0
    for t in range(len(rewards) - 1, -1, -1):
        found[t] = after = rewards[t] + gamma * after
    return found
