"""What others would order in a person's game, with their reasons: the greedy rule, the planner, a trained policy.

Nobody sees more than the person does: where something is hidden the planner plans in drawn games that agree with what
the company knows, and its advice is the order that is best in most of them.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np

from envs.waybill.core import state as st
from envs.waybill.core.scratch import make_scratch
from envs.waybill.players.planner import make_planner_scratch, plan_ahead, plan_next
from envs.waybill.players.scripted import decide_scripted
from experiments.config.reading import is_run_folder
from experiments.games.waybill.arena import PolicySeat
from experiments.games.waybill.pages.game_data import RANKED, order_data, short
from experiments.games.waybill.playing.beliefs import Believed, believed_now, empty_orders
from experiments.games.waybill.playing.session import PlaySession
from experiments.games.waybill.playing.trials import play_plan
from experiments.games.waybill.watching import weigh
from groundwork.blame import ROOT
from groundwork.errors import WaybillError

BY_GREEDY, BY_PLANNER, BY_POLICY = "greedy", "planner", "policy"
PLANNER_GAMES = "the order that is best in most of {} drawn games that agree with what you know"


def shipped_policy(level: str) -> str | None:
    """The folder of the policy that comes with the project for a level, if it is there."""
    folder = ROOT / "policies" / level
    return str(folder) if is_run_folder(folder) else None


class PersonsAdvisers:
    """Who can be asked in a game, and can play for the person.

    Args:
        policy: a run folder; None: nobody but the rules.

    Raises:
        WaybillError: in one line, if the policy isn't there or doesn't fit.
    """

    def __init__(self, session: PlaySession, *, policy: str | None, device: str) -> None:
        self.session, self.policy_folder, self._device = session, policy, device
        self._policies: dict[tuple[int, bool], PolicySeat] = {}
        if policy is not None:
            self.policy_for(1)

    @property
    def names(self) -> list[str]:
        """Who can play for the person."""
        return [BY_GREEDY] if self.policy_folder is None else [BY_POLICY, BY_GREEDY]

    @property
    def policy_name(self) -> str | None:
        """The policy as a person would name it."""
        return None if self.policy_folder is None else Path(self.policy_folder).name

    def policy_for(self, games: int, *, drawn: bool = False) -> PolicySeat:
        """The policy in the person's seat of so many games at once, on the game's map or on ``drawn`` ones.

        Raises:
            WaybillError: in one line, if there is none.
        """
        if self.policy_folder is None:
            raise WaybillError(f"there is no policy for level {self.session.level.name}, name one with --policy RUN")
        if (games, drawn) not in self._policies:
            where: dict[str, Any] = {"seat": self.session.seat, "level": self.session.level, "device": self._device}
            seat = PolicySeat(self.policy_folder, first=self.session.map_seed, maps=games, **where)
            self._policies[games, drawn] = seat
        return self._policies[games, drawn]

    def in_session(self, session: PlaySession) -> PersonsAdvisers:
        """The same advisers, asked of another moment of the same game."""
        found = copy(self)
        found.session = session
        return found

    def order_of(self, who: str) -> Any:
        """The order that a player of ``names`` would give now."""
        if who == BY_GREEDY:
            return self._greedy()[0]
        if who != BY_POLICY:
            raise WaybillError(f"{who!r} cannot play here, allowed are {', '.join(self.names)}")
        orders = empty_orders(1, 1)[:, 0]
        self.policy_for(1).decide(self.session.state, orders)
        if not self.session.is_legal(orders[0]):  # a slot of its action space that is empty
            return st.records(1, st.ORDER)[0]
        return orders[0].copy()

    def hint(self, who: str) -> dict[str, Any]:
        """What one of them says of the present state, as JSON for the panel that shows decisions.

        Raises:
            WaybillError: in one line, for somebody who cannot be asked.
        """
        if self.session.over:
            raise WaybillError("the game is over, there is nothing to advise")
        asked = {BY_GREEDY: self._greedy, BY_PLANNER: self._planner}
        if who == BY_POLICY:
            return self._weighed()
        if who not in asked:
            raise WaybillError(f"hint={who!r} is not allowed, it must be one of {', '.join([*asked, BY_POLICY])}")
        order, reason = asked[who]()
        return {who: self._told(order) | {"same": False, "reason": reason}}

    def _told(self, order: Any) -> dict[str, Any]:
        session = self.session
        return order_data(order, session.seen_states(session.turn)[0], session.pool, session.level)

    def _greedy(self) -> tuple[Any, str]:
        """Greedy's order, and what its rule of thumb expects of it."""
        session, scratch = self.session, make_scratch()
        scratch.script[:] = st.OUTSIDE
        scratch.script[session.seat] = st.GREEDY
        orders = empty_orders(1, 1 + len(session.level.rivals))
        decide_scripted(session.state, session.pool, session.record, scratch, orders, 0, 1)
        order = orders[0, session.seat].copy()
        if order["verb"] == st.PASS:
            return order, "nothing that can be paid for is worth its outlay by the rule of thumb"
        place = int(np.flatnonzero(scratch.row == order)[0])
        profit, outlay = (float(number) for number in scratch.worth[place])
        if outlay <= 0:
            return order, f"a profit of about {profit:,.0f} coins until the end, for nothing"
        return order, f"a profit of about {profit:,.0f} coins until the end, for an outlay of {outlay:,.0f}"

    def _planner(self) -> tuple[Any, str]:
        """The planner's order after one whole search, or the one that is best in most of the games it may be."""
        session, believed = self.session, believed_now(self.session)
        if believed.exact:
            found, planned = self._plan(believed, 0, whole=True)
            return found, f"one whole search: its plan ends with a profit of {planned:,} coins"
        votes = [self._plan(believed, row, whole=False)[0] for row in range(len(believed.states))]
        votes = [order for order in votes if session.is_legal(order)] or [st.records(1, st.ORDER)[0]]
        counts = Counter(order.item() for order in votes)
        best = counts.most_common(1)[0][0]
        chosen = next(order for order in votes if order.item() == best)
        return chosen, PLANNER_GAMES.format(len(believed.states)) + f" ({counts[best]} of them)"

    def _plan(self, believed: Believed, row: int, *, whole: bool) -> tuple[Any, int]:
        """The next order in one believed game, and with ``whole`` the profit at the end of the plan."""
        session = self.session
        asked = dataclasses.replace(session.level, planner_effort=1)
        scratch, search = make_scratch(), make_planner_scratch(asked)
        scratch.script[:] = session.others.rules_for_all()
        plan = st.records(session.level.horizon, st.ORDER).reshape(1, -1)
        state = believed.states[row : row + 1].copy()
        planner: Any = plan_ahead if whole else plan_next
        if not whole:  # the map's row decides where the plan goes: one game at a time
            plan = np.repeat(plan, len(believed.states), axis=0)
            planner(believed.states.copy(), session.seat, believed.pool, asked.record(), scratch, search, plan, row)
            return plan[row, int(state["turn"][0])].copy(), 0
        planner(state, session.seat, believed.pool, asked.record(), scratch, search, plan, 0)
        return plan[0, int(state["turn"][0])].copy(), play_plan(session, believed, plan[0])

    def _weighed(self) -> dict[str, Any]:
        """The policy's candidates with their values, best first."""
        session, seat = self.session, self.policy_for(1)
        action = int(seat.act(session.state)[0])
        q = seat.policy.q_values(seat.batch.observations, seat.batch.space.mask)[0]
        rows = weigh(seat.batch, q, action, session.seen_states(session.turn)[0])
        ranked = sorted(rows, key=lambda row: -row[1])[:RANKED]
        order = self.order_of(BY_POLICY)
        return {
            "candidates": [[text, short(value), int(chosen)] for text, value, chosen in ranked],
            "weighed": len(rows),
            "value": short(max(value for _, value, _ in rows)),
            "valueName": seat.policy.value_name,
            "policy": self._told(order),
        }
