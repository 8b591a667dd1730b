"""Players without learning: ``random``, ``greedy`` and ``planner``. They know the rules and the heuristic reducer only.

The game is deterministic once its map is drawn, so the planner searches whole games: a beam of cloned states, each
judged by playing greedy styles to the end (rollout algorithms, Tesauro & Galperin 1996; beam as in Lowerre 1976). Its
score measures how much there is to win.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from envs.waybill.jit import jit, kernel
from envs.waybill.maps import mix
from envs.waybill.raw_actions import put
from envs.waybill.reducers import propose
from envs.waybill.rules import play_turn

PLAYERS = ("random", "greedy", "planner")
CANDIDATES = 48


class Games(NamedTuple):
    """Played games, one a map."""

    score: np.ndarray  # int64 [N], coins of profit
    bankrupt: np.ndarray  # bool [N]
    length: np.ndarray  # int64 [N], turns
    orders: np.ndarray  # ORDER [N, horizon]
    states: np.ndarray  # STATE [N], at the end


class Style(NamedTuple):
    """How a greedy player weighs things; the planner rolls out several."""

    least_return: float  # profit per coin of outlay below which it passes
    patience: float  # share of the chain's outlay that must be in cash before it starts
    value_power: float  # 0: return on investment alone, 1: profit alone


GREEDY = Style(least_return=0.25, patience=1.0, value_power=0.0)
STYLES = (
    GREEDY,
    Style(0.25, 1.0, 0.7),
    Style(0.05, 0.7, 0.35),
    Style(0.8, 1.0, 0.2),
)


@jit
def greedy_choice(s: Any, row: Any, worth: Any, n: Any, style: Any) -> Any:
    """Index of the candidate with the best return on investment; 0 (PASS) if none is worth its outlay."""
    best, choice = 0.0, 0
    for j in range(1, n):
        value, outlay = np.float64(worth[j, 0]), np.float64(worth[j, 1])
        if value <= style[0] * outlay or value <= 1.0 or np.float64(s.cash) < style[1] * outlay:
            continue
        merit = value / (outlay + 5.0) ** (1.0 - style[2])
        if merit > best:
            best, choice = merit, j
    return choice


@kernel
def play_random(
    states: Any, pool: Any, level: Any, scratch: Any, row: Any, worth: Any, taken: Any, style: Any, low: Any, high: Any
) -> None:
    """Whole games of random candidates; orders taken go to ``taken`` [N, horizon]."""
    for i in range(low, high):
        s = states[i]
        while s.done == 0:
            n = propose(s, pool, level[0], scratch.order[0], row, worth)
            j = np.int64(mix(s.rng ^ mix(np.uint64(s.turn))) >> np.uint64(33)) % n
            play_chosen(s, pool, level[0], scratch, row[j], taken[i])


@kernel
def play_greedy(
    states: Any, pool: Any, level: Any, scratch: Any, row: Any, worth: Any, taken: Any, style: Any, low: Any, high: Any
) -> None:
    """Whole games of the greedy player."""
    for i in range(low, high):
        finish_greedily(states[i], pool, level[0], scratch, row, worth, taken[i], style)


@jit
def play_chosen(s: Any, pool: Any, lv: Any, scratch: Any, o: Any, taken: Any) -> None:
    """Note an order and play it."""
    put(taken[s.turn], o.verb, o.recipe, o.cart, o.tile, o.target)
    play_turn(s, pool, lv, o, scratch)


@jit
def finish_greedily(s: Any, pool: Any, lv: Any, scratch: Any, row: Any, worth: Any, taken: Any, style: Any) -> None:
    """Play greedily to the end."""
    while s.done == 0:
        n = propose(s, pool, lv, scratch.order[0], row, worth)
        play_chosen(s, pool, lv, scratch, row[greedy_choice(s, row, worth, n, style)], taken)
