"""The orders worth thinking about: what rules of thumb propose in a turn, with what each is worth."""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.actions.raw import put
from envs.waybill.core.jit import called, jit
from envs.waybill.core.state import (
    DISMANTLE,
    EMPTY,
    EXTRACT,
    EXTRACTOR,
    HAUL,
    IDLE,
    LOADING,
    MAX_BUILDINGS,
    NEW_CART,
    PASS,
    WORKS,
    WORKSHOP,
)
from envs.waybill.forecasts.estimates import dismantle_value, extract_value, haul_value, workshop_value
from envs.waybill.forecasts.flows import measure_flows
from envs.waybill.rules.books import base_price, building_at, knows, place_tile, site_at
from envs.waybill.rules.legality import can_haul, room_for_building

ENDGAME_TURNS = 8  # from here on, clearing a building that still works may pay


@jit
def same_order(a: Any, b: Any) -> Any:
    """True if two orders say the same."""
    return a.verb == b.verb and a.recipe == b.recipe and a.cart == b.cart and a.tile == b.tile and a.target == b.target


@jit
def keep_best(me: Any, order: Any, row: Any, worth: Any, filled: Any, strict: Any, value: Any, outlay: Any) -> Any:
    """Put a legal order into the row; in a full row it replaces the least worthy one. Returns the slots filled.

    With ``strict`` only what pays by the rule of thumb and can be paid for to the end of its chain is let in.
    """
    if strict and (value <= 0.0 or outlay > me.cash):
        return filled
    spot = filled
    if filled < len(row):
        filled += 1
    else:
        spot = 0
        for j in range(1, len(row)):
            if worth[j, 0] < value and (spot == 0 or worth[j, 0] < worth[spot, 0]):
                spot = j
        if spot == 0:
            return filled
    put(row[spot], order.verb, order.recipe, order.cart, order.tile, order.target)
    worth[spot, 0], worth[spot, 1] = value, outlay
    return filled


@jit
def free_cart(me: Any, lv: Any) -> Any:
    """The executor rule: an idle cart, else one that waits at an exhausted source, else a new one if there is room."""
    for c in range(me.n_carts):
        if me.carts[c].phase == IDLE:
            return c
    for c in range(me.n_carts):
        k = me.carts[c]
        source = me.buildings[k.source]
        if k.phase == LOADING and source.kind == EXTRACTOR and source.stock == 0 and me.seen_reserve[source.site] == 0:
            return c
    return NEW_CART


@jit
def anchor_tile(s: Any, me: Any, pool: Any, site: Any) -> Any:
    """The place rule: the nearest tile to a site with no building on it, or -1."""
    for k in range(pool.near.shape[2]):
        tile = pool.near[s.map, site, k]
        if tile >= 0 and building_at(me, tile) < 0 and site_at(s, me, pool, np.int64(tile)) < 0:
            return np.int64(tile)
    return -1


@jit
def takes_good(lv: Any, r: Any, good: Any) -> Any:
    """True if a recipe has the good among its inputs."""
    recipe = lv.recipes[r]
    for j in range(recipe.n_inputs):
        if recipe.inputs[j] == good:
            return True
    return False


@jit
def gives_input(s: Any, me: Any, pool: Any, lv: Any, site: Any, r: Any) -> Any:
    """True if a workshop with recipe ``r`` fits beside a site: an own extractor whose good feeds it, at once or refined
    once, or a town that buys the product.
    """
    if site >= lv.n_deposits:
        return base_price(s, me, pool, lv, site - np.int64(lv.n_deposits), lv.recipes[r].output) > 0
    if building_at(me, np.int64(pool.site_tile[s.map, site])) < 0:
        return False
    good = np.int64(pool.site_good[s.map, site])
    if takes_good(lv, r, good):
        return True
    for first in range(lv.n_recipes):
        if takes_good(lv, first, good) and takes_good(lv, r, np.int64(lv.recipes[first].output)):
            return True
    return False


@jit
def propose_extractors(
    s: Any, me: Any, pool: Any, lv: Any, scratch: Any, row: Any, worth: Any, n: Any, strict: Any
) -> Any:
    """An extractor on every free deposit."""
    o, left = scratch.order[0], np.int64(lv.horizon) - np.int64(s.turn)
    for site in range(lv.n_deposits):
        tile = np.int64(pool.site_tile[s.map, site])
        if building_at(me, tile) < 0 and knows(me, site) and me.seen_taken[site] == 0:
            put(o, EXTRACT, 0, 0, tile, 0)
            value, outlay = extract_value(s, me, pool, lv, scratch.flows, site, left)
            n = keep_best(me, o, row, worth, n, strict, value, outlay)
    return n


