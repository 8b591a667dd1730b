"""Every legal order of a company as orders, for whoever chooses by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.actions.raw import decode, legal_actions
from envs.waybill.core.jit import kernel
from envs.waybill.core.scratch import make_scratch
from envs.waybill.core.state import ORDER, records
from envs.waybill.maps.pool import MapPool


@kernel
def write_legal(states: Any, seat: Any, pool: Any, level: Any, scratch: Any, orders: Any, count: Any) -> None:
    """The legal orders of the company in a seat of game 0 into ``orders``, their number into ``count`` [1]."""
    s = states[0]
    count[0] = legal_actions(s, s.companies[seat], pool, level[0], scratch.order[0], scratch.actions)
    for k in range(count[0]):
        decode(level[0], scratch.actions[k], orders[k])


def legal_orders(states: np.ndarray, seat: int, pool: MapPool, level: np.ndarray) -> np.ndarray:
    """All legal orders of a company in the state ``states`` [1], ORDER [K], PASS first; ``level`` is a record [1]."""
    scratch, count = make_scratch(), np.zeros(1, np.int64)
    orders = records(len(scratch.actions), ORDER)
    write_legal(states, seat, pool, level, scratch, orders, count)
    return orders[: int(count[0])].copy()
