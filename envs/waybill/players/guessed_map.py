"""A map that looks to a company as its own does: sites that it does not know are drawn where it would not see them."""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.core.draws import draw
from envs.waybill.core.jit import called, jit
from envs.waybill.core.state import EMPTY, IDLE, PLAIN, WATER
from envs.waybill.maps.generate import nearest_tiles
from envs.waybill.maps.travel import travel_field
from envs.waybill.rules.books import knows, route_units

SITE_TRIES = 60  # places drawn for a site until one is found that would not have been seen
_FAR = np.int64(1 << 30)


@jit
def copy_site(pool: Any, row: Any, guess: Any, d: Any, site: Any) -> None:
    """Put a site as it is into map d."""
    guess.site_tile[d, site], guess.site_good[d, site] = pool.site_tile[row, site], pool.site_good[row, site]
    for good in range(guess.site_price.shape[2]):
        guess.site_price[d, site, good] = pool.site_price[row, site, good]
    for tile in range(guess.site_travel.shape[2]):
        guess.site_travel[d, site, tile] = pool.site_travel[row, site, tile]
    for k in range(guess.near.shape[2]):
        guess.near[d, site, k] = pool.near[row, site, k]


@jit
def measure_nearest(s: Any, me: Any, pool: Any, lv: Any, nearest: Any) -> None:
    """How far the nearest known deposit and buyer of each good are from home: none is nearer, or it would be known."""
    nearest[:, :] = _FAR
    home = np.int64(pool.site_tile[s.map, me.home])
    for site in range(pool.site_tile.shape[1]):
        if not knows(me, site):
            continue
        units = np.int64(pool.site_travel[s.map, site, home])
        if site < lv.n_deposits:
            raw = np.int64(pool.site_good[s.map, site])
            nearest[0, raw] = min(np.int64(nearest[0, raw]), units)
        else:
            for good in range(lv.n_goods):
                if pool.site_price[s.map, site, good] > 0:
                    nearest[1, good] = min(np.int64(nearest[1, good]), units)


@jit
def would_be_unseen(s: Any, me: Any, pool: Any, lv: Any, distance: Any, least: Any) -> Any:
    """True if the company would not know a site with these travel units to all tiles, at least ``least`` from home."""
    home, sight = np.int64(pool.site_tile[s.map, me.home]), np.int64(lv.sight)
    if np.int64(distance[home]) <= max(sight, least):
        return False
    for b in range(me.n_slots):
        if me.buildings[b].kind != EMPTY and np.int64(distance[me.buildings[b].tile]) <= sight:
            return False
    for c in range(me.n_carts):
        k = me.carts[c]
        if k.phase != IDLE and k.sees != 0:
            longest = route_units(s, me, pool, lv, np.int64(k.source), np.int64(k.target)) + 2 * sight
            if np.int64(distance[k.leg_from]) + np.int64(distance[k.leg_to]) <= longest:
                return False
    return True


@jit
def is_free(guess: Any, d: Any, lv: Any, tile: Any) -> Any:
    """True if a site may lie on a tile of map d: plain land, not at the edge, no site within a step."""
    side = np.int64(lv.side)
    row, column = tile // side, tile % side
    free = guess.terrain[d, tile] == PLAIN and 0 < row < side - 1 and 0 < column < side - 1
    for site in range(guess.site_tile.shape[1]):
        other = np.int64(guess.site_tile[d, site])
        if other >= 0 and abs(other // side - row) <= 1 and abs(other % side - column) <= 1:
            free = False
    return free


@jit
def is_bare(guess: Any, d: Any, tile: Any) -> Any:
    """True if a tile of map d is land without a site on it."""
    bare = guess.terrain[d, tile] != WATER
    for site in range(guess.site_tile.shape[1]):
        bare = bare and guess.site_tile[d, site] != tile
    return bare


@jit
def draw_prices_of_town(lv: Any, rng: Any, distance: Any, nearest: Any, price: Any) -> None:
    """What an unknown town pays [G]: as towns do, but for goods of which it would be the nearest buyer to home."""
    spread = np.int64(lv.price_spread_percent)
    for good in range(lv.n_goods):
        base, percent = np.int64(lv.price[good]), 100 - spread + draw(rng, 2 * spread + 1)
        buys = base > 0 and draw(rng, 3) > 0 and distance > nearest[1, good]
        price[good] = max(1, base * percent // 100) if buys else 0


@jit
def guess_site(s: Any, me: Any, pool: Any, lv: Any, scratch: Any, w: Any, d: Any, site: Any) -> None:
    """Draw a site that the company does not know into map d.

    Where no place is found that it would not have seen, one that it would have; where no plain land is free, any land.
    """
    guess, side = w.pool, np.int64(lv.side)
    tiles = side * side
    good = site % np.int64(lv.n_raw) if site < lv.n_deposits else -1
    least = w.nearest[0, good] if good >= 0 else 0
    found: Any = np.int64(-1)
    for _ in range(SITE_TRIES):
        tile = draw(w.rng, tiles)
        if is_free(guess, d, lv, tile):
            travel_field(guess.terrain[d], lv.terrain_cost, side, tile, scratch)
            found = tile
            if would_be_unseen(s, me, pool, lv, scratch.distance, least):
                break
    if found < 0:
        first = draw(w.rng, tiles)
        for k in range(tiles):
            tile = (first + k) % tiles
            if found < 0 and is_bare(guess, d, tile):
                found = tile
    travel_field(guess.terrain[d], lv.terrain_cost, side, found, scratch)
    guess.site_tile[d, site], guess.site_good[d, site] = found, good
    for tile in range(tiles):
        guess.site_travel[d, site, tile] = scratch.distance[tile]
    guess.site_price[d, site, :] = 0
    if site >= lv.n_deposits:
        home = np.int64(scratch.distance[pool.site_tile[s.map, me.home]])
        draw_prices_of_town(lv, w.rng, home, w.nearest, guess.site_price[d, site])
    nearest_tiles(guess.terrain[d], guess.site_tile[d], guess.site_travel[d], False, site, guess.near[d])


@called
def still_unseen(s: Any, me: Any, pool: Any, lv: Any, w: Any, d: Any) -> Any:
    """True if map d still looks to the company as its own does: what it does not know would not have been seen."""
    fits: Any = True
    for site in range(w.pool.site_tile.shape[1]):
        if knows(me, site):
            fits = fits and w.pool.site_tile[d, site] == pool.site_tile[s.map, site]
        else:
            fits = fits and would_be_unseen(s, me, pool, lv, w.pool.site_travel[d, site], np.int64(0))
    return fits


@jit
def guess_map(s: Any, me: Any, pool: Any, lv: Any, scratch: Any, w: Any, d: Any) -> None:
    """A map, in row d, that looks to the company as its own does."""
    w.pool.seed[d] = pool.seed[s.map]  # says in which order companies were founded, no more
    for tile in range(w.pool.terrain.shape[1]):
        w.pool.terrain[d, tile] = pool.terrain[s.map, tile]
    measure_nearest(s, me, pool, lv, w.nearest)
    for site in range(w.pool.site_tile.shape[1]):
        w.pool.site_tile[d, site] = -1
        if knows(me, site):
            copy_site(pool, s.map, w.pool, d, site)
    for site in range(w.pool.site_tile.shape[1]):
        if not knows(me, site):
            guess_site(s, me, pool, lv, scratch, w, d, site)
