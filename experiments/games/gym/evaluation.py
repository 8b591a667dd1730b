"""Plays a policy greedily on a Gymnasium game, one episode a seed, and keeps what came of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from experiments.diagnostics.visited import EvaluationWatch
from experiments.games.gym.batch import GymBatch
from experiments.games.gym.checks import MASK, GameChecks
from experiments.games.gym.make import GameChoice, make
from experiments.runs.domain import ActGreedily

EPISODES_AT_ONCE = 128


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

    Each is what the single game plays after ``reset(seed=seed)``; one that lasts longer than ``max_steps`` is cut off
    and counts as it stands.
    """

    def __init__(self, *, game: GameChoice, first_seed: int, episodes: int, max_steps: int) -> None:
        self.game, self.max_steps = game, max_steps
        seeds = range(first_seed, first_seed + episodes)
        self._seeds = [seeds[i : i + EPISODES_AT_ONCE] for i in range(0, episodes, EPISODES_AT_ONCE)]
        self.env = GymBatch(game=game, num_envs=1, single=True)
        self._shapes = self.env.shapes

    def warm_up(self) -> None:
        """Do nothing: the first call does what all others do."""

    def __call__(self, policy: ActGreedily, watches: Sequence[EvaluationWatch] = ()) -> Episodes:
        """Play one episode a seed; ``policy`` gives actions int64 [N] from obs [N, D] and mask [N, A].

        ``watches`` look on at the first 128.
        """
        parts = [self._play(policy, seeds, watches if k == 0 else ()) for k, seeds in enumerate(self._seeds)]
        return Episodes(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def _play(self, policy: ActGreedily, seeds: Sequence[int], watches: Sequence[EvaluationWatch]) -> Episodes:
        # New environments each time: a game may remember more than its reset forgets (MinAtar: the last action).
        envs = [make(self.game) for _ in seeds]
        checks = GameChecks(self.game.id, envs[0].observation_space, self._shapes)
        begun = [env.reset(seed=seed) for env, seed in zip(envs, seeds, strict=True)]
        observations, masks = [obs for obs, _ in begun], [info.get(MASK) for _, info in begun]
        count = len(envs)
        games = Episodes(np.zeros(count), np.zeros(count, np.int64), np.ones(count, np.bool_))
        running = list(range(count))
        for watch in watches:
            watch.begin(envs)

        def where(row: int) -> str:
            return f"episode of seed {seeds[running[row]]}, step {games.length[running[row]]}"

        for step in range(1, self.max_steps + 1):
            rows = checks.rows([observations[i] for i in running], where)
            mask = checks.masks([masks[i] for i in running], np.zeros(len(running), np.bool_), where)
            legal = np.ones((len(running), self._shapes.n_actions), np.int8) if mask is None else mask
            chosen = policy(rows, legal)
            actions = (chosen + self._shapes.first_action).tolist()
            r = np.zeros(len(running), object)
            over = np.zeros(len(running), np.bool_)
            for row, (i, action) in enumerate(zip(running, actions, strict=True)):
                observations[i], r[row], terminated, truncated, info = envs[i].step(action)
                masks[i], over[row] = info.get(MASK), terminated
                games.length[i], games.cut[i] = step, not (terminated or truncated)
            r_t = checks.rewards(r.tolist(), where)
            games.score[running] += r_t
            for watch in watches:
                watch.turn(
                    games=np.array(running), obs_tm1=rows, mask_tm1=legal, a_tm1=chosen, r_t=r_t, terminated_t=over,
                    env=envs, infos={},
                )  # fmt: skip
            running = [i for i in running if games.cut[i]]
            if not running:
                break
        for env in envs:
            env.close()
        return games


class BatchEvaluator:
    """Plays the first ``episodes`` games of a game's own batch, all at once: quicker, but not one a seed.

    The batch begins with ``first_seed`` each time, so the games are always the same. Those longer than ``max_steps``
    are cut off and count as they stand.
    """

    def __init__(self, *, batch: GymBatch, first_seed: int, max_steps: int) -> None:
        self.env, self._first_seed, self._max_steps = batch, first_seed, max_steps

    def warm_up(self) -> None:
        """Do nothing: the first call does what all others do."""

    def __call__(self, policy: ActGreedily, watches: Sequence[EvaluationWatch] = ()) -> Episodes:
        """Play one episode a game; ``policy`` gives actions int64 [N] from obs [N, D] and mask [N, A]."""
        count = self.env.num_envs
        games = Episodes(np.zeros(count), np.zeros(count, np.int64), np.ones(count, np.bool_))
        obs, infos = self.env.reset(seed=self._first_seed)
        for watch in watches:
            watch.begin(self.env)
        for _ in range(self._max_steps):
            obs_tm1, mask_tm1, a_tm1 = obs, infos["action_mask"], policy(obs, infos["action_mask"])
            obs, r, terminated, truncated, infos = self.env.step(a_tm1)
            running = games.cut.copy()
            for watch in watches:
                watch.turn(
                    games=np.flatnonzero(running), obs_tm1=obs_tm1[running], mask_tm1=mask_tm1[running],
                    a_tm1=a_tm1[running], r_t=r[running], terminated_t=terminated[running], env=self.env, infos=infos,
                )  # fmt: skip
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
