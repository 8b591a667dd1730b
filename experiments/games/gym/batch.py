"""Many Gymnasium games side by side, as the training loop wants them (see ``runs.domain.GameBatch``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode

from experiments.games.gym.make import Shapes, find_spec, make, make_batch, shapes_of


class GymBatch:
    """N games of one id that reset themselves one step after their end.

    A game with a batch of its own (``vector_entry_point``) that resets by the next step, like CartPole, is stepped by
    it. All others are a list of ``gymnasium.make`` environments, stepped one after the other: so no final observation
    is lost where a game's own batch would reset in the same step, and a step costs less than in SyncVectorEnv, which
    collects infos game by game.

    Observations become float32 rows [N, D], images row by row (``layout`` says how), bytes 0..1, discrete ones flags.
    Actions count from 0. A game that gives ``info["action_mask"]`` is played with it; in others all actions are legal.
    Games cannot be saved: ``load_state_dict`` begins new ones.

    Raises:
        ValueError: in one line, if the id or its spaces are no good.
    """

    action_groups = None

    def __init__(
        self,
        *,
        id: str,
        num_envs: int,
        kwargs: Mapping[str, Any] | None = None,
        single: bool = False,
        seed_of: Callable[[int], int] = int,
    ) -> None:
        """Make the games.

        ``single`` makes a list of environments in any case: then game i's seed alone decides its course.

        ``seed_of`` gives the first game's seed from the seed of ``reset``.
        """
        self.id, self.num_envs, self._seed_of = id, num_envs, seed_of
        self._games = _make_games(id, num_envs, kwargs or {}, single)
        self.shapes: Shapes = self._games.shapes
        self.layout, self.image = self.shapes.layout, self.shapes.image
        self.single_action_space = gymnasium.spaces.Discrete(self.shapes.n_actions)
        self._ones = np.ones((num_envs, self.shapes.n_actions), np.int8)
        self._over = np.zeros(num_envs, np.bool_)
        self._returns, self._lengths = np.zeros(num_envs), np.zeros(num_envs, np.int64)
        self.mask_is_constant = self._games.reset(list(range(num_envs)))[1] is None

    @property
    def is_own(self) -> bool:
        """True if the game brought a batch of its own that this one steps."""
        return isinstance(self._games, _OwnBatch)

    def reset(self, *, seed: int) -> tuple[np.ndarray, dict[str, Any]]:
        """New games: game i gets ``seed_of(seed) + i``; a batch of its own takes the first seed for all."""
        return self._begin(self._seed_of(seed))

    def _begin(self, first: int) -> tuple[np.ndarray, dict[str, Any]]:
        obs, mask = self._games.reset(list(range(first, first + self.num_envs)))
        self._over[:], self._returns[:], self._lengths[:] = False, 0.0, 0
        return obs, self._infos(mask, np.ones(self.num_envs, np.bool_))

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """One step of every game; where the last one ended a game, a new one begins and the action is ignored."""
        restarted = self._over
        obs, r, terminated, truncated, mask = self._games.step(actions + self.shapes.first_action, restarted)
        self._returns = np.where(restarted, 0.0, self._returns + r)
        self._lengths = np.where(restarted, 0, self._lengths + 1)
        self._over = terminated | truncated
        infos = self._infos(mask, restarted)
        if self._over.any():
            infos["episode"] = {"r": self._returns.copy(), "l": self._lengths.copy()}
        return obs, r, terminated, truncated, infos

    def _infos(self, mask: np.ndarray | None, restarted: np.ndarray) -> dict[str, Any]:
        return {"action_mask": self._ones if mask is None else mask, "reset": restarted}

    def state_dict(self) -> dict[str, Any]:
        """Nothing: these games cannot be saved."""
        return {}

    def load_state_dict(self, saved: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin new games, with seeds that the system draws: the run's own would repeat its beginning."""
        drawn = int(np.random.SeedSequence().generate_state(1)[0])
        return self._begin(min(drawn | 2**31, 2**32 - self.num_envs))

    def close(self) -> None:
        """End the games."""
        self._games.close()


def _make_games(id: str, num_envs: int, kwargs: Mapping[str, Any], single: bool) -> Any:
    spec = find_spec(id)
    if spec.vector_entry_point is not None and not single:
        batch = make_batch(id, kwargs, num_envs)
        if batch.metadata.get("autoreset_mode") == AutoresetMode.NEXT_STEP:
            return _OwnBatch(id, batch)
        batch.close()
    if spec.entry_point is None:
        raise ValueError(f"env.id={id} has no single environment, and no batch that resets by the next step")
    return _Singles(id, num_envs, kwargs)


class _OwnBatch:
    """The batch that a game brings itself, its own vector environment."""

    def __init__(self, id: str, batch: Any) -> None:
        self._batch = batch
        self.shapes = shapes_of(id, batch.single_observation_space, batch.single_action_space)

    def reset(self, seeds: list[int]) -> tuple[np.ndarray, np.ndarray | None]:
        obs, infos = self._batch.reset(seed=seeds[0])
        return self.shapes.rows(obs), _int8(infos.get("action_mask"))

    def step(self, actions: np.ndarray, restarted: np.ndarray) -> tuple[Any, ...]:
        obs, r, terminated, truncated, infos = self._batch.step(actions)
        mask = _int8(infos.get("action_mask"))
        return self.shapes.rows(obs), np.asarray(r, np.float32), terminated.copy(), truncated.copy(), mask

    def close(self) -> None:
        self._batch.close()


class _Singles:
    """A list of single environments, stepped one after the other."""

    def __init__(self, id: str, num_envs: int, kwargs: Mapping[str, Any]) -> None:
        self.envs = [make(id, kwargs) for _ in range(num_envs)]
        self.shapes = shapes_of(id, self.envs[0].observation_space, self.envs[0].action_space)

    def reset(self, seeds: list[int]) -> tuple[np.ndarray, np.ndarray | None]:
        begun = [env.reset(seed=seed) for env, seed in zip(self.envs, seeds, strict=True)]
        return self.shapes.rows([obs for obs, _ in begun]), self._mask([info for _, info in begun])

    def step(self, actions: np.ndarray, restarted: np.ndarray) -> tuple[Any, ...]:
        count = len(self.envs)
        observations: list[Any] = [None] * count
        infos: list[Mapping[str, Any]] = [{}] * count
        r: list[Any] = [0.0] * count
        terminated, truncated = [False] * count, [False] * count
        for i, (env, action, again) in enumerate(zip(self.envs, actions.tolist(), restarted.tolist(), strict=True)):
            if again:
                observations[i], infos[i] = env.reset()
            else:
                observations[i], r[i], terminated[i], truncated[i], infos[i] = env.step(action)
        ends = np.array(terminated, np.bool_), np.array(truncated, np.bool_)
        return self.shapes.rows(observations), np.array(r, np.float32), *ends, self._mask(infos)

    def _mask(self, infos: list[Mapping[str, Any]]) -> np.ndarray | None:
        return _int8([info["action_mask"] for info in infos]) if "action_mask" in infos[0] else None

    def close(self) -> None:
        for env in self.envs:
            env.close()


def _int8(mask: Any) -> np.ndarray | None:
    return None if mask is None else np.array(mask, np.int8)
