"""The planner: search over cloned states. The game is deterministic once its map is drawn: whole games can be planned.

It plans for one seat; rivals play by their rules in its clones, those without a rule greedily. So it foresees what they
do, and what is hidden in fog. Its score is the best that was found at that cost, no upper bound: more effort finds
more.

Each turn every state of a beam is cloned once for each candidate order, and each clone is judged by playing it to the
end in several greedy styles (rollouts: Tesauro & Galperin 1996; beam search: Lowerre 1976). Several such searches
follow each other, narrow and wide. The best plan that any of them has seen is kept and its orders are the result, so a
search more never does worse.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from envs.waybill.actions.confined import DRAWN, Confined, offer
from envs.waybill.actions.raw import copy_order
from envs.waybill.core.jit import jit, kernel
from envs.waybill.core.levels import LevelConfig
from envs.waybill.core.scratch import RULE_CANDIDATES
from envs.waybill.core.state import ORDER, STATE, records
from envs.waybill.players.scripted import finish_greedily, is_over, play_seat

# Greedy styles (see greedy.py) that differ widely: a mixed team finds more than a wide beam does.
STYLES = ((0.3, 1.0, 0.0, 10.0), (0.1, 0.7, 0.6, 3.0), (0.3, 1.0, 1.0, 6.0), (1.5, 1.0, 0.2, 6.0))


# Searches in the order in which they are made: states kept each turn, orders looked at in each, and whether only those
# that pay by the rule of thumb and can be paid for. A level's ``planner_effort`` says how many are made.
SEARCH_SIZES = ((1, 32, True), (1, 16, False), (3, 32, True), (3, 48, False), (8, 48, True), (16, 48, True))


class PlannerScratch(NamedTuple):
    """Working memory of one planner."""

    searches: np.ndarray  # int64 [searches, 3], see ``SEARCH_SIZES``
    beam: np.ndarray  # STATE [beam]
    children: np.ndarray  # STATE [beam * width]
    child_value: np.ndarray  # int64 [beam * width]
    child_parent: np.ndarray  # int64 [beam * width]
    child_order: np.ndarray  # ORDER [beam * width]
    trial: np.ndarray  # STATE [1]
    plans: np.ndarray  # ORDER [2, beam, horizon]
    rollout: np.ndarray  # ORDER [horizon]
    best: np.ndarray  # ORDER [horizon]
    row: np.ndarray  # ORDER [width]
    roll_row: np.ndarray  # ORDER [RULE_CANDIDATES or more]
    worth: np.ndarray  # float32 [RULE_CANDIDATES or more, 2]
    styles: np.ndarray  # float64 [styles, 4]
    confined: Confined | None  # to the orders that an action space offers


def make_planner_scratch(level: LevelConfig, confined: Confined | None = None) -> PlannerScratch:
    """Working memory for games of a level."""
    horizon = level.horizon
    drawn = confined.size if confined is not None and confined.space == DRAWN else 0  # those are all looked at
    searches = np.array(SEARCH_SIZES[: level.planner_effort], np.int64)
    if confined is not None:  # the others offer what the space does not
        searches = searches[searches[:, 2] != 0]
    searches[:, 1] = np.maximum(searches[:, 1], drawn)
    beam, width, slots = searches[:, 0].max(), searches[:, 1].max(), max(RULE_CANDIDATES, drawn)
    n = int((searches[:, 0] * searches[:, 1]).max())
    return PlannerScratch(
        searches=searches,
        beam=records(beam, STATE),
        children=records(n, STATE),
        child_value=np.zeros(n, np.int64),
        child_parent=np.zeros(n, np.int64),
        child_order=records(n, ORDER),
        trial=records(1, STATE),
        plans=records(2 * beam * horizon, ORDER).reshape(2, beam, horizon),
        rollout=records(horizon, ORDER),
        best=records(horizon, ORDER),
        row=records(width, ORDER),
        roll_row=records(slots, ORDER),
        worth=np.zeros((slots, 2), np.float32),
        styles=np.array(STYLES),
        confined=confined,
    )


@jit
def judge_child(w: Any, seat: Any, pool: Any, lv: Any, scratch: Any, child: Any, plan: Any, best_score: Any) -> Any:
    """(value, best score): a child's best final cash over all styles; a new best plan is written to ``w.best``."""
    turn, value = np.int64(w.children[child].turn), np.int64(-(1 << 40))
    for k in range(len(w.styles)):
        w.trial[0] = w.children[child]
        finish_greedily(w.trial[0], seat, pool, lv, scratch, w.roll_row, w.worth, w.rollout, w.styles[k], w.confined)
        cash = np.int64(w.trial[0].companies[seat].cash)
        value = max(value, cash)
        if cash > best_score:
            best_score = cash
            for t in range(turn - 1):
                copy_order(w.best[t], plan[t])
            copy_order(w.best[turn - 1], w.child_order[child])
            for t in range(turn, w.trial[0].turn):
                copy_order(w.best[t], w.rollout[t])
    return value, best_score


