"""Globals of the observation [G]: time, cash and size of the company; and the scales that all features share."""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.core.jit import jit
from envs.waybill.core.state import EMPTY, MAX_SEATS

GLOBALS = 16
TURNS_SCALE = 0.1


@jit
def squash(x: Any) -> Any:
    """A monotone map of any number into -1..1 that keeps small ones as they are."""
    return x / (1.0 + abs(x))


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
