"""Pointers of the observation [E + K, 3]: which entity rows a row speaks of, as row + 1; 0 where it speaks of none.

A cart that drives points to its source and its target, a candidate to its source, its target and the cart that it
sends. The source of a building order is the deposit or the workshop that stands where it builds or dismantles.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.core.jit import jit
from envs.waybill.core.state import EMPTY, EXTRACTOR, HAUL, IDLE, MAX_BUILDINGS, NEW_CART, PASS, WORKS
from envs.waybill.rules.books import building_at, place_at, site_at

POINTERS = 3  # source, target, cart


@jit
def row_of_building(me: Any, lv: Any, b: Any) -> Any:
    """Entity row of an own building: its deposit's for an extractor; -1 for none."""
    kind = me.buildings[b].kind if b >= 0 else EMPTY
    if kind == EMPTY:
        return -1
    if kind == EXTRACTOR:
        return np.int64(me.buildings[b].site)
    row = np.int64(lv.n_deposits) + np.int64(lv.n_towns) + np.int64(me.n_carts)
    for other in range(b):
        row += me.buildings[other].kind == WORKS
    return row


@jit
def row_of_place(me: Any, lv: Any, place: Any) -> Any:
    """Entity row of a place, a building's slot or MAX_BUILDINGS + town; -1 for none."""
    if place >= MAX_BUILDINGS:
        return np.int64(lv.n_deposits) + place - MAX_BUILDINGS
    return row_of_building(me, lv, place)


@jit
def point_carts(me: Any, lv: Any, pointers: Any) -> None:
    """The pointers of carts that drive, [E, 3]."""
    first = np.int64(lv.n_deposits) + np.int64(lv.n_towns)
    for c in range(me.n_carts):
        k = me.carts[c]
        if k.phase != IDLE:
            pointers[first + c, 0] = 1 + row_of_building(me, lv, np.int64(k.source))
            pointers[first + c, 1] = 1 + row_of_place(me, lv, np.int64(k.target))


@jit
def point_order(s: Any, me: Any, pool: Any, lv: Any, o: Any, pointer: Any) -> None:
    """The pointers of one candidate, [3]."""
    if o.verb == PASS:
        return
    tile = np.int64(o.tile)
    b = building_at(me, tile)
    pointer[0] = 1 + (row_of_building(me, lv, b) if b >= 0 else site_at(s, me, pool, tile))
    if o.verb == HAUL:
        pointer[1] = 1 + row_of_place(me, lv, place_at(s, me, pool, lv, np.int64(o.target)))
        if o.cart != NEW_CART:
            pointer[2] = 1 + np.int64(lv.n_deposits) + np.int64(lv.n_towns) + np.int64(o.cart)
