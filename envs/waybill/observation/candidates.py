"""Candidate rows of the observation [K, Fc]: what an order is, what it costs and what the rule of thumb says of it.

Columns: presence, one-hot verb, good, the order's own numbers, then both places' encodings, their |difference| and the
largest of it, or the true travel time in its place.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.core.jit import jit
from envs.waybill.core.state import (
    EXTRACT,
    EXTRACTOR,
    HAUL,
    MAX_BUILDINGS,
    MAX_GOODS,
    NEW_CART,
    PASS,
    VERBS,
    WORKSHOP,
)
from envs.waybill.forecasts.cash import FAR, LATER, SOON, half_load, loading_turns, sales_within
from envs.waybill.forecasts.flows import IN, OUT, SUPPLY, cart_rate
from envs.waybill.forecasts.sales import revenue
from envs.waybill.observation.company import TURNS_SCALE, squash
from envs.waybill.rules.books import building_at, input_slot, place_at, price_at, route_units, turns

ORDER_GOOD_AT = 1 + len(VERBS)
ORDER_AT = ORDER_GOOD_AT + MAX_GOODS
ORDER_OWN = 24
MOST_OUTLAY = 20.0  # starting cashes; a chain that cannot be built is put at far more
ORDER_FEATURES = ORDER_AT + ORDER_OWN  # + 3P + 1 of the encoding: both places, |difference|, the largest
HINTS = (2, 13, 14, 15, 17, 19, 20, 21, 22, 23)  # own columns that are calculated from travel times, see ``hide_hints``
OUTLET_HINTS = (8, 9, 16)  # the market of the best outlet, which travel times choose


@jit
def see_runway(me: Any, lv: Any, cost: Any, upkeep: Any, own: Any, route: Any, coins: Any, ahead: Any, x: Any) -> None:
    """Whether the cash left after an order pays the upkeep until the next sale, and what is left of it later.

    ``own`` is the turn of the order's own first sale, then every 2 · ``route`` turns, of ``coins`` each; ``ahead`` as
    ``foresee_sales`` gives it.
    """
    start, upkeep = np.float64(lv.start_cash), np.float64(upkeep)
    cash, paid = np.float64(me.cash) - np.float64(cost), min(ahead[0], np.float64(own)) - 1.0
    margin = cash - upkeep * paid
    runway = cash / max(1.0, upkeep)
    soon = cash + ahead[1] + np.float64(coins * sales_within(own, route, SOON)) - upkeep * SOON
    later = cash + ahead[2] + np.float64(coins * sales_within(own, route, LATER)) - upkeep * LATER
    x[ORDER_AT + 18] = min(1.0, TURNS_SCALE * runway)
    x[ORDER_AT + 19] = max(-1.0, min(1.0, 0.2 * (runway - paid)))
    x[ORDER_AT + 20] = squash(4.0 * margin / start)
    x[ORDER_AT + 21] = margin >= 0.0
    x[ORDER_AT + 22] = squash(4.0 * soon / start)
    x[ORDER_AT + 23] = squash(4.0 * later / start)


@jit
def see_route(s: Any, me: Any, pool: Any, lv: Any, flows: Any, o: Any, top: Any, x: Any) -> Any:
    """What is particular to a HAUL order: distance, price, supply, whether somebody already drives there.

    Returns the turn in which its first load is sold, FAR if a workshop gets it, the turns of a way, and the coins.
    """
    b, place = building_at(me, np.int64(o.tile)), place_at(s, me, pool, lv, np.int64(o.target))
    good = np.int64(me.buildings[b].output)
    x[ORDER_GOOD_AT + good] = 1.0
    route = turns(lv, route_units(s, me, pool, lv, b, place))
    x[ORDER_AT + 2] = TURNS_SCALE * route
    x[ORDER_AT + 3] = (flows[b, SUPPLY] - flows[b, OUT]) * 0.25
    x[ORDER_AT + 4] = np.float64(me.buildings[b].stock) / np.float64(lv.store)
    x[ORDER_AT + 5] = TURNS_SCALE * me.buildings[b].ready_in
    x[ORDER_AT + 6] = o.cart == NEW_CART
    if place >= MAX_BUILDINGS:
        town = place - MAX_BUILDINGS
        x[ORDER_AT + 7] = 1.0
        price = see_market(s, me, pool, lv, flows, town, good, top, x)
        return max(1, loading_turns(me, lv, b, 0)) + route, route, price * half_load(lv)
    x[ORDER_AT + 10] = TURNS_SCALE * me.buildings[place].ready_in
    x[ORDER_AT + 11] = flows[place, IN + input_slot(me, lv, place, good)] * 0.25
    x[ORDER_AT + 12] = flows[place, OUT] * 0.25
    return FAR, route, 0


@jit
def see_market(s: Any, me: Any, pool: Any, lv: Any, flows: Any, town: Any, good: Any, top: Any, x: Any) -> Any:
    """A town's market for a good: price now, glut, what carts bring there already. Returns the price in coins."""
    price = price_at(s, pool, lv, town, good, me.seen_glut[town, good])
    x[ORDER_AT + 8] = price / top
    x[ORDER_AT + 9] = np.float64(me.seen_glut[town, good]) / np.float64(lv.market_depth)
    x[ORDER_AT + 16] = flows[MAX_BUILDINGS + town, good] * 0.25
    return price


