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
def room_for_building(s: Any, lv: Any) -> Any:
    """True if the company may own one more building."""
    count = 0
    for b in range(s.n_slots):
        count += s.buildings[b].kind != EMPTY
    return count < lv.max_buildings


@jit
def can_haul(s: Any, pool: Any, lv: Any, cart: Any, b: Any, place: Any) -> Any:
    """True if a cart may be sent to commute from building ``b`` to a place; its present route is not an order."""
    if place == b or not takes(s, pool, lv, place, s.buildings[b].output):
        return False
    if cart == NEW_CART:
        return s.n_carts < lv.max_carts and s.cash >= lv.cart_cost
    if cart < 0 or cart >= s.n_carts:
        return False
    k = s.carts[cart]
    return k.phase == IDLE or k.source != b or k.target != place


@jit
def is_legal(s: Any, pool: Any, lv: Any, o: Any) -> Any:
    """True if the order can be carried out now. PASS always can."""
    tile, target = np.int64(o.tile), np.int64(o.target)
    tiles = np.int64(lv.side) * np.int64(lv.side)
    if o.verb == PASS:
        return True
    if tile < 0 or tile >= tiles:
        return False
    if o.verb == EXTRACT:
        site = site_at(s, pool, tile)
        return (
            0 <= site < lv.n_deposits
            and s.cash >= lv.extractor_cost
            and building_at(s, tile) < 0
            and room_for_building(s, lv)
        )
    if o.verb == WORKSHOP:
        return (
            0 <= o.recipe < lv.n_recipes
            and s.cash >= lv.workshop_cost
            and pool.terrain[s.map, tile] != WATER
            and site_at(s, pool, tile) < 0
            and building_at(s, tile) < 0
            and room_for_building(s, lv)
        )
    if o.verb == HAUL:
        if target < 0 or target >= tiles:
            return False
        b, place = building_at(s, tile), place_at(s, pool, lv, target)
        return b >= 0 and place >= 0 and can_haul(s, pool, lv, np.int64(o.cart), b, place)
    return o.verb == DISMANTLE and building_at(s, tile) >= 0


@jit
def measure_travel(s: Any, pool: Any, lv: Any, b: Any, scratch: Any) -> None:
    """Note the travel units between a new building and all others, on both sides."""
    searched = False
    for c in range(s.n_slots):
        if s.buildings[c].kind == EMPTY or c == b:
            continue
        if s.buildings[b].kind == EXTRACTOR:
            units = np.int64(pool.site_travel[s.map, s.buildings[b].site, s.buildings[c].tile])
        elif s.buildings[c].kind == EXTRACTOR:
            units = np.int64(pool.site_travel[s.map, s.buildings[c].site, s.buildings[b].tile])
        else:
            if not searched:
                start = np.int64(s.buildings[b].tile)
                travel_field(pool.terrain[s.map], lv.terrain_cost, np.int64(lv.side), start, scratch)
                searched = True
            units = np.int64(scratch.distance[s.buildings[c].tile])
        s.buildings[b].travel[c] = units
        s.buildings[c].travel[b] = units


@jit
def free_slot(s: Any) -> Any:
    """A free building slot, the lowest first."""
    for b in range(s.n_slots):
        if s.buildings[b].kind == EMPTY:
            return b
    s.n_slots += 1
    return np.int64(s.n_slots) - 1


@jit
def build(s: Any, pool: Any, lv: Any, kind: Any, tile: Any, what: Any, scratch: Any) -> None:
    """Put up an extractor on deposit ``what`` or a workshop with recipe ``what``; it works after its lead time."""
    b = free_slot(s)
    building = s.buildings[b]
    building.kind, building.tile, building.stock = kind, tile, 0
    building.site, building.recipe = -1, -1
    building.inputs[:] = 0
    building.travel[:] = 0
    if kind == EXTRACTOR:
        building.site, building.output = what, pool.site_good[s.map, what]
        building.ready_in = lv.extractor_lead
        book_cash(s, EXTRACTORS, -np.int64(lv.extractor_cost))
        reach(s, STAGE_EXTRACTOR)
    else:
        building.recipe, building.output = what, lv.recipes[what].output
        building.ready_in = lv.workshop_lead
        book_cash(s, WORKSHOPS, -np.int64(lv.workshop_cost))
        reach(s, STAGE_WORKSHOP)
    measure_travel(s, pool, lv, b, scratch)


