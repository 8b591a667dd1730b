"""What greedy and the planner would order in each state of a game, whoever played it.

Greedy is a rule and costs nothing. The planner searches: with one whole search in each state a game of ``refine``
takes 3 CPU seconds, one of ``chain`` a minute, of ``fog`` two. So there are efforts: ``next`` tries each next order and
plays on greedily in several styles, which is the planner's own first step and takes a twentieth of it or less; 1 to 6
make so many whole searches, as a level's ``planner_effort`` does.
"""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from envs.waybill.core import state as st
from envs.waybill.core.levels import LevelConfig
from envs.waybill.core.scratch import Scratch, make_scratch
from envs.waybill.maps.pool import MapPool
from envs.waybill.players.planner import SEARCH_SIZES, make_planner_scratch, plan_ahead, plan_next
from envs.waybill.players.scripted import decide_scripted
from experiments.common.machine import cores
from experiments.common.progress import ProgressReport

OFF, NEXT = "off", "next"
EFFORTS = (OFF, NEXT, *(str(count) for count in range(1, len(SEARCH_SIZES) + 1)))
WHOLE_SEARCH_TURNS = 10_000  # companies · horizon²: up to here one whole search a state takes seconds a game


def effort_on(level: LevelConfig, effort: str | None) -> str:
    """The planner's effort: the one asked for, else one whole search on small levels and ``next`` on others."""
    if effort is None:
        small = (1 + len(level.rivals)) * level.horizon**2 <= WHOLE_SEARCH_TURNS
        return "1" if small else NEXT
    return effort


def effort_in_words(effort: str) -> str:
    """An effort as a page says it."""
    if effort == NEXT:
        return "effort next: each order tried once and played on greedily"
    return f"effort {effort}: {effort} whole search{'es' if effort != '1' else ''} a turn"


def greedy_orders(states: np.ndarray, pool: MapPool, level: LevelConfig) -> np.ndarray:
    """The order that greedy would give for seat 0 in each state [T], ORDER [T]."""
    count, seats = len(states), 1 + len(level.rivals)
    orders, scratch = st.records(count * seats, st.ORDER).reshape(count, seats), make_scratch()
    scratch.script[:] = st.OUTSIDE
    scratch.script[0] = st.GREEDY
    decide_scripted(states, pool, level.record(), scratch, orders, 0, count)
    return orders[:, 0].copy()


def planner_orders(states: np.ndarray, pool: MapPool, level: LevelConfig, effort: str, title: str) -> np.ndarray:
    """The order that the planner finds best for seat 0 in each state [T], ORDER [T]; it sees through fog."""
    asked = dataclasses.replace(level, planner_effort=1 if effort == NEXT else int(effort))
    record, count = asked.record(), len(states)
    found, threads = st.records(count, st.ORDER), cores()
    spare = [(_scratch_for(level), make_planner_scratch(asked)) for _ in range(threads)]

    def one(turn: int) -> None:
        scratch, search = spare.pop()
        copy, whole = states[turn : turn + 1].copy(), st.records(level.horizon, st.ORDER).reshape(1, -1)
        plan: Any = plan_next if effort == NEXT else plan_ahead
        plan(copy, 0, pool, record, scratch, search, whole, 0)
        found[turn] = whole[0, int(copy["turn"][0])]
        spare.append((scratch, search))

    with ProgressReport(title=title, total=count) as report, ThreadPoolExecutor(threads) as team:
        for done, _ in enumerate(team.map(one, range(count)), start=1):
            report.update(done)
    return found


def _scratch_for(level: LevelConfig) -> Scratch:
    scratch = make_scratch()
    scratch.script[:] = level.script()
    return scratch
