"""Who plays the companies that the person does not: rules, planners with a plan, and policies of run folders.

Seats are counted twice. A game has its own seats; whoever shows it shows the person's company first. In that order
the person is 0 and has changed places with the company in seat 0, whose rule stands where the person's would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from envs.waybill.core import state as st
from envs.waybill.core.levels import RIVALS as RULES
from envs.waybill.core.levels import LevelConfig
from envs.waybill.core.scratch import make_scratch
from envs.waybill.maps.pool import MapPool
from envs.waybill.players.planner import make_planner_scratch, plan_ahead
from envs.waybill.players.scripted import decide_scripted, follow_plans
from experiments.config.rivals import SELF, check_rivals, placeholders
from experiments.games.waybill.arena import PolicySeat
from groundwork.errors import WaybillError


def level_against(level: LevelConfig, names: Sequence[str] | None) -> tuple[LevelConfig, list[str]]:
    """The level with these rivals, and who they are; None leaves those of the level.

    Raises:
        WaybillError: in one line, if there are too many, or one cannot play here.
    """
    if names is None:
        return level, list(level.rivals)
    check_rivals(names, "--against")
    if SELF in names:
        raise WaybillError(f"--against={SELF} is not allowed, it must be one of {', '.join(RULES)} or a run folder")
    return replace(level, rivals=placeholders(names)), list(names)


class OtherSeats:
    """Gives the orders of all companies but the person's in one game.

    Args:
        seat: the person's.
        names: who plays the others, in the order in which they are shown.

    Raises:
        WaybillError: in one line, if a policy isn't there or doesn't fit.
    """

    def __init__(
        self, *, level: LevelConfig, seat: int, names: Sequence[str], map_seed: int, pool: MapPool, device: str
    ) -> None:
        self.names, self._level, self._record, self._pool = list(names), level, level.record(), pool
        real = [0 if shown == seat else shown for shown in range(1, 1 + len(names))]
        self.script = np.full(st.MAX_SEATS, st.OUTSIDE, np.int64)
        for where, name in zip(real, names, strict=True):
            self.script[where] = st.SCRIPTS.index(name) if name in RULES else st.OUTSIDE
        self._policies = {
            where: PolicySeat(name, seat=where, level=level, first=map_seed, maps=1, device=device)
            for where, name in zip(real, names, strict=True)
            if name not in RULES
        }
        self._scratch = make_scratch()
        self._scratch.script[:] = self.script
        self._plans: dict[int, np.ndarray] = {}

    def begin(self, states: np.ndarray) -> None:
        """Let planners plan the whole game from its start, STATE [1]: seconds to minutes for each."""
        for where in np.flatnonzero(self.script == st.PLANNER).tolist():
            plan, search = st.records(self._level.horizon, st.ORDER).reshape(1, -1), make_planner_scratch(self._level)
            plan_ahead(states.copy(), where, self._pool, self._record, self._scratch, search, plan, 0)
            self._plans[where] = plan

    def decide(self, states: np.ndarray, orders: np.ndarray) -> None:
        """Write the others' orders in the state [1] into ``orders`` ORDER [1, seats]."""
        if not self.names:
            return
        decide_scripted(states, self._pool, self._record, self._scratch, orders, 0, 1)
        for where, plan in self._plans.items():
            follow_plans(states, where, self._pool, self._record, plan, orders, 0, 1)
        for where, policy in self._policies.items():
            policy.decide(states, orders[:, where])

    def rules_for_all(self) -> Any:
        """A rule for every company, int64 [MAX_SEATS]: greedy for all but those that play at random."""
        return np.where(self.script == st.RANDOM, st.RANDOM, st.GREEDY)
