"""The observation: one flat float32 vector, cut as globals | entities | candidates.

    [G | E · Fe | K · Fc]     rows that are not there are all zero; feature 0 of a row says that it is there

Entities are the deposits (with the own extractor on them), the towns, the workshops and the carts. The number of rows
is the level's own; the features of a row are the same on every level, so one network fits all. Places enter only
through the encoding's table; pairs of places as |differences| and the largest of them.

Scales: cash in starting cashes, prices in the level's highest price, stocks in full stores, turns in tens.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from envs.waybill.books import building_at, input_slot, place_at, price_at, route_units, turns
from envs.waybill.estimates import IN, OUT, SUPPLY, cart_rate, measure_flows, revenue
from envs.waybill.jit import jit, kernel
from envs.waybill.levels import LevelConfig
from envs.waybill.state import (
    DISMANTLE,
    EMPTY,
    EXTRACT,
    EXTRACTOR,
    HAUL,
    IDLE,
    LOADING,
    MAX_BUILDINGS,
    MAX_GOODS,
    MAX_INPUTS,
    NEW_CART,
    PASS,
    TO_SOURCE,
    TO_TARGET,
    VERBS,
    WORKS,
    WORKSHOP,
)
from envs.waybill.tick import upkeep_of

GLOBALS = 13
ENTITY_KINDS = 4  # deposit, town, workshop, cart
GOOD_AT = 1 + ENTITY_KINDS  # first of MAX_GOODS columns: its good, or a town's prices
OWN_AT = GOOD_AT + MAX_GOODS
OWN = 12
ENTITY_FEATURES = OWN_AT + OWN  # + P of the encoding
ORDER_GOOD_AT = 1 + len(VERBS)
ORDER_AT = ORDER_GOOD_AT + MAX_GOODS
ORDER_OWN = 20
ORDER_FEATURES = ORDER_AT + ORDER_OWN  # + 3P + 1 of the encoding: both places, |difference|, the largest
TURNS_SCALE = 0.1


class Layout(NamedTuple):
    """How an observation is cut: sizes G, E, Fe, K, Fc."""

    globals: int
    entities: int
    entity_features: int
    candidates: int
    candidate_features: int

    @property
    def size(self) -> int:
        """Length of the flat vector."""
        return self.globals + self.entities * self.entity_features + self.candidates * self.candidate_features


def layout_of(level: LevelConfig, position_features: int, candidates: int) -> Layout:
    """The layout for a level, an encoding of P features and K candidates (0: a raw action space)."""
    entities = level.deposits + level.towns + level.max_carts + (level.max_buildings if level.recipes else 0)
    per_candidate = ORDER_FEATURES + 3 * position_features + 1 if candidates else 0
    return Layout(GLOBALS, entities, ENTITY_FEATURES + position_features, candidates, per_candidate)


@jit
def squash(x: Any) -> Any:
    """A monotone map of any number into -1..1 that keeps small ones as they are."""
    return x / (1.0 + abs(x))


@jit
def next_sale(s: Any) -> Any:
    """Turns until the next loaded cart reaches a town, at most 10."""
    soonest: Any = 10
    for c in range(s.n_carts):
        k = s.carts[c]
        if k.phase == TO_TARGET and k.target >= MAX_BUILDINGS:
            soonest = min(soonest, np.int64(k.leg_left))
    return soonest


@jit
def see_runway(s: Any, lv: Any, cost: Any, x: Any) -> None:
    """How many turns of upkeep the cash left after an order pays for, and whether that lasts to the next sale."""
    runway = (np.float64(s.cash) - np.float64(cost)) / (np.float64(upkeep_of(s, lv)) + 1.0)
    x[ORDER_AT + 18] = min(1.0, TURNS_SCALE * runway)
    x[ORDER_AT + 19] = max(-1.0, min(1.0, 0.2 * (runway - np.float64(next_sale(s)))))


@jit
def see_company(s: Any, lv: Any, x: Any) -> None:
    """Globals [G]: time, cash and size of the company."""
    start = np.float64(lv.start_cash)
    left = np.float64(lv.horizon - s.turn)
    buildings = 0
    for b in range(s.n_slots):
        buildings += s.buildings[b].kind != EMPTY
    x[0] = left / np.float64(lv.horizon)
    x[1] = left * 0.01
    x[2] = 1.0 / (1.0 + left)
    x[3] = s.cash / start
    x[4] = squash(s.cash / start)
    x[5] = s.cash >= lv.extractor_cost
    x[6] = s.cash >= lv.workshop_cost
    x[7] = s.cash >= lv.cart_cost
    x[8] = upkeep_of(s, lv) * 10.0 / start
    x[9] = np.float64(s.n_carts) / np.float64(lv.max_carts)
    x[10] = np.float64(buildings) / np.float64(lv.max_buildings)
    x[11] = s.n_slots > 0
    x[12] = TURNS_SCALE * next_sale(s)


@jit
def see_place(row: Any, at: Any, code: Any) -> None:
    """Write a place's encoding [P] into a row."""
    for p in range(len(code)):
        row[at + p] = code[p]


