"""What an order is worth: a rough forecast of the profit of the supply chain that it starts or completes.

A rule of thumb, not a rule of the game: the heuristic reducer ranks by it, ``greedy`` plays by it, and candidates carry
it as a feature. Rates are in units a turn (float), values and outlays in coins. Arguments as in ``books.py``.

The market in steady state (q units sold every turn) holds a glut of q · market_turns, so a town pays
R(q) = q · base · depth / (depth + q · market_turns) a turn; a new flow is worth R(q0 + q) − R(q0).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.books import base_price, building_at, input_slot, place_at, route_units, site_at, turns
from envs.waybill.jit import jit
from envs.waybill.state import (
    DISMANTLE,
    EXTRACT,
    EXTRACTOR,
    HAUL,
    IDLE,
    MAX_BUILDINGS,
    MAX_GOODS,
    NEW_CART,
    WORKS,
    WORKSHOP,
)

OUT, SUPPLY, IN = 0, 1, 2  # columns of the flows
FLOWS = MAX_GOODS  # a town's row has one for each good


@jit
def cart_rate(lv: Any, route: Any) -> Any:
    """Units a turn that one cart carries over a route of that many turns."""
    return np.float64(lv.cart_capacity) / (2.0 * np.float64(max(1, route)))


@jit
def dig_supply(me: Any, lv: Any, site: Any, left: Any) -> Any:
    """Units a turn that a deposit can give over the turns left."""
    grown = np.float64(me.seen_reserve[site]) / max(1.0, np.float64(left)) + 1.0 / np.float64(lv.renew_turns)
    return min(np.float64(lv.dig_rate), grown)


@jit
def measure_flows(s: Any, me: Any, lv: Any, flows: Any) -> None:
    """What the carts carry now, in units a turn, for every place: float64 [places, FLOWS].

    Of a building: OUT is what its carts could take away, SUPPLY what it gives with the carts it has, IN + j what
    reaches input j of a workshop. Of a town (row MAX_BUILDINGS + town): what reaches it of each good. The other
    functions here read it, so it must be measured anew for every state.
    """
    left = np.int64(lv.horizon) - np.int64(s.turn)
    for b in range(me.n_slots):
        flows[b, :] = 0.0
        if me.buildings[b].kind == EXTRACTOR:
            flows[b, SUPPLY] = dig_supply(me, lv, np.int64(me.buildings[b].site), left)
    for town in range(lv.n_towns):
        flows[MAX_BUILDINGS + town, :] = 0.0
    for c in range(me.n_carts):
        k = me.carts[c]
        if k.phase != IDLE:
            flows[k.source, OUT] += cart_rate(lv, np.int64(k.route))
    for c in range(me.n_carts):
        k = me.carts[c]
        if k.phase != IDLE and k.target < MAX_BUILDINGS:
            flows[k.target, IN + input_slot(me, lv, k.target, k.good)] += carried(lv, flows, k)
    for b in range(me.n_slots):
        if me.buildings[b].kind == WORKS:
            recipe = lv.recipes[me.buildings[b].recipe]
            batches = 1.0
            for j in range(recipe.n_inputs):
                batches = min(batches, flows[b, IN + j] / np.float64(recipe.input_units[j]))
            flows[b, SUPPLY] = batches * np.float64(recipe.output_units)
    for c in range(me.n_carts):
        k = me.carts[c]
        if k.phase != IDLE and k.target >= MAX_BUILDINGS:
            flows[k.target, k.good] += carried(lv, flows, k)


@jit
def carried(lv: Any, flows: Any, k: Any) -> Any:
    """Units a turn that a cart carries: its share of what its source gives."""
    rate = cart_rate(lv, np.int64(k.route))
    return rate * min(1.0, flows[k.source, SUPPLY] / flows[k.source, OUT])


@jit
def revenue(s: Any, me: Any, pool: Any, lv: Any, flows: Any, town: Any, good: Any, rate: Any) -> Any:
    """Coins a turn that a flow adds to what a town pays for the flows it has."""
    base = np.float64(base_price(s, me, pool, lv, town, good))
    depth, memory = np.float64(lv.market_depth), np.float64(lv.market_turns)
    now = max(flows[MAX_BUILDINGS + town, good], np.float64(me.seen_glut[town, good]) / memory)
    both = now + rate
    return base * depth * (both / (depth + both * memory) - now / (depth + now * memory))


@jit
def best_sale(s: Any, me: Any, pool: Any, lv: Any, flows: Any, tile: Any, good: Any, rate: Any, delay: Any, left: Any) -> Any:
    """Best coins over the turns left from a flow of ``good`` that one more cart takes from a tile to a town."""
    best = 0.0
    for town in range(lv.n_towns):
        site = lv.n_deposits + town
        if base_price(s, me, pool, lv, town, good) > 0:
            route = turns(lv, pool.site_travel[s.map, site, tile])
            flow = min(rate, cart_rate(lv, route))
            selling = np.float64(left) - delay - np.float64(route)
            if selling > 0.0:
                best = max(best, selling * revenue(s, me, pool, lv, flows, town, good, flow))
    return best


@jit
def refined_sale(
    s: Any, me: Any, pool: Any, lv: Any, flows: Any, r: Any, slot: Any, tile: Any, rate: Any, delay: Any, left: Any, served: Any
) -> Any:
    """Best coins from ``rate`` units of input ``slot`` of recipe ``r`` at a workshop tile, sold after refining.

    If no cart takes the output away already (``served``), one more is paid for and kept.
    """
    recipe = lv.recipes[r]
    batches = min(1.0, rate / np.float64(recipe.input_units[slot]))
    sale = best_sale(s, me, pool, lv, flows, tile, recipe.output, batches * np.float64(recipe.output_units), delay, left)
    if not served:
        sale -= kept(lv.cart_cost, lv.cart_upkeep, left)
    return sale


@jit
def raw_value(s: Any, me: Any, pool: Any, lv: Any, flows: Any, tile: Any, good: Any, rate: Any, delay: Any, left: Any) -> Any:
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
            fresh = refined_sale(s, me, pool, lv, flows, r, j, tile, flow, lead, left, False) - works - cart
            if fresh > best:
                best, outlay = fresh, works_cost + 2.0 * cost
            for b in range(me.n_slots):
                if me.buildings[b].kind == WORKS and me.buildings[b].recipe == r:
                    value = shared_value(s, me, pool, lv, flows, b, j, tile, good, rate, delay, left) - cart
                    if value > best:
                        best, outlay = value, (1.0 if flows[b, OUT] > 0.0 else 2.0) * cost
    return best, outlay


@jit
def kept(cost: Any, upkeep: Any, left: Any) -> Any:
    """Coins for buying something and keeping it for the turns left."""
    return np.float64(cost) + np.float64(upkeep) * np.float64(left)


@jit
def shared_value(
    s: Any, me: Any, pool: Any, lv: Any, flows: Any, b: Any, slot: Any, tile: Any, good: Any, rate: Any, delay: Any, left: Any
) -> Any:
    """Coins from bringing a raw flow from the deposit on ``tile`` to the standing workshop ``b``."""
    building = me.buildings[b]
    site = site_at(s, me, pool, tile)
    route = turns(lv, pool.site_travel[s.map, site, building.tile])
    recipe = lv.recipes[building.recipe]
    room = max(0.0, np.float64(recipe.input_units[slot]) - flows[b, IN + slot])
    flow = min(min(rate, cart_rate(lv, route)), room)
    wait = max(delay, np.float64(building.ready_in)) + np.float64(route)
    served = flows[b, OUT] > 0.0
    return refined_sale(s, me, pool, lv, flows, building.recipe, slot, building.tile, flow, wait, left, served)


@jit
def extract_value(s: Any, me: Any, pool: Any, lv: Any, flows: Any, site: Any, left: Any) -> Any:
    """(value, outlay) of a new extractor on a deposit with the rest of its chain."""
    rate = dig_supply(me, lv, site, left)
    tile, good = np.int64(pool.site_tile[s.map, site]), np.int64(pool.site_good[s.map, site])
    value, outlay = raw_value(s, me, pool, lv, flows, tile, good, rate, np.float64(lv.extractor_lead), left)
    return value - kept(lv.extractor_cost, lv.extractor_upkeep, left), outlay + np.float64(lv.extractor_cost)


@jit
def workshop_value(s: Any, me: Any, pool: Any, lv: Any, flows: Any, r: Any, tile: Any, left: Any) -> Any:
    """(value, outlay) of a new workshop on a tile, fed by the best extractor that has goods to spare."""
    recipe = lv.recipes[r]
    best = 0.0
    for b in range(me.n_slots):
        building = me.buildings[b]
        if building.kind != EXTRACTOR:
            continue
        for j in range(recipe.n_inputs):
            if recipe.inputs[j] == building.output:
                spare = flows[b, SUPPLY] - flows[b, OUT]
                route = turns(lv, pool.site_travel[s.map, building.site, tile])
                flow = min(spare, cart_rate(lv, route))
                wait = max(np.float64(building.ready_in), np.float64(lv.workshop_lead)) + np.float64(route)
                if flow > 0.0:
                    sale = refined_sale(s, me, pool, lv, flows, r, j, tile, flow, wait, left, False)
                    best = max(best, sale - kept(lv.cart_cost, lv.cart_upkeep, left))
    outlay = np.float64(lv.workshop_cost) + 2.0 * np.float64(lv.cart_cost)
    return best - kept(lv.workshop_cost, lv.workshop_upkeep, left), outlay


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
    cost = np.float64(lv.cart_cost)
    value = outlay = 0.0
    if place >= MAX_BUILDINGS:
        selling = np.float64(left) - delay - np.float64(route)
        if selling > 0.0:
            value = selling * revenue(s, me, pool, lv, flows, place - MAX_BUILDINGS, good, flow)
    else:
        slot = input_slot(me, lv, place, good)
        target = me.buildings[place]
        recipe = lv.recipes[target.recipe]
        room = max(0.0, np.float64(recipe.input_units[slot]) - flows[place, IN + slot])
        wait = max(delay, np.float64(target.ready_in)) + np.float64(route)
        served = flows[place, OUT] > 0.0
        value = refined_sale(s, me, pool, lv, flows, target.recipe, slot, target.tile, min(flow, room), wait, left, served)
        outlay = 0.0 if served else cost
    if buys:
        value -= kept(lv.cart_cost, lv.cart_upkeep, left)
        outlay += cost
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


@jit
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
