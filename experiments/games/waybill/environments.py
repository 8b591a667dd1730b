"""Waybill's environments from a checked config: the training batch, an evaluation's maps, Stable-Baselines3's list."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from envs.waybill.ahead import compile_ahead
from envs.waybill.core.levels import LevelConfig
from envs.waybill.core.parts import find_part
from envs.waybill.core.state import STATE
from envs.waybill.env import WaybillEnv
from envs.waybill.maps.pool import TRAIN_SEEDS, bytes_of_map
from envs.waybill.observation import encodings
from envs.waybill.observation.layout import entities_of
from envs.waybill.options import GameOptions, read_options
from envs.waybill.players.play import RULE_PLAYERS, players_on
from envs.waybill.vector_env import WaybillVectorEnv
from experiments.common.compiling import PLAYER_SECONDS, PLAYERS, announce_compilation
from experiments.common.machine import cores, threads_of
from experiments.common.progress import ProgressReport
from experiments.config.choices import part_of
from experiments.config.reading import Setup
from experiments.config.schema import Config
from experiments.games.waybill.config import waybill_config
from experiments.games.waybill.ladder import LadderGames
from experiments.games.waybill.rival_games import LevelGames
from experiments.games.waybill.rivals import outside_seats, refuse_policies, rivals_of, with_policy_rivals
from groundwork.compiled_code import is_kept
from groundwork.errors import WaybillError


def training_env(setup: Setup) -> LevelGames | LadderGames:
    """All training games in one batch."""
    config = waybill_config(setup)
    maps, actions, curriculum = training_maps(config), config.actions, config.curriculum
    if not curriculum.moves_up and actions.candidates_start is None:
        return batch_env(setup, num_envs=config.num_envs, maps=maps, selfplay=True)
    if curriculum.moves_up:
        refuse_policies(rivals_of(setup), f"curriculum={curriculum.name}")
    levels = config.ladder()
    columns = _check_alike(setup, levels)

    def make(level: LevelConfig, count: int) -> LevelGames:
        return batch_env(setup, num_envs=count, maps=maps, level=level, selfplay=True)

    def limit(env_step: int) -> int:
        return actions.limit(env_step, config.scheduled)

    return LadderGames(
        levels=levels, num_envs=config.num_envs, replay_share=curriculum.replay_share, columns=columns,
        own_advice=curriculum.own_advice, make=make, limit=None if actions.candidates_start is None else limit,
    )  # fmt: skip


def _check_alike(setup: Setup, levels: Sequence[LevelConfig]) -> dict[str, tuple[str, ...]]:
    """Refuse levels whose observations aren't cut alike; returns the columns of their infos, those of all levels."""
    found = [batch_env(setup, num_envs=1, maps=(0, 1), level=level) for level in levels]
    for name, env in zip((level.name for level in levels), found, strict=True):
        if env.layout != found[0].layout:
            encoding = setup.names["encoding"]
            line = f"encoding={encoding} sees places of level {name} in other numbers than those of {levels[0].name}"
            raise WaybillError(f"curriculum={setup.names['curriculum']}: {line}")
    together: dict[str, tuple[str, ...]] = {}
    for env in sorted(found, key=lambda env: -len(env.columns["stages"])):  # the order of the level that has most
        for key, names in env.columns.items():
            together[key] = tuple(dict.fromkeys((*together.get(key, ()), *names)))
    return together


def training_bytes(setup: Setup) -> int:
    """Bytes that the training games of one seed take at least: maps and states."""
    config = waybill_config(setup)
    pools = sum(bytes_of_map(level.record()) for level in config.ladder()) * config.train_maps
    return pools + config.num_envs * STATE.itemsize


def training_maps(config: Config) -> tuple[int, int]:
    """The first seed and the number of a run's training maps: each run's seed has maps of its own."""
    return TRAIN_SEEDS + config.seed * 2**24, config.train_maps


