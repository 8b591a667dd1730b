"""The seats of many games that are not played from outside: rivals that follow rules, planners that follow plans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from envs.waybill.core.levels import LevelConfig
from envs.waybill.core.scratch import Scratch
from envs.waybill.core.state import ORDER, OUTSIDE, PLANNER, records
from envs.waybill.players.planner import make_planner_scratch, plan_ahead
from envs.waybill.players.scripted import decide_scripted, follow_plans
from groundwork.errors import WaybillError


class InsideSeats:
    """Gives the orders of all seats but those played from outside, in N games of a level.

    Args:
        outside: the seats played from outside.
        games: N.
        scratch: working memory of each thread; who decides for which seat is written into it.

    Raises:
        WaybillError: in one line, for seats that the level does not have, or the same seat twice.
    """

    def __init__(self, level: LevelConfig, outside: Sequence[int], games: int, scratch: list[Scratch]) -> None:
        there = 1 + len(level.rivals)
        if not outside or len(set(outside)) < len(outside) or not set(outside) <= set(range(there)):
            raise WaybillError(f"seats={outside}: level {level.name} has the seats 0..{there - 1}, each once")
        script = level.script()
        script[list(outside)] = OUTSIDE
        for memory in scratch:
            memory.script[:] = script
        self._any, self._scratch = there > len(outside), scratch
        self.compiled = (decide_scripted,) if self._any else ()  # the compiled functions that every turn calls
        self._planners = np.flatnonzero(script == PLANNER).tolist()
        horizon, count = level.horizon, len(self._planners)
        self._searches = [make_planner_scratch(level) for _ in scratch] if count else []
        self._plans = [records(games * horizon, ORDER).reshape(games, horizon) for _ in range(count)]

    def plan(self, states: np.ndarray, pool: Any, level: np.ndarray, begun: np.ndarray, low: int, thread: int) -> None:
        """Make whole plans, seconds for each, for the planners of the games that have just begun.

        ``begun`` bool [n] speaks of games low..low+n-1.
        """
        for seat, plans in zip(self._planners, self._plans, strict=True):
            for i in np.flatnonzero(begun) + low:
                plan_ahead(states, seat, pool, level, self._scratch[thread], self._searches[thread], plans, i)

    def decide(
        self, states: np.ndarray, pool: Any, level: np.ndarray, orders: np.ndarray, low: int, high: int, thread: int
    ) -> None:
        """Write the orders of these seats in games low..high-1 into ``orders`` ORDER [N, seats]."""
        if not self._any:
            return
        decide_scripted(states, pool, level, self._scratch[thread], orders, low, high)
        for seat, plans in zip(self._planners, self._plans, strict=True):
            follow_plans(states, seat, pool, level, plans, orders, low, high)

    def plans_of(self, game: int) -> tuple[bytes, ...]:
        """The orders that each planner has planned for one game, ORDER [horizon] as bytes."""
        return tuple(plans[game].tobytes() for plans in self._plans)

    def set_plans(self, game: int, plans: Sequence[bytes]) -> None:
        """Let the planners follow these plans in one game, as ``plans_of`` gave them."""
        for own, plan in zip(self._plans, plans, strict=True):
            own[game] = np.frombuffer(plan, ORDER)
