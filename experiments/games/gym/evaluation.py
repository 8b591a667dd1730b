"""Plays a policy greedily on a Gymnasium game, one episode a seed, and keeps what came of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from experiments.games.gym.batch import GymBatch
from experiments.games.gym.make import make
from experiments.runs.domain import ActGreedily

EPISODES_AT_ONCE = 128
# The first seeds; all are below 2**32, some games take no larger ones.
FIRST_HELD_OUT_SEED, FIRST_VALIDATION_SEED, FIRST_TRAINING_SEED = 0, 2**30, 2**31


def training_seed(run_seed: int, game: int = 0) -> int:
    """Seed of a training game: each run's seed has 32,768 of its own, which no evaluation uses."""
    return FIRST_TRAINING_SEED + (run_seed * 2**15 + game) % 2**31


class Episodes(NamedTuple):
    """One player's finished episodes, in the order of their seeds."""

    score: np.ndarray  # float64 [N], sum of the rewards
    length: np.ndarray  # int64 [N], steps
    cut: np.ndarray  # bool [N], longer than an evaluation waits

    def tags(self) -> dict[str, float]:
        """Means by TensorBoard tag."""
        mean = float(self.score.mean())
        return {"eval/score": mean, "eval/mean_reward": mean, "eval/mean_ep_length": float(self.length.mean())}


class EpisodeEvaluator:
    """Plays the episodes of the seeds ``first_seed`` .. ``first_seed + episodes - 1``.

    Each is what ``gymnasium.make(id, **kwargs)`` plays after ``reset(seed=seed)``; one that lasts longer than
    ``max_steps`` is cut off and counts as it stands.
    """

    def __init__(self, *, id: str, kwargs: Mapping[str, Any], first_seed: int, episodes: int, max_steps: int) -> None:
        self.id, self.kwargs, self.max_steps = id, kwargs, max_steps
        seeds = range(first_seed, first_seed + episodes)
        self._seeds = [seeds[i : i + EPISODES_AT_ONCE] for i in range(0, episodes, EPISODES_AT_ONCE)]
        self.env = GymBatch(id=id, num_envs=1, kwargs=kwargs, single=True)
        self._shapes = self.env.shapes

    def warm_up(self) -> None:
        """Do nothing: the first call does what all others do."""

    def __call__(self, policy: ActGreedily) -> Episodes:
        """Play one episode a seed; ``policy`` gives actions int64 [N] from obs [N, D] and mask [N, A]."""
        parts = [self._play(policy, seeds) for seeds in self._seeds]
        return Episodes(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def _play(self, policy: ActGreedily, seeds: Sequence[int]) -> Episodes:
        # New environments each time: a game may remember more than its reset forgets (MinAtar: the last action).
        envs = [make(self.id, self.kwargs) for _ in seeds]
        begun = [env.reset(seed=seed) for env, seed in zip(envs, seeds, strict=True)]
        observations, infos = [obs for obs, _ in begun], [info for _, info in begun]
        count = len(envs)
        games = Episodes(np.zeros(count), np.zeros(count, np.int64), np.ones(count, np.bool_))
        running = list(range(count))
        for step in range(1, self.max_steps + 1):
            actions = policy(self._shapes.rows([observations[i] for i in running]), self._masks(infos, running))
            for i, action in zip(running, (actions + self._shapes.first_action).tolist(), strict=True):
                observations[i], r, terminated, truncated, infos[i] = envs[i].step(action)
                games.score[i] += float(r)
                games.length[i], games.cut[i] = step, not (terminated or truncated)
            running = [i for i in running if games.cut[i]]
            if not running:
                break
        for env in envs:
            env.close()
        return games

    def _masks(self, infos: list[dict[str, Any]], rows: list[int]) -> np.ndarray:
        if self.env.mask_is_constant:
            return np.ones((len(rows), self._shapes.n_actions), np.int8)
        return np.array([infos[i]["action_mask"] for i in rows], np.int8)


class BatchEvaluator:
    """Plays the first ``episodes`` games of a game's own batch, all at once: quicker, but not one a seed.

    The batch begins with ``first_seed`` each time, so the games are always the same. Those longer than ``max_steps``
    are cut off and count as they stand.
    """

    def __init__(self, *, batch: GymBatch, first_seed: int, max_steps: int) -> None:
        self.env, self._first_seed, self._max_steps = batch, first_seed, max_steps

    def warm_up(self) -> None:
        """Do nothing: the first call does what all others do."""

    def __call__(self, policy: ActGreedily) -> Episodes:
        """Play one episode a game; ``policy`` gives actions int64 [N] from obs [N, D] and mask [N, A]."""
        count = self.env.num_envs
        games = Episodes(np.zeros(count), np.zeros(count, np.int64), np.ones(count, np.bool_))
        obs, infos = self.env.reset(seed=self._first_seed)
        for _ in range(self._max_steps):
            obs, r, terminated, truncated, infos = self.env.step(policy(obs, infos["action_mask"]))
            running = games.cut.copy()
            games.score[running] += r[running]
            games.length[running] += 1
            games.cut[running & (terminated | truncated)] = False
            if not games.cut.any():
                break
        return games


class RandomPlayer:
    """Draws a legal action for each game, all alike likely."""

    def __init__(self, seed: int) -> None:
        self._generator = np.random.default_rng(seed)

    def __call__(self, obs: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Actions int64 [N] for masks [N, A]."""
        return np.where(mask != 0, self._generator.random(mask.shape), -1.0).argmax(1)
