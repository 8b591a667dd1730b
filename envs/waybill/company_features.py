"""Globals of the observation [G]: time, cash and size of the company; and the scales that all features share."""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.books import price_at
from envs.waybill.jit import jit
from envs.waybill.state import EMPTY, EXTRACTOR, IDLE, LOADING, MAX_BUILDINGS, MAX_SEATS, TO_SOURCE

GLOBALS = 16
TURNS_SCALE = 0.1
FAR = 20  # turns: so far ahead nothing is foreseen
SOON, LATER = 8, 16  # turns: when there should still be cash


@jit
def squash(x: Any) -> Any:
    """A monotone map of any number into -1..1 that keeps small ones as they are."""
    return x / (1.0 + abs(x))


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


@jit
def see_competition(s: Any, me: Any, lv: Any, x: Any) -> None:
    """Rivals that stand, and the public sales of all companies beside the own: columns 13..15."""
    start, standing, best = np.float64(lv.start_cash), 0, np.float64(0.0)
    for seat in range(lv.n_seats):
        other = s.companies[seat]
        if seat != me.seat:
            standing += other.bankrupt == 0
            best = max(best, np.float64(other.public_total))
    if lv.n_seats > 1:
        x[13] = np.float64(standing) / (MAX_SEATS - 1.0)
        x[14] = squash((np.float64(me.public_total) - best) / (4.0 * start))
    x[15] = squash(np.float64(me.public_total) / (4.0 * start))


@jit
def see_company(s: Any, me: Any, lv: Any, upkeep: Any, sale: Any, x: Any) -> None:
    """All globals [G]; ``upkeep`` in coins a turn, ``sale`` in turns as ``foresee_sales`` gives it."""
    start = np.float64(lv.start_cash)
    left = np.float64(lv.horizon - s.turn)
    buildings = 0
    for b in range(me.n_slots):
        buildings += me.buildings[b].kind != EMPTY
    x[0] = left / np.float64(lv.horizon)
    x[1] = left * 0.01
    x[2] = 1.0 / (1.0 + left)
    x[3] = me.cash / start
    x[4] = squash(me.cash / start)
    x[5] = me.cash >= lv.extractor_cost
    x[6] = me.cash >= lv.workshop_cost
    x[7] = me.cash >= lv.cart_cost
    x[8] = upkeep * 10.0 / start
    x[9] = np.float64(me.n_carts) / np.float64(lv.max_carts)
    x[10] = np.float64(buildings) / np.float64(lv.max_buildings)
    x[11] = me.n_slots > 0
    x[12] = TURNS_SCALE * sale
    see_competition(s, me, lv, x)
