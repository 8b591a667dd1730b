"""The rules as a whole: a turn is one order and one tick; batch passes over many games (see ``books.py``)."""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.books import book_cash
from envs.waybill.jit import jit, kernel
from envs.waybill.maps import mix
from envs.waybill.orders import give_order, is_legal
from envs.waybill.state import CAPITAL, EMPTY, MAX_BUILDINGS, MAX_CARTS, NO_CART
from envs.waybill.tick import tick


@jit
def play_turn(s: Any, pool: Any, lv: Any, o: Any, scratch: Any) -> None:
    """One order and one tick; a game that is over stays as it is."""
    if s.done == 0:
        s.cash_tm1 = s.cash
        give_order(s, pool, lv, o, scratch)
        tick(s, pool, lv)


@jit
def clear_buildings(s: Any) -> None:
    """Empty all slots, to the byte: equal games must be equal records."""
    for b in range(MAX_BUILDINGS):
        building = s.buildings[b]
        building.kind, building.recipe, building.site, building.output = EMPTY, 0, 0, 0
        building.ready_in = building.tile = building.stock = 0
        building.inputs[:] = 0
        building.travel[:] = 0


@jit
def clear_carts(s: Any) -> None:
    """Empty all carts, to the byte."""
    for c in range(MAX_CARTS):
        k = s.carts[c]
        k.phase, k.source, k.target, k.good = NO_CART, 0, 0, 0
        k.load = k.route = k.leg_from = k.leg_to = k.leg_turns = k.leg_left = 0


@jit
def start(s: Any, pool: Any, lv: Any, row: Any, seed: Any) -> None:
    """A new game on the map in row ``row`` of the pool; ``seed`` starts the game's own random numbers."""
    s.rng, s.map, s.map_seed = mix(np.uint64(seed)), row, pool.seed[row]
    s.turn = s.done = s.bankrupt = 0
    s.n_carts = s.n_slots = s.illegal = 0
    s.cash = s.cash_tm1 = 0
    s.cash_ledger[:] = 0
    s.goods_ledger[:, :] = 0
    s.orders[:] = 0
    s.stage_turn[:] = -1
    s.reserve[:] = 0
    s.renewed[:] = 0
    s.glut[:, :] = 0
    for i in range(lv.n_deposits):
        s.reserve[i] = lv.reserve
    clear_buildings(s)
    clear_carts(s)
    book_cash(s, CAPITAL, np.int64(lv.start_cash))


@kernel
def play_turns(states: Any, pool: Any, level: Any, orders: Any, scratch: Any, low: Any, high: Any) -> None:
    """Batch pass: one order [N] and one tick for games low..high-1."""
    for i in range(low, high):
        play_turn(states[i], pool, level[0], orders[i], scratch)


@kernel
def start_games(states: Any, pool: Any, level: Any, rows: Any, seeds: Any, low: Any, high: Any) -> None:
    """Batch pass: new games on map rows [N] with game seeds [N]."""
    for i in range(low, high):
        start(states[i], pool, level[0], rows[i], seeds[i])


@kernel
def judge_orders(states: Any, pool: Any, level: Any, orders: Any, legal: Any) -> None:
    """legal[i, j] = is order j legal in game i; orders [N, K], legal bool [N, K]."""
    for i in range(orders.shape[0]):
        for j in range(orders.shape[1]):
            legal[i, j] = is_legal(states[i], pool, level[0], orders[i, j])


@kernel
def restart_games(
    states: Any, pool: Any, level: Any, seeds: Any, restart: Any, in_order: Any, low: Any, high: Any
) -> None:
    """Batch pass: begin new games where ``restart`` [N] is set.

    ``seeds`` uint64 [N] moves on to the next game's seed, which also draws its map; with ``in_order``
    game i keeps map i.
    """
    for i in range(low, high):
        if restart[i]:
            seeds[i] = mix(seeds[i] + np.uint64(1))
            row = i if in_order else np.int64(seeds[i] >> np.uint64(33)) % len(pool.seed)
            start(states[i], pool, level[0], row, seeds[i])
