"""What orders do: building, sending carts, clearing (arguments as in ``books.py``)."""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.core.jit import jit
from envs.waybill.core.state import (
    CARTS,
    DISMANTLE,
    EMPTY,
    EXTRACT,
    EXTRACTOR,
    EXTRACTORS,
    HAUL,
    IDLE,
    LOADING,
    LOST,
    NEW_CART,
    NOBODY,
    REFUNDS,
    STAGE_EXTRACTOR,
    STAGE_WORKSHOP,
    TO_SOURCE,
    WORKS,
    WORKSHOP,
    WORKSHOPS,
)
from envs.waybill.maps.travel import travel_field
from envs.waybill.rules.books import (
    book_cash,
    book_goods,
    building_at,
    place_at,
    reach,
    route_units,
    site_at,
    travel_to_tile,
    turns,
)
from envs.waybill.rules.legality import comes_true, is_legal
from envs.waybill.rules.sight import seen_from_tile


@jit
def measure_travel(s: Any, me: Any, pool: Any, lv: Any, b: Any, scratch: Any) -> None:
    """Note the travel units between a new building and all others, on both sides."""
    searched = False
    for c in range(me.n_slots):
        if me.buildings[c].kind == EMPTY or c == b:
            continue
        if me.buildings[b].kind == EXTRACTOR:
            units = np.int64(pool.site_travel[s.map, me.buildings[b].site, me.buildings[c].tile])
        elif me.buildings[c].kind == EXTRACTOR:
            units = np.int64(pool.site_travel[s.map, me.buildings[c].site, me.buildings[b].tile])
        else:
            if not searched:
                start = np.int64(me.buildings[b].tile)
                travel_field(pool.terrain[s.map], lv.terrain_cost, np.int64(lv.side), start, scratch)
                searched = True
            units = np.int64(scratch.distance[me.buildings[c].tile])
        me.buildings[b].travel[c] = units
        me.buildings[c].travel[b] = units


@jit
def free_slot(me: Any) -> Any:
    """A free building slot, the lowest first."""
    for b in range(me.n_slots):
        if me.buildings[b].kind == EMPTY:
            return b
    me.n_slots += 1
    return np.int64(me.n_slots) - 1


@jit
def build(s: Any, me: Any, pool: Any, lv: Any, kind: Any, tile: Any, what: Any, scratch: Any) -> None:
    """Put up an extractor on deposit ``what`` or a workshop with recipe ``what``; it works after its lead time."""
    b = free_slot(me)
    building = me.buildings[b]
    building.kind, building.tile, building.stock = kind, tile, 0
    building.site, building.recipe = -1, -1
    building.inputs[:] = 0
    building.travel[:] = 0
    building.sees = seen_from_tile(s, pool, tile, np.int64(lv.sight)) if lv.sight > 0 else 0
    if kind == EXTRACTOR:
        building.site, building.output = what, pool.site_good[s.map, what]
        building.ready_in = lv.extractor_lead
        s.owner[what] = me.seat
        book_cash(me, EXTRACTORS, -np.int64(lv.extractor_cost))
        reach(s, me, STAGE_EXTRACTOR)
    else:
        building.recipe, building.output = what, lv.recipes[what].output
        building.ready_in = lv.workshop_lead
        me.workshops[what] += 1
        book_cash(me, WORKSHOPS, -np.int64(lv.workshop_cost))
        reach(s, me, STAGE_WORKSHOP)
    measure_travel(s, me, pool, lv, b, scratch)


@jit
def send_cart(s: Any, me: Any, pool: Any, lv: Any, o: Any, scratch: Any) -> None:
    """Buy a cart at the source, or turn one round from wherever it is; what it carries is thrown away.

    It goes on by the end of its leg, or back by the start, whichever is sooner. Its new leg begins there, so until it
    gets there it has more turns left than the leg has.
    """
    b, place = building_at(me, np.int64(o.tile)), place_at(s, me, pool, lv, np.int64(o.target))
    source_tile = np.int64(o.tile)
    if o.cart == NEW_CART:
        book_cash(me, CARTS, -np.int64(lv.cart_cost))
        k = me.carts[me.n_carts]
        me.n_carts += 1
        k.phase, k.leg_from, k.leg_turns, k.leg_left = LOADING, source_tile, 0, 0
    else:
        k = me.carts[o.cart]
        if k.load > 0:
            book_goods(me, LOST, k.good, -np.int64(k.load))
        ahead = np.int64(k.leg_left)
        behind = abs(np.int64(k.leg_turns) - ahead)
        on, back = np.int64(0), np.int64(0)
        if k.leg_to != source_tile:
            on = turns(lv, travel_to_tile(s, me, pool, lv, b, np.int64(k.leg_to), scratch))
        if k.leg_from != source_tile:
            back = turns(lv, travel_to_tile(s, me, pool, lv, b, np.int64(k.leg_from), scratch))
        if ahead + on <= behind + back:
            k.leg_from, k.leg_turns, k.leg_left = k.leg_to, on, ahead + on
        else:
            k.leg_turns, k.leg_left = back, behind + back
        k.phase = TO_SOURCE if k.leg_left > 0 else LOADING
    k.sees = 0
    k.leg_to, k.load, k.good = source_tile, 0, me.buildings[b].output
    k.source, k.target = b, place
    k.route = turns(lv, route_units(s, me, pool, lv, b, place))


@jit
def dismantle(s: Any, me: Any, lv: Any, b: Any) -> None:
    """Clear a building for a part of its cost; its goods are lost and its carts stop where they are."""
    building = me.buildings[b]
    cost = np.int64(lv.extractor_cost if building.kind == EXTRACTOR else lv.workshop_cost)
    book_cash(me, REFUNDS, cost * np.int64(lv.refund_percent) // 100)
    book_goods(me, LOST, building.output, -np.int64(building.stock))
    if building.kind == EXTRACTOR:
        s.owner[building.site] = NOBODY
    else:
        recipe = lv.recipes[building.recipe]
        for j in range(recipe.n_inputs):
            book_goods(me, LOST, recipe.inputs[j], -np.int64(building.inputs[j]))
    building.kind, building.stock = EMPTY, 0
    building.inputs[:] = 0
    for c in range(me.n_carts):
        k = me.carts[c]
        if k.phase != IDLE and (k.source == b or k.target == b):
            book_goods(me, LOST, k.good, -np.int64(k.load))
            k.phase, k.load = IDLE, 0


@jit
def give_order(s: Any, me: Any, pool: Any, lv: Any, o: Any, scratch: Any) -> Any:
    """Carry out a legal order; one that is not legal, or comes too late, does nothing and is counted.

    Returns True if it was carried out.
    """
    if not is_legal(s, me, pool, lv, o) or not comes_true(s, me, pool, lv, o):
        me.illegal += 1
        return False
    me.orders[o.verb] += 1
    if o.verb == EXTRACT:
        build(s, me, pool, lv, EXTRACTOR, np.int64(o.tile), site_at(s, me, pool, np.int64(o.tile)), scratch)
    elif o.verb == WORKSHOP:
        build(s, me, pool, lv, WORKS, np.int64(o.tile), np.int64(o.recipe), scratch)
    elif o.verb == HAUL:
        send_cart(s, me, pool, lv, o, scratch)
    elif o.verb == DISMANTLE:
        dismantle(s, me, lv, building_at(me, np.int64(o.tile)))
    return True
