"""The raw action space with cells in place of tiles: many orders share a number, and a naive rule picks one of them.

The map is cut into c · c cells, as even as they can be: row and column of a tile's cell are the tile's · c // side.
Numbers are those of ``raw.py`` with c² cells for T tiles: PASS | EXTRACT cell | WORKSHOP recipe, cell |
HAUL cart, cell, cell | DISMANTLE cell.

A number is legal if any order with that verb, recipe, cart and cells is, and stands for the one with the lowest raw
number: the lowest source tile, then the lowest target tile. That is naive on purpose. What coarse numbers alone are
worth is the question here, and a rule that chose well would be a heuristic.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.actions.raw import NO_ORDER, decode, encode_among, legal_actions, put
from envs.waybill.core.jit import jit, kernel


@jit
def cell_of(lv: Any, cells: Any, tile: Any) -> Any:
    """The cell that a tile lies in, of ``cells`` a side."""
    side = np.int64(lv.side)
    return (tile // side * cells // side) * cells + tile % side * cells // side


@jit
def bucket_of(lv: Any, cells: Any, action: Any, o: Any) -> Any:
    """The number in buckets of a raw action; ``o`` is working memory."""
    decode(lv, action, o)
    o.tile, o.target = cell_of(lv, cells, np.int64(o.tile)), cell_of(lv, cells, np.int64(o.target))
    return encode_among(lv, cells * cells, o)


@kernel
def bucket_mask(
    states: Any, views: Any, pool: Any, level: Any, scratch: Any, cells: Any, mask: Any, low: Any, high: Any
) -> None:
    """Batch pass: which numbers stand for an order in every view (game, seat), int8 [R, A]."""
    for i in range(low, high):
        s = states[views[i, 0]]
        me = s.companies[views[i, 1]]
        mask[i, :] = 0
        found = legal_actions(s, me, pool, level[0], scratch.order[0], scratch.actions)
        for k in range(found):
            mask[i, bucket_of(level[0], cells, scratch.actions[k], scratch.order[0])] = 1


@kernel
def bucket_orders(
    states: Any,
    views: Any,
    pool: Any,
    level: Any,
    scratch: Any,
    cells: Any,
    actions: Any,
    orders: Any,
    low: Any,
    high: Any,
) -> None:
    """Batch pass: the orders [R] that numbers [R] stand for in the present states; NO_ORDER where there is none."""
    lv = level[0]
    for i in range(low, high):
        s = states[views[i, 0]]
        me = s.companies[views[i, 1]]
        found = legal_actions(s, me, pool, lv, scratch.order[0], scratch.actions)
        lowest: Any = -1
        for k in range(found):
            action = scratch.actions[k]
            if (lowest < 0 or action < lowest) and bucket_of(lv, cells, action, scratch.order[0]) == actions[i]:
                lowest = action
        if lowest < 0:
            put(orders[i], NO_ORDER, 0, 0, 0, 0)
        else:
            decode(lv, lowest, orders[i])
