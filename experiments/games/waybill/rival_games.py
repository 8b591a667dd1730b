"""Games in which policies play the rivals' seats from outside."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from envs.waybill.core.levels import LevelConfig
from envs.waybill.vector_env import WaybillVectorEnv
from experiments.config.rivals import SELF
from experiments.games.waybill.selfplay.league import LEARNER, OLDEST, LeagueRatings, final_standing
from experiments.games.waybill.selfplay.snapshots import SnapshotPool
from experiments.runs.domain import ActGreedily
from groundwork.errors import WaybillError

_UNCUT = ("finished", "_finished", "action_mask")  # infos whose rows are not simply those of the learner's seat


class RivalGames:
    """A batch of games seen from seat 0 alone: policies act in the other seats that are played from outside.

    It is to a training or an evaluation what ``WaybillVectorEnv`` is; N counts games.

    Args:
        env: with E ≥ 2 seats from outside, the learner's first.
        cast: who plays the others, E - 1 names; ``self`` is the pool's.
        players: how those act that are not ``self``; None: as the greedy rule advises.
        pool: snapshots of the learner; who of them plays a seat is drawn anew for each game.
        league: of the players, those who are drawn for ``self``, too.
    """

    def __init__(
        self,
        *,
        env: WaybillVectorEnv,
        cast: Sequence[str],
        players: Mapping[str, ActGreedily | None],
        pool: SnapshotPool | None,
        league: Sequence[str] = (),
    ) -> None:
        self.env, self.pool = env, pool
        self.ratings = None if pool is None else LeagueRatings()
        self.num_envs, self.batch, self._seats = env.num_games, env.batch, len(cast) + 1
        self.level: LevelConfig = env.level
        self.layout = env.layout
        self.mask_is_constant, self.action_groups = env.mask_is_constant, env.action_groups
        self.single_observation_space, self.single_action_space = env.single_observation_space, env.single_action_space
        # Who acts in each row [N, E]: a snapshot by its step, a player by -2 - its number, the learner is -1.
        self._names = names = [*league, *(name for name in players if name not in league)]
        self._players = [players[name] for name in names]
        rated = (LEARNER, OLDEST, *names)
        self.columns = dict(env.columns) if pool is None else {**env.columns, "rating": rated}
        self._actor = np.full((self.num_envs, self._seats), -1, np.int64)
        self._actor[:, 1:] = [0 if name == SELF else -2 - names.index(name) for name in cast]
        self._own = np.array([False, *(name == SELF for name in cast)])
        self._obs, self._infos = np.zeros((0, 0), np.float32), dict[str, Any]()

    @property
    def states(self) -> np.ndarray:
        """The STATE records of all games [N]; read-only by convention."""
        return self.env.states

    def reset(self, *, seed: int) -> tuple[np.ndarray, dict[str, Any]]:
        """New games; observations [N, D] and infos of the learner's seat."""
        self._obs, self._infos = self.env.reset(seed=seed)
        self._draw(np.ones(self.num_envs, np.bool_))
        return self._cut(self._obs), self._learners()

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """One turn of every game with the learner's ``actions`` [N]."""
        chosen = self._choose(np.asarray(actions).reshape(-1))
        self._obs, r_t, terminated, truncated, self._infos = self.env.step(chosen)
        self._rate(terminated[:: self._seats])
        self._draw(self._infos["reset"][:: self._seats])
        obs, r_t, terminated, truncated = (self._cut(array) for array in (self._obs, r_t, terminated, truncated))
        return obs, r_t, terminated, truncated, self._learners()

    def _choose(self, own: np.ndarray) -> np.ndarray:
        """Actions of all rows [N · E]. Rows that begin a new game, or whose company is bankrupt, do as they like."""
        if own.shape != (self.num_envs,):
            raise WaybillError(f"{len(own)} actions for {self.num_envs} games")
        actions = np.zeros(self._actor.size, own.dtype)
        actions[:: self._seats] = own
        mask, who = self._infos["action_mask"], self._actor.reshape(-1)
        for actor in np.unique(who[who != -1]):
            rows = np.flatnonzero(who == actor)
            act = self._policy(int(actor))
            actions[rows] = self._infos["advice"][rows] if act is None else act(self._obs[rows], mask[rows])
        return actions

    def _policy(self, actor: int) -> ActGreedily | None:
        """How the actor of that number acts."""
        if actor < 0:
            return self._players[-2 - actor]
        assert self.pool is not None
        return self.pool.greedy(actor)

    def _rate(self, ended: np.ndarray) -> None:
        """Take the games that have ``ended`` [N] into the ratings, as who played in their seats from outside."""
        if self.ratings is None or not ended.any():
            return
        standing = final_standing(self.env.states["companies"][:, self.batch.seats])
        for game in np.flatnonzero(ended):
            self.ratings.add([self._name_of(int(actor)) for actor in self._actor[game]], standing[game].tolist())

    def _name_of(self, actor: int) -> str:
        if actor >= 0:
            return f"{SELF}@{actor}"
        return LEARNER if actor == -1 else self._names[-2 - actor]

    def _rated(self) -> np.ndarray:
        """Ratings of now, float64 [N, C], the same in every row."""
        assert self.pool is not None
        assert self.ratings is not None
        oldest = f"{SELF}@{self.pool.steps[0]}" if self.pool.steps else LEARNER
        players = (LEARNER, oldest, *self._names)
        return np.tile([self.ratings[player] for player in players], (self.num_envs, 1))

    def _draw(self, begun: np.ndarray) -> None:
        """Draw who plays the seats of ``self`` in the games that have ``begun`` [N]."""
        if self.pool is not None and begun.any():
            rows = np.ix_(begun, self._own)
            drawn = self.pool.draw(self._actor[rows].size).reshape(self._actor[rows].shape)
            self._actor[rows] = np.where(drawn >= 0, drawn, drawn - 1)  # the league's players come first

    def _cut(self, array: np.ndarray) -> np.ndarray:
        """The learner's rows [N, ...] of all seats' rows [N · E, ...]."""
        return np.ascontiguousarray(array[:: self._seats])

    def _learners(self) -> dict[str, Any]:
        """The infos with the learner's rows only."""
        infos: dict[str, Any] = {name: self._cut(value) for name, value in self._infos.items() if name not in _UNCUT}
        mask = self._infos["action_mask"]
        infos["action_mask"] = mask[:: self._seats] if self.mask_is_constant else self._cut(mask)  # one row, repeated
        if self.ratings is not None:
            infos["rating"] = self._rated()
        if "finished" in self._infos and self._infos["_finished"][:: self._seats].any():
            infos["finished"] = {name: self._cut(value) for name, value in self._infos["finished"].items()}
            infos["_finished"] = self._cut(self._infos["_finished"])
        return infos

    def take_snapshot(self, env_step: int, weights: Callable[[], dict[str, Any]]) -> None:
        """Let the pool have the learner's weights of now, if that is due."""
        if self.pool is not None and self.ratings is not None and self.pool.is_due(env_step):
            playing = set(self._actor[:, self._own].reshape(-1).tolist())
            self.pool.add(env_step, weights(), playing=playing)
            self.ratings.enter(self._name_of(env_step))
            self.ratings.keep({self._name_of(actor) for actor in {*self.pool.steps, *playing}} | set(self._names))

    def state_dict(self) -> dict[str, Any]:
        """The games, who plays in them, and the pool of snapshots."""
        pool = None if self.pool is None else self.pool.state_dict()
        ratings = None if self.ratings is None else self.ratings.state_dict()
        return {"games": self.env.state_dict(), "actor": self._actor.copy(), "pool": pool, "ratings": ratings}

    def load_state_dict(self, saved: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
        """Go on from a ``state_dict``; returns observations and infos as ``reset`` does."""
        self._obs, self._infos = self.env.load_state_dict(saved["games"])
        self._actor[:] = saved["actor"]
        if self.pool is not None and self.ratings is not None:
            self.pool.load_state_dict(saved["pool"])
            self.ratings.load_state_dict(saved["ratings"])
        return self._cut(self._obs), self._learners()


LevelGames = WaybillVectorEnv | RivalGames  # games on one level, as its own batch or with policies as rivals
