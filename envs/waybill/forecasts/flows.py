"""What flows through a company: units a turn for every place, and what it takes to bring goods that do not come yet.

Rates are in units a turn (float), costs in coins. Arguments as in ``rules/books.py``. ``estimates.py`` judges orders by
what is measured here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.core.jit import jit
from envs.waybill.core.state import EXTRACTOR, IDLE, MAX_BUILDINGS, MAX_GOODS, MAX_TOWNS, WORKS
from envs.waybill.rules.books import building_at, input_slot, knows

OUT, SUPPLY, IN = 0, 1, 2  # columns of the flows
FLOWS = MAX_GOODS  # a town's row has one for each good
# Rows after the places', a column a good: what it takes to bring a good to a workshop that has it not yet. NEED_KEPT is
# coins to the end (-1: nobody needs it), NEED_OUTLAY coins now, NEED_TURNS until it comes.
NEED_KEPT, NEED_OUTLAY, NEED_TURNS = range(MAX_BUILDINGS + MAX_TOWNS, MAX_BUILDINGS + MAX_TOWNS + 3)
IMPOSSIBLE = 1e6  # coins


@jit
def cart_rate(lv: Any, route: Any) -> Any:
    """Units a turn that one cart carries over a route of that many turns."""
    return np.float64(lv.cart_capacity) / (2.0 * np.float64(max(1, route)))


@jit
def kept(cost: Any, upkeep: Any, left: Any) -> Any:
    """Coins for buying something and keeping it for the turns left."""
    return np.float64(cost) + np.float64(upkeep) * np.float64(left)


@jit
def dig_supply(me: Any, lv: Any, site: Any, left: Any) -> Any:
    """Units a turn that a deposit can give over the turns left."""
    grown = np.float64(me.seen_reserve[site]) / max(1.0, np.float64(left)) + 1.0 / np.float64(lv.renew_turns)
    return min(np.float64(lv.dig_rate), grown)


@jit
def carried(lv: Any, flows: Any, k: Any) -> Any:
    """Units a turn that a cart carries: its share of what its source gives."""
    rate = cart_rate(lv, np.int64(k.route))
    return rate * min(1.0, flows[k.source, SUPPLY] / flows[k.source, OUT])


@jit
def measure_flows(s: Any, me: Any, pool: Any, lv: Any, flows: Any) -> None:
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
    measure_stage(me, lv, flows, EXTRACTOR)
    measure_stage(me, lv, flows, WORKS)
    for c in range(me.n_carts):
        k = me.carts[c]
        if k.phase != IDLE and k.target >= MAX_BUILDINGS:
            flows[k.target, k.good] += carried(lv, flows, k)
    measure_needs(s, me, pool, lv, flows, left)


@jit
def measure_stage(me: Any, lv: Any, flows: Any, kind: Any) -> None:
    """Add what carts bring from buildings of a kind to workshops, and what the workshops then give."""
    for c in range(me.n_carts):
        k = me.carts[c]
        if k.phase != IDLE and k.target < MAX_BUILDINGS and me.buildings[k.source].kind == kind:
            flows[k.target, IN + input_slot(me, lv, k.target, k.good)] += carried(lv, flows, k)
    for b in range(me.n_slots):
        if me.buildings[b].kind == WORKS:
            recipe = lv.recipes[me.buildings[b].recipe]
            batches = 1.0
            for j in range(recipe.n_inputs):
                batches = min(batches, flows[b, IN + j] / np.float64(recipe.input_units[j]))
            flows[b, SUPPLY] = batches * np.float64(recipe.output_units)


@jit
def measure_needs(s: Any, me: Any, pool: Any, lv: Any, flows: Any, left: Any) -> None:
    """Fill the rows NEED_*: of inputs of recipes with several, and of refined inputs."""
    flows[NEED_KEPT, :] = -1.0
    for r in range(lv.n_recipes):
        recipe = lv.recipes[r]
        for j in range(recipe.n_inputs):
            good = np.int64(recipe.inputs[j])
            if (recipe.n_inputs > 1 or good >= lv.n_raw) and flows[NEED_KEPT, good] < 0.0:
                coins, outlay, wait = need_of(s, me, pool, lv, flows, good, left)
                flows[NEED_KEPT, good], flows[NEED_OUTLAY, good], flows[NEED_TURNS, good] = coins, outlay, wait


@jit
def need_of(s: Any, me: Any, pool: Any, lv: Any, flows: Any, good: Any, left: Any) -> Any:
    """(coins to the end, coins now, turns) to bring a good: from an own building, or by all that makes it."""
    cart, cost = kept(lv.cart_cost, lv.cart_upkeep, left), np.float64(lv.cart_cost)
    if good < lv.n_raw:
        coins, outlay, wait = dug(s, me, pool, lv, flows, good, left)
        return coins + cart, outlay + cost, wait
    best, outlay, wait = IMPOSSIBLE, IMPOSSIBLE, 0.0
    for b in range(me.n_slots):
        if me.buildings[b].kind == WORKS and me.buildings[b].output == good:
            return cart, cost, np.float64(me.buildings[b].ready_in) + 2.0
    for r in range(lv.n_recipes):
        recipe = lv.recipes[r]
        if recipe.output == good:
            coins = kept(lv.workshop_cost, lv.workshop_upkeep, left) + cart
            now, turns_until = np.float64(lv.workshop_cost) + cost, np.float64(lv.workshop_lead)
            for j in range(recipe.n_inputs):
                more, pay, until = dug(s, me, pool, lv, flows, np.int64(recipe.inputs[j]), left)
                coins, now, turns_until = coins + more + cart, now + pay + cost, max(turns_until, until + 2.0)
            if coins < best:
                best, outlay, wait = coins, now, turns_until + 2.0
    return best, outlay, wait


@jit
def dug(s: Any, me: Any, pool: Any, lv: Any, flows: Any, good: Any, left: Any) -> Any:
    """(coins to the end, coins now, turns) for a raw good: from an own extractor with goods to spare, or a new one."""
    for b in range(me.n_slots):
        digs = me.buildings[b].kind == EXTRACTOR and me.buildings[b].output == good
        if digs and flows[b, SUPPLY] - flows[b, OUT] > 0.1:
            return 0.0, 0.0, np.float64(me.buildings[b].ready_in)
    for site in range(lv.n_deposits):
        free = pool.site_good[s.map, site] == good and knows(me, site) and me.seen_taken[site] == 0
        if free and building_at(me, np.int64(pool.site_tile[s.map, site])) < 0:
            lead = np.float64(lv.extractor_lead)
            return kept(lv.extractor_cost, lv.extractor_upkeep, left), np.float64(lv.extractor_cost), lead
    return IMPOSSIBLE, IMPOSSIBLE, 0.0