@jit
def see_outlet(s: Any, me: Any, pool: Any, lv: Any, flows: Any, tile: Any, good: Any, top: Any, x: Any) -> None:
    """Where a good from a tile would best be sold, refined first if towns want it so: distance and market."""
    sold = good
    for r in range(lv.n_recipes):
        for j in range(lv.recipes[r].n_inputs):
            if lv.recipes[r].inputs[j] == good and lv.price[good] == 0:
                sold = np.int64(lv.recipes[r].output)
    best, choice = 0.0, -1
    for town in range(lv.n_towns):
        route = turns(lv, pool.site_travel[s.map, lv.n_deposits + town, tile])
        income = revenue(s, me, pool, lv, flows, town, sold, min(1.0, cart_rate(lv, route)))
        if income > best:
            best, choice = income, town
    if choice >= 0:
        x[ORDER_AT + 2] = TURNS_SCALE * turns(lv, pool.site_travel[s.map, lv.n_deposits + choice, tile])
        x[ORDER_AT + 17] = best / top
        see_market(s, me, pool, lv, flows, choice, sold, top, x)


@jit
def see_building_order(s: Any, me: Any, pool: Any, lv: Any, flows: Any, o: Any, top: Any, x: Any) -> Any:
    """What is particular to an EXTRACT, WORKSHOP or DISMANTLE order: its good, lead time and best outlet.

    Returns its cost in coins and the upkeep that it adds in coins a turn, both negative where it clears a building.
    """
    tile = np.int64(o.tile)
    if o.verb == EXTRACT:
        x[ORDER_AT + 1] = TURNS_SCALE * lv.extractor_lead
        for site in range(lv.n_deposits):
            if pool.site_tile[s.map, site] == tile:
                good = np.int64(pool.site_good[s.map, site])
                x[ORDER_GOOD_AT + good] = 1.0
                see_outlet(s, me, pool, lv, flows, tile, good, top, x)
        return np.int64(lv.extractor_cost), np.int64(lv.extractor_upkeep)
    if o.verb == WORKSHOP:
        x[ORDER_AT + 1] = TURNS_SCALE * lv.workshop_lead
        product = np.int64(lv.recipes[o.recipe].output)
        x[ORDER_GOOD_AT + product] = 1.0
        see_outlet(s, me, pool, lv, flows, tile, product, top, x)
        return np.int64(lv.workshop_cost), np.int64(lv.workshop_upkeep)
    b = building_at(me, tile)
    x[ORDER_GOOD_AT + me.buildings[b].output] = 1.0
    x[ORDER_AT + 3] = flows[b, OUT] * 0.25
    digs = me.buildings[b].kind == EXTRACTOR
    x[ORDER_AT + 7] = digs
    cost = -np.int64(lv.extractor_cost if digs else lv.workshop_cost) * np.int64(lv.refund_percent) // 100
    return cost, -np.int64(lv.extractor_upkeep if digs else lv.workshop_upkeep)


@jit
def see_order(
    s: Any,
    me: Any,
    pool: Any,
    lv: Any,
    flows: Any,
    table: Any,
    top: Any,
    upkeep: Any,
    ahead: Any,
    o: Any,
    worth: Any,
    x: Any,
) -> None:
    """One candidate [Fc]: verb, good, cost, lead time, route, what the rule of thumb says, both places, their gap.

    ``top`` is the level's highest price; ``upkeep`` is in coins a turn, ``ahead`` as ``foresee_sales`` gives it.
    """
    x[0] = 1.0
    x[1 + o.verb] = 1.0
    start = np.float64(lv.start_cash)
    tile = target = np.int64(o.tile)
    cost, own, route, coins = np.int64(0), FAR, 1, 0
    if o.verb == HAUL:
        target = np.int64(o.target)
        if o.cart == NEW_CART:
            cost, upkeep = np.int64(lv.cart_cost), upkeep + np.int64(lv.cart_upkeep)
        own, route, coins = see_route(s, me, pool, lv, flows, o, top, x)
    elif o.verb != PASS:
        cost, added = see_building_order(s, me, pool, lv, flows, o, top, x)
        upkeep = upkeep + added
    see_runway(me, lv, cost, upkeep, own, route, coins, ahead, x)
    if o.verb == PASS:
        return
    x[ORDER_AT] = cost / start
    x[ORDER_AT + 13] = squash(np.float64(worth[0]) / (2.0 * start))
    x[ORDER_AT + 14] = min(MOST_OUTLAY, np.float64(worth[1]) / start)
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


@jit
def hide_hints(o: Any, x: Any) -> None:
    """Take out of a row what is calculated from travel times: way, best outlet, worth and forecasts.

    What is left of distances is in the encoding. A HAUL order keeps the market of the town that it names.
    """
    for column in HINTS:
        x[ORDER_AT + column] = 0.0
    if o.verb != HAUL:
        for column in OUTLET_HINTS:
            x[ORDER_AT + column] = 0.0


@jit
def see_way(s: Any, me: Any, pool: Any, lv: Any, o: Any) -> Any:
    """The true travel time between the two places of a HAUL order, scaled as lengths are in ``encodings.py``."""
    b, place = building_at(me, np.int64(o.tile)), place_at(s, me, pool, lv, np.int64(o.target))
    return np.float64(route_units(s, me, pool, lv, b, place)) / (4.0 * np.float64(lv.side))
