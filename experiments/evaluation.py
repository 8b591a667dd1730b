"""Measuring a policy on Waybill's levels: greedy games on given maps, one a map."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from envs.waybill.levels import LevelConfig
from experiments.config import Setup
from experiments.domain import ActGreedily
from experiments.environments import batch_env

BATCH = 128


class Measured(NamedTuple):
    """Games of one player, one a map, in the order of the maps."""

    score: np.ndarray  # int64 [N], raw profit in coins
    bankrupt: np.ndarray  # bool [N]
    reward: np.ndarray  # float64 [N], sum of the training reward; zeros for the players
    length: np.ndarray  # int64 [N], turns

    def tags(self) -> dict[str, float]:
        """Means by TensorBoard tag."""
        return {
            "eval/score": float(self.score.mean()),
            "eval/mean_reward": float(self.reward.mean()),
            "eval/bankruptcies": float(self.bankrupt.mean()),
        }


class Evaluator:
    """Plays a policy on the maps ``first_map`` .. ``first_map + maps - 1``; made once, used often."""

    def __init__(self, *, setup: Setup, first_map: int, maps: int, level: LevelConfig | None = None) -> None:
        self._parts = []
        for start in range(0, maps, BATCH):
            count = min(BATCH, maps - start)
            part = (first_map + start, count)
            self._parts.append(batch_env(setup, num_envs=count, maps=part, level=level, in_order=True))

    @property
    def env(self) -> Any:
        """One of the environments, for its sizes."""
        return self._parts[0]

    def warm_up(self) -> None:
        """One turn, so that what the engine still has to compile isn't taken for training time."""
        env = self._parts[0]
        env.reset(seed=0)
        env.step(np.zeros(env.num_envs, np.int64))

    def __call__(self, policy: ActGreedily) -> Measured:
        """One game a map; ``policy`` gives actions int64 [N] from obs [N, D] and mask [N, A]."""
        games = [_play_batch(env, policy) for env in self._parts]
        return Measured(*(np.concatenate(columns) for columns in zip(*games, strict=True)))


def _play_batch(env: Any, policy: ActGreedily) -> Measured:
    obs, infos = env.reset(seed=0)
    count = len(obs)
    games = Measured(np.zeros(count, np.int64), np.zeros(count, np.bool_), np.zeros(count), np.zeros(count, np.int64))
    running = np.ones(count, np.bool_)
    while running.any():
        obs, _, terminated, truncated, infos = env.step(policy(obs, infos["action_mask"]))
        ended = running & (terminated | truncated)
        if ended.any():
            games.score[ended] = infos["score"][ended]
            games.bankrupt[ended] = infos["bankrupt"][ended]
            games.reward[ended] = infos["episode"]["r"][ended]
            games.length[ended] = infos["episode"]["l"][ended]
            running &= ~ended
    return games