@jit
def see_building(s: Any, lv: Any, flows: Any, b: Any, x: Any) -> None:
    """Own building: columns of OWN."""
    building = s.buildings[b]
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
def see_sites(s: Any, pool: Any, lv: Any, flows: Any, table: Any, top: Any, x: Any) -> Any:
    """Deposits with the extractors on them, and towns with their prices now; returns the rows used."""
    n_deposits = np.int64(lv.n_deposits)
    for site in range(n_deposits + np.int64(lv.n_towns)):
        row = x[site]
        tile = np.int64(pool.site_tile[s.map, site])
        row[0] = 1.0
        if site < n_deposits:
            row[1] = 1.0
            row[GOOD_AT + pool.site_good[s.map, site]] = 1.0
            row[OWN_AT + 9] = np.float64(s.reserve[site]) / np.float64(lv.reserve)
            b = building_at(s, tile)
            if b >= 0:
                see_building(s, lv, flows, b, row)
        else:
            row[2] = 1.0
            for good in range(lv.n_goods):
                town = site - n_deposits
                row[GOOD_AT + good] = price_at(s, pool, lv, town, good, s.glut[town, good]) / top
        see_place(row, ENTITY_FEATURES, table[s.map, tile])
    return n_deposits + np.int64(lv.n_towns)


@jit
def see_cart(s: Any, lv: Any, k: Any, code: Any, row: Any) -> None:
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
def see_entities(s: Any, pool: Any, lv: Any, flows: Any, table: Any, top: Any, x: Any) -> None:
    """All entity rows [E, Fe]."""
    e = see_sites(s, pool, lv, flows, table, top, x)
    for c in range(s.n_carts):
        see_cart(s, lv, s.carts[c], table[s.map, s.carts[c].leg_to], x[e])
        e += 1
    for b in range(s.n_slots):
        if s.buildings[b].kind == WORKS:
            row = x[e]
            row[0] = row[3] = 1.0
            row[GOOD_AT + s.buildings[b].output] = 1.0
            see_building(s, lv, flows, b, row)
            see_place(row, ENTITY_FEATURES, table[s.map, s.buildings[b].tile])
            e += 1


@jit
def see_route(s: Any, pool: Any, lv: Any, flows: Any, o: Any, top: Any, x: Any) -> None:
    """What is particular to a HAUL order: distance, price, supply, and whether somebody already drives there."""
    b, place = building_at(s, np.int64(o.tile)), place_at(s, pool, lv, np.int64(o.target))
    good = np.int64(s.buildings[b].output)
    x[ORDER_GOOD_AT + good] = 1.0
    x[ORDER_AT + 2] = TURNS_SCALE * turns(lv, route_units(s, pool, lv, b, place))
    x[ORDER_AT + 3] = (flows[b, SUPPLY] - flows[b, OUT]) * 0.25
    x[ORDER_AT + 4] = np.float64(s.buildings[b].stock) / np.float64(lv.store)
    x[ORDER_AT + 5] = TURNS_SCALE * s.buildings[b].ready_in
    x[ORDER_AT + 6] = o.cart == NEW_CART
    if place >= MAX_BUILDINGS:
        town = place - MAX_BUILDINGS
        x[ORDER_AT + 7] = 1.0
        see_market(s, pool, lv, flows, town, good, top, x)
    else:
        x[ORDER_AT + 10] = TURNS_SCALE * s.buildings[place].ready_in
        x[ORDER_AT + 11] = flows[place, IN + input_slot(s, lv, place, good)] * 0.25
        x[ORDER_AT + 12] = flows[place, OUT] * 0.25


@jit
def see_market(s: Any, pool: Any, lv: Any, flows: Any, town: Any, good: Any, top: Any, x: Any) -> None:
    """A town's market for a good: price now, glut, what carts bring there already."""
    x[ORDER_AT + 8] = price_at(s, pool, lv, town, good, s.glut[town, good]) / top
    x[ORDER_AT + 9] = np.float64(s.glut[town, good]) / np.float64(lv.market_depth)
    x[ORDER_AT + 16] = flows[MAX_BUILDINGS + town, good] * 0.25


@jit
def see_outlet(s: Any, pool: Any, lv: Any, flows: Any, tile: Any, good: Any, top: Any, x: Any) -> None:
    """Where a good from a tile would best be sold, refined first if towns want it so: distance and market."""
    sold = good
    for r in range(lv.n_recipes):
        for j in range(lv.recipes[r].n_inputs):
            if lv.recipes[r].inputs[j] == good and lv.price[good] == 0:
                sold = np.int64(lv.recipes[r].output)
    best, choice = 0.0, -1
    for town in range(lv.n_towns):
        route = turns(lv, pool.site_travel[s.map, lv.n_deposits + town, tile])
        income = revenue(s, pool, lv, flows, town, sold, min(1.0, cart_rate(lv, route)))
        if income > best:
            best, choice = income, town
    if choice >= 0:
        x[ORDER_AT + 2] = TURNS_SCALE * turns(lv, pool.site_travel[s.map, lv.n_deposits + choice, tile])
        x[ORDER_AT + 17] = best / top
        see_market(s, pool, lv, flows, choice, sold, top, x)


