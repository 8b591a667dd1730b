"""A reward: what the towns pay, when they pay it."""

from __future__ import annotations

from typing import Any

from envs.waybill.core.jit import kernel
from envs.waybill.core.state import SALES
from envs.waybill.rewards.functions import final_profit


@kernel
def takings(
    states: Any,
    views: Any,
    pool: Any,
    level: Any,
    numbers: Any,
    potential: Any,
    raw: Any,
    reward: Any,
    low: Any,
    high: Any,
) -> None:
    """The coins of this turn's sales, whatever was spent for them; ``potential`` keeps those of all turns before."""
    for i in range(low, high):
        s = states[views[i, 0]]
        me = s.companies[views[i, 1]]
        so_far = me.cash_ledger[SALES] / level[0].start_cash
        raw[i] = final_profit(s, me, level[0])
        reward[i] = so_far - potential[i] if s.turn > 0 else 0.0
        potential[i] = so_far
