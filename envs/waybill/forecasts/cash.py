"""A company's cash foreseen: turns until the next sale, and what is left then and later."""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.core.jit import jit
from envs.waybill.core.state import EXTRACTOR, IDLE, LOADING, MAX_BUILDINGS, TO_SOURCE
from envs.waybill.rules.books import price_at

FAR = 20  # turns: so far ahead nothing is foreseen
SOON, LATER = 8, 16  # turns: when there should still be cash


@jit
def half_load(lv: Any) -> Any:
    """Units with which a cart sets out."""
    return (np.int64(lv.cart_capacity) + 1) // 2


@jit
def loading_turns(me: Any, lv: Any, b: Any, load: Any) -> Any:
    """Turns until building ``b`` fills a cart with ``load`` units by half, at most FAR; other carts are forgotten."""
    building = me.buildings[b]
    missing = half_load(lv) - np.int64(load) - np.int64(building.stock)
    if missing <= 0:
        return 0
    if building.kind != EXTRACTOR or me.seen_reserve[building.site] < missing:
        return FAR
    rate = np.int64(lv.dig_rate)
    return min(FAR, np.int64(building.ready_in) + (missing + rate - 1) // rate)


@jit
def sales_within(first: Any, route: Any, turns: Any) -> Any:
    """How often a cart sells within ``turns`` if it sells at turn ``first`` and then after each way there and back."""
    if first > turns:
        return 0
    return 1 + (turns - first) // (2 * np.int64(route))


@jit
def foresee_sales(s: Any, me: Any, pool: Any, lv: Any, ahead: Any) -> None:
    """What the carts will sell as things go on: turns to the next sale, coins within SOON and within LATER turns.

    Written to ``ahead`` [3]. This turn is 1, nothing is foreseen beyond FAR turns; loads are sold at today's price.
    """
    ahead[0], ahead[1], ahead[2] = FAR, 0.0, 0.0
    for c in range(me.n_carts):
        k = me.carts[c]
        if k.phase == IDLE or k.target < MAX_BUILDINGS:
            continue
        first, load = np.int64(k.leg_left), np.int64(k.load)
        if k.phase == TO_SOURCE or k.phase == LOADING:
            first = max(1, max(first, loading_turns(me, lv, k.source, load))) + np.int64(k.route)
            load = max(load, half_load(lv))
        town = np.int64(k.target) - MAX_BUILDINGS
        coins = load * price_at(s, pool, lv, town, k.good, me.seen_glut[town, k.good])
        ahead[0] = min(ahead[0], np.float64(first))
        ahead[1] += np.float64(coins * sales_within(first, k.route, SOON))
        ahead[2] += np.float64(coins * sales_within(first, k.route, LATER))
