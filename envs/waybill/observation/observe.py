"""The observation: one flat float32 vector, cut as globals | entities | candidates.

    [G | E · Fe | K · Fc]     rows that are not there are all zero; feature 0 of a row says that it is there

Where asked for, pointers [(E + K) · 3] follow: which entity rows a row speaks of (``pointers.py``); and rows end in how
old what is known is, and what can have become of it (``dating.py``).

Entities are the deposits (with the own extractor on them), the towns, the workshops and the carts. The number of rows
is the level's own; the features of a row are the same on every level, so one network fits all. Places enter only
through the encoding's table; pairs of places as |differences| and the largest of them, which an encoding with exact
pairs replaces by their true travel time.

Scales: cash in starting cashes, prices in the level's highest price, stocks in full stores, turns in tens.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.core.jit import kernel
from envs.waybill.core.state import HAUL
from envs.waybill.forecasts.cash import foresee_sales
from envs.waybill.forecasts.flows import measure_flows
from envs.waybill.observation.candidates import hide_hints, see_order, see_way
from envs.waybill.observation.company import see_company
from envs.waybill.observation.dating import DATED_ORDER, date_entities, date_order
from envs.waybill.observation.entities import see_entities
from envs.waybill.observation.pointers import point_carts, point_order
from envs.waybill.rules.tick import upkeep_of


@kernel
def observe(
    states: Any,
    views: Any,
    pool: Any,
    level: Any,
    scratch: Any,
    table: Any,
    exact: Any,
    hints: Any,
    dated: Any,
    orders: Any,
    worth: Any,
    count: Any,
    rows: Any,
    low: Any,
    high: Any,
) -> None:
    """Batch pass: observations of views low..high-1 into ``rows``; only what was filled before is cleared.

    ``exact``: pairs of places have their true travel time. ``hints``: candidates have what is calculated from travel
    times. ``dated``: rows end in how old what is known is, and what can have become of it.
    """
    lv, flows = level[0], scratch.flows
    top = 1.0
    for good in range(lv.n_goods):
        top = max(top, np.float64(lv.price[good]))
    for i in range(low, high):
        s = states[views[i, 0]]
        me = s.companies[views[i, 1]]
        entities, candidates, pointers = rows.entities[i], rows.candidates[i], rows.pointers[i]
        points, first = pointers.shape[1] > 1, len(entities)
        pointers[:] = 0.0
        entities[: rows.filled[i, 0], :] = 0.0
        candidates[: rows.filled[i, 1], :] = 0.0
        measure_flows(s, me, pool, lv, flows)
        upkeep = upkeep_of(me, lv)
        foresee_sales(s, me, pool, lv, scratch.ahead)
        see_company(s, me, lv, upkeep, scratch.ahead[0], rows.company[i])
        rows.filled[i, 0] = see_entities(s, me, pool, lv, flows, table, top, entities)
        rows.filled[i, 1] = min(count[i], len(candidates))
        if points:
            point_carts(me, lv, pointers)
        if dated:
            date_entities(s, me, lv, entities, rows.filled[i, 0])
        for k in range(rows.filled[i, 1]):
            x = candidates[k]
            see_order(s, me, pool, lv, flows, table, top, upkeep, scratch.ahead, orders[i, k], worth[i, k], x)
            if points:
                point_order(s, me, pool, lv, orders[i, k], pointers[first + k])
            if not hints:
                hide_hints(orders[i, k], x)
            if exact and orders[i, k].verb == HAUL:
                x[len(x) - 1 - DATED_ORDER * dated] = see_way(s, me, pool, lv, orders[i, k])
            if dated:
                date_order(s, me, pool, lv, orders[i, k], top, x)
