"""One turn of the world: building, digging, refining, carts, sales, recovery, upkeep (arguments as in ``books.py``)."""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.core.draws import mix
from envs.waybill.core.jit import jit
from envs.waybill.core.state import (
    CONSUMED,
    DUG,
    EMPTY,
    EXTRACTOR,
    LOADING,
    MAX_BUILDINGS,
    NOBODY,
    PRODUCED,
    SALES,
    SOLD,
    STAGE_DELIVER,
    STAGE_DIG,
    STAGE_REFINE,
    STAGE_SELL,
    TO_SOURCE,
    TO_TARGET,
    UNLOADING,
    UPKEEP,
    WORKS,
)
from envs.waybill.rules.books import book_cash, book_goods, book_made, input_slot, place_tile, price_at, reach
from envs.waybill.rules.sight import look_around, seen_from_road


@jit
def work_buildings(s: Any, me: Any, lv: Any) -> None:
    """Building work advances, extractors dig, workshops turn inputs into outputs."""
    for b in range(me.n_slots):
        building = me.buildings[b]
        if building.kind == EMPTY:
            continue
        if building.ready_in > 0:
            building.ready_in -= 1
            continue
        if building.kind == EXTRACTOR:
            units = min(
                np.int64(lv.dig_rate),
                np.int64(s.reserve[building.site]),
                np.int64(lv.store) - np.int64(building.stock),
            )
            if units > 0:
                s.reserve[building.site] -= units
                building.stock += units
                book_made(s, me, DUG, building.output, units)
                reach(s, me, STAGE_DIG)
        else:
            refine(s, me, lv, building)


@jit
def refine(s: Any, me: Any, lv: Any, building: Any) -> None:
    """One batch of a workshop, if all inputs are there and the output fits."""
    recipe = lv.recipes[building.recipe]
    if building.stock + recipe.output_units > lv.store:
        return
    for j in range(recipe.n_inputs):
        if building.inputs[j] < recipe.input_units[j]:
            return
    for j in range(recipe.n_inputs):
        building.inputs[j] -= recipe.input_units[j]
        book_goods(me, CONSUMED, recipe.inputs[j], -np.int64(recipe.input_units[j]))
    building.stock += recipe.output_units
    book_made(s, me, PRODUCED, recipe.output, np.int64(recipe.output_units))
    reach(s, me, STAGE_REFINE)


@jit
def move_cart(s: Any, me: Any, pool: Any, lv: Any, k: Any) -> None:
    """One turn of one cart: drive, then load or unload if it has arrived."""
    if k.phase == TO_SOURCE or k.phase == TO_TARGET:
        k.leg_left -= 1
        if k.leg_left > 0:
            return
        k.phase = LOADING if k.phase == TO_SOURCE else UNLOADING
    if k.phase == LOADING:
        load_cart(s, me, pool, lv, k)
    elif k.phase == UNLOADING:
        unload_cart(s, me, pool, lv, k)


@jit
def depart(k: Any, phase: Any, leg_from: Any, leg_to: Any) -> None:
    """Set out on the route between source and target."""
    k.phase, k.leg_from, k.leg_to = phase, leg_from, leg_to
    k.leg_turns = k.leg_left = k.route


@jit
def load_cart(s: Any, me: Any, pool: Any, lv: Any, k: Any) -> None:
    """Load what the destination takes; a cart sets out once it is at least half full."""
    source = me.buildings[k.source]
    units = min(np.int64(lv.cart_capacity) - np.int64(k.load), np.int64(source.stock))
    source.stock -= units
    k.load += units
    if 2 * np.int64(k.load) >= lv.cart_capacity:
        depart(k, TO_TARGET, source.tile, place_tile(s, me, pool, lv, np.int64(k.target)))


@jit
def unload_cart(s: Any, me: Any, pool: Any, lv: Any, k: Any) -> None:
    """Sell everything to a town, or fill a workshop's store and wait while it is full; then drive back."""
    if k.target >= MAX_BUILDINGS:
        sell(s, me, pool, lv, k)
    else:
        slot = input_slot(me, lv, k.target, k.good)
        target = me.buildings[k.target]
        units = min(np.int64(k.load), np.int64(lv.store) - np.int64(target.inputs[slot]))
        target.inputs[slot] += units
        k.load -= units
        if units > 0:
            reach(s, me, STAGE_DELIVER)
    if k.load == 0:
        if lv.sight > 0 and k.sees == 0:
            k.sees = seen_from_road(s, me, pool, lv, k)
        depart(k, TO_SOURCE, place_tile(s, me, pool, lv, np.int64(k.target)), me.buildings[k.source].tile)


