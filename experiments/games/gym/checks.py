"""What a foreign game gives, looked at: shapes, finite numbers, masks; whole at the door, cheaply in every step.

A game that breaks Gymnasium's interface, or gives what cannot be learnt from, ends in one line that names the game, the
step and the column. What a game's own code raises is left as it is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from experiments.games.gym.shapes import Shapes, line_of
from groundwork.errors import NotFiniteError, WaybillError

MASK = "action_mask"
TRIED_STEPS = 64  # of a game, before training begins
_OLD = "that is the interface from before Gymnasium 0.26"

Where = Callable[[int], str]  # the number of a game in its batch → where it is, for a message


class GameChecks:
    """Checks what N games of one id give in a step, and makes arrays of it.

    Raises:
        WaybillError: in one line, for what is not of the game's own spaces, not finite, or no mask of its actions.
    """

    def __init__(self, id: str, observation: spaces.Space, shapes: Shapes) -> None:
        self.id, self.shapes, self._space = id, shapes, observation
        self._shape = () if isinstance(observation, spaces.Discrete) else tuple(observation.shape or ())
        self.has_masks: bool | None = None  # not known before the first games have begun

    def rows(self, observations: Any, where: Where) -> np.ndarray:
        """Observations of N games as float32 rows [N, D]."""
        try:
            values = np.asarray(observations)
        except ValueError:  # of different shapes
            values = np.empty(0, object)
        if values.shape != (len(observations), *self._shape) or values.dtype.kind not in "biuf":
            self._refuse_shape(observations, where)
        if self.shapes.one_hot is not None:
            self._check_discrete(values, where)
        rows = self.shapes.rows(values)
        if values.dtype.kind == "f" and not np.isfinite(rows).all():
            given = values.reshape(len(values), -1)
            with np.errstate(over="ignore"):
                game, column = (int(k) for k in np.argwhere(~np.isfinite(given.astype(np.float32)))[0])
            line = f"observation column {column} is {given[game, column]}, allowed are finite float32 numbers"
            raise self._not_finite(where(game), line, {"observations": given})
        return rows

    def rewards(self, rewards: Any, where: Where) -> np.ndarray:
        """Rewards of N games as float32 [N]."""
        try:
            values = np.asarray(rewards)
        except ValueError:
            values = np.empty(0, object)
        if values.shape != (len(rewards),) or values.dtype.kind not in "biuf":
            bad = next(
                (i for i, r in enumerate(rewards) if np.ndim(r) != 0 or np.asarray(r).dtype.kind not in "biuf"), 0
            )
            raise self._error(where(bad), f"the reward is {_shown(rewards[bad])}, allowed is one number")
        if not np.isfinite(values).all():
            bad = int(np.flatnonzero(~np.isfinite(values))[0])
            line = f"the reward is {values[bad]}, allowed are finite numbers"
            raise self._not_finite(where(bad), line, {"r_t": values})
        return values.astype(np.float32)

    def ends(self, flags: Any, name: str, where: Where) -> np.ndarray:
        """``terminated`` or ``truncated`` of N games as bool [N]."""
        values = np.asarray(flags)
        if values.dtype == np.bool_ and values.shape == (len(flags),):
            return values
        if values.shape != (len(flags),) or values.dtype.kind not in "biu" or values.max(initial=0) > 1:
            bad = next((i for i, flag in enumerate(flags) if not isinstance(flag, bool | np.bool_)), 0)
            raise self._error(where(bad), f"{name} is {_shown(flags[bad])}, allowed are True and False")
        return values.astype(np.bool_)

    def masks(self, given: Sequence[Any], over: np.ndarray, where: Where) -> np.ndarray | None:
        """Masks of N games as int8 [N, A], ``given`` as the games' infos hold them, or None; None if no game has any.

        In a game that is ``over`` [N] no mask is needed, and one without a legal action is none.
        """
        if self.has_masks is False and all(mask is None for mask in given):
            return None
        present = [i for i, mask in enumerate(given) if mask is not None]
        if self.has_masks is None:
            self.has_masks = bool(present)
        if not self.has_masks:
            if present:
                line = f"info[{MASK!r}] comes only now, allowed are masks from the first reset on"
                raise self._error(where(present[0]), line)
            return None
        masks = np.ones((len(given), self.shapes.n_actions), np.int8)
        for i in present:
            masks[i] = self._checked_mask(given[i], i, where)
            if not masks[i].any():
                if not over[i]:
                    raise self._error(where(i), f"info[{MASK!r}] allows no action, though the game goes on")
                masks[i] = 1
        return masks

    def _checked_mask(self, given: Any, game: int, where: Where) -> np.ndarray:
        mask = np.asarray(given)
        if mask.shape != (self.shapes.n_actions,) or mask.dtype.kind not in "biuf":
            what = f"info[{MASK!r}] is {_shown(given)}, allowed are {self.shapes.n_actions} numbers, one an action"
            raise self._error(where(game), what)
        return (mask != 0).astype(np.int8)

    def _check_discrete(self, values: np.ndarray, where: Where) -> None:
        first, count = int(self.shapes.one_hot or 0), self.shapes.obs_size
        outside = np.flatnonzero((values < first) | (values >= first + count))
        if len(outside):
            bad = int(outside[0])
            line = (
                f"the observation is {values[bad]}, its space {line_of(self._space)} holds {first}..{first + count - 1}"
            )
            raise self._error(where(bad), line)

    def _refuse_shape(self, observations: Any, where: Where) -> None:
        """Name the first observation that is not as its space says."""
        for i, one in enumerate(observations):
            try:
                found = np.asarray(one)
            except ValueError:
                found = np.empty(0, object)
            if found.shape != self._shape or found.dtype.kind not in "biuf":
                what = f"numbers of shape {found.shape}" if found.dtype.kind in "biuf" else _shown(one)
                raise self._error(where(i), f"the observation is {what}, its space is {line_of(self._space)}")

    def _not_finite(self, where: str, line: str, given: dict[str, np.ndarray]) -> NotFiniteError:
        evidence = {name: np.array(x) for name, x in given.items()}
        return NotFiniteError(str(self._error(where, line)), evidence=evidence, diverged=False)

    def _error(self, where: str, line: str) -> WaybillError:
        return WaybillError(f"env.id={self.id}: {where}: {line}")


def try_game(id: str, env: gymnasium.Env, shapes: Shapes, seed: int) -> list[str]:
    """Play a game for a moment as training will: returns a line for each thing that is odd but can be trained on.

    Raises:
        WaybillError: in one line, for what breaks Gymnasium's interface or the game's own spaces.
    """
    _check_interface(id, env.unwrapped, seed)
    checks, rng = GameChecks(id, env.observation_space, shapes), np.random.default_rng(0)
    first, info = env.reset(seed=seed)
    obs, step, outside = first, 0, None
    for _ in range(TRIED_STEPS):
        here = _place(step)
        checks.rows([obs], here)
        outside = _outside(id, obs, env.observation_space) if outside is None else outside
        mask = checks.masks([info.get(MASK)], np.zeros(1, np.bool_), here)
        action = int(rng.choice(np.flatnonzero(np.ones(shapes.n_actions) if mask is None else mask[0])))
        obs, reward, terminated, truncated, info = env.step(action + shapes.first_action)
        step += 1
        here = _place(step)
        checks.rows([obs], here)
        checks.rewards([reward], here)
        over = checks.ends([terminated], "terminated", here) | checks.ends([truncated], "truncated", here)
        checks.masks([info.get(MASK)], over, here)
        if over[0]:
            obs, info = env.reset()
            step = 0
    again, _ = env.reset(seed=seed)
    odd = [] if outside is None else [outside]
    if not np.array_equal(np.asarray(first), np.asarray(again)):
        odd.append(f"env.id={id}: two resets with seed {seed} give different observations: no result can be repeated")
    return odd


def _place(step: int) -> Where:
    return lambda game: f"step {step}" if step else "reset"


def _check_interface(id: str, game: Any, seed: int) -> None:
    """Refuse a game whose ``reset`` and ``step``, below all wrappers, are not Gymnasium's of today."""
    known = inspect.signature(game.reset).parameters
    takes_any = any(one.kind is one.VAR_KEYWORD for one in known.values())
    missing = [name for name in ("seed", "options") if name not in known and not takes_any]
    if missing:
        line = f"reset() takes no {' and no '.join(missing)}, {_OLD}; allowed is reset(*, seed=None, options=None)"
        raise WaybillError(f"env.id={id}: {line}")
    begun = game.reset(seed=seed)
    if not isinstance(begun, tuple) or len(begun) != 2 or not isinstance(begun[1], Mapping):
        raise WaybillError(f"env.id={id}: reset() gave {_shown(begun)}, {_OLD}; allowed is (observation, info)")
    played = game.step(_legal_action(game.action_space, begun[1].get(MASK)))
    if not isinstance(played, tuple) or len(played) != 5 or not isinstance(played[4], Mapping):
        count = f"{len(played)} values" if isinstance(played, tuple) else _shown(played)
        allowed = "(observation, reward, terminated, truncated, info)"
        old = f", {_OLD}" if isinstance(played, tuple) and len(played) == 4 else ""
        raise WaybillError(f"env.id={id}: step() gave {count}{old}; allowed is {allowed}")


def _legal_action(space: spaces.Space, mask: Any) -> Any:
    fits = isinstance(space, spaces.Discrete) and mask is not None and np.shape(mask) == (space.n,)
    return space.sample((np.asarray(mask) != 0).astype(np.int8)) if fits else space.sample()


def _outside(id: str, observation: Any, space: spaces.Space) -> str | None:
    """A line if an observation lies outside its space's bounds, which Gymnasium asks for and few games keep to."""
    if not isinstance(space, spaces.Box):
        return None
    values = np.asarray(observation)
    outside = np.argwhere((values < space.low) | (values > space.high))
    if not len(outside):
        return None
    at = tuple(int(k) for k in outside[0])
    column = at[0] if len(at) == 1 else at
    return f"env.id={id}: observation column {column} leaves its space, {space.low[at]}..{space.high[at]}"


def _shown(value: Any) -> str:
    """A value in a few words."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:60]}…"
