"""Which orders are legal, and which come true when several companies want the same."""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.core.jit import jit
from envs.waybill.core.state import (
    DISMANTLE,
    EMPTY,
    EXTRACT,
    HAUL,
    IDLE,
    NEW_CART,
    NOBODY,
    PASS,
    WATER,
    WORKSHOP,
)
from envs.waybill.rules.books import (
    building_at,
    place_at,
    site_at,
    takes,
)
from envs.waybill.rules.sight import note_sites


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
