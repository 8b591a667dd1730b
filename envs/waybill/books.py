"""The books and the map of a game: the double-entry ledger, and looking up places, prices and travel.

Common arguments: ``s`` a STATE record, ``pool`` the MapPool that ``s.map`` points into, ``lv`` a LEVEL record, ``o`` an
ORDER record, ``scratch`` one thread's working memory. A place is a building's slot, or MAX_BUILDINGS + town.

Every change of cash or goods goes through ``book_cash`` or ``book_goods``: the ledger's other side.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.jit import jit
from envs.waybill.maps import travel_field
from envs.waybill.state import EMPTY, EXTRACTOR, MAX_BUILDINGS, WORKS


@jit
def book_cash(s: Any, account: Any, amount: Any) -> None:
    """Move ``amount`` coins from an account to the company's cash (negative: the other way)."""
    s.cash += amount
    s.cash_ledger[account] += amount


@jit
def book_goods(s: Any, account: Any, good: Any, amount: Any) -> None:
    """Note ``amount`` units that came to the company (negative: that left it) through an account."""
    s.goods_ledger[good, account] += amount


@jit
def reach(s: Any, stage: Any) -> None:
    """Note the first turn at which a stage of the supply chain is reached."""
    if s.stage_turn[stage] < 0:
        s.stage_turn[stage] = s.turn


@jit
def building_at(s: Any, tile: Any) -> Any:
    """Slot of the building on a tile, or -1."""
    for b in range(s.n_slots):
        if s.buildings[b].kind != EMPTY and s.buildings[b].tile == tile:
            return b
    return -1


@jit
def site_at(s: Any, pool: Any, tile: Any) -> Any:
    """Number of the deposit or town on a tile, or -1."""
    for i in range(pool.site_tile.shape[1]):
        if pool.site_tile[s.map, i] == tile:
            return i
    return -1


@jit
def place_at(s: Any, pool: Any, lv: Any, tile: Any) -> Any:
    """The place (building slot, or MAX_BUILDINGS + town) on a tile, or -1."""
    b = building_at(s, tile)
    if b >= 0:
        return b
    site = site_at(s, pool, tile)
    if site >= lv.n_deposits:
        return MAX_BUILDINGS + site - lv.n_deposits
    return -1


@jit
def place_tile(s: Any, pool: Any, lv: Any, place: Any) -> Any:
    """The tile of a place."""
    if place >= MAX_BUILDINGS:
        return np.int64(pool.site_tile[s.map, lv.n_deposits + place - MAX_BUILDINGS])
    return np.int64(s.buildings[place].tile)


@jit
def input_slot(s: Any, lv: Any, b: Any, good: Any) -> Any:
    """Which input of workshop ``b`` takes the good, or -1."""
    if s.buildings[b].kind == WORKS:
        recipe = lv.recipes[s.buildings[b].recipe]
        for j in range(recipe.n_inputs):
            if recipe.inputs[j] == good:
                return j
    return -1


@jit
def takes(s: Any, pool: Any, lv: Any, place: Any, good: Any) -> Any:
    """True if a place buys the good or works with it."""
    if place >= MAX_BUILDINGS:
        return pool.site_price[s.map, lv.n_deposits + place - MAX_BUILDINGS, good] > 0
    return input_slot(s, lv, place, good) >= 0


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
def travel_to_tile(s: Any, pool: Any, lv: Any, b: Any, tile: Any, scratch: Any) -> Any:
    """Travel units from building ``b`` to any tile."""
    building = s.buildings[b]
    if building.kind == EXTRACTOR:
        return np.int64(pool.site_travel[s.map, building.site, tile])
    site = site_at(s, pool, tile)
    if site >= 0:
        return np.int64(pool.site_travel[s.map, site, building.tile])
    travel_field(pool.terrain[s.map], lv.terrain_cost, np.int64(lv.side), np.int64(building.tile), scratch)
    return np.int64(scratch.distance[tile])


@jit
def route_units(s: Any, pool: Any, lv: Any, b: Any, place: Any) -> Any:
    """Travel units from building ``b`` to a place."""
    if place >= MAX_BUILDINGS:
        return np.int64(pool.site_travel[s.map, lv.n_deposits + place - MAX_BUILDINGS, s.buildings[b].tile])
    return np.int64(s.buildings[b].travel[place])
