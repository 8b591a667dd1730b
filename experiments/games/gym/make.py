"""Single Gymnasium games by id, made in the wrappers that a config names.

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
from gymnasium.envs.registration import EnvSpec

from experiments.games.gym.wrappers import Wrappers, wrapped
from groundwork.blame import passed_users_code
from groundwork.errors import WaybillError
from groundwork.modules import import_named

EXTRAS = {
    "MinAtar/": ("minatar.gym", "minatar"),
    "ALE/": ("ale_py", "atari"),
}  # ids whose module registers them, and the extra that brings it
MODULES = {"gymnasium.envs.box2d": "box2d"}  # of entry points whose packages an extra installs


class GameChoice(NamedTuple):
    """A game as a config names it."""

    id: str
    kwargs: Mapping[str, Any] = {}  # for gymnasium.make
    wrappers: Wrappers = ()  # around each single game, the first next to it
    training_wrappers: Wrappers = ()  # around these, in training alone


def find_spec(id: str) -> EnvSpec:
    """What is registered under an id.

    Raises:
        WaybillError: in one line, for an id that doesn't exist or whose package is missing.
    """
    for prefix, (module, extra) in EXTRAS.items():
        if id.startswith(prefix):
            _register(id, module, extra)
    module, _, name = id.rpartition(":")
    if module:  # "package.module:Game-v0": importing the module registers the game
        import_named(module, f"env.id={id}")
    try:
        return gymnasium.spec(name)
    except gymnasium.error.Error as error:
        raise WaybillError(f"env.id={id}: {_line(error)}") from None


def _register(id: str, module: str, extra: str) -> None:
    prefix = id.partition("/")[0] + "/"
    try:
        games = importlib.import_module(module)
    except ImportError as error:
        raise WaybillError(_missing(id, error, extra)) from None
    if not any(known.startswith(prefix) for known in gymnasium.registry):
        getattr(games, "register_envs", lambda: gymnasium.register_envs(games))()


def make(game: GameChoice, *, render_mode: str | None = None) -> gymnasium.Env:
    """One game in its wrappers, without Gymnasium's checker of environments (``checks`` does more).

    Raises:
        WaybillError: in one line, if it cannot be made.
    """
    drawn: dict[str, Any] = {} if render_mode is None else {"render_mode": render_mode}
    spec = find_spec(game.id)
    env = _made(game.id, lambda: gymnasium.make(spec, disable_env_checker=True, **drawn, **game.kwargs))
    played = wrapped(env, game.wrappers)
    trained = wrapped(played, game.training_wrappers, "env.training_wrappers")
    spaces = [(one.observation_space, one.action_space) for one in (played, trained)]
    if spaces[0] != spaces[1]:
        line = "they change observations or actions, which policies are evaluated without"
        raise WaybillError(f"env.training_wrappers={list(game.training_wrappers)}: {line}; env.wrappers may")
    return trained


def make_batch(game: GameChoice, num_envs: int) -> gymnasium.vector.VectorEnv:
    """A game's own batch, without wrappers: its spec must have a ``vector_entry_point``.

    Raises:
        WaybillError: in one line, if it cannot be made.
    """
    spec, own = find_spec(game.id), "vector_entry_point"
    return _made(game.id, lambda: gymnasium.make_vec(spec, num_envs=num_envs, vectorization_mode=own, **game.kwargs))


def _made(id: str, build: Any) -> Any:
    try:
        with warnings.catch_warnings():
            if id.startswith("MinAtar/"):  # -v0 is no older version of -v1, but Gymnasium takes it for one
                warnings.filterwarnings("ignore", message=".*is out of date.*")
            return build()
    except Exception as error:
        if passed_users_code(error):
            raise
        if isinstance(error, ImportError | gymnasium.error.DependencyNotInstalled):
            entry = str(find_spec(id).entry_point)
            extra = next((name for module, name in MODULES.items() if entry.startswith(module)), None)
            raise WaybillError(_missing(id, error, extra)) from None
        raise WaybillError(f"env.id={id} cannot be made: {_line(error)}") from None


def _missing(id: str, error: Exception, extra: str | None) -> str:
    hint = "" if extra is None else f'; pip install -e ".[{extra}]"'
    return f"env.id={id} needs a package that is missing: {_line(error)}{hint}"


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
