"""Entity rows of the observation [E, Fe]: known deposits with the own extractor on them, known towns, carts, workshops,
and rivals, by what is public of them.

Columns: presence, one-hot kind, good (a town: its prices now), the own building or cart, then the place's encoding [P].
"""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.core.jit import jit
from envs.waybill.core.state import IDLE, LOADING, MAX_GOODS, MAX_INPUTS, TO_SOURCE, TO_TARGET, WORKS
from envs.waybill.forecasts.flows import IN, OUT, SUPPLY
from envs.waybill.observation.company import TURNS_SCALE, squash
from envs.waybill.rules.books import building_at, knows, price_at

ENTITY_KINDS = 5  # deposit, town, workshop, cart, rival
GOOD_AT = 1 + ENTITY_KINDS  # first of MAX_GOODS columns: its good, or a town's prices
OWN_AT = GOOD_AT + MAX_GOODS
OWN = 13
ENTITY_FEATURES = OWN_AT + OWN  # + P of the encoding


@jit
def see_place(row: Any, at: Any, code: Any) -> None:
    """Write a place's encoding [P] into a row."""
    for p in range(len(code)):
        row[at + p] = code[p]


@jit
def see_building(me: Any, lv: Any, flows: Any, b: Any, x: Any) -> None:
    """Own building: columns of OWN."""
    building = me.buildings[b]
    store = np.float64(lv.store)
    x[OWN_AT] = 1.0
    x[OWN_AT + 1] = TURNS_SCALE * building.ready_in
    x[OWN_AT + 2] = building.stock / store
    x[OWN_AT + 3] = flows[b, OUT] * 0.25
    x[OWN_AT + 4] = flows[b, SUPPLY] * 0.25
    if building.kind == WORKS:
        recipe = lv.recipes[building.recipe]
        for j in range(recipe.n_inputs):
            x[OWN_AT + 5 + j] = building.inputs[j] / store
            x[OWN_AT + 5 + MAX_INPUTS + j] = flows[b, IN + j] * 0.25


@jit
def see_sites(s: Any, me: Any, pool: Any, lv: Any, flows: Any, table: Any, top: Any, x: Any) -> Any:
    """Deposits with the extractors on them, and towns with their prices as last seen; returns the rows used.

    Sites that are not known leave their row empty.
    """
    n_deposits = np.int64(lv.n_deposits)
    for site in range(n_deposits + np.int64(lv.n_towns)):
        if not knows(me, site):
            continue
        row = x[site]
        tile = np.int64(pool.site_tile[s.map, site])
        row[0] = 1.0
        if site < n_deposits:
            row[1] = 1.0
            row[GOOD_AT + pool.site_good[s.map, site]] = 1.0
            row[OWN_AT + 9] = np.float64(me.seen_reserve[site]) / np.float64(lv.reserve)
            row[OWN_AT + 12] = me.seen_taken[site]
            b = building_at(me, tile)
            if b >= 0:
                see_building(me, lv, flows, b, row)
        else:
            row[2] = 1.0
            for good in range(lv.n_goods):
                town = site - n_deposits
                row[GOOD_AT + good] = price_at(s, pool, lv, town, good, me.seen_glut[town, good]) / top
        see_place(row, ENTITY_FEATURES, table[s.map, tile])
    return n_deposits + np.int64(lv.n_towns)


@jit
def see_cart(s: Any, me: Any, lv: Any, k: Any, code: Any, row: Any) -> None:
    """One cart; its place is where its present leg ends."""
    row[0] = row[4] = 1.0
    row[OWN_AT + 1] = TURNS_SCALE * k.leg_left
    row[OWN_AT + 2] = np.float64(k.load) / np.float64(lv.cart_capacity)
    row[OWN_AT + 8] = k.phase == IDLE
    row[OWN_AT + 9] = k.phase == TO_SOURCE or k.phase == LOADING
    row[OWN_AT + 10] = k.phase == TO_TARGET
    row[OWN_AT + 11] = TURNS_SCALE * k.route
    if k.phase != IDLE:
        row[GOOD_AT + k.good] = 1.0
    see_place(row, ENTITY_FEATURES, code)


@jit
def see_rival(other: Any, lv: Any, row: Any) -> None:
    """One rival: its sales, one turn late, and whether it is bankrupt."""
    start = np.float64(lv.start_cash)
    row[0] = row[5] = 1.0
    row[OWN_AT + 2] = squash(10.0 * np.float64(other.public_sales) / start)
    row[OWN_AT + 3] = squash(np.float64(other.public_total) / (4.0 * start))
    row[OWN_AT + 8] = other.bankrupt


@jit
def see_entities(s: Any, me: Any, pool: Any, lv: Any, flows: Any, table: Any, top: Any, x: Any) -> Any:
    """All entity rows [E, Fe] that are there; returns how many."""
    e = see_sites(s, me, pool, lv, flows, table, top, x)
    for c in range(me.n_carts):
        see_cart(s, me, lv, me.carts[c], table[s.map, me.carts[c].leg_to], x[e])
        e += 1
    for b in range(me.n_slots):
        if me.buildings[b].kind == WORKS:
            row = x[e]
            row[0] = row[3] = 1.0
            row[GOOD_AT + me.buildings[b].output] = 1.0
            see_building(me, lv, flows, b, row)
            see_place(row, ENTITY_FEATURES, table[s.map, me.buildings[b].tile])
            e += 1
    for seat in range(lv.n_seats):
        if seat != me.seat:
            see_rival(s.companies[seat], lv, x[e])
            e += 1
    return e
