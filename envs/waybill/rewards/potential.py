"""The potential Φ of potential-based shaping (Ng, Harada & Russell 1999): progress along the supply chain."""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.core.jit import jit
from envs.waybill.core.state import (
    EMPTY,
    EXTRACTOR,
    MAX_BUILDINGS,
    WORKS,
)

# Share of its final price that a good is worth on its way through the chain.
AT_EXTRACTOR, ON_WAY_TO_WORKSHOP, AS_INPUT, AS_PRODUCT, ON_WAY_TO_TOWN = 0.2, 0.35, 0.45, 0.65, 0.85


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