@jit
def sell(s: Any, me: Any, pool: Any, lv: Any, k: Any) -> None:
    """Sell a cart's load unit by unit at the falling price."""
    town = np.int64(k.target) - MAX_BUILDINGS
    for _ in range(k.load):
        price = price_at(s, pool, lv, town, k.good, s.glut[town, k.good])
        book_cash(me, SALES, price)
        me.sales += price
        s.glut[town, k.good] += 1
    book_goods(me, SOLD, k.good, -np.int64(k.load))
    k.load = 0
    reach(s, me, STAGE_SELL)


@jit
def recover(s: Any, lv: Any) -> None:
    """Towns forget a share of the glut, rounded up; deposits grow back one unit every ``renew_turns``."""
    share = np.int64(lv.market_turns)
    for town in range(lv.n_towns):
        for good in range(lv.n_goods):
            s.glut[town, good] -= (np.int64(s.glut[town, good]) + share - 1) // share
    if (s.turn + 1) % lv.renew_turns == 0:
        for i in range(lv.n_deposits):
            if s.reserve[i] < lv.reserve:
                s.reserve[i] += 1
                s.renewed[i] += 1


@jit
def upkeep_of(me: Any, lv: Any) -> Any:
    """Coins of upkeep a turn for all that stands, under construction or not."""
    total = np.int64(me.n_carts) * np.int64(lv.cart_upkeep)
    for b in range(me.n_slots):
        if me.buildings[b].kind == EXTRACTOR:
            total += np.int64(lv.extractor_upkeep)
        elif me.buildings[b].kind == WORKS:
            total += np.int64(lv.workshop_upkeep)
    return total


@jit
def rank_seats(s: Any, lv: Any, rank: Any) -> None:
    """Seats in the order in which they come first this turn, into ``rank``: a draw by the companies' own keys."""
    turn = mix(np.uint64(s.turn) + np.uint64(1))
    for seat in range(lv.n_seats):
        key = mix(s.companies[seat].key ^ turn)
        place = seat
        while place > 0 and mix(s.companies[rank[place - 1]].key ^ turn) > key:
            rank[place] = rank[place - 1]
            place -= 1
        rank[place] = seat


@jit
def publish_sales(me: Any) -> None:
    """A company's sales of the turn before become public, those of its last turn after it is bankrupt."""
    me.public_sales = me.sales
    me.public_total += me.sales
    me.public_recent += me.sales - (np.int64(me.public_recent) + 7) // 8
    me.sales = 0


@jit
def run_company(s: Any, me: Any, pool: Any, lv: Any) -> None:
    """Run a company's buildings and carts for one turn."""
    work_buildings(s, me, lv)
    for c in range(me.n_carts):
        move_cart(s, me, pool, lv, me.carts[c])


@jit
def close_books(s: Any, me: Any, pool: Any, lv: Any) -> None:
    """Upkeep; a company that cannot pay it is bankrupt and gives its deposits up."""
    book_cash(me, UPKEEP, -upkeep_of(me, lv))
    if me.cash < 0:
        me.bankrupt = True
        for i in range(lv.n_deposits):
            if s.owner[i] == me.seat:
                s.owner[i] = NOBODY


@jit
def tick(s: Any, pool: Any, lv: Any, rank: Any) -> None:
    """One turn of the world after the orders; companies take their turns by ``rank``."""
    for i in range(lv.n_seats):
        me = s.companies[rank[i]]
        publish_sales(me)
        if me.bankrupt == 0:
            run_company(s, me, pool, lv)
    recover(s, lv)
    going = False
    for i in range(lv.n_seats):
        me = s.companies[rank[i]]
        if me.bankrupt == 0:
            close_books(s, me, pool, lv)
            going = going or me.bankrupt == 0
    s.turn += 1
    s.done = not going or s.turn >= lv.horizon
    for seat in range(lv.n_seats):
        if s.companies[seat].bankrupt == 0:
            look_around(s, s.companies[seat], pool, lv)