@jit
def propose_workshops(
    s: Any, me: Any, pool: Any, lv: Any, scratch: Any, row: Any, worth: Any, n: Any, strict: Any
) -> Any:
    """Workshops beside own extractors that feed them and beside towns that buy the product."""
    o, left = scratch.order[0], np.int64(lv.horizon) - np.int64(s.turn)
    for r in range(lv.n_recipes):
        for site in range(pool.site_tile.shape[1]):
            if not gives_input(s, me, pool, lv, site, r):
                continue
            tile = anchor_tile(s, me, pool, site)
            put(o, WORKSHOP, r, 0, tile, 0)
            known = tile < 0
            for j in range(n):
                known = known or same_order(row[j], o)
            if not known:
                value, outlay = workshop_value(s, me, pool, lv, scratch.flows, r, tile, left)
                n = keep_best(me, o, row, worth, n, strict, value, outlay)
    return n


@jit
def propose_routes(s: Any, me: Any, pool: Any, lv: Any, scratch: Any, row: Any, worth: Any, n: Any, strict: Any) -> Any:
    """Every pair of own source and destination that takes its good, driven by the cart the rule picks."""
    o, left = scratch.order[0], np.int64(lv.horizon) - np.int64(s.turn)
    cart = free_cart(me, lv)
    if cart == NEW_CART and (me.n_carts >= lv.max_carts or me.cash < lv.cart_cost):
        return n
    for b in range(me.n_slots):
        if me.buildings[b].kind == EMPTY:
            continue
        for i in range(np.int64(lv.n_towns) + np.int64(me.n_slots)):
            place = MAX_BUILDINGS + i if i < lv.n_towns else i - np.int64(lv.n_towns)
            if place < MAX_BUILDINGS and me.buildings[place].kind != WORKS:
                continue
            if can_haul(s, me, pool, lv, cart, b, place):
                put(o, HAUL, 0, cart, me.buildings[b].tile, place_tile(s, me, pool, lv, place))
                value, outlay = haul_value(s, me, pool, lv, scratch.flows, b, place, cart == NEW_CART, left)
                n = keep_best(me, o, row, worth, n, strict, value, outlay)
    return n


@jit
def propose_clearing(
    s: Any, me: Any, pool: Any, lv: Any, scratch: Any, row: Any, worth: Any, n: Any, strict: Any
) -> Any:
    """Extractors that are exhausted, and in the last turns every building."""
    o, left = scratch.order[0], np.int64(lv.horizon) - np.int64(s.turn)
    for b in range(me.n_slots):
        building = me.buildings[b]
        spent = building.kind == EXTRACTOR and building.stock == 0 and me.seen_reserve[building.site] == 0
        if building.kind != EMPTY and (left <= ENDGAME_TURNS or spent):
            put(o, DISMANTLE, 0, 0, building.tile, 0)
            value = dismantle_value(s, me, pool, lv, scratch.flows, b, left)
            n = keep_best(me, o, row, worth, n, strict, value, 0.0)
    return n


@called
def propose(s: Any, me: Any, pool: Any, lv: Any, scratch: Any, row: Any, worth: Any, strict: Any) -> Any:
    """Fill one row with sensible orders and return how many there are; ``strict`` as in ``keep_best``."""
    put(row[0], PASS, 0, 0, 0, 0)
    worth[0, 0] = worth[0, 1] = 0.0
    n = 1
    if s.done == 0 and me.bankrupt == 0:
        measure_flows(s, me, pool, lv, scratch.flows)
        if room_for_building(me, lv):
            if me.cash >= lv.extractor_cost:
                n = propose_extractors(s, me, pool, lv, scratch, row, worth, n, strict)
            if me.cash >= lv.workshop_cost:
                n = propose_workshops(s, me, pool, lv, scratch, row, worth, n, strict)
        n = propose_routes(s, me, pool, lv, scratch, row, worth, n, strict)
        n = propose_clearing(s, me, pool, lv, scratch, row, worth, n, strict)
    return n
