"""Training games on the levels of a ladder: most on the present one, the others on earlier ones, all in one batch.

On a move up all games are cut off at once: the next step flags every row that isn't over as truncated, with its true
last observation; the step after it ignores the actions and begins new games, with the new shares, in all rows. The
rows of the present level come first, where games explore most (see ``epsilon_ladder``), then those of the level before
it, and so on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from envs.waybill.core.levels import LevelConfig
from experiments.games.waybill.rival_games import LevelGames
from experiments.runs.domain import SelfPlay

PLAYING, CUTTING, RESETTING = range(3)  # what the next step does
_ABOUT_ENDS = ("finished", "_finished")
_OF_ONE_LEVEL = ("rating",)  # what others lack


def shares_of_games(num_envs: int, level_index: int, replay_share: float) -> list[int]:
    """How many games each level gets, the present one first, then downwards: they sum up to N.

    ``level_index`` counts the present level from 0. It keeps at least one game; what cannot be shared
    evenly goes to the nearest earlier levels.
    """
    earlier = min(int(num_envs * replay_share), num_envs - 1) if level_index else 0
    each, more = divmod(earlier, max(level_index, 1))
    return [num_envs - earlier, *(each + (k < more) for k in range(level_index))]


class LadderGames:
    """A batch of N games as ``runs.domain.GameBatch`` describes it; its infos have the columns of the last level.

    ``infos["_finished"]`` marks the ends of games on the present level: curves show those. ``columns`` are those of all
    levels (see ``Spaces``). Without ``own_advice`` no rule advises on the last level: the info ``advice`` is -1 there.
    ``limit`` gives the candidates that a reducer may propose, by environment step; None: all.
    """

    def __init__(
        self,
        *,
        levels: Sequence[LevelConfig],
        num_envs: int,
        replay_share: float,
        columns: Mapping[str, tuple[str, ...]],
        make: Callable[[LevelConfig, int], LevelGames],
        own_advice: bool = True,
        limit: Callable[[int], int] | None = None,
    ) -> None:
        """Make the first level's games: ``make(level, n)`` gives n on a level. All levels share one layout."""
        self.levels, self.num_envs, self.replay_share = tuple(levels), num_envs, replay_share
        self._make, self._limit, self.columns, self._own_advice = make, limit, columns, own_advice
        self.level = self.levels[-1]  # the run's own
        self.level_index = self.env_step = self._seed = 0
        self._next = PLAYING
        self._make_parts()
        first = self.parts[0]
        self.layout, self.single_action_space = first.layout, first.single_action_space
        self.mask_is_constant, self.action_groups = first.mask_is_constant, first.action_groups

    def _make_parts(self) -> None:
        """Make games on every level that has a share of them."""
        shares = shares_of_games(self.num_envs, self.level_index, self.replay_share)
        self.active = [(self.levels[self.level_index - k], count) for k, count in enumerate(shares) if count]
        self.parts = [self._make(level, count) for level, count in self.active]
        self._bounds = np.cumsum([count for _, count in self.active])[:-1]

    def _grow(self) -> None:
        if self._limit is not None:
            for part in self.parts:
                part.batch.space.limit = self._limit(self.env_step)

    @property
    def is_moving(self) -> bool:
        """True while the games of the level before are still to be cut off or replaced."""
        return self._next != PLAYING

    def move_up(self) -> None:
        """Go on with the next level: the next step ends all games."""
        assert self.level_index + 1 < len(self.levels), "there is no higher level"
        assert not self.is_moving, "it is moving up already"
        self._next = CUTTING

    def reset(self, *, seed: int) -> tuple[np.ndarray, dict[str, Any]]:
        """New games on the first level; ``seed`` decides all later ones, too."""
        self._seed, self.env_step, self._next = seed, 0, PLAYING
        if self.level_index:
            self.level_index = 0
            self._make_parts()
        return self._begin()

    def _begin(self) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin new games in all rows, with other seeds on every level."""
        self._grow()
        seeds = [self._seed]
        if self.level_index:
            source = np.random.SeedSequence(self._seed, spawn_key=(self.level_index,))
            seeds = (source.generate_state(len(self.parts), np.uint64) >> np.uint64(1)).tolist()
        begun = [part.reset(seed=seed) for part, seed in zip(self.parts, seeds, strict=True)]
        return self._joined([obs for obs, _ in begun]), self._infos([infos for _, infos in begun])

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """One step of all games."""
        doing, none = self._next, np.zeros(self.num_envs, np.bool_)
        self._next = RESETTING if doing == CUTTING else PLAYING
        if doing == RESETTING:
            self.level_index += 1
            self._make_parts()
            obs, infos = self._begin()
            self.env_step += self.num_envs
            return obs, np.zeros(self.num_envs), none, none.copy(), infos
        self._grow()
        own = np.split(np.asarray(actions), self._bounds)
        played = [part.step(a) for part, a in zip(self.parts, own, strict=True)]
        obs, r, terminated, _, infos = zip(*played, strict=True)
        self.env_step += self.num_envs
        over = self._joined(terminated)
        return self._joined(obs), self._joined(r), over, ~over if doing == CUTTING else none, self._infos(infos)

    @staticmethod
    def _joined(columns: Sequence[np.ndarray]) -> np.ndarray:
        return columns[0] if len(columns) == 1 else np.concatenate(columns)

    def _infos(self, infos: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The infos of all rows; a level without some of the columns has nothing there: 0, or the turn -1."""
        keys = [key for key in infos[0] if key not in (*_ABOUT_ENDS, *_OF_ONE_LEVEL, *self.columns)]
        joined: dict[str, Any] = {key: self._joined([part[key] for part in infos]) for key in keys}
        for key, wanted in self.columns.items():
            found = zip(self.parts, infos, strict=True)
            joined[key] = self._joined([_widened(key, own[key], part.columns[key], wanted) for part, own in found])
        if not self._own_advice and self.level_index + 1 == len(self.levels) and "advice" in joined:
            joined["advice"] = joined["advice"].copy()
            joined["advice"][: self.active[0][1]] = -1
        joined["_finished"] = np.zeros(self.num_envs, np.bool_)
        if "finished" not in infos[0]:
            return joined
        episode = {}
        for name, column in infos[0]["finished"].items():
            episode[name] = np.zeros(self.num_envs, column.dtype)
            episode[name][: len(column)] = column
        joined["_finished"][: len(infos[0]["_finished"])] = infos[0]["_finished"]
        return joined | {"finished": episode}

    def take_snapshot(self, env_step: int, weights: Callable[[], dict[str, Any]]) -> None:
        """Let games in which past selves play have the learner's weights of now, see ``SelfPlay``."""
        for part in self.parts:
            if isinstance(part, SelfPlay):
                part.take_snapshot(env_step, weights)

    def state_dict(self) -> dict[str, Any]:
        """What the games need to go on: the present level, counts and seeds, and the games of each level."""
        own = {"rung": self.level_index, "env_step": self.env_step, "seed": self._seed, "next": self._next}
        return own | {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, saved: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
        """Go on from a ``state_dict``; returns observations and infos as ``reset`` does."""
        self.level_index, self.env_step = int(saved["rung"]), int(saved["env_step"])
        self._seed, self._next = int(saved["seed"]), int(saved["next"])
        self._make_parts()
        begun = [part.load_state_dict(state) for part, state in zip(self.parts, saved["parts"], strict=True)]
        return self._joined([obs for obs, _ in begun]), self._infos([infos for _, infos in begun])


def _widened(key: str, own: np.ndarray, names: tuple[str, ...], wanted: tuple[str, ...]) -> np.ndarray:
    """An info's columns [N, C] in the order ``wanted``."""
    if names == wanted:
        return own
    wide = np.full((len(own), len(wanted)), -1 if key.endswith("_turn") else 0, own.dtype)
    wide[:, [wanted.index(name) for name in names]] = own
    return wide
