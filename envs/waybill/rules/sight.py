"""What a company sees and knows of the world (arguments as in ``books.py``).

Terrain and travel times are public. Sites (deposits, towns) are known once they have been seen; a site is seen from
an own building within ``lv.sight`` travel units and from an own cart that has driven its road, if the detour by the
site is at most twice that long. What was last seen of a site is remembered. With ``lv.sight`` 0 everything is seen.

Nothing of other companies is seen but that a deposit is taken; their sales are public one turn late.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.core.jit import jit
from envs.waybill.core.state import EMPTY, IDLE, NOBODY
from envs.waybill.rules.books import route_units

ALL_SITES = 0x7FFFFFFF


@jit
def seen_from_tile(s: Any, pool: Any, tile: Any, sight: Any) -> Any:
    """Sites within ``sight`` travel units of a tile, as bits."""
    bits = np.int64(0)
    for site in range(pool.site_tile.shape[1]):
        if np.int64(pool.site_travel[s.map, site, tile]) <= sight:
            bits |= np.int64(1) << site
    return bits


@jit
def seen_from_road(s: Any, me: Any, pool: Any, lv: Any, k: Any) -> Any:
    """Sites for which the way of a cart by them is at most 2 · sight longer than its road, as bits."""
    bits = np.int64(0)
    longest = route_units(s, me, pool, lv, np.int64(k.source), np.int64(k.target)) + 2 * np.int64(lv.sight)
    for site in range(pool.site_tile.shape[1]):
        travel = pool.site_travel[s.map, site]
        if np.int64(travel[k.leg_from]) + np.int64(travel[k.leg_to]) <= longest:
            bits |= np.int64(1) << site
    return bits


@jit
def sites_in_sight(me: Any, lv: Any) -> Any:
    """The sites that the company sees now, as bits."""
    seen = np.int64(ALL_SITES)
    if lv.sight > 0:
        seen = np.int64(0)
        for b in range(me.n_slots):
            if me.buildings[b].kind != EMPTY:
                seen |= np.int64(me.buildings[b].sees)
        for c in range(me.n_carts):
            if me.carts[c].phase != IDLE:
                seen |= np.int64(me.carts[c].sees)
    return seen


@jit
def look_around(s: Any, me: Any, pool: Any, lv: Any) -> None:
    """Note what the company sees now."""
    note_sites(s, me, lv, sites_in_sight(me, lv))


@jit
def note_sites(s: Any, me: Any, lv: Any, seen: Any) -> None:
    """Remember the sites in ``seen`` (bits) as they are now."""
    me.known = np.int64(me.known) | seen
    for site in range(np.int64(lv.n_deposits) + np.int64(lv.n_towns)):
        if (seen >> site) & 1:
            me.seen_turn[site] = s.turn
    for i in range(lv.n_deposits):
        if (seen >> i) & 1:
            me.seen_reserve[i] = s.reserve[i]
            me.seen_taken[i] = s.owner[i] != NOBODY and s.owner[i] != me.seat
    for town in range(lv.n_towns):
        if (seen >> (np.int64(lv.n_deposits) + town)) & 1:
            for good in range(lv.n_goods):
                me.seen_glut[town, good] = s.glut[town, good]


@jit
def nearest(s: Any, pool: Any, lv: Any, home: Any, good: Any, towns: Any) -> Any:
    """The site nearest to home among the deposits of a good, or the towns that buy it; -1 if there is none."""
    first, last = np.int64(0), np.int64(lv.n_deposits)
    if towns:
        first, last = last, last + np.int64(lv.n_towns)
    best: Any = -1
    best_units: Any = 0
    for site in range(first, last):
        fits = pool.site_price[s.map, site, good] > 0 if towns else pool.site_good[s.map, site] == good
        units = np.int64(pool.site_travel[s.map, site, pool.site_tile[s.map, home]])
        if fits and (best < 0 or units < best_units):
            best, best_units = site, units
    return best


@jit
def found_company(s: Any, me: Any, pool: Any, lv: Any, home: Any) -> None:
    """What a new company knows: its home town, what lies in sight of it, of every raw good the nearest deposit, and of
    every good for sale the nearest town that buys it.
    """
    me.home, me.known = home, 0
    me.seen_reserve[:] = 0
    me.seen_taken[:] = 0
    me.seen_turn[:] = -1
    me.seen_glut[:, :] = 0
    seen = np.int64(ALL_SITES)
    if lv.sight > 0:
        seen = seen_from_tile(s, pool, np.int64(pool.site_tile[s.map, home]), np.int64(lv.sight))
        for good in range(lv.n_goods):
            if lv.price[good] > 0:
                seen |= np.int64(1) << max(0, nearest(s, pool, lv, home, good, True))
            if good < lv.n_raw:
                seen |= np.int64(1) << nearest(s, pool, lv, home, good, False)
    note_sites(s, me, lv, seen)
