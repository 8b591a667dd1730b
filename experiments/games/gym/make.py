"""Single Gymnasium games by id: made, checked, and their observations and actions put into the framework's shapes.

What an id needs and cannot have ends in one line. MinAtar's ids (Young & Tian 2019) exist once its package is there.
Seen in MinAtar 1.0.15: ``-v0`` offers all six actions and ``-v1`` the game's minimal set; each step repeats the last
action with chance 0.1 (``sticky_action_prob``), also across games; difficulty grows in Asterix, Seaquest and Space
Invaders (``difficulty_ramping``); nothing is ever truncated, Freeway alone ends by itself, after 2,501 frames; a copy
has random numbers of its own from the seed of its ``reset``.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec

from agents.networks.base import Layout

EXTRAS = {"MinAtar/": "minatar"}  # ids that a package registers when asked to
MODULES = {"gymnasium.envs.box2d": "box2d"}  # where entry points lie whose packages an extra installs
FAILURES = (gymnasium.error.Error, ImportError, TypeError, ValueError, AssertionError, KeyError, AttributeError)


class Shapes(NamedTuple):
    """How a game's observations and actions become flat rows and numbers from 0."""

    obs_size: int  # D
    image: tuple[int, int, int] | None  # height, width, channels of an observation with three dimensions
    one_hot: int | None  # the first of discrete observations, which become D flags
    scale: float  # observations are multiplied by it: bytes become 0..1
    n_actions: int
    first_action: int

    @property
    def layout(self) -> Layout:
        """How a row is cut, as networks take it."""
        return Layout(self.obs_size, 0, 0, 0, 0, self.image)

    def rows(self, observations: Any) -> np.ndarray:
        """N observations of the game as float32 rows [N, D], a new array."""
        values = np.asarray(observations)
        if self.one_hot is not None:
            return np.eye(self.obs_size, dtype=np.float32)[values.astype(np.int64).reshape(-1) - self.one_hot]
        rows = values.reshape(len(values), -1).astype(np.float32)
        return rows if self.scale == 1.0 else rows * np.float32(self.scale)


def find_spec(id: str) -> EnvSpec:
    """What is registered under an id.

    Raises:
        ValueError: in one line, for an id that doesn't exist or whose package is missing.
    """
    for prefix, extra in EXTRAS.items():
        if id.startswith(prefix):
            _register_minatar(id, extra)
    module, _, name = id.rpartition(":")
    try:
        if module:  # "package.module:Game-v0": importing the module registers the game
            importlib.import_module(module)
        return gymnasium.spec(name)
    except FAILURES as error:
        raise ValueError(f"env.id={id}: {_line(error)}") from None


def _register_minatar(id: str, extra: str) -> None:
    try:
        games = importlib.import_module("minatar.gym")
    except ImportError as error:
        raise ValueError(_missing(id, error, extra)) from None
    if "MinAtar/Breakout-v0" not in gymnasium.registry:
        games.register_envs()


def make(id: str, kwargs: Mapping[str, Any], *, render_mode: str | None = None) -> gymnasium.Env:
    """One game, without Gymnasium's checker of environments.

    Raises:
        ValueError: in one line, if it cannot be made.
    """
    drawn: dict[str, Any] = {} if render_mode is None else {"render_mode": render_mode}
    return _made(id, lambda: gymnasium.make(find_spec(id), disable_env_checker=True, **drawn, **kwargs))


def make_batch(id: str, kwargs: Mapping[str, Any], num_envs: int) -> gymnasium.vector.VectorEnv:
    """A game's own batch: its spec must have a ``vector_entry_point``.

    Raises:
        ValueError: in one line, if it cannot be made.
    """
    spec = find_spec(id)
    return _made(
        id,
        lambda: gymnasium.make_vec(spec, num_envs=num_envs, vectorization_mode="vector_entry_point", **kwargs),
    )


def _made(id: str, build: Any) -> Any:
    try:
        with warnings.catch_warnings():
            if id.startswith("MinAtar/"):  # -v0 is no older version of -v1, but Gymnasium takes it for one
                warnings.filterwarnings("ignore", message=".*is out of date.*")
            return build()
    except FAILURES as error:
        if isinstance(error, ImportError | gymnasium.error.DependencyNotInstalled):
            entry = str(find_spec(id).entry_point)
            extra = next((name for module, name in MODULES.items() if entry.startswith(module)), None)
            raise ValueError(_missing(id, error, extra)) from None
        raise ValueError(f"env.id={id} cannot be made: {_line(error)}") from None


def _missing(id: str, error: Exception, extra: str | None) -> str:
    hint = "" if extra is None else f'; pip install "waybill[{extra}]"'
    return f"env.id={id} needs a package that is missing: {_line(error)}{hint}"


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


def shapes_of(id: str, observation: spaces.Space, action: spaces.Space) -> Shapes:
    """How that game's spaces become rows and numbers.

    Raises:
        ValueError: in one line, for spaces that are not supported.
    """
    if not isinstance(action, spaces.Discrete):
        raise ValueError(f"env.id={id} has actions {_line_of(action)}, allowed are Discrete")
    n_actions, first_action = int(action.n), int(action.start)
    if isinstance(observation, spaces.Discrete):
        return Shapes(int(observation.n), None, int(observation.start), 1.0, n_actions, first_action)
    if not isinstance(observation, spaces.Box):
        raise ValueError(f"env.id={id} has observations {_line_of(observation)}, allowed are Box and Discrete")
    shape = observation.shape
    image = (int(shape[0]), int(shape[1]), int(shape[2])) if len(shape) == 3 else None
    scale = 1 / 255 if observation.dtype == np.uint8 and int(observation.high.max()) == 255 else 1.0
    return Shapes(int(np.prod(shape)), image, None, scale, n_actions, first_action)


def _line_of(space: spaces.Space) -> str:
    return " ".join(str(space).split())[:120]
