"""How a Gymnasium game's observations and actions become flat rows and numbers from 0."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces

from agents.networks.base import Layout
from groundwork.errors import WaybillError

_WAYS_ON = {
    spaces.Dict: "env.wrappers=[FlattenObservation] puts its parts into one row",
    spaces.Tuple: "env.wrappers=[FlattenObservation] puts its parts into one row",
    spaces.MultiDiscrete: "env.wrappers=[FlattenObservation] makes flags of it",
    spaces.MultiBinary: "env.wrappers=[FlattenObservation] makes flags of it",
}


class Shapes(NamedTuple):
    """How a game's observations and actions become flat rows and numbers from 0."""

    obs_size: int  # D
    image: tuple[int, int, int] | None  # height, width, channels of an observation that is a picture
    channels_first: bool  # the picture comes as channels, height, width, as frames that were stacked
    one_hot: int | None  # the first of discrete observations, which become D flags
    scale: float  # observations are multiplied by it: bytes become 0..1
    n_actions: int
    first_action: int

    @property
    def layout(self) -> Layout:
        """How a row is cut, as networks take it."""
        return Layout(self.obs_size, 0, 0, 0, 0, image=self.image)

    def rows(self, observations: Any) -> np.ndarray:
        """N observations of the game as float32 rows [N, D], a new array."""
        values = np.asarray(observations)
        if self.one_hot is not None:
            return np.eye(self.obs_size, dtype=np.float32)[values.astype(np.int64).reshape(-1) - self.one_hot]
        if self.channels_first:
            values = np.moveaxis(values, 1, -1)
        with np.errstate(over="ignore"):  # too large a number becomes infinite, which is found later
            rows = values.reshape(len(values), -1).astype(np.float32)
        return rows if self.scale == 1.0 else rows * np.float32(self.scale)


def shapes_of(id: str, observation: spaces.Space, action: spaces.Space) -> Shapes:
    """How that game's spaces become rows and numbers.

    Raises:
        WaybillError: in one line, for spaces that are not supported, with the wrapper that helps if there is one.
    """
    if not isinstance(action, spaces.Discrete):
        raise WaybillError(f"env.id={id} has actions {line_of(action)}, allowed are Discrete")
    n_actions, first_action = int(action.n), int(action.start)
    if isinstance(observation, spaces.Discrete):
        return Shapes(int(observation.n), None, False, int(observation.start), 1.0, n_actions, first_action)
    if not isinstance(observation, spaces.Box):
        way_on = next((f": {text}" for kind, text in _WAYS_ON.items() if isinstance(observation, kind)), "")
        raise WaybillError(f"env.id={id} has observations {line_of(observation)}, allowed are Box and Discrete{way_on}")
    image, channels_first = _image(observation)
    scale = 1 / 255 if observation.dtype == np.uint8 and int(observation.high.max()) == 255 else 1.0
    return Shapes(int(np.prod(observation.shape)), image, channels_first, None, scale, n_actions, first_action)


def _image(space: spaces.Box) -> tuple[tuple[int, int, int] | None, bool]:
    """Height, width and channels if a space is one of pictures, and whether the channels come first."""
    shape = tuple(int(side) for side in space.shape)
    if len(shape) == 2 and space.dtype == np.uint8:
        return (*shape, 1), False
    if len(shape) != 3:
        return None, False
    if shape[0] < min(shape[1:]):  # the fewest are the channels
        return (shape[1], shape[2], shape[0]), True
    return (shape[0], shape[1], shape[2]), False


def line_of(space: spaces.Space) -> str:
    """A space in one line."""
    return " ".join(str(space).split())[:120]
