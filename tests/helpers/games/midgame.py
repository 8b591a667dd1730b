"""For the tests of the raw space and the reducers: states from the midst of random games, masks and candidates."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

import numpy as np
from handmade import Play, company, random_orders, views
from rivalry import mixed_orders

from envs.waybill.actions.raw import encode, raw_mask, raw_orders
from envs.waybill.core import levels
from envs.waybill.core.state import DISMANTLE, EXTRACT, HAUL, ORDER, PASS, STATE, WORKSHOP, records
from envs.waybill.maps.pool import make_pool

# Levels whose raw action space can be looked at as a whole.
SMALL_LEVELS = [name for name in levels.names() if levels.load_level(name).n_raw_actions < 600_000]
VERBS = (PASS,) * 4 + (EXTRACT, WORKSHOP, HAUL, HAUL) * 2 + (DISMANTLE,)


def choices(*actions: str) -> list[tuple[str, str]]:
    """(level, actions) of all levels, raw spaces with the small ones only."""
    all_pairs = [(name, kind) for name in levels.names() for kind in actions]
    return [(name, kind) for name, kind in all_pairs if name in SMALL_LEVELS or kind not in ("masked", "full")]


def encode_all(level: Any, orders: Any, numbers: Any) -> None:
    """The number of each order [n]; to be compiled."""
    for i in range(len(orders)):
        numbers[i] = encode(level[0], orders[i])


@cache
def seen(name: str) -> Play:
    """Games of a level at random turns of random play, well-off so that all orders come up; states are not touched."""
    games, level = 32, levels.load_level(name)
    small = level.horizon <= 80  # on larger ones, random orders alone make no chain
    level = dataclasses.replace(level, start_cash=900 if small else 4000)
    play, rng = Play(level, make_pool(level.record(), np.arange(games)), games), np.random.default_rng(1)
    stop = rng.integers(0, level.horizon - 1, games)
    kept = records(games, STATE)
    for turn in range(level.horizon - 1):
        kept[stop == turn] = play.states[stop == turn]
        play.step(random_orders(rng, play, VERBS, tries=96) if small else mixed_orders(rng, play))
    play.states[:] = kept
    running = (play.states["done"] == 0) & (company(play.states)["bankrupt"] == 0)
    play.states = play.states[running].copy()
    assert running.sum() >= 16
    assert {0, 1, 2} < set(company(play.states)["n_carts"].tolist())
    return play


@cache
def raw(name: str) -> np.ndarray:
    """The order of every raw action, ORDER [A]."""
    level = seen(name).level
    orders = records(level.n_raw_actions, ORDER)
    raw_orders(level.record(), np.arange(level.n_raw_actions), orders, 0, level.n_raw_actions)
    return orders


def mask_of(play: Play) -> np.ndarray:
    """int8 [N, A]."""
    mask = np.full((len(play.states), play.level.n_raw_actions), 7, np.int8)
    raw_mask(play.states, views(len(mask)), play.pool, play.record, play.scratch, mask, 0, len(mask))
    return mask


def candidates(play: Play, reducer: Any, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Orders [N, k], worth [N, k, 2] and count [N] that a reducer gives."""
    n = len(play.states)
    orders, worth, count = records(n * k, ORDER).reshape(n, k), np.zeros((n, k, 2), np.float32), np.zeros(n, np.int64)
    reducer(play.states, views(n), play.pool, play.record, play.scratch, k, orders, worth, count, 0, n)
    return orders, worth, count


def copies_of(play: Play, i: int, n: int) -> Play:
    """n games in the state of game i, each with a key of its own."""
    copies = Play(play.level, play.pool, 1)
    copies.states = np.repeat(play.states[i : i + 1], n)
    company(copies.states)["key"] = np.random.default_rng(5).integers(2**64, size=n, dtype=np.uint64)
    return copies
