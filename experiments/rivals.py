"""Rivals that are policies: games of which only the learner's rows show.

Rules play inside the engine, see ``envs/waybill/scripted.py``. Policies play seats from outside: those of run folders,
and for ``self`` snapshots of the learner. In evaluations a rule stands in for ``self``, so that scores can be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from envs.waybill.env import WaybillVectorEnv
from envs.waybill.levels import RIVALS as RULES
from envs.waybill.levels import LevelConfig
from experiments import config as configs
from experiments.config import Setup, WaybillConfig, brings_own_loop
from experiments.domain import ActGreedily
from experiments.machine import device_of
from experiments.policies import load_policy, make_actor
from experiments.rival_settings import SELF, STAND_IN
from experiments.snapshots import SnapshotPool


def rivals_of(setup: Setup) -> list[str]:
    """Who plays seats 1, 2, … in a run's games; in a level's own words where the run doesn't say."""
    config = setup.config
    return list(config.level.rivals if config.rivals is None else config.rivals)  # type: ignore[attr-defined]


def evaluation_rivals(setup: Setup) -> list[str]:
    """The same in evaluations."""
    return [STAND_IN if rival == SELF else rival for rival in rivals_of(setup)]


def outside_seats(rivals: Sequence[str], *, selfplay: bool) -> list[int]:
    """Seats that policies play: of run folders, and of the learner's snapshots with ``selfplay``."""
    return [seat for seat, rival in enumerate(rivals, 1) if rival not in RULES and (selfplay or rival != SELF)]


def has_policies(rivals: Sequence[str]) -> bool:
    """Whether run folders play some of the seats."""
    return bool(outside_seats(rivals, selfplay=False))


def refuse_policies(rivals: Sequence[str], who: str) -> None:
    """For games that only rules can be rivals in.

    Raises:
        ValueError: if there are others.
    """
    for rival in rivals:
        if rival not in RULES:
            raise ValueError(f"rivals={rival}: {who} plays against rules only, which are {', '.join(RULES)}")


def with_rivals(setup: Setup, env: WaybillVectorEnv) -> WaybillVectorEnv | RivalGames:
    """Games in which policies play the seats that ``env`` leaves open beside the learner's.

    Raises:
        ValueError: in one line, if one of them isn't there or doesn't fit.
    """
    rivals = rivals_of(setup)
    cast = [rivals[seat - 1] for seat in env.batch.seats[1:]]
    if not cast:
        return env
    device = device_of(setup.config)
    players = {rival: load_rival(rival, setup, env=env, device=device) for rival in cast if rival != SELF}
    pool = snapshot_pool(setup, env, device) if SELF in cast else None
    return RivalGames(env=env, cast=cast, players=players, pool=pool)


def load_rival(rival: str, setup: Setup, *, env: Any, device: torch.device) -> ActGreedily:
    """How the best policy of a run folder acts on observations as this run's games give them.

    Raises:
        ValueError: in one line, naming the run and what differs.
    """
    try:
        theirs = policy_setup(rival)
        difference = _difference(theirs, setup)
        if difference is not None:
            raise ValueError(f"the policy of {rival!r} does not fit: {difference}")
        return load_policy(theirs, Path(rival), env=env, device=device).greedy
    except ValueError as error:
        raise ValueError(f"rivals: {error}") from None


def policy_setup(folder: str) -> Setup:
    """The config of a run folder that holds a policy.

    Raises:
        ValueError: in one line, if it isn't there, or no policy for Waybill's levels.
    """
    if not Path(folder).is_dir():
        raise ValueError(f"{folder!r} is neither a run folder nor one of {', '.join(RULES)}")
    setup = configs.load(Path(folder))
    if setup.player is not None:
        raise ValueError(f"{folder!r} is a run of agent={setup.names['agent']}, write {setup.player} instead")
    if not isinstance(setup.config, WaybillConfig):
        raise ValueError(f"{folder!r} plays env={setup.names['env']}, only runs on Waybill's levels play them")
    return setup


def _difference(theirs: Setup, ours: Setup) -> str | None:
    """The first setting by which observations and actions mean something else to a policy; None if there is none."""
    pairs = [_seen(setup) for setup in (theirs, ours)]
    for key in [*pairs[0], *pairs[1]]:
        a, b = (seen.get(key, "absent") for seen in pairs)
        if a != b:
            return f"{key}={a} there and {b} here"
    return None


def _seen(setup: Setup) -> dict[str, Any]:
    """What a policy's observations and actions are made of, by key."""
    options = setup.plain["encoding"]["options"]
    seen: dict[str, Any] = {name: setup.names[name] for name in ("actions", "encoding")}
    actions = setup.plain["actions"]
    seen |= {} if actions["cells"] is None else {"actions.cells": actions["cells"]}
    seen |= {"actions.hints": actions["hints"] is not False}
    return seen | {f"encoding.options.{name}": value for name, value in options.items()}


def snapshot_pool(setup: Setup, env: Any, device: torch.device) -> SnapshotPool:
    """A pool without snapshots yet.

    Raises:
        ValueError: if the agent isn't one of ours.
    """
    if brings_own_loop(setup.agent):
        raise ValueError(f"rivals={SELF}: agent={setup.names['agent']} cannot play itself, only dqn and pqn can")
    play = setup.config.selfplay  # type: ignore[attr-defined]
    return SnapshotPool(
        make_actor=partial(make_actor, setup, env=env, device=device),
        every=play.snapshot_every,
        size=play.pool,
        latest_share=play.latest_share,
        seed=setup.config.seed,
    )


