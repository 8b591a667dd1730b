"""What if: an order tried on copies of a game that are played on to the end; the game itself stays as it is."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from envs.waybill.core import state as st
from envs.waybill.core.scratch import make_scratch
from envs.waybill.players.scripted import decide_scripted
from envs.waybill.rules.game import play_turns
from experiments.games.waybill.playing.beliefs import Believed, empty_orders
from experiments.games.waybill.playing.session import PlaySession


class TriedLine(NamedTuple):
    """A line of play to the end: the profit after each turn from now on, and how the game ends, on average."""

    profits: list[int]  # [T + 1], the present one first
    score: int
    bankrupt: float  # share of the copies in which the company goes bankrupt


def play_to_end(session: PlaySession, believed: Believed, *, first: Any, policy: Any) -> TriedLine:
    """Play copies of the game on to the end.

    The other companies play by their rules, those without a rule greedily.

    Args:
        first: the order of this turn; None: as whoever plays on decides.
        policy: a ``PolicySeat`` of as many games; None: greedy plays on.
    """
    plan = None if first is None else np.array([first], st.ORDER)
    return _play(session, believed, plan, policy)


def play_plan(session: PlaySession, believed: Believed, plan: np.ndarray) -> int:
    """The profit at the end if the orders of a plan [horizon] are given."""
    return _play(session, believed, plan[int(believed.states["turn"][0]) :], None).score


def _play(session: PlaySession, believed: Believed, plan: np.ndarray | None, policy: Any) -> TriedLine:
    states, pool, level, seat = believed.states.copy(), believed.pool, session.record, session.seat
    n, seats, scratch = len(states), 1 + len(session.level.rivals), make_scratch()
    scratch.script[:] = session.others.rules_for_all()
    if policy is not None and not believed.exact:
        policy.play_on(pool)
    profits = [_profit(states, session)]
    for turn in range(session.level.horizon - int(states["turn"][0])):
        orders = empty_orders(n, seats)
        decide_scripted(states, pool, level, scratch, orders, 0, n)
        if plan is not None and turn < len(plan):
            orders[:, seat] = plan[turn]
        elif policy is not None:
            policy.decide(states, orders[:, seat])
        play_turns(states, pool, level, orders, scratch, 0, n)
        profits.append(_profit(states, session))
    companies: Any = states["companies"]
    return TriedLine(profits, profits[-1], float((companies["bankrupt"][:, seat] != 0).mean()))


def _profit(states: np.ndarray, session: PlaySession) -> int:
    companies: Any = states["companies"]
    return round(float(companies["cash"][:, session.seat].mean())) - session.level.start_cash
