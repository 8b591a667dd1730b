"""What is known of the games besides what is observed: batch passes that fill arrays made anew for every step."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from envs.waybill.jit import kernel
from envs.waybill.state import STAGES, VERBS


class Facts(NamedTuple):
    """Arrays over N games."""

    score: np.ndarray  # int64 [N], profit so far in coins
    over: np.ndarray  # bool [N]
    bankrupt: np.ndarray  # bool [N]
    is_success: np.ndarray  # bool [N], over with a profit
    illegal: np.ndarray  # int64 [N], illegal orders so far
    orders: np.ndarray  # int64 [N, verbs], legal orders so far
    stages: np.ndarray  # bool [N, stages], reached so far
    map_seed: np.ndarray  # uint64 [N]


def make_facts(games: int) -> Facts:
    """Arrays to be filled."""
    return Facts(
        score=np.empty(games, np.int64),
        over=np.empty(games, np.bool_),
        bankrupt=np.empty(games, np.bool_),
        is_success=np.empty(games, np.bool_),
        illegal=np.empty(games, np.int64),
        orders=np.empty((games, len(VERBS)), np.int64),
        stages=np.empty((games, len(STAGES)), np.bool_),
        map_seed=np.empty(games, np.uint64),
    )


@kernel
def note_facts(states: Any, level: Any, facts: Any, low: Any, high: Any) -> None:
    """Batch pass: the facts of games low..high-1."""
    for i in range(low, high):
        s = states[i]
        score = np.int64(s.cash) - np.int64(level[0].start_cash)
        over = s.done != 0
        facts.score[i] = score
        facts.over[i] = over
        facts.bankrupt[i] = s.bankrupt != 0
        facts.is_success[i] = over and score > 0
        facts.illegal[i] = s.illegal
        for verb in range(facts.orders.shape[1]):
            facts.orders[i, verb] = s.orders[verb]
        for stage in range(facts.stages.shape[1]):
            facts.stages[i, stage] = s.stage_turn[stage] >= 0
        facts.map_seed[i] = s.map_seed


@kernel
def note_candidates(orders: Any, count: Any, mask: Any, groups: Any, low: Any, high: Any) -> None:
    """Batch pass: which slots are filled (mask int8 [N, K]) and with which verb (groups int8 [N, K], 0 if empty)."""
    for i in range(low, high):
        for k in range(mask.shape[1]):
            mask[i, k] = k < count[i]
            groups[i, k] = orders[i, k].verb if k < count[i] else 0
