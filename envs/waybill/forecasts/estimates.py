"""What an order is worth: a rough forecast of the profit of the supply chain that it starts or completes.

A rule of thumb, not a rule of the game: the heuristic reducer ranks by it, ``greedy`` plays by it, and candidates carry
it as a feature. Rates are in units a turn (float), values and outlays in coins. Arguments as in ``rules/books.py``.

The market in steady state (q units sold every turn) holds a glut of q · market_turns, so a town pays
R(q) = q · base · depth / (depth + q · market_turns) a turn; a new flow is worth R(q0 + q) − R(q0).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.core.jit import called, jit
from envs.waybill.core.state import (
    DISMANTLE,
    EMPTY,
    EXTRACT,
    EXTRACTOR,
    HAUL,
    IDLE,
    MAX_BUILDINGS,
    NEW_CART,
    WORKS,
    WORKSHOP,
)
from envs.waybill.forecasts.flows import (
    IN,
    OUT,
    SUPPLY,
    cart_rate,
    dig_supply,
    kept,
)
from envs.waybill.forecasts.sales import best_sale, by_sites, refined_sale, revenue
from envs.waybill.rules.books import base_price, building_at, input_slot, place_at, route_units, site_at, turns


@jit
def raw_value(
    s: Any, me: Any, pool: Any, lv: Any, flows: Any, tile: Any, good: Any, rate: Any, delay: Any, left: Any, budget: Any
) -> Any:
    """(value, outlay): best net coins from a flow of a raw good at a tile, all later orders of its chain paid."""
    cart, cost = kept(lv.cart_cost, lv.cart_upkeep, left), np.float64(lv.cart_cost)
    works, works_cost = kept(lv.workshop_cost, lv.workshop_upkeep, left), np.float64(lv.workshop_cost)
    best, outlay = best_sale(s, me, pool, lv, flows, tile, good, rate, delay, left) - cart, cost
    for r in range(lv.n_recipes):
        recipe = lv.recipes[r]
        for j in range(recipe.n_inputs):
            if recipe.inputs[j] != good:
                continue
            lead = max(delay, np.float64(lv.workshop_lead)) + 1.0
            flow = min(rate, cart_rate(lv, 1))
            value, more = refined_sale(
                s, me, pool, lv, flows, r, j, -1, tile, flow, lead, left, budget - works_cost - cost
            )
            if value - works - cart > best:
                best, outlay = value - works - cart, works_cost + cost + more
            for b in range(me.n_slots):
                if me.buildings[b].kind == WORKS and me.buildings[b].recipe == r:
                    value, more = shared_value(
                        s, me, pool, lv, flows, b, j, tile, good, rate, delay, left, budget - cost
                    )
                    if value - cart > best:
                        best, outlay = value - cart, cost + more
    return best, outlay


@jit
def shared_value(
    s: Any, me: Any, pool: Any, lv: Any, flows: Any, b: Any, slot: Any, tile: Any, good: Any, rate: Any, delay: Any,
    left: Any, budget: Any,
) -> Any:  # fmt: skip
    """(value, outlay) of bringing a raw flow from the deposit on ``tile`` to the standing workshop ``b``."""
    building = me.buildings[b]
    site = site_at(s, me, pool, tile)
    route = turns(lv, pool.site_travel[s.map, site, building.tile])
    recipe = lv.recipes[building.recipe]
    room = max(0.0, np.float64(recipe.input_units[slot]) - flows[b, IN + slot])
    flow = min(min(rate, cart_rate(lv, route)), room)
    wait = max(delay, np.float64(building.ready_in)) + np.float64(route)
    return refined_sale(s, me, pool, lv, flows, building.recipe, slot, b, building.tile, flow, wait, left, budget)


@jit
def extract_value(s: Any, me: Any, pool: Any, lv: Any, flows: Any, site: Any, left: Any) -> Any:
    """(value, outlay) of a new extractor on a deposit with the rest of its chain."""
    rate = dig_supply(me, lv, site, left)
    tile, good = np.int64(pool.site_tile[s.map, site]), np.int64(pool.site_good[s.map, site])
    budget = np.float64(me.cash) - np.float64(lv.extractor_cost)
    value, outlay = raw_value(s, me, pool, lv, flows, tile, good, rate, np.float64(lv.extractor_lead), left, budget)
    return value - kept(lv.extractor_cost, lv.extractor_upkeep, left), outlay + np.float64(lv.extractor_cost)


@jit
def branched(me: Any, lv: Any, flows: Any, b: Any, rate: Any, left: Any) -> Any:
    """(flow, loss): what one more cart takes from a workshop, and the coins that its other carts bring less for it.

    Carts at one source share its goods. A refined good that is sold already may be worth more as an input.
    """
    supply, out = flows[b, SUPPLY], flows[b, OUT]
    spare = max(0.0, supply - out)
    flow = min(rate, max(spare, supply * rate / (out + rate)))
    price = np.float64(lv.price[me.buildings[b].output])
    return flow, (flow - min(flow, spare)) * 0.5 * price * np.float64(left)


@jit
def fed_value(s: Any, me: Any, pool: Any, lv: Any, flows: Any, r: Any, j: Any, b: Any, tile: Any, left: Any) -> Any:
    """(value, outlay) of a new workshop on a tile whose input ``j`` comes from building ``b``; without the workshop."""
    building = me.buildings[b]
    loss = 0.0
    if building.kind == EXTRACTOR:
        route = turns(lv, pool.site_travel[s.map, building.site, tile])
        flow = min(flows[b, SUPPLY] - flows[b, OUT], cart_rate(lv, route))
    else:
        route = turns(lv, by_sites(s, pool, np.int64(building.tile), tile))
        flow, loss = branched(me, lv, flows, b, cart_rate(lv, route), left)
    if flow <= 0.0:
        return 0.0, 0.0
    wait = max(np.float64(building.ready_in), np.float64(lv.workshop_lead)) + np.float64(route)
    budget = np.float64(me.cash) - np.float64(lv.workshop_cost) - np.float64(lv.cart_cost)
    value, outlay = refined_sale(s, me, pool, lv, flows, r, j, -1, tile, flow, wait, left, budget)
    return value - loss - kept(lv.cart_cost, lv.cart_upkeep, left), outlay + np.float64(lv.cart_cost)


@jit
def workshop_value(s: Any, me: Any, pool: Any, lv: Any, flows: Any, r: Any, tile: Any, left: Any) -> Any:
    """(value, outlay) of a new workshop on a tile, fed by the best building that has goods to spare."""
    recipe = lv.recipes[r]
    best, outlay = 0.0, 2.0 * np.float64(lv.cart_cost)
    for b in range(me.n_slots):
        for j in range(recipe.n_inputs):
            if me.buildings[b].kind != EMPTY and recipe.inputs[j] == me.buildings[b].output:
                value, more = fed_value(s, me, pool, lv, flows, r, j, b, tile, left)
                if value > best:
                    best, outlay = value, more
    return best - kept(lv.workshop_cost, lv.workshop_upkeep, left), outlay + np.float64(lv.workshop_cost)


@jit
def haul_value(s: Any, me: Any, pool: Any, lv: Any, flows: Any, b: Any, place: Any, buys: Any, left: Any) -> Any:
    """(value, outlay) of one more cart from building ``b`` to a place."""
    building = me.buildings[b]
    good = np.int64(building.output)
    route = turns(lv, route_units(s, me, pool, lv, b, place))
    spare = max(0.0, flows[b, SUPPLY] - flows[b, OUT])
    spare += np.float64(building.stock) / np.float64(max(1, left))
    flow = min(spare, cart_rate(lv, route))
    delay = np.float64(building.ready_in)
    value = outlay = 0.0
    if place >= MAX_BUILDINGS:
        selling = np.float64(left) - delay - np.float64(route)
        if selling > 0.0:
            value = selling * revenue(s, me, pool, lv, flows, place - MAX_BUILDINGS, good, flow)
    else:
        loss, budget = 0.0, np.float64(me.cash) - (np.float64(lv.cart_cost) if buys else 0.0)
        if building.kind == WORKS:
            flow, loss = branched(me, lv, flows, b, cart_rate(lv, route), left)
        slot = input_slot(me, lv, place, good)
        target = me.buildings[place]
        recipe = lv.recipes[target.recipe]
        room = max(0.0, np.float64(recipe.input_units[slot]) - flows[place, IN + slot])
        wait = max(delay, np.float64(target.ready_in)) + np.float64(route)
        value, outlay = refined_sale(
            s, me, pool, lv, flows, target.recipe, slot, place, target.tile, min(flow, room), wait, left, budget
        )
        value -= loss
    if buys:
        value -= kept(lv.cart_cost, lv.cart_upkeep, left)
        outlay += np.float64(lv.cart_cost)
    return value, outlay


@jit
def dismantle_value(s: Any, me: Any, pool: Any, lv: Any, flows: Any, b: Any, left: Any) -> Any:
    """Coins won by clearing a building now: refund and upkeep saved, less what it would still earn."""
    building = me.buildings[b]
    digs = building.kind == EXTRACTOR
    cost = np.float64(lv.extractor_cost if digs else lv.workshop_cost)
    upkeep = np.float64(lv.extractor_upkeep if digs else lv.workshop_upkeep)
    value = cost * np.float64(lv.refund_percent) / 100.0 + upkeep * np.float64(left)
    for c in range(me.n_carts):
        k = me.carts[c]
        if k.phase != IDLE and (k.source == b or k.target == b) and k.target >= MAX_BUILDINGS:
            flow = min(cart_rate(lv, np.int64(k.route)), flows[b, SUPPLY])
            town = np.int64(k.target) - MAX_BUILDINGS
            base = np.float64(base_price(s, me, pool, lv, town, k.good))
            depth = np.float64(lv.market_depth)
            due = max(0.0, np.float64(left) - np.float64(k.route))
            value -= flow * due * base * depth / (depth + np.float64(me.seen_glut[town, k.good]))
    return value


@called
def estimate(s: Any, me: Any, pool: Any, lv: Any, flows: Any, o: Any, worth: Any) -> None:
    """worth[0] = net profit of the chain that a legal order belongs to, worth[1] = coins still to pay for the chain."""
    left = np.int64(lv.horizon) - np.int64(s.turn)
    tile = np.int64(o.tile)
    value = outlay = 0.0
    if o.verb == EXTRACT:
        value, outlay = extract_value(s, me, pool, lv, flows, site_at(s, me, pool, tile), left)
    elif o.verb == WORKSHOP:
        value, outlay = workshop_value(s, me, pool, lv, flows, np.int64(o.recipe), tile, left)
    elif o.verb == HAUL:
        b, place = building_at(me, tile), place_at(s, me, pool, lv, np.int64(o.target))
        value, outlay = haul_value(s, me, pool, lv, flows, b, place, o.cart == NEW_CART, left)
    elif o.verb == DISMANTLE:
        value = dismantle_value(s, me, pool, lv, flows, building_at(me, tile), left)
    worth[0], worth[1] = value, outlay
