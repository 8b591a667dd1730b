"""What an action space leaves of the orders that a rule would choose from.

Numba cannot keep code on disk that calls a function it is handed, so the spaces are numbered here: one more is a
number, a line in ``confined_to`` and a branch in ``offer``.

A player that is confined to a space shows what the space itself costs: no agent that acts in it can be expected to play
better than the planner does there, its ceiling.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from envs.waybill.actions.buckets import bucket_of
from envs.waybill.actions.proposals import propose, same_order
from envs.waybill.actions.raw import copy_order, decode, encode, legal_actions
from envs.waybill.actions.reducers import draw_orders
from envs.waybill.core.jit import called, jit
from envs.waybill.forecasts.estimates import estimate
from groundwork.errors import WaybillError

PROPOSED, DRAWN, IN_CELLS = range(3)
_BITS = np.int64(32)  # a raw number takes fewer


class Confined(NamedTuple):
    """The space (one of the three above) and its size: slots of a reducer, or cells a side."""

    space: int
    size: int


def confined_to(actions: str, *, candidates: int, cells: int) -> Confined | None:
    """The action space of that name; None for those that hold every order.

    Raises:
        WaybillError: if no player can be confined to it.
    """
    known: dict[str, Confined | None] = {
        "full": None,
        "masked": None,
        "buckets": Confined(IN_CELLS, cells),
        "random_k": Confined(DRAWN, candidates),
        "heuristic": Confined(PROPOSED, candidates),
    }
    if actions not in known:
        raise WaybillError(f"actions={actions!r}: no player can be confined to it, known are {', '.join(known)}")
    return known[actions]


@jit
def settle_in_cells(s: Any, me: Any, pool: Any, lv: Any, scratch: Any, cells: Any, row: Any, worth: Any, n: Any) -> Any:
    """Replace the orders of a row by those that their buckets stand for, each once; returns how many are left."""
    actions, o = scratch.actions, scratch.order[0]
    found = legal_actions(s, me, pool, lv, o, actions)
    for k in range(found):  # the bucket and the raw number in one, so that the least of a bucket is the lowest order
        actions[k] |= bucket_of(lv, cells, actions[k], o) << _BITS
    kept: Any = 1
    for j in range(1, n):
        bucket, lowest = bucket_of(lv, cells, encode(lv, row[j]), o), np.int64(-1)
        for k in range(found):
            if actions[k] >> _BITS == bucket and (lowest < 0 or actions[k] < lowest):
                lowest = actions[k]
        decode(lv, lowest & ((np.int64(1) << _BITS) - 1), o)
        known = False
        for i in range(1, kept):
            known = known or same_order(row[i], o)
        if not known:
            copy_order(row[kept], o)
            estimate(s, me, pool, lv, scratch.flows, row[kept], worth[kept])
            kept += 1
    return kept


@called
def offer(confined: Any, s: Any, me: Any, pool: Any, lv: Any, scratch: Any, row: Any, worth: Any, strict: Any) -> Any:
    """Fill one row with what the space offers of the orders worth thinking about, PASS first; returns how many.

    ``confined`` may be None: then the rest is not even compiled. ``strict`` as in ``proposals.keep_best``; the
    heuristic reducer is strict always.
    """
    if confined is None:
        return propose(s, me, pool, lv, scratch, row, worth, strict)
    if confined.space == DRAWN:
        return draw_orders(s, me, pool, lv, scratch, row[: confined.size], worth)
    slots = confined.size if confined.space == PROPOSED else len(row)
    n = propose(s, me, pool, lv, scratch, row[:slots], worth, strict or confined.space == PROPOSED)
    if confined.space == IN_CELLS:
        n = settle_in_cells(s, me, pool, lv, scratch, confined.size, row, worth, n)
    return n
