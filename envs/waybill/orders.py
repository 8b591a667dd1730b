"""Which orders are legal and what they do (arguments as in ``books.py``)."""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.books import (
    book_cash,
    book_goods,
    building_at,
    place_at,
    reach,
    route_units,
    site_at,
    takes,
    travel_to_tile,
    turns,
)
from envs.waybill.jit import jit
from envs.waybill.maps import travel_field
from envs.waybill.sight import note_sites, seen_from_tile
from envs.waybill.state import (
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
    PASS,
    REFUNDS,
    STAGE_EXTRACTOR,
    STAGE_WORKSHOP,
    TO_SOURCE,
    WATER,
    WORKS,
    WORKSHOP,
    WORKSHOPS,
)


@jit
def room_for_building(me: Any, lv: Any) -> Any:
    """True if the company may own one more building."""
    count = 0
    for b in range(me.n_slots):
        count += me.buildings[b].kind != EMPTY
    return count < lv.max_buildings


@jit
def can_haul(s: Any, me: Any, pool: Any, lv: Any, cart: Any, b: Any, place: Any) -> Any:
    """True if a cart may be sent to commute from building ``b`` to a place; its present route is not an order."""
    if place == b or not takes(s, me, pool, lv, place, me.buildings[b].output):
        return False
    if cart == NEW_CART:
        return me.n_carts < lv.max_carts and me.cash >= lv.cart_cost
    if cart < 0 or cart >= me.n_carts:
        return False
    k = me.carts[cart]
    return k.phase == IDLE or k.source != b or k.target != place


@jit
def is_legal(s: Any, me: Any, pool: Any, lv: Any, o: Any) -> Any:
    """True if the order can be carried out as far as the company knows. PASS always can."""
    tile, target = np.int64(o.tile), np.int64(o.target)
    tiles = np.int64(lv.side) * np.int64(lv.side)
    if o.verb == PASS:
        return True
    if tile < 0 or tile >= tiles:
        return False
    if o.verb == EXTRACT:
        site = site_at(s, me, pool, tile)
        return (
            0 <= site < lv.n_deposits
            and me.seen_taken[site] == 0
            and me.cash >= lv.extractor_cost
            and building_at(me, tile) < 0
            and room_for_building(me, lv)
        )
    if o.verb == WORKSHOP:
        return (
            0 <= o.recipe < lv.n_recipes
            and me.cash >= lv.workshop_cost
            and pool.terrain[s.map, tile] != WATER
            and site_at(s, me, pool, tile) < 0
            and building_at(me, tile) < 0
            and room_for_building(me, lv)
        )
    if o.verb == HAUL:
        if target < 0 or target >= tiles:
            return False
        b, place = building_at(me, tile), place_at(s, me, pool, lv, target)
        return b >= 0 and place >= 0 and can_haul(s, me, pool, lv, np.int64(o.cart), b, place)
    return o.verb == DISMANTLE and building_at(me, tile) >= 0


@jit
def comes_true(s: Any, me: Any, pool: Any, lv: Any, o: Any) -> Any:
    """False if a legal order fails on what its company doesn't know: a taken deposit, a site where it would build.

    The company knows then.
    """
    if o.verb == EXTRACT:
        site = site_at(s, me, pool, np.int64(o.tile))
        if s.owner[site] != NOBODY:
            me.seen_taken[site] = True
            return False
    if o.verb == WORKSHOP:
        for site in range(pool.site_tile.shape[1]):
            if pool.site_tile[s.map, site] == o.tile:
                note_sites(s, me, lv, np.int64(1) << site)
                return False
    return True


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
        book_cash(me, WORKSHOPS, -np.int64(lv.workshop_cost))
        reach(s, me, STAGE_WORKSHOP)
    measure_travel(s, me, pool, lv, b, scratch)


@jit
def send_cart(s: Any, me: Any, pool: Any, lv: Any, o: Any, scratch: Any) -> None:
    """Buy a cart at the source, or turn one round from wherever it is; what it carries is thrown away."""
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
        behind = np.int64(k.leg_turns) - ahead
        if k.leg_to != source_tile:
            ahead += turns(lv, travel_to_tile(s, me, pool, lv, b, np.int64(k.leg_to), scratch))
        if k.leg_from != source_tile:
            behind += turns(lv, travel_to_tile(s, me, pool, lv, b, np.int64(k.leg_from), scratch))
        k.leg_from = k.leg_to if ahead <= behind else k.leg_from
        k.leg_turns = k.leg_left = min(ahead, behind)
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
