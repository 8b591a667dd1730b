"""One turn of the world: building, digging, refining, carts, sales, recovery, upkeep (arguments as in ``books.py``)."""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.books import book_cash, book_goods, input_slot, place_tile, price_at, reach
from envs.waybill.jit import jit
from envs.waybill.state import (
    CONSUMED,
    DUG,
    EMPTY,
    EXTRACTOR,
    LOADING,
    MAX_BUILDINGS,
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


@jit
def work_buildings(s: Any, lv: Any) -> None:
    """Building work advances, extractors dig, workshops turn inputs into outputs."""
    for b in range(s.n_slots):
        building = s.buildings[b]
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
                book_goods(s, DUG, building.output, units)
                reach(s, STAGE_DIG)
        else:
            refine(s, lv, building)


@jit
def refine(s: Any, lv: Any, building: Any) -> None:
    """One batch of a workshop, if all inputs are there and the output fits."""
    recipe = lv.recipes[building.recipe]
    if building.stock + recipe.output_units > lv.store:
        return
    for j in range(recipe.n_inputs):
        if building.inputs[j] < recipe.input_units[j]:
            return
    for j in range(recipe.n_inputs):
        building.inputs[j] -= recipe.input_units[j]
        book_goods(s, CONSUMED, recipe.inputs[j], -np.int64(recipe.input_units[j]))
    building.stock += recipe.output_units
    book_goods(s, PRODUCED, recipe.output, np.int64(recipe.output_units))
    reach(s, STAGE_REFINE)


@jit
def move_cart(s: Any, pool: Any, lv: Any, k: Any) -> None:
    """One turn of one cart: drive, then load or unload if it has arrived."""
    if k.phase == TO_SOURCE or k.phase == TO_TARGET:
        k.leg_left -= 1
        if k.leg_left > 0:
            return
        k.phase = LOADING if k.phase == TO_SOURCE else UNLOADING
    if k.phase == LOADING:
        load_cart(s, pool, lv, k)
    elif k.phase == UNLOADING:
        unload_cart(s, pool, lv, k)


@jit
def depart(k: Any, phase: Any, leg_from: Any, leg_to: Any) -> None:
    """Set out on the route between source and target."""
    k.phase, k.leg_from, k.leg_to = phase, leg_from, leg_to
    k.leg_turns = k.leg_left = k.route


@jit
def load_cart(s: Any, pool: Any, lv: Any, k: Any) -> None:
    """Load what the destination takes; a cart sets out once it is at least half full."""
    source = s.buildings[k.source]
    units = min(np.int64(lv.cart_capacity) - np.int64(k.load), np.int64(source.stock))
    source.stock -= units
    k.load += units
    if 2 * np.int64(k.load) >= lv.cart_capacity:
        depart(k, TO_TARGET, source.tile, place_tile(s, pool, lv, np.int64(k.target)))


@jit
def unload_cart(s: Any, pool: Any, lv: Any, k: Any) -> None:
    """Sell everything to a town, or fill a workshop's store and wait while it is full; then drive back."""
    if k.target >= MAX_BUILDINGS:
        sell(s, pool, lv, k)
    else:
        slot = input_slot(s, lv, k.target, k.good)
        target = s.buildings[k.target]
        units = min(np.int64(k.load), np.int64(lv.store) - np.int64(target.inputs[slot]))
        target.inputs[slot] += units
        k.load -= units
        if units > 0:
            reach(s, STAGE_DELIVER)
    if k.load == 0:
        depart(k, TO_SOURCE, place_tile(s, pool, lv, np.int64(k.target)), s.buildings[k.source].tile)


@jit
def sell(s: Any, pool: Any, lv: Any, k: Any) -> None:
    """Sell a cart's load unit by unit at the falling price."""
    town = np.int64(k.target) - MAX_BUILDINGS
    for _ in range(k.load):
        book_cash(s, SALES, price_at(s, pool, lv, town, k.good, s.glut[town, k.good]))
        s.glut[town, k.good] += 1
    book_goods(s, SOLD, k.good, -np.int64(k.load))
    k.load = 0
    reach(s, STAGE_SELL)


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
def upkeep_of(s: Any, lv: Any) -> Any:
    """Coins of upkeep a turn for all that stands, under construction or not."""
    total = np.int64(s.n_carts) * np.int64(lv.cart_upkeep)
    for b in range(s.n_slots):
        if s.buildings[b].kind == EXTRACTOR:
            total += np.int64(lv.extractor_upkeep)
        elif s.buildings[b].kind == WORKS:
            total += np.int64(lv.workshop_upkeep)
    return total


@jit
def tick(s: Any, pool: Any, lv: Any) -> None:
    """One turn of the world after the order."""
    work_buildings(s, lv)
    for c in range(s.n_carts):
        move_cart(s, pool, lv, s.carts[c])
    recover(s, lv)
    book_cash(s, UPKEEP, -upkeep_of(s, lv))
    s.turn += 1
    s.bankrupt = s.cash < 0
    s.done = s.bankrupt or s.turn >= lv.horizon
