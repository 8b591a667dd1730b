"""Reward functions: batch passes of one signature, found by name; a new one is one function here and one config file.

    reward(states, views, pool, level, numbers, potential, raw, reward, low, high)

Called after every turn for each view [R], a game and a seat in it. It writes the unshaped reward to ``raw`` [R], the
training reward to ``reward`` [R] and keeps in ``potential`` [R] what the next turn needs of the present state: the
potential Φ, or what was paid so far; all float64, in units of the starting cash. A game at turn 0 has just begun: its
potential is set, its rewards are 0. Raw reward and potential are recorded apart; scores are always raw.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from envs.waybill.jit import jit, kernel, named
from envs.waybill.state import (
    EMPTY,
    EXTRACT,
    EXTRACTOR,
    HAUL,
    MAX_BUILDINGS,
    STAGE_DELIVER,
    STAGE_DIG,
    STAGE_REFINE,
    STAGE_SELL,
    WORKS,
    WORKSHOP,
)

# Share of its final price that a good is worth on its way through the chain.
AT_EXTRACTOR, ON_WAY_TO_WORKSHOP, AS_INPUT, AS_PRODUCT, ON_WAY_TO_TOWN = 0.2, 0.35, 0.45, 0.65, 0.85


class Numbers(NamedTuple):
    """What a config sets; the same for all rewards, so that their signatures are one."""

    gamma: float  # the agent's discount
    bonus: float  # of a milestone, in starting cashes


@jit
def made_price(me: Any, lv: Any, r: Any, slot: Any, price: Any) -> Any:
    """Coins of a recipe's output at a price that one unit of an input stands for: inputs share it equally.

    0 if the input can be sold as it is and the company has no workshop that makes more of it: goods that pile up
    before a workshop that may never stand are no progress.
    """
    recipe = lv.recipes[r]
    stands = lv.price[recipe.inputs[slot]] == 0
    for b in range(me.n_slots):
        stands = stands or (me.buildings[b].kind == WORKS and me.buildings[b].recipe == r)
    units = np.float64(recipe.output_units) / np.float64(recipe.input_units[slot])
    return price * units / np.float64(recipe.n_inputs) if stands else 0.0


@jit
def product_price(me: Any, lv: Any, good: Any) -> Any:
    """Mean price of one unit of a good, or of what one unit of it becomes in one stage."""
    best = np.float64(lv.price[good])
    for r in range(lv.n_recipes):
        for j in range(lv.recipes[r].n_inputs):
            if lv.recipes[r].inputs[j] == good:
                best = max(best, made_price(me, lv, r, j, np.float64(lv.price[lv.recipes[r].output])))
    return best


@jit
def final_price(me: Any, lv: Any, good: Any) -> Any:
    """Mean price of one unit of a good, or of what one unit of it becomes in one or two stages."""
    best = np.float64(lv.price[good])
    for r in range(lv.n_recipes):
        for j in range(lv.recipes[r].n_inputs):
            if lv.recipes[r].inputs[j] == good:
                best = max(best, made_price(me, lv, r, j, product_price(me, lv, np.int64(lv.recipes[r].output))))
    return best


@jit
def goods_value(me: Any, lv: Any) -> Any:
    """Coins of expected sales for all goods in stores and carts, by how far along the chain they are."""
    value = 0.0
    for b in range(me.n_slots):
        building = me.buildings[b]
        if building.kind == EMPTY:
            continue
        share = AT_EXTRACTOR if building.kind == EXTRACTOR else AS_PRODUCT
        value += share * np.float64(building.stock) * final_price(me, lv, building.output)
        if building.kind != EXTRACTOR:
            recipe = lv.recipes[building.recipe]
            for j in range(recipe.n_inputs):
                value += AS_INPUT * np.float64(building.inputs[j]) * final_price(me, lv, recipe.inputs[j])
    for c in range(me.n_carts):
        k = me.carts[c]
        if k.load > 0:
            share = ON_WAY_TO_TOWN if k.target >= MAX_BUILDINGS else ON_WAY_TO_WORKSHOP
            value += share * np.float64(k.load) * final_price(me, lv, k.good)
    return value


@jit
def potential_of(s: Any, me: Any, lv: Any) -> Any:
    """Φ(s): profit so far, what stands at its price written off evenly to the horizon, and goods on their way.

    Zero in terminal states. Investing at the start leaves Φ as it is, and each step of the chain raises it.
    """
    if s.done != 0 or me.bankrupt != 0:
        return 0.0
    left = np.float64(lv.horizon - s.turn) / np.float64(lv.horizon)
    assets = np.float64(me.n_carts) * np.float64(lv.cart_cost)
    for b in range(me.n_slots):
        if me.buildings[b].kind != EMPTY:
            assets += np.float64(lv.extractor_cost if me.buildings[b].kind == EXTRACTOR else lv.workshop_cost)
    profit = np.float64(me.cash) - np.float64(lv.start_cash)
    return (profit + left * assets + goods_value(me, lv)) / np.float64(lv.start_cash)


@jit
def final_profit(s: Any, me: Any, lv: Any) -> Any:
    """The score in units of the starting cash in the turn that ends the company's game, else 0.

    Others may go on after a company is bankrupt; its cash was below zero then before the turn began.
    """
    if (s.done == 0 and me.bankrupt == 0) or me.cash_tm1 < 0:
        return 0.0
    return (np.float64(me.cash) - np.float64(lv.start_cash)) / np.float64(lv.start_cash)


@named
@kernel
def sparse(
    states: Any,
    views: Any,
    pool: Any,
    level: Any,
    numbers: Any,
    potential: Any,
    raw: Any,
    reward: Any,
    low: Any,
    high: Any,
) -> None:
    """The profit, at the end only."""
    for i in range(low, high):
        s = states[views[i, 0]]
        me = s.companies[views[i, 1]]
        raw[i] = reward[i] = final_profit(s, me, level[0])
        potential[i] = 0.0


@named
@kernel
def cash(
    states: Any,
    views: Any,
    pool: Any,
    level: Any,
    numbers: Any,
    potential: Any,
    raw: Any,
    reward: Any,
    low: Any,
    high: Any,
) -> None:
    """Each turn's change of cash: delayed, and deceptive because costs come first."""
    for i in range(low, high):
        s = states[views[i, 0]]
        me = s.companies[views[i, 1]]
        change = np.float64(me.cash) - np.float64(me.cash_tm1)
        raw[i] = reward[i] = change / np.float64(level[0].start_cash) if s.turn > 0 else 0.0
        potential[i] = 0.0


