"""Many Gymnasium games side by side, as the training loop wants them (see ``runs.domain.GameBatch``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import gymnasium
import numpy as np

from experiments.games.gym.checks import MASK, GameChecks, Where, try_game
from experiments.games.gym.make import GameChoice, find_spec, make, make_batch
from experiments.games.gym.own_batch import is_same_game
from experiments.games.gym.seeds import FIRST_TRAINING_SEED, training_seed
from experiments.games.gym.shapes import Shapes, shapes_of
from groundwork.errors import WaybillError
from groundwork.limits import need_memory

_tried: set[str] = set()  # games of this process that were played for a moment before they were used


class GymBatch:
    """N games of one kind that reset themselves one step after their end.

    A game with a batch of its own (``vector_entry_point``) that resets by the next step and plays the same as the
    single game, like CartPole, is stepped by it. All others are a list of ``gymnasium.make`` environments, stepped one
    after the other: so no final observation is lost where a game's own batch would reset in the same step, and a step
    costs less than in SyncVectorEnv, which collects infos game by game.

    Observations become float32 rows [N, D], images row by row (``layout`` says how), bytes 0..1, discrete ones flags.
    Actions count from 0. A game that gives ``info["action_mask"]`` is played with it; in others all actions are legal.
    What games give is checked in every step (see ``checks``). Games cannot be saved: ``load_state_dict`` begins new
    ones.

    Args:
        game: the id, what ``gymnasium.make`` gets, wrappers.
        num_envs: N.
        single: a list of environments in any case: then game i's seed alone decides its course.
        seed_of: gives the first game's seed from the seed of ``reset``.

    Raises:
        WaybillError: in one line, if the game, its spaces or what it gives are no good.
    """

    action_groups = None

    def __init__(
        self, *, game: GameChoice, num_envs: int, single: bool = False, seed_of: Callable[[int], int] = int
    ) -> None:
        try_once(game)
        self.id, self.num_envs, self._seed_of = game.id, num_envs, seed_of
        self._games = _make_games(game, num_envs, single)
        self.shapes: Shapes = self._games.shapes
        self.layout, self.image = self.shapes.layout, self.shapes.image
        self.single_action_space = gymnasium.spaces.Discrete(self.shapes.n_actions)
        self._ones = np.ones((num_envs, self.shapes.n_actions), np.int8)
        self._over = np.zeros(num_envs, np.bool_)
        self._returns, self._lengths = np.zeros(num_envs), np.zeros(num_envs, np.int64)
        self.mask_is_constant = self._games.reset(list(range(num_envs)), self._where)[1] is None

    @property
    def is_own(self) -> bool:
        """True if the game brought a batch of its own that this one steps."""
        return isinstance(self._games, _OwnBatch)

    def reset(self, *, seed: int) -> tuple[np.ndarray, dict[str, Any]]:
        """New games: game i gets ``seed_of(seed) + i``; a batch of its own takes the first seed for all."""
        return self._begin(self._seed_of(seed))

    def _begin(self, first: int) -> tuple[np.ndarray, dict[str, Any]]:
        self._over[:], self._returns[:], self._lengths[:] = False, 0.0, 0
        obs, mask = self._games.reset(list(range(first, first + self.num_envs)), self._where)
        return obs, self._infos(mask, np.ones(self.num_envs, np.bool_))

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """One step of every game; where the last one ended a game, a new one begins and the action is ignored."""
        restarted = self._over
        self._lengths = np.where(restarted, 0, self._lengths + 1)
        obs, r, terminated, truncated, mask = self._games.step(
            actions + self.shapes.first_action, restarted, self._where
        )
        self._returns = np.where(restarted, 0.0, self._returns + r)
        self._over = terminated | truncated
        infos = self._infos(mask, restarted)
        if self._over.any():
            infos["finished"] = {"r": self._returns.copy(), "l": self._lengths.copy()}
        return obs, r, terminated, truncated, infos

    def _where(self, game: int) -> str:
        return f"game {game}, step {self._lengths[game]}" if self._lengths[game] else f"game {game}, reset"

    def _infos(self, mask: np.ndarray | None, restarted: np.ndarray) -> dict[str, Any]:
        return {"action_mask": self._ones if mask is None else mask, "reset": restarted}

    def state_dict(self) -> dict[str, Any]:
        """Nothing: these games cannot be saved."""
        return {}

    def load_state_dict(self, saved: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin new games, with seeds that the system draws: the run's own would repeat its beginning."""
        drawn = int(np.random.SeedSequence().generate_state(1)[0])
        return self._begin(training_seed(drawn))

    def close(self) -> None:
        """End the games."""
        self._games.close()