@jit
def see_order(s: Any, pool: Any, lv: Any, flows: Any, table: Any, top: Any, o: Any, worth: Any, x: Any) -> None:
    """One candidate [Fc]: verb, good, cost, lead time, route, worth by ``estimates.py``, both places, their gap."""
    x[0] = 1.0
    x[1 + o.verb] = 1.0
    start = np.float64(lv.start_cash)
    tile = target = np.int64(o.tile)
    cost = np.int64(0)
    if o.verb == EXTRACT:
        cost = np.int64(lv.extractor_cost)
        x[ORDER_AT + 1] = TURNS_SCALE * lv.extractor_lead
        for site in range(lv.n_deposits):
            if pool.site_tile[s.map, site] == tile:
                good = np.int64(pool.site_good[s.map, site])
                x[ORDER_GOOD_AT + good] = 1.0
                see_outlet(s, pool, lv, flows, tile, good, top, x)
    elif o.verb == WORKSHOP:
        cost = np.int64(lv.workshop_cost)
        x[ORDER_AT + 1] = TURNS_SCALE * lv.workshop_lead
        product = np.int64(lv.recipes[o.recipe].output)
        x[ORDER_GOOD_AT + product] = 1.0
        see_outlet(s, pool, lv, flows, tile, product, top, x)
    elif o.verb == HAUL:
        cost = np.int64(lv.cart_cost) if o.cart == NEW_CART else np.int64(0)
        target = np.int64(o.target)
        see_route(s, pool, lv, flows, o, top, x)
    elif o.verb == DISMANTLE:
        b = building_at(s, tile)
        x[ORDER_GOOD_AT + s.buildings[b].output] = 1.0
        x[ORDER_AT + 3] = flows[b, OUT] * 0.25
        x[ORDER_AT + 7] = s.buildings[b].kind == EXTRACTOR
    see_runway(s, lv, cost, x)
    if o.verb == PASS:
        return
    x[ORDER_AT] = cost / start
    x[ORDER_AT + 13] = squash(np.float64(worth[0]) / (2.0 * start))
    x[ORDER_AT + 14] = np.float64(worth[1]) / start
    x[ORDER_AT + 15] = squash(np.float64(worth[0]) / (np.float64(worth[1]) + 0.1 * start))
    see_pair(table[s.map, tile], table[s.map, target], x)


@jit
def see_pair(source: Any, target: Any, x: Any) -> None:
    """Both places' encodings, their |difference| and the largest of it (see ``encodings.py``)."""
    size = len(source)
    bound = 0.0
    for p in range(size):
        gap = abs(np.float64(source[p]) - np.float64(target[p]))
        bound = max(bound, gap)
        x[ORDER_FEATURES + p] = source[p]
        x[ORDER_FEATURES + size + p] = target[p]
        x[ORDER_FEATURES + 2 * size + p] = gap
    x[ORDER_FEATURES + 3 * size] = bound


@kernel
def observe(
    states: Any,
    pool: Any,
    level: Any,
    scratch: Any,
    table: Any,
    orders: Any,
    worth: Any,
    count: Any,
    rows: Any,
    parts: Any,
    low: Any,
    high: Any,
) -> None:
    """Batch pass: observations of games low..high-1.

    ``rows`` [N, D] is the array, ``parts`` its views (globals [N, G], entities [N, E, Fe], candidates [N, K, Fc]).
    """
    lv = level[0]
    company, entities, candidates = parts
    top = 1.0
    for good in range(lv.n_goods):
        top = max(top, np.float64(lv.price[good]))
    for i in range(low, high):
        s = states[i]
        rows[i, :] = 0.0  # the whole row is contiguous, its parts are not
        flows = scratch.flows
        measure_flows(s, lv, flows)
        see_company(s, lv, company[i])
        see_entities(s, pool, lv, flows, table, top, entities[i])
        for k in range(min(count[i], candidates.shape[1])):
            see_order(s, pool, lv, flows, table, top, orders[i, k], worth[i, k], candidates[i, k])


def cut(observations: np.ndarray, layout: Layout) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Views of observations [N, D] as (globals [N, G], entities [N, E, Fe], candidates [N, K, Fc])."""
    n, g = len(observations), layout.globals
    middle = g + layout.entities * layout.entity_features
    return (
        observations[:, :g],
        observations[:, g:middle].reshape(n, layout.entities, layout.entity_features),
        observations[:, middle:].reshape(n, layout.candidates, layout.candidate_features),
    )
