"""From a checked config to Waybill's environments: training batch, an evaluation's maps, Stable-Baselines3's list."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from envs.waybill import encodings
from envs.waybill.env import WaybillEnv, WaybillVectorEnv
from envs.waybill.jit import find_part
from envs.waybill.levels import LevelConfig
from envs.waybill.maps import TRAIN_SEEDS
from experiments.config import Config, Setup, WaybillConfig
from experiments.machine import threads_of
from experiments.rivals import RivalGames, outside_seats, refuse_policies, rivals_of, with_rivals


def waybill(setup: Setup) -> WaybillConfig:
    """The config of a run on one of Waybill's levels."""
    assert isinstance(setup.config, WaybillConfig)
    return setup.config


def training_env(setup: Setup) -> WaybillVectorEnv | RivalGames:
    """All training games in one batch."""
    config = setup.config
    return batch_env(setup, num_envs=config.num_envs, maps=training_maps(config), selfplay=True)


def training_maps(config: Config) -> tuple[int, int]:
    """First seed and number of the training maps: each run's seed has maps of its own."""
    return TRAIN_SEEDS + config.seed * 2**24, config.train_maps


def batch_env(
    setup: Setup,
    *,
    num_envs: int,
    maps: tuple[int, int],
    level: LevelConfig | None = None,
    in_order: bool = False,
    selfplay: bool = False,
) -> WaybillVectorEnv | RivalGames:
    """A batch of games as the config describes them, on these maps (first seed, count); see its ``copy``.

    With ``selfplay`` the rivals that are ``self`` are the learner's snapshots, otherwise a rule stands in for them.
    """
    seats = (0, *outside_seats(rivals_of(setup), selfplay=selfplay))
    env = seats_env(setup, num_envs=num_envs, maps=maps, level=level, in_order=in_order, seats=seats)
    return with_rivals(setup, env)


def seats_env(
    setup: Setup,
    *,
    num_envs: int,
    maps: tuple[int, int],
    level: LevelConfig | None,
    in_order: bool,
    seats: Sequence[int],
) -> WaybillVectorEnv:
    """The same with these seats played from outside, a row for each of them."""
    options = _choices(setup, level) | {"num_envs": num_envs, "maps": maps, "in_order": in_order, "seats": seats}
    return WaybillVectorEnv(threads=threads_of(setup.config), copy=False, **options)


def sb3_env(setup: Setup) -> Any:
    """The training games as Stable-Baselines3 wants them: a list of single environments, stepped one after the other.

    Each game draws from its own share of the training maps, so that the pool is made once in all.
    """
    from stable_baselines3.common.vec_env import DummyVecEnv

    config = setup.config
    refuse_policies(rivals_of(setup), f"agent={setup.names['agent']}")
    first, count = training_maps(config)
    share = -(-count // config.num_envs)

    def make(i: int) -> WaybillEnv:
        start = min(i * share, count - 1)
        maps = (first + start, min(share, count - start))
        return WaybillEnv(maps=maps, **_choices(setup, None))

    env = DummyVecEnv([lambda i=i: make(i) for i in range(config.num_envs)])  # type: ignore[misc]
    env.seed(config.seed)
    return env


def _choices(setup: Setup, level: LevelConfig | None) -> dict[str, Any]:
    config = waybill(setup)
    _check_options(config.encoding.name, config.encoding.options)
    options: dict[str, Any] = {
        "level": config.level if level is None else level,
        "reward": config.reward.name,
        "gamma": setup.gamma,
        "actions": config.actions.name,
        "encoding": config.encoding.name,
        "encoding_options": dict(config.encoding.options),
    }
    if config.actions.candidates is not None:
        options["candidates"] = config.actions.candidates
    return options


def _check_options(name: str, options: Mapping[str, Any]) -> None:
    """Whether an encoding takes these options, by its signature; it checks their ranges itself."""
    takes = inspect.signature(find_part(encodings, name, "encoding")).parameters
    known = {key: value.default for key, value in takes.items() if value.default is not inspect.Parameter.empty}
    for key, value in options.items():
        if key not in known:
            there = ", ".join(known) or "none"
            raise ValueError(f"encoding.options.{key}: encoding={name} has no such option, known are {there}")
        if type(value) is not type(known[key]):
            wanted = type(known[key]).__name__
            raise ValueError(f"encoding.options.{key}={value} is not allowed, it must be of type {wanted}")