@jit
def send_cart(s: Any, pool: Any, lv: Any, o: Any, scratch: Any) -> None:
    """Buy a cart at the source, or turn one round from wherever it is; what it carries is thrown away."""
    b, place = building_at(s, np.int64(o.tile)), place_at(s, pool, lv, np.int64(o.target))
    source_tile = np.int64(o.tile)
    if o.cart == NEW_CART:
        book_cash(s, CARTS, -np.int64(lv.cart_cost))
        k = s.carts[s.n_carts]
        s.n_carts += 1
        k.phase, k.leg_from, k.leg_turns, k.leg_left = LOADING, source_tile, 0, 0
    else:
        k = s.carts[o.cart]
        if k.load > 0:
            book_goods(s, LOST, k.good, -np.int64(k.load))
        ahead = np.int64(k.leg_left)
        behind = np.int64(k.leg_turns) - ahead
        if k.leg_to != source_tile:
            ahead += turns(lv, travel_to_tile(s, pool, lv, b, np.int64(k.leg_to), scratch))
        if k.leg_from != source_tile:
            behind += turns(lv, travel_to_tile(s, pool, lv, b, np.int64(k.leg_from), scratch))
        k.leg_from = k.leg_to if ahead <= behind else k.leg_from
        k.leg_turns = k.leg_left = min(ahead, behind)
        k.phase = TO_SOURCE if k.leg_left > 0 else LOADING
    k.leg_to, k.load, k.good = source_tile, 0, s.buildings[b].output
    k.source, k.target = b, place
    k.route = turns(lv, route_units(s, pool, lv, b, place))


@jit
def dismantle(s: Any, lv: Any, b: Any) -> None:
    """Clear a building for a part of its cost; its goods are lost and its carts stop where they are."""
    building = s.buildings[b]
    cost = np.int64(lv.extractor_cost if building.kind == EXTRACTOR else lv.workshop_cost)
    book_cash(s, REFUNDS, cost * np.int64(lv.refund_percent) // 100)
    book_goods(s, LOST, building.output, -np.int64(building.stock))
    if building.kind == WORKS:
        recipe = lv.recipes[building.recipe]
        for j in range(recipe.n_inputs):
            book_goods(s, LOST, recipe.inputs[j], -np.int64(building.inputs[j]))
    building.kind, building.stock = EMPTY, 0
    building.inputs[:] = 0
    for c in range(s.n_carts):
        k = s.carts[c]
        if k.phase != IDLE and (k.source == b or k.target == b):
            book_goods(s, LOST, k.good, -np.int64(k.load))
            k.phase, k.load = IDLE, 0


@jit
def give_order(s: Any, pool: Any, lv: Any, o: Any, scratch: Any) -> Any:
    """Carry out a legal order; one that is not legal does nothing and is counted. Returns True if it was legal."""
    if not is_legal(s, pool, lv, o):
        s.illegal += 1
        return False
    s.orders[o.verb] += 1
    if o.verb == EXTRACT:
        build(s, pool, lv, EXTRACTOR, np.int64(o.tile), site_at(s, pool, np.int64(o.tile)), scratch)
    elif o.verb == WORKSHOP:
        build(s, pool, lv, WORKS, np.int64(o.tile), np.int64(o.recipe), scratch)
    elif o.verb == HAUL:
        send_cart(s, pool, lv, o, scratch)
    elif o.verb == DISMANTLE:
        dismantle(s, lv, building_at(s, np.int64(o.tile)))
    return True
