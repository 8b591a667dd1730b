"""The books and the map of a game: the double-entry ledger, and looking up places, prices and travel.

Common arguments: ``s`` a STATE record, ``me`` the COMPANY record in it whose matter it is, ``pool`` the MapPool that
``s.map`` points into, ``lv`` a LEVEL record, ``o`` an ORDER record, ``scratch`` one thread's working memory. A place is
a building's slot, or MAX_BUILDINGS + town. Sites are those that the company knows, unless it says otherwise.

Every change of cash or goods goes through ``book_cash`` or ``book_goods``: the ledger's other side.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.core.jit import jit
from envs.waybill.core.state import EMPTY, EXTRACTOR, MAX_BUILDINGS, WORKS
from envs.waybill.maps.travel import travel_field


@jit
def book_cash(me: Any, account: Any, amount: Any) -> None:
    """Move ``amount`` coins from an account to the company's cash (negative: the other way)."""
    me.cash += amount
    me.cash_ledger[account] += amount


@jit
def book_goods(me: Any, account: Any, good: Any, amount: Any) -> None:
    """Note ``amount`` units that came to the company (negative: that left it) through an account."""
    me.goods_ledger[good, account] += amount


@jit
def knows(me: Any, site: Any) -> Any:
    """True if the company has ever seen a site."""
    return (np.int64(me.known) >> site) & 1 != 0


@jit
def reach(s: Any, me: Any, stage: Any) -> None:
    """Note the first turn at which a stage of the supply chain is reached."""
    if me.stage_turn[stage] < 0:
        me.stage_turn[stage] = s.turn


@jit
def book_made(s: Any, me: Any, account: Any, good: Any, units: Any) -> None:
    """Note ``units`` of a good that were dug or produced, and the turn if they are the first."""
    book_goods(me, account, good, units)
    if me.made_turn[good] < 0:
        me.made_turn[good] = s.turn


@jit
def building_at(me: Any, tile: Any) -> Any:
    """Slot of the company's building on a tile, or -1."""
    for b in range(me.n_slots):
        if me.buildings[b].kind != EMPTY and me.buildings[b].tile == tile:
            return b
    return -1


@jit
def site_at(s: Any, me: Any, pool: Any, tile: Any) -> Any:
    """Number of the deposit or town on a tile, or -1."""
    for i in range(pool.site_tile.shape[1]):
        if pool.site_tile[s.map, i] == tile and knows(me, i):
            return i
    return -1


@jit
def place_at(s: Any, me: Any, pool: Any, lv: Any, tile: Any) -> Any:
    """The place (building slot, or MAX_BUILDINGS + town) on a tile, or -1."""
    b = building_at(me, tile)
    if b >= 0:
        return b
    site = site_at(s, me, pool, tile)
    if site >= lv.n_deposits:
        return MAX_BUILDINGS + site - lv.n_deposits
    return -1


@jit
def place_tile(s: Any, me: Any, pool: Any, lv: Any, place: Any) -> Any:
    """The tile of a place."""
    if place >= MAX_BUILDINGS:
        return np.int64(pool.site_tile[s.map, lv.n_deposits + place - MAX_BUILDINGS])
    return np.int64(me.buildings[place].tile)


@jit
def input_slot(me: Any, lv: Any, b: Any, good: Any) -> Any:
    """Which input of workshop ``b`` takes the good, or -1."""
    if me.buildings[b].kind == WORKS:
        recipe = lv.recipes[me.buildings[b].recipe]
        for j in range(recipe.n_inputs):
            if recipe.inputs[j] == good:
                return j
    return -1


@jit
def takes(s: Any, me: Any, pool: Any, lv: Any, place: Any, good: Any) -> Any:
    """True if a place buys the good or works with it."""
    if place >= MAX_BUILDINGS:
        return base_price(s, me, pool, lv, place - MAX_BUILDINGS, good) > 0
    return input_slot(me, lv, place, good) >= 0


@jit
def base_price(s: Any, me: Any, pool: Any, lv: Any, town: Any, good: Any) -> Any:
    """Coins that a town pays in an empty market, 0 if it doesn't buy the good or isn't known."""
    site = np.int64(lv.n_deposits) + town
    return np.int64(pool.site_price[s.map, site, good]) if knows(me, site) else np.int64(0)


@jit
def price_at(s: Any, pool: Any, lv: Any, town: Any, good: Any, glut: Any) -> Any:
    """Coins that a town pays for one unit when ``glut`` units lie on its market: base · depth / (depth + glut)."""
    base = np.int64(pool.site_price[s.map, lv.n_deposits + town, good])
    return base * np.int64(lv.market_depth) // (np.int64(lv.market_depth) + np.int64(glut))


@jit
def turns(lv: Any, units: Any) -> Any:
    """Turns a cart needs for a distance in travel units, at least one."""
    speed = np.int64(lv.cart_speed)
    return max(1, (np.int64(units) + speed - 1) // speed)


@jit
def travel_to_tile(s: Any, me: Any, pool: Any, lv: Any, b: Any, tile: Any, scratch: Any) -> Any:
    """Travel units from building ``b`` to any tile."""
    building = me.buildings[b]
    if building.kind == EXTRACTOR:
        return np.int64(pool.site_travel[s.map, building.site, tile])
    site = site_at(s, me, pool, tile)
    if site >= 0:
        return np.int64(pool.site_travel[s.map, site, building.tile])
    travel_field(pool.terrain[s.map], lv.terrain_cost, np.int64(lv.side), np.int64(building.tile), scratch)
    return np.int64(scratch.distance[tile])


@jit
def route_units(s: Any, me: Any, pool: Any, lv: Any, b: Any, place: Any) -> Any:
    """Travel units from building ``b`` to a place."""
    if place >= MAX_BUILDINGS:
        return np.int64(pool.site_travel[s.map, lv.n_deposits + place - MAX_BUILDINGS, me.buildings[b].tile])
    return np.int64(me.buildings[b].travel[place])
