"""Plays a policy greedily on given maps of Waybill's levels, one game a map, and keeps what came of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from envs.waybill.core.levels import LevelConfig
from experiments.common.progress import ProgressReport
from experiments.config.reading import Setup
from experiments.diagnostics.visited import EvaluationWatch
from experiments.games.waybill.environments import batch_env
from experiments.runs.domain import ActGreedily, ThinksAhead, ValuesStates

GAMES_AT_ONCE = 128  # games played at once


class Foreseen(NamedTuple):
    """What a policy expected of its games when they began, and what came: of the training reward, discounted."""

    q_start: np.ndarray  # float32 [N], Q-value of the first action
    returned: np.ndarray  # float64 [N], the return from the first turn on


class MapGames(NamedTuple):
    """One player's finished games, one a map, in the order of the maps."""

    score: np.ndarray  # int64 [N], raw profit in coins
    bankrupt: np.ndarray  # bool [N]
    reward: np.ndarray  # float64 [N], sum of the training reward; zeros for the players
    length: np.ndarray  # int64 [N], turns
    won: np.ndarray  # bool [N], more cash at the end than every rival
    contested: bool  # there were rivals: only then a game can be won
    made: Mapping[str, np.ndarray]  # int64 [N] for each good, units dug or produced
    foreseen: Foreseen | None = None  # of a policy that has Q-values

    def tags(self) -> dict[str, float]:
        """Means by TensorBoard tag."""
        tags = {"eval/score": self.score, "eval/mean_reward": self.reward, "eval/bankruptcies": self.bankrupt}
        tags |= {f"eval/made/{good}": units for good, units in self.made.items()}
        if self.contested:
            tags["eval/won"] = self.won
        if self.foreseen is not None:
            tags |= {"eval/q_start": self.foreseen.q_start, "eval/discounted_return": self.foreseen.returned}
        return {name: float(values.mean()) for name, values in tags.items()}


class MapEvaluator:
    """Plays a policy on the maps ``first_map`` .. ``first_map + maps - 1``; made once, used often."""

    def __init__(self, *, setup: Setup, first_map: int, maps: int, level: LevelConfig | None = None) -> None:
        self._parts, self._gamma, self._progress = [], setup.gamma, setup.config.progress
        for start in range(0, maps, GAMES_AT_ONCE):
            count = min(GAMES_AT_ONCE, maps - start)
            part = (first_map + start, count)
            self._parts.append(batch_env(setup, num_envs=count, maps=part, level=level, in_order=True))

    @property
    def env(self) -> Any:
        """One of the batches, for its ``layout`` and ``single_action_space``."""
        return self._parts[0]

    def warm_up(self) -> None:
        """Play one turn, so that what the engine still has to compile isn't taken for training time."""
        env = self._parts[0]
        env.reset(seed=0)
        env.step(np.zeros(env.num_envs, np.int64))

    def __call__(self, policy: ActGreedily | ThinksAhead, watches: Sequence[EvaluationWatch] = ()) -> MapGames:
        """Play one game a map; ``policy`` gives actions int64 [N] from obs [N, D] and mask [N, A].

        ``watches`` look on at the first 128.
        """
        if not isinstance(policy, ThinksAhead):
            first, *others = self._parts
            begun = [_play_batch(first, policy, self._gamma, watches)]
            return _joined(begun + [_play_batch(env, policy, self._gamma) for env in others])
        turns = self.env.level.horizon
        total = turns * len(self._parts)
        with ProgressReport(title=policy.title, total=total, enabled=self._progress) as report:
            return _joined([
                _play_batch(env, _Thinking(policy.at(env), env.num_envs, report, before=k * turns), self._gamma)
                for k, env in enumerate(self._parts)
            ])  # fmt: skip


class _Thinking:
    """Acts in N games by a policy that takes long: tells how far it is, and leaves games out that are over."""

    def __init__(self, act: ActGreedily, games: int, report: ProgressReport, *, before: int) -> None:
        self._act, self._report, self._turn = act, report, before
        self.over = np.zeros(games, np.bool_)  # whoever plays says so: a new game begins in their rows

    def __call__(self, obs: np.ndarray, mask: np.ndarray) -> np.ndarray:
        self._report.update(self._turn)
        self._turn += 1
        return self._act(obs, np.where(self.over[:, None], 0, mask))


def _joined(games: Sequence[MapGames]) -> MapGames:
    score, bankrupt, reward, length, won = (
        np.concatenate(parts) for parts in zip(*(g[:5] for g in games), strict=True)
    )
    made = {good: np.concatenate([part.made[good] for part in games]) for good in games[0].made}
    expected = [part.foreseen for part in games if part.foreseen is not None]
    foreseen = Foreseen(*map(np.concatenate, zip(*expected, strict=True))) if expected else None
    return MapGames(score, bankrupt, reward, length, won, games[0].contested, made, foreseen)


def _play_batch(env: Any, policy: ActGreedily, gamma: float, watches: Sequence[EvaluationWatch] = ()) -> MapGames:
    """Play one game in each row of the batch to its end."""
    obs, infos = env.reset(seed=0)
    for watch in watches:
        watch.begin(env)
    count = len(obs)
    foreseen = None
    if isinstance(policy, ValuesStates):
        foreseen = Foreseen(policy.values(obs, infos["action_mask"]).copy(), np.zeros(count))
    games = MapGames(
        score=np.zeros(count, np.int64),
        bankrupt=np.zeros(count, np.bool_),
        reward=np.zeros(count),
        length=np.zeros(count, np.int64),
        won=np.zeros(count, np.bool_),
        contested=bool(env.level.rivals),
        made={good: np.zeros(count, np.int64) for good in env.level.goods},
        foreseen=foreseen,
    )
    running, discount = np.ones(count, np.bool_), 1.0
    while running.any():
        obs_tm1, mask_tm1, a_tm1 = obs, infos["action_mask"], policy(obs, infos["action_mask"])
        obs, r_t, terminated, truncated, infos = env.step(a_tm1)
        for watch in watches:
            watch.turn(
                games=np.flatnonzero(running), obs_tm1=obs_tm1[running], mask_tm1=mask_tm1[running],
                a_tm1=a_tm1[running], r_t=r_t[running], terminated_t=terminated[running], env=env, infos=infos,
            )  # fmt: skip
        if foreseen is not None:
            foreseen.returned[running] += discount * r_t[running]
            discount *= gamma
        ended = running & (terminated | truncated)
        if ended.any():
            games.score[ended] = infos["score"][ended]
            games.bankrupt[ended] = infos["bankrupt"][ended]
            games.reward[ended] = infos["finished"]["r"][ended]
            games.won[ended] = infos["won"][ended]
            games.length[ended] = infos["finished"]["l"][ended]
            for good, units in zip(env.level.goods, infos["made"].T, strict=True):
                games.made[good][ended] = units[ended]
            running &= ~ended
            if isinstance(policy, _Thinking):
                policy.over |= ended
    return games
