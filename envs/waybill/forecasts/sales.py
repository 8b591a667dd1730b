"""What goods will earn: the best sale of a raw, refined or made good from a place."""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.core.jit import jit
from envs.waybill.core.state import (
    MAX_BUILDINGS,
    WORKS,
)
from envs.waybill.forecasts.flows import (
    IN,
    NEED_KEPT,
    NEED_OUTLAY,
    NEED_TURNS,
    OUT,
    cart_rate,
    kept,
)
from envs.waybill.rules.books import base_price, turns


@jit
def revenue(s: Any, me: Any, pool: Any, lv: Any, flows: Any, town: Any, good: Any, rate: Any) -> Any:
    """Coins a turn that a flow adds to what a town pays for the flows it has."""
    base = np.float64(base_price(s, me, pool, lv, town, good))
    depth, memory = np.float64(lv.market_depth), np.float64(lv.market_turns)
    now = max(flows[MAX_BUILDINGS + town, good], np.float64(me.seen_glut[town, good]) / memory)
    both = now + rate
    return base * depth * (both / (depth + both * memory) - now / (depth + now * memory))


@jit
def best_sale(
    s: Any, me: Any, pool: Any, lv: Any, flows: Any, tile: Any, good: Any, rate: Any, delay: Any, left: Any
) -> Any:
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
def made_sale(
    s: Any, me: Any, pool: Any, lv: Any, flows: Any, r: Any, slot: Any, b: Any, tile: Any, rate: Any, delay: Any,
    left: Any,
) -> Any:  # fmt: skip
    """(value, outlay, units, delay): coins from ``rate`` units of an input of recipe ``r`` at a tile, its output sold.

    ``b`` is the workshop there, -1 for a new one. If another input does not come yet, what it takes to bring it is
    paid, too. ``units`` is the flow of output, without the cart that takes it away.
    """
    recipe = lv.recipes[r]
    batches, cost, outlay = min(1.0, rate / np.float64(recipe.input_units[slot])), 0.0, 0.0
    for j in range(recipe.n_inputs):
        if j != slot:
            inflow = flows[b, IN + j] if b >= 0 else 0.0
            if inflow > 0.0:
                batches = min(batches, inflow / np.float64(recipe.input_units[j]))
            else:
                cost += flows[NEED_KEPT, recipe.inputs[j]]
                outlay += flows[NEED_OUTLAY, recipe.inputs[j]]
                delay = max(delay, flows[NEED_TURNS, recipe.inputs[j]])
    units = batches * np.float64(recipe.output_units)
    return best_sale(s, me, pool, lv, flows, tile, recipe.output, units, delay, left) - cost, outlay, units, delay


@jit
def refined_sale(
    s: Any, me: Any, pool: Any, lv: Any, flows: Any, r: Any, slot: Any, b: Any, tile: Any, rate: Any, delay: Any,
    left: Any, budget: Any,
) -> Any:  # fmt: skip
    """(value, outlay): best net coins from ``rate`` units of an input of recipe ``r`` at a tile: its output is sold, or
    refined once more and sold then, if the ``budget`` in coins allows it. ``b`` is the workshop, -1 for a new one.

    If no cart takes the output away already, one more is paid for and kept.
    """
    served = b >= 0 and flows[b, OUT] > 0.0
    value, outlay, units, delay = made_sale(s, me, pool, lv, flows, r, slot, b, tile, rate, delay, left)
    cart = kept(lv.cart_cost, lv.cart_upkeep, left)
    if flows[NEED_KEPT, lv.recipes[r].output] >= 0.0:  # something is made of the output, too
        further, more = further_sale(s, me, pool, lv, flows, lv.recipes[r].output, tile, units, delay, left)
        if further > value - (0.0 if served else cart) and outlay + more <= budget:
            return further, outlay + more
    if not served:
        value, outlay = value - cart, outlay + np.float64(lv.cart_cost)
    return value, outlay


@jit
def by_sites(s: Any, pool: Any, a: Any, b: Any) -> Any:
    """Travel units between two tiles by way of the site that lies best, which is close to the shortest way."""
    best = np.int64(1 << 30)
    for site in range(pool.site_tile.shape[1]):
        best = min(best, np.int64(pool.site_travel[s.map, site, a]) + np.int64(pool.site_travel[s.map, site, b]))
    return best


@jit
def further_sale(
    s: Any, me: Any, pool: Any, lv: Any, flows: Any, good: Any, tile: Any, rate: Any, delay: Any, left: Any
) -> Any:
    """(value, outlay): net coins from bringing a refined good to a workshop of the next stage, standing or new."""
    best, outlay = 0.0, 0.0
    cart, cost = kept(lv.cart_cost, lv.cart_upkeep, left), np.float64(lv.cart_cost)
    works = kept(lv.workshop_cost, lv.workshop_upkeep, left)
    for r in range(lv.n_recipes):
        recipe = lv.recipes[r]
        for j in range(recipe.n_inputs):
            if recipe.inputs[j] != good:
                continue
            stands = False
            for b in range(me.n_slots):
                if me.buildings[b].kind == WORKS and me.buildings[b].recipe == r:
                    stands = True
                    route = turns(lv, by_sites(s, pool, tile, np.int64(me.buildings[b].tile)))
                    flow = min(rate, max(0.0, np.float64(recipe.input_units[j]) - flows[b, IN + j]))
                    wait = max(delay, np.float64(me.buildings[b].ready_in)) + np.float64(route)
                    there = np.int64(me.buildings[b].tile)
                    value, more, _, _ = made_sale(s, me, pool, lv, flows, r, j, b, there, flow, wait, left)
                    carts = 1.0 if flows[b, OUT] > 0.0 else 2.0
                    if value - carts * cart > best:
                        best, outlay = value - carts * cart, more + carts * cost
            if not stands:
                lead = max(delay, np.float64(lv.workshop_lead)) + 1.0
                value, more, _, _ = made_sale(s, me, pool, lv, flows, r, j, -1, tile, rate, lead, left)
                if value - works - 2.0 * cart > best:
                    best, outlay = value - works - 2.0 * cart, more + np.float64(lv.workshop_cost) + 2.0 * cost
    return best, outlay
