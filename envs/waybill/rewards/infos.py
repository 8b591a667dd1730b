"""What is told of the games besides what is observed, Gymnasium's infos: arrays made anew for every step."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from envs.waybill.core.jit import jit, kernel
from envs.waybill.core.state import DUG, MAX_GOODS, MAX_RECIPES, PRODUCED, SOLD, STAGES, VERBS


class Infos(NamedTuple):
    """The infos of R views (a game and a seat in it), one array for each."""

    score: np.ndarray  # int64 [R], profit so far in coins
    over: np.ndarray  # bool [R], nothing more to decide
    bankrupt: np.ndarray  # bool [R]
    is_success: np.ndarray  # bool [R], over with a profit
    won: np.ndarray  # bool [R], over and richer than every rival; never without rivals
    illegal: np.ndarray  # int64 [R], illegal orders so far
    orders: np.ndarray  # int64 [R, verbs], legal orders so far
    stages: np.ndarray  # bool [R, stages], reached so far
    stage_turn: np.ndarray  # int64 [R, stages], first turn that reached it, -1 before
    made: np.ndarray  # int64 [R, goods], units dug or produced so far
    made_turn: np.ndarray  # int64 [R, goods], turn of the first of them, -1 before
    sold: np.ndarray  # int64 [R, goods], units sold so far
    workshops: np.ndarray  # int64 [R, recipes], ever built
    map_seed: np.ndarray  # uint64 [R]


def make_infos(views: int) -> Infos:
    """Infos of R views, to be filled."""
    return Infos(
        score=np.empty(views, np.int64),
        over=np.zeros(views, np.bool_),
        bankrupt=np.empty(views, np.bool_),
        is_success=np.empty(views, np.bool_),
        won=np.empty(views, np.bool_),
        illegal=np.empty(views, np.int64),
        orders=np.empty((views, len(VERBS)), np.int64),
        stages=np.empty((views, len(STAGES)), np.bool_),
        stage_turn=np.empty((views, len(STAGES)), np.int64),
        made=np.empty((views, MAX_GOODS), np.int64),
        made_turn=np.empty((views, MAX_GOODS), np.int64),
        sold=np.empty((views, MAX_GOODS), np.int64),
        workshops=np.empty((views, MAX_RECIPES), np.int64),
        map_seed=np.empty(views, np.uint64),
    )


@jit
def is_ahead(s: Any, me: Any, lv: Any) -> Any:
    """True if a company that stands has more cash than every rival that stands."""
    ahead = lv.n_seats > 1 and me.bankrupt == 0
    for seat in range(lv.n_seats):
        other = s.companies[seat]
        ahead = ahead and (seat == me.seat or other.bankrupt != 0 or other.cash < me.cash)
    return ahead


@kernel
def note_infos(states: Any, views: Any, level: Any, infos: Any, low: Any, high: Any) -> None:
    """Batch pass: fill the infos of views low..high-1."""
    for i in range(low, high):
        s = states[views[i, 0]]
        me = s.companies[views[i, 1]]
        score = np.int64(me.cash) - np.int64(level[0].start_cash)
        over = s.done != 0 or me.bankrupt != 0
        infos.score[i] = score
        infos.over[i] = over
        infos.bankrupt[i] = me.bankrupt != 0
        infos.is_success[i] = over and score > 0
        infos.won[i] = over and is_ahead(s, me, level[0])
        infos.illegal[i] = me.illegal
        for verb in range(infos.orders.shape[1]):
            infos.orders[i, verb] = me.orders[verb]
        for stage in range(infos.stages.shape[1]):
            infos.stages[i, stage] = me.stage_turn[stage] >= 0
            infos.stage_turn[i, stage] = me.stage_turn[stage]
        for good in range(infos.made.shape[1]):
            infos.made[i, good] = me.goods_ledger[good, DUG] + me.goods_ledger[good, PRODUCED]
            infos.made_turn[i, good] = me.made_turn[good]
            infos.sold[i, good] = -me.goods_ledger[good, SOLD]
        for recipe in range(infos.workshops.shape[1]):
            infos.workshops[i, recipe] = me.workshops[recipe]
        infos.map_seed[i] = s.map_seed