_UNCUT = ("episode", "_episode", "action_mask")


class RivalGames:
    """A batch of games seen from seat 0 alone: policies act in the other seats that are played from outside.

    It is to a training or an evaluation what ``WaybillVectorEnv`` is; N counts games.

    Args:
        env: with E ≥ 2 seats from outside, the learner's first.
        cast: who plays the others, E - 1 names; ``self`` is the pool's.
        players: how those act that are not ``self``.
        pool: snapshots of the learner; who of them plays a seat is drawn anew for each game.
    """

    def __init__(
        self,
        *,
        env: WaybillVectorEnv,
        cast: Sequence[str],
        players: Mapping[str, ActGreedily],
        pool: SnapshotPool | None,
    ) -> None:
        self.env, self.pool = env, pool
        self.num_envs, self.batch, self._seats = env.num_games, env.batch, len(cast) + 1
        self.level: LevelConfig = env.level
        self.layout, self.stages = env.layout, env.stages
        self.mask_is_constant, self.action_groups = env.mask_is_constant, env.action_groups
        self.single_observation_space, self.single_action_space = env.single_observation_space, env.single_action_space
        self._players = list(players.values())
        names = list(players)
        # Who acts in each row [N, E]: a snapshot by its step, a player by -2 - its number, the learner is -1.
        self._actor = np.full((self.num_envs, self._seats), -1, np.int64)
        self._actor[:, 1:] = [0 if name == SELF else -2 - names.index(name) for name in cast]
        self._own = np.array([False, *(name == SELF for name in cast)])
        self._obs, self._infos = np.zeros((0, 0), np.float32), dict[str, Any]()

    @property
    def states(self) -> np.ndarray:
        """The STATE records of all games [N]; read-only by convention."""
        return self.env.states

    def reset(self, *, seed: int) -> tuple[np.ndarray, dict[str, Any]]:
        """New games."""
        self._obs, self._infos = self.env.reset(seed=seed)
        self._draw(np.ones(self.num_envs, np.bool_))
        return self._cut(self._obs), self._learners()

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """One turn of every game with the learner's ``actions`` [N]."""
        chosen = self._choose(np.asarray(actions).reshape(-1))
        self._obs, r_t, terminated, truncated, self._infos = self.env.step(chosen)
        self._draw(self._infos["reset"][:: self._seats])
        columns = (self._cut(array) for array in (self._obs, r_t, terminated, truncated))
        return (*columns, self._learners())  # type: ignore[return-value]

    def _choose(self, own: np.ndarray) -> np.ndarray:
        """Actions of all rows [N · E]. Rows that begin a new game, or whose company is bankrupt, do as they like."""
        if own.shape != (self.num_envs,):
            raise ValueError(f"{len(own)} actions for {self.num_envs} games")
        actions = np.zeros(self._actor.size, own.dtype)
        actions[:: self._seats] = own
        mask, who = self._infos["action_mask"], self._actor.reshape(-1)
        for actor in np.unique(who[who != -1]):
            rows = np.flatnonzero(who == actor)
            actions[rows] = self._policy(int(actor))(self._obs[rows], mask[rows])
        return actions

    def _policy(self, actor: int) -> ActGreedily:
        if actor < 0:
            return self._players[-2 - actor]
        assert self.pool is not None
        return self.pool.greedy(actor)

    def _draw(self, begun: np.ndarray) -> None:
        """Who plays the seats of ``self`` in the games that have ``begun`` [N]."""
        if self.pool is not None and begun.any():
            rows = np.ix_(begun, self._own)
            self._actor[rows] = self.pool.draw(self._actor[rows].size).reshape(self._actor[rows].shape)

    def _cut(self, array: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(array[:: self._seats])

    def _learners(self) -> dict[str, Any]:
        """The infos' rows of the learner's seat."""
        infos: dict[str, Any] = {name: self._cut(value) for name, value in self._infos.items() if name not in _UNCUT}
        mask = self._infos["action_mask"]
        infos["action_mask"] = mask[:: self._seats] if self.mask_is_constant else self._cut(mask)  # one row, repeated
        if "episode" in self._infos and self._infos["_episode"][:: self._seats].any():
            infos["episode"] = {name: self._cut(value) for name, value in self._infos["episode"].items()}
            infos["_episode"] = self._cut(self._infos["_episode"])
        return infos

    def take_snapshot(self, env_step: int, weights: Callable[[], dict[str, Any]]) -> None:
        """Let the pool have the learner's weights of now, if that is due."""
        if self.pool is not None and self.pool.is_due(env_step):
            self.pool.add(env_step, weights(), playing=set(self._actor[:, self._own].reshape(-1).tolist()))

    def state_dict(self) -> dict[str, Any]:
        """Games, who plays in them, and the pool."""
        pool = None if self.pool is None else self.pool.state_dict()
        return {"games": self.env.state_dict(), "actor": self._actor.copy(), "pool": pool}

    def load_state_dict(self, saved: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
        """Go on with them; as ``reset``."""
        self._obs, self._infos = self.env.load_state_dict(saved["games"])
        self._actor[:] = saved["actor"]
        if self.pool is not None:
            self.pool.load_state_dict(saved["pool"])
        return self._cut(self._obs), self._learners()
