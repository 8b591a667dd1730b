"""The rules as a whole: a turn is one order of each company and one tick (arguments as in ``books.py``)."""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.core.draws import mix
from envs.waybill.core.jit import called, jit, kernel
from envs.waybill.core.state import CAPITAL, EMPTY, MAX_BUILDINGS, MAX_CARTS, NO_CART, NOBODY
from envs.waybill.rules.books import book_cash
from envs.waybill.rules.legality import is_legal
from envs.waybill.rules.orders import give_order
from envs.waybill.rules.sight import found_company
from envs.waybill.rules.tick import rank_seats, tick


@called
def play_turn(s: Any, pool: Any, lv: Any, orders: Any, scratch: Any) -> None:
    """One order of each company, ``orders`` [seats], and one tick; a game that is over stays as it is.

    Orders count as given at once: where two want the same, a draw by the companies' keys decides.
    """
    if s.done == 0:
        rank_seats(s, lv, scratch.rank)
        for i in range(lv.n_seats):
            seat = scratch.rank[i]
            me = s.companies[seat]
            me.cash_tm1 = me.cash
            if me.bankrupt == 0:
                give_order(s, me, pool, lv, orders[seat], scratch)
        tick(s, pool, lv, scratch.rank)


@jit
def clear_buildings(me: Any) -> None:
    """Empty all slots, to the byte: equal games must be equal records."""
    for b in range(MAX_BUILDINGS):
        building = me.buildings[b]
        building.kind, building.recipe, building.site, building.output = EMPTY, 0, 0, 0
        building.ready_in = building.tile = building.stock = building.sees = 0
        building.inputs[:] = 0
        building.travel[:] = 0


@jit
def clear_carts(me: Any) -> None:
    """Empty all carts, to the byte."""
    for c in range(MAX_CARTS):
        k = me.carts[c]
        k.phase, k.source, k.target, k.good = NO_CART, 0, 0, 0
        k.load = k.route = k.leg_from = k.leg_to = k.leg_turns = k.leg_left = k.sees = 0


@jit
def clear_company(me: Any) -> None:
    """Nothing owned, nothing done yet."""
    me.bankrupt = me.sales = me.public_sales = me.public_total = me.public_recent = 0
    me.n_carts = me.n_slots = me.illegal = 0
    me.cash = me.cash_tm1 = 0
    me.cash_ledger[:] = 0
    me.goods_ledger[:, :] = 0
    me.orders[:] = 0
    me.stage_turn[:] = me.made_turn[:] = -1
    me.workshops[:] = 0
    clear_buildings(me)
    clear_carts(me)


@jit
def start_game(s: Any, pool: Any, lv: Any, row: Any, seed: Any) -> None:
    """A new game on the map in row ``row`` of the pool; ``seed`` starts the game's own random numbers."""
    s.rng, s.map, s.map_seed = mix(np.uint64(seed)), row, pool.seed[row]
    s.turn = s.done = 0
    s.reserve[:] = 0
    s.renewed[:] = 0
    s.owner[:] = NOBODY
    s.glut[:, :] = 0
    for i in range(lv.n_deposits):
        s.reserve[i] = lv.reserve
    towns = np.int64(lv.n_towns)
    first = np.int64(mix(s.map_seed) >> np.uint64(33)) % towns  # by the map: whoever plays it begins alike
    for seat in range(lv.n_seats):
        me = s.companies[seat]
        me.seat, me.key = seat, mix(s.rng + np.uint64(seat + 1))
        clear_company(me)
        book_cash(me, CAPITAL, np.int64(lv.start_cash))
        found_company(s, me, pool, lv, np.int64(lv.n_deposits) + (first + seat) % towns)


@kernel
def play_turns(states: Any, pool: Any, level: Any, orders: Any, scratch: Any, low: Any, high: Any) -> None:
    """Batch pass: orders [N, seats] and one tick for games low..high-1."""
    for i in range(low, high):
        play_turn(states[i], pool, level[0], orders[i], scratch)


@kernel
def start_games(states: Any, pool: Any, level: Any, rows: Any, seeds: Any, low: Any, high: Any) -> None:
    """Batch pass: new games on map rows [N] with game seeds [N]."""
    for i in range(low, high):
        start_game(states[i], pool, level[0], rows[i], seeds[i])


@kernel
def judge_orders(states: Any, seat: Any, pool: Any, level: Any, orders: Any, legal: Any) -> None:
    """legal[i, j] = is order j legal for the company in a seat of game i; orders [N, K], legal bool [N, K]."""
    for i in range(orders.shape[0]):
        for j in range(orders.shape[1]):
            legal[i, j] = is_legal(states[i], states[i].companies[seat], pool, level[0], orders[i, j])


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
            start_game(states[i], pool, level[0], row, seeds[i])
