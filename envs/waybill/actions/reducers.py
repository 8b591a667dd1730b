"""Action reducers: from a state to at most K candidate orders.

Every reducer is a batch pass of one signature, found by its name; a new one is one function here and one config file:

    reducer(states, views, pool, level, scratch, limit, orders, worth, count, low, high)

For each view [R], a game and a seat in it, it writes at most ``limit`` candidates into ``orders`` [R, K] (ORDER), their
number into ``count`` [R] and what the rule of thumb in ``forecasts/estimates.py`` says of them into ``worth`` [R, K, 2]
(value and outlay of the chain, coins). Candidate 0 is always PASS, all are legal as far as the company knows and no two
are equal. Spaces without candidates are in ``raw_spaces.py``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.actions.proposals import propose
from envs.waybill.actions.raw import decode, legal_actions, put
from envs.waybill.core.draws import mix
from envs.waybill.core.jit import called, kernel
from envs.waybill.core.parts import named
from envs.waybill.core.state import PASS
from envs.waybill.forecasts.estimates import estimate
from envs.waybill.forecasts.flows import measure_flows


@named
@kernel
def heuristic(
    states: Any,
    views: Any,
    pool: Any,
    level: Any,
    scratch: Any,
    limit: Any,
    orders: Any,
    worth: Any,
    count: Any,
    low: Any,
    high: Any,
) -> None:
    """Goals of the supply chain: the rule picks the executor and the place, the network picks the goal."""
    for i in range(low, high):
        s = states[views[i, 0]]
        me = s.companies[views[i, 1]]
        count[i] = propose(s, me, pool, level[0], scratch, orders[i, :limit], worth[i], True)


@called
def draw_orders(s: Any, me: Any, pool: Any, lv: Any, scratch: Any, row: Any, worth: Any) -> Any:
    """Fill one row with PASS and legal orders drawn at random; returns how many there are."""
    actions = scratch.actions
    put(row[0], PASS, 0, 0, 0, 0)
    worth[0, :] = 0.0
    measure_flows(s, me, pool, lv, scratch.flows)
    found = legal_actions(s, me, pool, lv, scratch.order[0], actions)
    wanted = min(found, len(row))
    for k in range(1, wanted):
        step = np.uint64(s.turn) * np.uint64(1024) + np.uint64(k)
        pick = k + np.int64(mix(me.key ^ mix(step)) >> np.uint64(33)) % (found - k)
        actions[k], actions[pick] = actions[pick], actions[k]
        decode(lv, actions[k], row[k])
        estimate(s, me, pool, lv, scratch.flows, row[k], worth[k])
    return wanted


@named
@kernel
def random_k(
    states: Any,
    views: Any,
    pool: Any,
    level: Any,
    scratch: Any,
    limit: Any,
    orders: Any,
    worth: Any,
    count: Any,
    low: Any,
    high: Any,
) -> None:
    """K legal raw orders drawn uniformly without repetition (and PASS): what any claim for the heuristic must beat.

    The draw depends on the company's key and the turn alone, so looking twice gives the same candidates.
    """
    for i in range(low, high):
        s = states[views[i, 0]]
        me = s.companies[views[i, 1]]
        count[i] = draw_orders(s, me, pool, level[0], scratch, orders[i, :limit], worth[i])


@kernel
def note_candidates(orders: Any, count: Any, mask: Any, groups: Any, low: Any, high: Any) -> None:
    """Batch pass: which slots are filled (mask int8 [R, K]) and with which verb (groups int8 [R, K], 0 if empty)."""
    for i in range(low, high):
        for k in range(mask.shape[1]):
            mask[i, k] = k < count[i]
            groups[i, k] = orders[i, k].verb if k < count[i] else 0
