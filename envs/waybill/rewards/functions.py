"""Reward functions: batch passes of one signature, found by name; a new one is one function here and one config file.

    reward(states, views, pool, level, numbers, potential, raw, reward, low, high)

Called after every turn for each view [R], a game and a seat in it. It writes the unshaped reward to ``raw`` [R], the
training reward to ``reward`` [R] and keeps in ``potential`` [R] what the next turn needs of the present state: the
potential Φ, or what was paid so far; all float64, in units of the starting cash. A game at turn 0 has just begun: its
potential is set, its rewards are 0. Raw reward and potential are recorded apart; scores are always raw.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from envs.waybill.core.jit import jit, kernel
from envs.waybill.core.parts import named
from envs.waybill.core.state import (
    EXTRACT,
    HAUL,
    STAGE_DELIVER,
    STAGE_DIG,
    STAGE_REFINE,
    STAGE_SELL,
    WORKSHOP,
)
from envs.waybill.rewards.potential import potential_of


class Numbers(NamedTuple):
    """What a config sets; the same for all rewards, so that their signatures are one."""

    gamma: float  # the agent's discount
    bonus: float  # of a milestone, in starting cashes


@jit
def final_profit(s: Any, me: Any, lv: Any) -> Any:
    """The score in units of the starting cash in the turn that ends the company's game, else 0.

    Others may go on after a company is bankrupt; its cash was below zero then before the turn began.
    """
    if (s.done == 0 and me.bankrupt == 0) or me.cash_tm1 < 0:
        return 0.0
    return (np.float64(me.cash) - np.float64(lv.start_cash)) / np.float64(lv.start_cash)


@named
@kernel
def sparse(
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
    """The profit, at the end only."""
    for i in range(low, high):
        s = states[views[i, 0]]
        me = s.companies[views[i, 1]]
        raw[i] = reward[i] = final_profit(s, me, level[0])
        potential[i] = 0.0


@named
@kernel
def cash(
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
    """Each turn's change of cash: delayed, and deceptive because costs come first."""
    for i in range(low, high):
        s = states[views[i, 0]]
        me = s.companies[views[i, 1]]
        change = np.float64(me.cash) - np.float64(me.cash_tm1)
        raw[i] = reward[i] = change / np.float64(level[0].start_cash) if s.turn > 0 else 0.0
        potential[i] = 0.0


@named
@kernel
def shaped(
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
    """``sparse`` plus γΦ(s') − Φ(s): potential-based shaping keeps the optimal policy (Ng, Harada & Russell 1999).

    γ must be the agent's own and Φ zero in terminal states (Grześ 2017), or the best policy changes.
    """
    for i in range(low, high):
        s = states[views[i, 0]]
        me = s.companies[views[i, 1]]
        phi_t = potential_of(s, me, level[0])
        raw[i] = final_profit(s, me, level[0])
        reward[i] = raw[i] + numbers.gamma * phi_t - potential[i] if s.turn > 0 else 0.0
        potential[i] = phi_t


@jit
def milestones_of(me: Any) -> Any:
    """Milestones so far: each extractor and workshop begun, each cart sent on a route; digging, delivering, refining
    and selling count once.
    """
    count = np.int64(me.orders[EXTRACT]) + np.int64(me.orders[WORKSHOP]) + np.int64(me.orders[HAUL])
    for stage in (STAGE_DIG, STAGE_DELIVER, STAGE_REFINE, STAGE_SELL):
        count += me.stage_turn[stage] >= 0
    return count


@named
@kernel
def milestone(
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
    """``sparse`` plus a bonus for every milestone: naive on purpose, kept to show how agents exploit it.

    What is paid is never taken back: neither when a building is cleared or a cart turned round, nor at the end. So a
    cart that is sent to and fro and a site that is built on again and again pay each time, as the bicycle did that
    went round in circles (Randløv & Alstrøm 1998). Potentials were made to rule that out (Ng, Harada & Russell 1999).
    """
    for i in range(low, high):
        s = states[views[i, 0]]
        me = s.companies[views[i, 1]]
        paid_t = numbers.bonus * np.float64(milestones_of(me))
        raw[i] = final_profit(s, me, level[0])
        reward[i] = raw[i] + paid_t - potential[i] if s.turn > 0 else 0.0
        potential[i] = paid_t