@jit
def expand_beam(
    w: Any, seat: Any, pool: Any, lv: Any, scratch: Any, width: Any, search: Any, plans: Any, best_score: Any
) -> Any:
    """All children of the beam, judged. Returns (children, best score)."""
    row, strict = w.row[: search[1]], search[2] != 0
    n = 0
    for b in range(width):
        me = w.beam[b].companies[seat]
        if is_over(w.beam[b], me):
            continue
        found = offer(w.confined, w.beam[b], me, pool, lv, scratch, row, w.worth, strict)
        for j in range(found):
            w.children[n] = w.beam[b]
            copy_order(w.child_order[n], row[j])
            w.child_parent[n] = b
            play_seat(w.children[n], seat, pool, lv, row[j], scratch)
            w.child_value[n], best_score = judge_child(w, seat, pool, lv, scratch, n, plans[b], best_score)
            n += 1
    return n, best_score


@jit
def alike(a: Any, b: Any) -> Any:
    """True if two companies are probably one state reached by two orders of the same things."""
    same = a.cash == b.cash and a.n_carts == b.n_carts and a.n_slots == b.n_slots
    for v in range(len(a.orders)):
        same = same and a.orders[v] == b.orders[v]
    return same


@jit
def select_beam(w: Any, seat: Any, n: Any, most: Any, plans: Any, next_plans: Any, turn: Any) -> Any:
    """The most valuable children that differ become the next beam; returns its width."""
    width = 0
    while width < most:
        top = -1
        for c in range(n):
            if w.child_parent[c] >= 0 and (top < 0 or w.child_value[c] > w.child_value[top]):
                top = c
        if top < 0:
            break
        fresh = True
        for b in range(width):
            fresh = fresh and not alike(w.beam[b].companies[seat], w.children[top].companies[seat])
        if fresh:
            parent = w.child_parent[top]
            for t in range(turn):
                copy_order(next_plans[width, t], plans[parent, t])
            copy_order(next_plans[width, turn], w.child_order[top])
            w.beam[width] = w.children[top]
            width += 1
        w.child_parent[top] = -1
    return width


@jit
def plan_orders(w: Any, seat: Any, pool: Any, lv: Any, scratch: Any, s: Any) -> None:
    """The best orders found for a seat from state ``s`` on by all searches, into ``w.best``."""
    best_score = -(1 << 40)
    for k in range(len(w.searches)):
        search = w.searches[k]
        w.beam[0] = s
        width, flip = 1, 0
        for turn in range(np.int64(s.turn), np.int64(lv.horizon)):
            n, best_score = expand_beam(w, seat, pool, lv, scratch, width, search, w.plans[flip], best_score)
            if n == 0:
                break
            width = select_beam(w, seat, n, search[0], w.plans[flip], w.plans[1 - flip], turn)
            flip = 1 - flip


@kernel
def plan_game(states: Any, seat: Any, pool: Any, level: Any, scratch: Any, search: Any, taken: Any, i: Any) -> None:
    """Plan game i for a seat from its present state, note the orders in ``taken`` [N, horizon] and play them."""
    lv, s = level[0], states[i]
    plan_orders(search, seat, pool, lv, scratch, s)
    while not is_over(s, s.companies[seat]):
        now = np.int64(s.turn)
        copy_order(taken[i, now], search.best[now])
        play_seat(s, seat, pool, lv, search.best[now], scratch)


@kernel
def plan_ahead(states: Any, seat: Any, pool: Any, level: Any, scratch: Any, search: Any, orders: Any, i: Any) -> None:
    """Only plan: the orders of game i for a seat into ``orders`` [N, horizon]."""
    lv, s = level[0], states[i]
    plan_orders(search, seat, pool, lv, scratch, s)
    for turn in range(np.int64(s.turn), np.int64(lv.horizon)):
        copy_order(orders[i, turn], search.best[turn])


@kernel
def plan_next(states: Any, seat: Any, pool: Any, level: Any, scratch: Any, search: Any, orders: Any, i: Any) -> None:
    """Only the next order of game i for a seat, into ``orders`` [N, horizon]: the first step of each search alone.

    Each order is tried and the game played on greedily, as in a search; nothing is searched behind it.
    """
    lv, s = level[0], states[i]
    best_score = np.int64(-(1 << 40))
    for k in range(len(search.searches)):
        search.beam[0] = s
        _, best_score = expand_beam(search, seat, pool, lv, scratch, 1, search.searches[k], search.plans[0], best_score)
    now = np.int64(s.turn)
    copy_order(orders[i, now], search.best[now])
