"""The raw action space: every order has a number, PASS | EXTRACT tile | WORKSHOP recipe, tile | HAUL cart, tile, tile |
DISMANTLE tile, and every number is an order, legal or not. The last cart number of HAUL means a new cart.

1 + T + R·T + (C+1)·T² + T actions for T tiles, R recipes and C carts.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.core.jit import called, jit, kernel
from envs.waybill.core.state import DISMANTLE, EMPTY, EXTRACT, HAUL, MAX_BUILDINGS, NEW_CART, PASS, WORKSHOP
from envs.waybill.rules.books import knows
from envs.waybill.rules.legality import can_haul, is_legal

NO_ORDER = -1  # the verb of what stands for no order: never legal


@jit
def put(o: Any, verb: Any, recipe: Any, cart: Any, tile: Any, target: Any) -> None:
    """Fill an order."""
    o.verb, o.recipe, o.cart, o.tile, o.target = verb, recipe, cart, tile, target


@jit
def copy_order(target: Any, o: Any) -> None:
    """Copy an order."""
    put(target, o.verb, o.recipe, o.cart, o.tile, o.target)


@jit
def decode(lv: Any, action: Any, o: Any) -> None:
    """The order of a raw action number."""
    decode_among(lv, np.int64(lv.side) * np.int64(lv.side), action, o)


@jit
def decode_among(lv: Any, tiles: Any, action: Any, o: Any) -> None:
    """The order of an action number that counts another number of tiles than the level has: see ``buckets.py``."""
    recipes, carts = np.int64(lv.n_recipes), np.int64(lv.max_carts)
    put(o, PASS, 0, 0, 0, 0)
    a = np.int64(action) - 1
    if a < 0:
        return
    if a < tiles:
        put(o, EXTRACT, 0, 0, a, 0)
        return
    a -= tiles
    if a < recipes * tiles:
        put(o, WORKSHOP, a // tiles, 0, a % tiles, 0)
        return
    a -= recipes * tiles
    if a < (carts + 1) * tiles * tiles:
        cart = a // (tiles * tiles)
        put(o, HAUL, 0, cart if cart < carts else NEW_CART, a // tiles % tiles, a % tiles)
        return
    put(o, DISMANTLE, 0, 0, a - (carts + 1) * tiles * tiles, 0)


@jit
def encode(lv: Any, o: Any) -> Any:
    """The raw action number of an order, the inverse of ``decode``."""
    return encode_among(lv, np.int64(lv.side) * np.int64(lv.side), o)


@jit
def encode_among(lv: Any, tiles: Any, o: Any) -> Any:
    """The action number of an order among another number of tiles than the level has: see ``buckets.py``."""
    recipes, carts = np.int64(lv.n_recipes), np.int64(lv.max_carts)
    tile = np.int64(o.tile)
    if o.verb == EXTRACT:
        return 1 + tile
    if o.verb == WORKSHOP:
        return 1 + tiles + np.int64(o.recipe) * tiles + tile
    first = 1 + tiles + recipes * tiles
    if o.verb == HAUL:
        cart = carts if o.cart == NEW_CART else np.int64(o.cart)
        return first + (cart * tiles + tile) * tiles + np.int64(o.target)
    if o.verb == DISMANTLE:
        return first + (carts + 1) * tiles * tiles + tile
    return 0


@called
def legal_actions(s: Any, me: Any, pool: Any, lv: Any, o: Any, actions: Any) -> Any:
    """Write the number of every legal order into ``actions``, PASS first, and return how many there are.

    Built from what stands, so nearly all of the space is never looked at.
    """
    actions[0] = 0
    n = 1
    if s.done != 0 or me.bankrupt != 0:
        return n
    tiles = np.int64(lv.side) * np.int64(lv.side)
    for site in range(lv.n_deposits):
        put(o, EXTRACT, 0, 0, pool.site_tile[s.map, site], 0)
        if is_legal(s, me, pool, lv, o):
            actions[n] = encode(lv, o)
            n += 1
    for tile in range(tiles):
        put(o, WORKSHOP, 0, 0, tile, 0)
        if lv.n_recipes > 0 and is_legal(s, me, pool, lv, o):
            for r in range(lv.n_recipes):
                actions[n] = encode(lv, o) + r * tiles
                n += 1
    for b in range(me.n_slots):
        if me.buildings[b].kind == EMPTY:
            continue
        put(o, DISMANTLE, 0, 0, me.buildings[b].tile, 0)
        actions[n] = encode(lv, o)
        n = legal_routes(s, me, pool, lv, o, b, actions, n + 1)
    return n


@jit
def legal_routes(s: Any, me: Any, pool: Any, lv: Any, o: Any, b: Any, actions: Any, n: Any) -> Any:
    """Add the number of every legal HAUL from building ``b``."""
    for place in range(MAX_BUILDINGS + np.int64(lv.n_towns)):
        if place >= MAX_BUILDINGS:
            site = np.int64(lv.n_deposits) + place - MAX_BUILDINGS
            if not knows(me, site):
                continue
            target = np.int64(pool.site_tile[s.map, site])
        elif place < me.n_slots and me.buildings[place].kind != EMPTY:
            target = np.int64(me.buildings[place].tile)
        else:
            continue
        for cart in range(-1, me.n_carts):
            if can_haul(s, me, pool, lv, cart, b, place):
                put(o, HAUL, 0, cart, me.buildings[b].tile, target)
                actions[n] = encode(lv, o)
                n += 1
    return n


@kernel
def raw_mask(states: Any, views: Any, pool: Any, level: Any, scratch: Any, mask: Any, low: Any, high: Any) -> None:
    """Batch pass: legality of every raw action in every view (game, seat), int8 [R, A]."""
    for i in range(low, high):
        s = states[views[i, 0]]
        me = s.companies[views[i, 1]]
        mask[i, :] = 0
        found = legal_actions(s, me, pool, level[0], scratch.order[0], scratch.actions)
        for k in range(found):
            mask[i, scratch.actions[k]] = 1


@kernel
def raw_orders(level: Any, actions: Any, orders: Any, low: Any, high: Any) -> None:
    """Batch pass: raw actions [R] to orders [R]."""
    for i in range(low, high):
        decode(level[0], actions[i], orders[i])
