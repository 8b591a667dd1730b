"""What a company can believe of a game: whole states, drawn, that agree with all that it knows.

Public are terrain and travel times, and what companies sold up to the turn before. Sites that it does not know are
drawn anew, where it would not have seen them; the game up to now is played again on that map with its own orders, its
rivals by their rules; then all that it knows is put right. So the same rules that play the rivals say what they own (a
policy-consistent belief). Planning over several such draws never uses what is hidden (determinization: Ginsberg 2001;
on what it cannot do: Frank & Basin 1998).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from envs.waybill.core.draws import draw, mix
from envs.waybill.core.jit import called, jit, kernel
from envs.waybill.core.levels import LevelConfig
from envs.waybill.core.state import EMPTY, EXTRACTOR, IDLE, MAX_GOODS, NOBODY, PLAIN, STATE, WATER, records
from envs.waybill.maps.generate import nearest_tiles
from envs.waybill.maps.pool import MapPool, empty_pool
from envs.waybill.maps.travel import travel_field
from envs.waybill.players.scripted import play_seat
from envs.waybill.rules.books import knows, route_units
from envs.waybill.rules.game import start_game
from envs.waybill.rules.orders import dismantle
from envs.waybill.rules.sight import sites_in_sight

REDRAWS = 3  # other random numbers tried for a game that went otherwise than all know
SITE_TRIES = 60  # places drawn for a site until one is found that would not have been seen
_FAR = np.int64(1 << 30)


class Beliefs(NamedTuple):
    """D drawn states, each with a map of its own, and their random numbers."""

    states: np.ndarray  # STATE [D], row d of the pool is the map of state d
    pool: MapPool  # D maps
    rng: np.ndarray  # uint64 [1]
    seeds: np.ndarray  # uint64 [D], of the games that were played again
    nearest: np.ndarray  # int64 [2, MAX_GOODS], travel units from home to the nearest known deposit and buyer of a good


def make_beliefs(level: LevelConfig, count: int) -> Beliefs:
    """Room for ``count`` states of a level."""
    return Beliefs(
        states=records(count, STATE),
        pool=empty_pool(level.record(), count),
        rng=np.zeros(1, np.uint64),
        seeds=np.zeros(count, np.uint64),
        nearest=np.zeros((2, MAX_GOODS), np.int64),
    )


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


@jit
def evict(b: Any, lv: Any, site: Any) -> None:
    """Take a rival's extractor off a deposit that the company knows to be free or its own."""
    if b.owner[site] == NOBODY:
        return
    rival = b.companies[b.owner[site]]
    for slot in range(rival.n_slots):
        if rival.buildings[slot].kind == EXTRACTOR and rival.buildings[slot].site == site:
            dismantle(b, rival, lv, slot)
    b.owner[site] = NOBODY


@jit
def agree_on_deposits(b: Any, me: Any, lv: Any, seen: Any) -> None:
    """Put right who digs where and what is left, as far as the company knows; ``seen`` are the sites in sight."""
    for site in range(lv.n_deposits):
        mine: Any = False
        for slot in range(me.n_slots):
            mine = mine or (me.buildings[slot].kind == EXTRACTOR and me.buildings[slot].site == site)
        in_sight = (seen >> site) & 1 != 0
        if mine:
            if b.owner[site] != me.seat:
                evict(b, lv, site)
            b.owner[site] = me.seat
        elif b.owner[site] == me.seat or (in_sight and me.seen_taken[site] == 0):
            if b.owner[site] == me.seat:
                b.owner[site] = NOBODY
            evict(b, lv, site)
        if in_sight:
            b.reserve[site] = me.seen_reserve[site]
            if me.seen_taken[site] != 0 and b.owner[site] == NOBODY:
                b.owner[site] = (np.int64(me.seat) + 1) % np.int64(lv.n_seats)  # by somebody: nothing more is known


@jit
def agree(b: Any, s: Any, seat: Any, pool: Any, lv: Any) -> None:
    """Put right in a drawn state all that the company in ``seat`` of state ``s`` knows."""
    b.turn, b.done = s.turn, s.done
    key = b.companies[seat].key
    b.companies[seat] = s.companies[seat]
    me = b.companies[seat]
    me.key = key  # luck that is still to come
    seen = sites_in_sight(me, lv)
    agree_on_deposits(b, me, lv, seen)
    for town in range(lv.n_towns):
        if (seen >> (np.int64(lv.n_deposits) + town)) & 1:
            for good in range(lv.n_goods):
                b.glut[town, good] = me.seen_glut[town, good]
    for other in range(lv.n_seats):
        if other != seat:
            rival, public = b.companies[other], s.companies[other]
            more = np.int64(public.public_total) - np.int64(rival.public_total)
            rival.cash = max(0, np.int64(rival.cash) + more)
            rival.public_sales, rival.public_total = public.public_sales, public.public_total


@called
def play_again(s: Any, seat: Any, lv: Any, scratch: Any, orders: Any, w: Any, d: Any) -> Any:
    """Play the game up to now on map d with ``w.seeds[d]``; returns how much it differs from what all know.

    That is coins of sales that became public, and as much as a cart's price for each deposit that is (not) taken.
    """
    b = w.states[d]
    start_game(b, w.pool, lv, d, w.seeds[d])
    for turn in range(np.int64(s.turn)):
        if b.done == 0:
            play_seat(b, seat, w.pool, lv, orders[turn], scratch)
    me, off = s.companies[seat], np.int64(0)
    for other in range(lv.n_seats):
        if other != seat:
            off += abs(np.int64(b.companies[other].public_total) - np.int64(s.companies[other].public_total))
    for site in range(lv.n_deposits):
        taken = b.owner[site] != NOBODY and b.owner[site] != seat
        if knows(me, site) and taken != (me.seen_taken[site] != 0):
            off += np.int64(lv.cart_cost)
    return off


@called
def draw_belief(s: Any, seat: Any, pool: Any, lv: Any, scratch: Any, orders: Any, w: Any, d: Any) -> None:
    """Draw state d: what the game may be, for the company in a seat that gave ``orders`` [T] so far.

    Of some random numbers the game may have had, those are kept with which it went most like what all know; they are
    tried first the next time.
    """
    guess_map(s, s.companies[seat], pool, lv, scratch, w, d)
    best = w.seeds[d]
    off = play_again(s, seat, lv, scratch, orders, w, d)
    least = off
    for _ in range(REDRAWS):
        if least > 0:
            w.seeds[d] = np.uint64(draw(w.rng, 1 << 40))
            off = play_again(s, seat, lv, scratch, orders, w, d)
            if off < least:
                least, best = off, w.seeds[d]
    if off != least:
        w.seeds[d] = best
        play_again(s, seat, lv, scratch, orders, w, d)
    agree(w.states[d], s, seat, pool, lv)


@jit
def begin_beliefs(w: Any, seed: Any) -> None:
    """Begin with random numbers of a seed, uint64."""
    w.rng[0] = mix(seed)
    for d in range(len(w.seeds)):
        w.seeds[d] = np.uint64(draw(w.rng, 1 << 40))


@kernel
def draw_beliefs(
    states: Any, seat: Any, pool: Any, level: Any, scratch: Any, orders: Any, w: Any, seed: Any, i: Any
) -> None:
    """Draw all of ``w.states`` for a seat of game i that gave ``orders`` [N, horizon] so far; ``seed`` decides them."""
    begin_beliefs(w, np.uint64(seed))
    for d in range(len(w.states)):
        draw_belief(states[i], seat, pool, level[0], scratch, orders[i], w, d)
