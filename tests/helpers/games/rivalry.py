"""For the tests of several companies: contested levels, swapped seats, and looking at states through a batch."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from batches import make_batch
from handmade import Play, orders_of_all

from envs.waybill.batch import Batch
from envs.waybill.core import levels
from envs.waybill.core.levels import LevelConfig
from envs.waybill.core.state import DISMANTLE, EXTRACT, GREEDY, HAUL, ORDER, PASS, RANDOM, STATE, WORKSHOP, records
from envs.waybill.maps.pool import make_pool
from envs.waybill.players.scripted import decide_scripted

BUSY_VERBS = (PASS,) * 12 + (EXTRACT, WORKSHOP, HAUL, HAUL) * 2 + (DISMANTLE,)


def contested(*rivals: str, **numbers: Any) -> LevelConfig:
    """refine with few deposits, enough cash to fight for them, raw goods for sale; two rivals if none are named."""
    prices = {"wood": 5, "ore": 6, "planks": 16, "iron": 26}
    values: dict[str, Any] = {"deposits": 4, "start_cash": 2000, "horizon": 60, "prices": prices, **numbers}
    return dataclasses.replace(levels.load_level("refine"), rivals=list(rivals or ("greedy", "random")), **values)


def games_of(level: LevelConfig, games: int = 12) -> Play:
    """Games on maps of their own, map i in row i."""
    return Play(level, make_pool(level.record(), np.arange(games)), games)


def mixed_orders(rng: np.random.Generator, play: Play) -> np.ndarray:
    """Orders of all companies, ORDER [N, seats]: sensible in half the games, else random; often all alike."""
    orders, ruled = orders_of_all(rng, play, BUSY_VERBS), records(len(play.states) * play.seats, ORDER)
    ruled = ruled.reshape(orders.shape)
    play.scratch.script[:] = (GREEDY, RANDOM, RANDOM, GREEDY)
    decide_scripted(play.states, play.pool, play.record, play.scratch, ruled, 0, len(ruled))
    orders[::2] = ruled[::2]
    alike = rng.random(len(orders)) < 0.15
    orders[alike] = orders[alike, :1]
    return orders


@cache
def midgame(sight: int = 0, rivals: tuple[str, ...] = ("greedy", "random"), games: int = 24) -> Play:
    """Contested games at random turns of random play; to be left as it is."""
    play, rng = games_of(contested(*rivals, sight=sight), games), np.random.default_rng(7)
    stop, kept = rng.integers(2, play.level.horizon - 1, games), records(games, STATE)
    for turn in range(play.level.horizon - 1):
        kept[stop == turn] = play.states[stop == turn]
        play.step(mixed_orders(rng, play))
    play.states[:] = kept
    return play


def swapped(states: np.ndarray, a: int, b: int) -> np.ndarray:
    """The same games with two companies in each other's seat."""
    other = states.copy()
    for here, there in ((a, b), (b, a)):
        other["companies"][:, here] = states["companies"][:, there]
        other["companies"]["seat"][:, here] = here
        other["owner"][states["owner"] == there] = here
    return other


class Seen(NamedTuple):
    """What a view of each game is given."""

    observations: np.ndarray  # float32 [N, D]
    mask: np.ndarray  # int8 [N, A]
    orders: np.ndarray | None  # ORDER [N, K], None for a raw space
    batch: Batch


def look(
    play: Play, states: np.ndarray, seat: int = 0, *, actions: str = "heuristic", pool: Any = None, **parts: Any
) -> Seen:
    """Observations, masks and candidates of the company in a seat."""
    options: dict[str, Any] = {
        "reward": "sparse", "gamma": 1.0, "candidates": 24, "encoding": "coordinates",
        "encoding_options": {}, "pointers": True, "dated": True,
        "in_order": True, "threads": 1, "maps": (0, len(states)), "num_envs": len(states), **parts,
    }  # fmt: skip
    batch = make_batch(level=play.level, actions=actions, seats=(seat,), **options)
    batch.pool = play.pool if pool is None else pool
    batch.states[:] = states
    batch.look()
    if batch.space.groups is None:
        return Seen(batch.observations, batch.space.mask, None, batch)
    batch.space.orders[np.arange(batch.space.orders.shape[1]) >= batch.space.count[:, None]] = 0
    return Seen(batch.observations, batch.space.mask, batch.space.orders, batch)