def try_once(game: GameChoice) -> None:
    """Play a game for a moment, once in a process, and say what is odd about it.

    Raises:
        WaybillError: in one line, if it cannot be trained on.
    """
    if repr(game) in _tried or find_spec(game.id).entry_point is None:
        return
    env = make(game)
    for line in try_game(
        game.id, env, shapes_of(game.id, env.observation_space, env.action_space), FIRST_TRAINING_SEED
    ):
        print(f"note: {line}", flush=True)
    env.close()
    _tried.add(repr(game))


def _make_games(game: GameChoice, num_envs: int, single: bool) -> Any:
    spec = find_spec(game.id)
    if (
        spec.vector_entry_point is not None
        and not single
        and not (game.wrappers or game.training_wrappers)
        and is_same_game(game)
    ):
        return _OwnBatch(game, num_envs)
    if spec.entry_point is None:
        raise WaybillError(f"env.id={game.id} has no single environment, and no batch that resets by the next step")
    return _Singles(game, num_envs)


def _need_room(game: GameChoice, shapes: Shapes, num_envs: int) -> None:
    """Refuse so many games whose rows and masks alone this machine has no memory for; what else they take isn't known.

    Raises:
        WaybillError: in one line.
    """
    of_one = 2 * (4 * shapes.obs_size + shapes.n_actions)  # a step's and those of the step before
    need_memory(num_envs * of_one, f"env.id={game.id}, num_envs={num_envs}: what these games show")


class _OwnBatch:
    """The batch that a game brings itself, its own vector environment."""

    def __init__(self, game: GameChoice, num_envs: int) -> None:
        self._batch: Any = make_batch(game, num_envs)
        space = self._batch.single_observation_space
        self.shapes = shapes_of(game.id, space, self._batch.single_action_space)
        _need_room(game, self.shapes, num_envs)
        self._checks, self._on = GameChecks(game.id, space, self.shapes), np.zeros(num_envs, np.bool_)

    def reset(self, seeds: list[int], where: Where) -> tuple[np.ndarray, np.ndarray | None]:
        obs, infos = self._batch.reset(seed=seeds[0])
        return self._checks.rows(obs, where), self._mask(infos, self._on, where)

    def step(self, actions: np.ndarray, restarted: np.ndarray, where: Where) -> tuple[Any, ...]:
        obs, r, terminated, truncated, infos = self._batch.step(actions)
        ends = (
            self._checks.ends(terminated, "terminated", where).copy(),
            self._checks.ends(truncated, "truncated", where).copy(),
        )
        mask = self._mask(infos, ends[0] | ends[1], where)
        return self._checks.rows(obs, where), self._checks.rewards(r, where), *ends, mask

    def _mask(self, infos: Mapping[str, Any], over: np.ndarray, where: Where) -> np.ndarray | None:
        given = infos.get(MASK)
        if given is None:
            return None if self._checks.has_masks is False else self._checks.masks([None] * len(over), over, where)
        there = infos.get(f"_{MASK}", np.ones(len(over), np.bool_))  # Gymnasium's mark of the games that gave one
        masks = [mask if is_given else None for mask, is_given in zip(given, there, strict=True)]
        return self._checks.masks(masks, over, where)

    def close(self) -> None:
        self._batch.close()


class _Singles:
    """A list of single environments, stepped one after the other."""

    def __init__(self, game: GameChoice, num_envs: int) -> None:
        self.envs = [make(game)]
        space = self.envs[0].observation_space
        self.shapes = shapes_of(game.id, space, self.envs[0].action_space)
        _need_room(game, self.shapes, num_envs)
        self.envs += [make(game) for _ in range(num_envs - 1)]
        self._checks, self._on = GameChecks(game.id, space, self.shapes), np.zeros(num_envs, np.bool_)

    def reset(self, seeds: list[int], where: Where) -> tuple[np.ndarray, np.ndarray | None]:
        begun = [env.reset(seed=seed) for env, seed in zip(self.envs, seeds, strict=True)]
        masks = self._checks.masks([info.get(MASK) for _, info in begun], self._on, where)
        return self._checks.rows([obs for obs, _ in begun], where), masks

    def step(self, actions: np.ndarray, restarted: np.ndarray, where: Where) -> tuple[Any, ...]:
        count = len(self.envs)
        observations: list[Any] = [None] * count
        masks: list[Any] = [None] * count
        r: list[Any] = [0.0] * count
        terminated, truncated = [False] * count, [False] * count
        for i, (env, action, again) in enumerate(zip(self.envs, actions.tolist(), restarted.tolist(), strict=True)):
            if again:
                observations[i], info = env.reset()
            else:
                observations[i], r[i], terminated[i], truncated[i], info = env.step(action)
            masks[i] = info.get(MASK)
        checks = self._checks
        ends = checks.ends(terminated, "terminated", where), checks.ends(truncated, "truncated", where)
        rows, rewards = checks.rows(observations, where), checks.rewards(r, where)
        return rows, rewards, *ends, checks.masks(masks, ends[0] | ends[1], where)

    def close(self) -> None:
        for env in self.envs:
            env.close()