def batch_env(
    setup: Setup,
    *,
    num_envs: int,
    maps: tuple[int, int],
    level: LevelConfig | None = None,
    in_order: bool = False,
    selfplay: bool = False,
) -> LevelGames:
    """A batch of games as the config describes them, on these maps (first seed, count).

    Observations are overwritten by the step after the next (``copy=False``).

    With ``selfplay`` the rivals that are ``self`` are the learner's snapshots, otherwise a rule stands in for them.
    """
    seats = (0, *outside_seats(rivals_of(setup), selfplay=selfplay))
    env = seats_env(setup, num_envs=num_envs, maps=maps, level=level, in_order=in_order, seats=seats)
    return with_policy_rivals(setup, env)


def seats_env(
    setup: Setup,
    *,
    num_envs: int,
    maps: tuple[int, int],
    level: LevelConfig | None,
    in_order: bool,
    seats: Sequence[int],
) -> WaybillVectorEnv:
    """A batch of games as ``batch_env`` makes them, with these seats played from outside, a row for each of them."""
    chosen = _choices(setup, level)
    compile_engine(read_options(chosen, WaybillVectorEnv), seats=seats)
    options = chosen | {"num_envs": num_envs, "maps": maps, "in_order": in_order, "seats": seats}
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

    env = DummyVecEnv([partial(make, i) for i in range(config.num_envs)])
    env.seed(config.seed)
    return env


def _choices(setup: Setup, level: LevelConfig | None) -> dict[str, Any]:
    """What the config chooses for an environment: level, reward, actions and encoding with their options."""
    config = waybill_config(setup)
    options: dict[str, Any] = {
        "level": config.level if level is None else level,
        "reward": part_of("reward", config.reward.name),
        "gamma": setup.gamma,
        "actions": part_of("actions", config.actions.name),
        "encoding": part_of("encoding", config.encoding.name),
        "encoding_options": _checked_options(config.encoding.name, config.encoding.options),
        "pointers": getattr(setup.network, "points", False),
        "dated": config.dated,
    }
    if config.curriculum.moves_up:  # one layout for all levels
        options["entities"] = max(entities_of(one) for one in (*config.ladder(), options["level"]))
    own = {"candidates": config.actions.candidates, "cells": config.actions.cells, "bonus": config.reward.bonus}
    own |= {"hints": config.actions.hints}
    return options | {name: value for name, value in own.items() if value is not None}


def _checked_options(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of an encoding, those refused that it doesn't take by its signature; it checks ranges itself."""
    takes = inspect.signature(find_part(part_of("encoding", name), "encoding", encodings)).parameters
    known = {key: value.default for key, value in takes.items() if value.default is not inspect.Parameter.empty}
    found = {}
    for key, value in options.items():
        if key not in known:
            there = ", ".join(known) or "none"
            raise WaybillError(f"encoding.options.{key}: encoding={name} has no such option, known are {there}")
        wanted = type(known[key])
        is_number = wanted in (int, float) and isinstance(value, int | float) and not isinstance(value, bool)
        if type(value) is not wanted and not (is_number and (wanted is float or float(value).is_integer())):
            raise WaybillError(f"encoding.options.{key}={value} is not allowed, it must be of type {wanted.__name__}")
        found[key] = wanted(value) if is_number else value
    return found


def compile_engine(options: GameOptions, *, seats: Sequence[int] = (0,)) -> None:
    """Compile what games of these options still lack, and say what the players they are compared with will take."""

    def say(line: str) -> None:
        print(line, flush=True)
        compared = [RULE_PLAYERS[name] for name in players_on(options.level)]
        later = [function.__name__ for function in compared if not is_kept(function)]
        if later:
            seconds = sum(PLAYER_SECONDS[name] for name in later)
            names = ", ".join(PLAYERS[name] for name in later)
            print(f"later, for the players it is compared with: {names}, about {seconds} s more", flush=True)

    announce_compilation()
    with ProgressReport(title="compiling, %", total=100) as progress:

        def tick(share: float) -> None:
            progress.update(int(100 * share))

        compile_ahead(options, cores=cores(), seats=seats, say=say, tick=tick)