@named
@kernel
def shaped(
    states: Any,
    views: Any,
    pool: Any,
    level: Any,
    numbers: Any,
    potential: Any,
    raw: Any,
    reward: Any,
    low: Any,
    high: Any,
) -> None:
    """``sparse`` plus γΦ(s') − Φ(s): potential-based shaping keeps the optimal policy (Ng, Harada & Russell 1999).

    γ must be the agent's own and Φ zero in terminal states (Grześ 2017), or the best policy changes.
    """
    for i in range(low, high):
        s = states[views[i, 0]]
        me = s.companies[views[i, 1]]
        phi_t = potential_of(s, me, level[0])
        raw[i] = final_profit(s, me, level[0])
        reward[i] = raw[i] + numbers.gamma * phi_t - potential[i] if s.turn > 0 else 0.0
        potential[i] = phi_t


@jit
def milestones_of(me: Any) -> Any:
    """Milestones so far: each extractor and workshop begun, each cart sent on a route; digging, delivering, refining
    and selling count once.
    """
    count = np.int64(me.orders[EXTRACT]) + np.int64(me.orders[WORKSHOP]) + np.int64(me.orders[HAUL])
    for stage in (STAGE_DIG, STAGE_DELIVER, STAGE_REFINE, STAGE_SELL):
        count += me.stage_turn[stage] >= 0
    return count


@named
@kernel
def milestone(
    states: Any,
    views: Any,
    pool: Any,
    level: Any,
    numbers: Any,
    potential: Any,
    raw: Any,
    reward: Any,
    low: Any,
    high: Any,
) -> None:
    """``sparse`` plus a bonus for every milestone: naive on purpose, kept to show how agents exploit it.

    What is paid is never taken back: neither when a building is cleared or a cart turned round, nor at the end. So a
    cart that is sent to and fro and a site that is built on again and again pay each time, as the bicycle did that
    went round in circles (Randløv & Alstrøm 1998). Potentials were made to rule that out (Ng, Harada & Russell 1999).
    """
    for i in range(low, high):
        s = states[views[i, 0]]
        me = s.companies[views[i, 1]]
        paid_t = numbers.bonus * np.float64(milestones_of(me))
        raw[i] = final_profit(s, me, level[0])
        reward[i] = raw[i] + paid_t - potential[i] if s.turn > 0 else 0.0
        potential[i] = paid_t
