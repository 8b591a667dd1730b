"""Globals of the observation [G]: time, cash and size of the company; and the scales that all features share."""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.jit import jit
from envs.waybill.state import EMPTY, EXTRACTOR, IDLE, LOADING, MAX_BUILDINGS, TO_SOURCE

GLOBALS = 13
TURNS_SCALE = 0.1
FAR = 20  # turns: so far ahead nothing is foreseen


@jit
def squash(x: Any) -> Any:
    """A monotone map of any number into -1..1 that keeps small ones as they are."""
    return x / (1.0 + abs(x))


@jit
def loading_turns(s: Any, lv: Any, b: Any, load: Any) -> Any:
    """Turns until building ``b`` fills a cart with ``load`` units by half, at most FAR; other carts are forgotten."""
    building = s.buildings[b]
    missing = (np.int64(lv.cart_capacity) + 1) // 2 - np.int64(load) - np.int64(building.stock)
    if missing <= 0:
        return 0
    if building.kind != EXTRACTOR or s.reserve[building.site] < missing:
        return FAR
    rate = np.int64(lv.dig_rate)
    return min(FAR, np.int64(building.ready_in) + (missing + rate - 1) // rate)


@jit
def next_sale(s: Any, lv: Any) -> Any:
    """In how many turns a cart next sells to a town as things go on, at most FAR; this turn is 1."""
    soonest: Any = FAR
    for c in range(s.n_carts):
        k = s.carts[c]
        if k.phase == IDLE or k.target < MAX_BUILDINGS:
            continue
        ahead = np.int64(k.leg_left)
        if k.phase == TO_SOURCE or k.phase == LOADING:
            ahead = max(1, max(ahead, loading_turns(s, lv, k.source, k.load))) + np.int64(k.route)
        soonest = min(soonest, ahead)
    return soonest


@jit
def see_company(s: Any, lv: Any, upkeep: Any, sale: Any, x: Any) -> None:
    """All globals [G]; ``upkeep`` in coins a turn, ``sale`` as ``next_sale`` gives it."""
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
    x[8] = upkeep * 10.0 / start
    x[9] = np.float64(s.n_carts) / np.float64(lv.max_carts)
    x[10] = np.float64(buildings) / np.float64(lv.max_buildings)
    x[11] = s.n_slots > 0
    x[12] = TURNS_SCALE * sale
