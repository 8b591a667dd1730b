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
from envs.waybill.core.state import EXTRACTOR, MAX_GOODS, NOBODY, STATE, records
from envs.waybill.maps.pool import MapPool, empty_pool
from envs.waybill.players.guessed_map import guess_map, still_unseen
from envs.waybill.players.scripted import play_seat
from envs.waybill.rules.books import knows
from envs.waybill.rules.game import start_game
from envs.waybill.rules.orders import dismantle
from envs.waybill.rules.sight import sites_in_sight

REDRAWS = 3  # other random numbers tried for a game that went otherwise than all know


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
def agree_on_bankruptcies(b: Any, s: Any, seat: Any, lv: Any) -> None:
    """Put right who is bankrupt, as all know it: those give their deposits up, others have what they still own."""
    for other in range(lv.n_seats):
        rival = b.companies[other]
        if other == seat or rival.bankrupt == s.companies[other].bankrupt:
            continue
        rival.bankrupt = s.companies[other].bankrupt
        for site in range(lv.n_deposits):
            if b.owner[site] == rival.seat:
                b.owner[site] = NOBODY
        for slot in range(rival.n_slots):
            dug = np.int64(rival.buildings[slot].site)
            if rival.bankrupt == 0 and rival.buildings[slot].kind == EXTRACTOR and b.owner[dug] == NOBODY:
                b.owner[dug] = rival.seat


@jit
def agree(b: Any, s: Any, seat: Any, pool: Any, lv: Any) -> None:
    """Put right in a drawn state all that the company in ``seat`` of state ``s`` knows."""
    b.turn, b.done = s.turn, s.done
    key = b.companies[seat].key
    b.companies[seat] = s.companies[seat]
    me = b.companies[seat]
    me.key = key  # luck that is still to come
    seen = sites_in_sight(me, lv)
    agree_on_bankruptcies(b, s, seat, lv)
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
            rival.public_recent = public.public_recent


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


@kernel
def follow_beliefs(
    states: Any, seat: Any, pool: Any, level: Any, scratch: Any, orders: Any, w: Any, fresh: Any, i: Any
) -> None:
    """Let all of ``w.states`` follow game i by the turn that was played last; bool [D] ``fresh`` says which it redrew.

    A drawn state is played on with the seat's own order and its rivals by their rules, then put right. It is drawn
    anew where the company came to know something that its map has no place for.
    """
    s, lv = states[i], level[0]
    me = s.companies[seat]
    for d in range(len(w.states)):
        fresh[d] = not still_unseen(s, me, pool, lv, w, d)
        if fresh[d]:
            draw_belief(s, seat, pool, lv, scratch, orders[i], w, d)
        else:
            if w.states[d].done == 0:
                play_seat(w.states[d], seat, w.pool, lv, orders[i, s.turn - 1], scratch)
            agree(w.states[d], s, seat, pool, lv)
