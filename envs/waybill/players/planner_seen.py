"""The planner that knows no more than its seat: in each turn the order that does best over drawn beliefs.

Each order that pays by the rule of thumb is tried in every drawn state (``beliefs.py``) and played on to the end in
several greedy styles (rollouts: Tesauro & Galperin 1996). An order counts as much as its best style does on average
over the draws: one style for all of them, since who plays on does not know which draw is true.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from envs.waybill.actions.proposals import propose
from envs.waybill.core.jit import jit, kernel
from envs.waybill.core.levels import LevelConfig
from envs.waybill.core.scratch import RULE_CANDIDATES
from envs.waybill.core.state import ORDER, STATE, records
from envs.waybill.players.beliefs import Beliefs, begin_beliefs, draw_belief, make_beliefs
from envs.waybill.players.planner import STYLES
from envs.waybill.players.scripted import finish_greedily, is_over, play_chosen, play_seat


class SeenScratch(NamedTuple):
    """Working memory of one planner that knows what its seat knows."""

    beliefs: Beliefs
    trial: np.ndarray  # STATE [1]
    rollout: np.ndarray  # ORDER [horizon]
    row: np.ndarray  # ORDER [RULE_CANDIDATES]
    roll_row: np.ndarray  # ORDER [RULE_CANDIDATES]
    worth: np.ndarray  # float32 [RULE_CANDIDATES, 2]
    styles: np.ndarray  # float64 [styles, 4]


def hides_something(level: LevelConfig) -> bool:
    """True if there is anything that a company cannot know: rivals, or sites out of sight."""
    return bool(level.rivals) or level.sight > 0


def make_seen_scratch(level: LevelConfig) -> SeenScratch:
    """Working memory for games of a level."""
    return SeenScratch(
        beliefs=make_beliefs(level, level.planner_beliefs),
        trial=records(1, STATE),
        rollout=records(level.horizon, ORDER),
        row=records(RULE_CANDIDATES, ORDER),
        roll_row=records(RULE_CANDIDATES, ORDER),
        worth=np.zeros((RULE_CANDIDATES, 2), np.float32),
        styles=np.array(STYLES),
    )


@jit
def value_over_beliefs(w: Any, seat: Any, lv: Any, scratch: Any, order: Any, style: Any) -> Any:
    """Cash at the end, summed over the drawn states, after an order and play in one style."""
    total: Any = np.int64(0)
    for d in range(len(w.beliefs.states)):
        w.trial[0] = w.beliefs.states[d]
        play_seat(w.trial[0], seat, w.beliefs.pool, lv, order, scratch)
        finish_greedily(w.trial[0], seat, w.beliefs.pool, lv, scratch, w.roll_row, w.worth, w.rollout, style, None)
        total += np.int64(w.trial[0].companies[seat].cash)
    return total


@kernel
def plan_seen(states: Any, seat: Any, pool: Any, level: Any, scratch: Any, search: Any, taken: Any, i: Any) -> None:
    """Play game i for a seat from its beginning; the orders go to ``taken`` [N, horizon]."""
    lv, s, w = level[0], states[i], search
    me = s.companies[seat]
    begin_beliefs(w.beliefs, s.map_seed + np.uint64(seat))
    while not is_over(s, me):
        for d in range(len(w.beliefs.states)):
            draw_belief(s, seat, pool, lv, scratch, taken[i], w.beliefs, d)
        n = propose(s, me, pool, lv, scratch, w.row, w.worth, np.bool_(True))
        best, choice = np.int64(-(1 << 60)), 0
        for j in range(n):
            for k in range(len(w.styles)):
                value = value_over_beliefs(w, seat, lv, scratch, w.row[j], w.styles[k])
                if value > best:
                    best, choice = value, j
        play_chosen(s, seat, pool, lv, scratch, w.row[choice], taken[i])
