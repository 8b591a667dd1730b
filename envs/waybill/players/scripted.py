"""Companies that a rule plays: the rivals of a game, seat by seat (``scratch.script`` says who decides for which).

Random and greedy rivals decide here, as they see the world from their own seats. Whoever plans ahead counts on greedy
play in every seat that is not its own and not random.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.actions.confined import offer
from envs.waybill.actions.proposals import propose
from envs.waybill.actions.raw import copy_order
from envs.waybill.core.draws import mix
from envs.waybill.core.jit import called, jit, kernel
from envs.waybill.core.state import OUTSIDE, RANDOM
from envs.waybill.players.greedy import GREEDY_STYLE, greedy_choice
from envs.waybill.rules.game import play_turn
from envs.waybill.rules.legality import is_legal


@jit
def random_choice(s: Any, me: Any, n: Any) -> Any:
    """One of ``n`` candidates by a draw of the company's own."""
    return np.int64(mix(me.key ^ mix(np.uint64(s.turn))) >> np.uint64(33)) % n


@jit
def decide(s: Any, seat: Any, pool: Any, lv: Any, rule: Any, scratch: Any) -> None:
    """The order that a rule gives for a seat, into ``scratch.seat_orders``."""
    me, row, worth = s.companies[seat], scratch.row, scratch.worth
    n = propose(s, me, pool, lv, scratch, row, worth, True)
    choice = random_choice(s, me, n) if rule == RANDOM else greedy_choice(me, lv, worth, n, GREEDY_STYLE)
    copy_order(scratch.seat_orders[seat], row[choice])


@called
def play_seat(s: Any, seat: Any, pool: Any, lv: Any, o: Any, scratch: Any) -> None:
    """Play a turn with order ``o`` in one seat and rules in all others."""
    copy_order(scratch.seat_orders[seat], o)
    for other in range(lv.n_seats):
        if other != seat:
            decide(s, other, pool, lv, scratch.script[other], scratch)
    play_turn(s, pool, lv, scratch.seat_orders, scratch)


@jit
def play_chosen(s: Any, seat: Any, pool: Any, lv: Any, scratch: Any, o: Any, taken: Any) -> None:
    """Note an order and play it, with rules in all other seats."""
    copy_order(taken[s.turn], o)
    play_seat(s, seat, pool, lv, o, scratch)


@jit
def is_over(s: Any, me: Any) -> Any:
    """True if there is nothing more to decide for the company."""
    return s.done != 0 or me.bankrupt != 0


@called
def finish_greedily(
    s: Any, seat: Any, pool: Any, lv: Any, scratch: Any, row: Any, worth: Any, taken: Any, style: Any, confined: Any
) -> None:
    """Play a seat to its end in one style; ``confined`` as for ``offer``."""
    me = s.companies[seat]
    while not is_over(s, me):
        n = offer(confined, s, me, pool, lv, scratch, row, worth, np.bool_(True))  # a literal would be compiled apart
        play_chosen(s, seat, pool, lv, scratch, row[greedy_choice(me, lv, worth, n, style)], taken)


@kernel
def play_out(states: Any, pool: Any, level: Any, scratch: Any, given: Any, orders: Any) -> None:
    """Play game 0 with the orders ``given`` [T] in its first seat and rules in all others, as long as there are any.

    What all companies did is noted in ``orders`` [T, seats].
    """
    lv, s = level[0], states[0]
    for t in range(len(given)):
        if is_over(s, s.companies[0]):
            break
        play_seat(s, 0, pool, lv, given[t], scratch)
        for seat in range(lv.n_seats):
            copy_order(orders[t, seat], scratch.seat_orders[seat])


@kernel
def decide_scripted(states: Any, pool: Any, level: Any, scratch: Any, orders: Any, low: Any, high: Any) -> None:
    """Batch pass: the orders [N, seats] of all seats that are not played from outside."""
    lv = level[0]
    for i in range(low, high):
        s = states[i]
        for seat in range(lv.n_seats):
            if scratch.script[seat] != OUTSIDE and s.done == 0:
                decide(s, seat, pool, lv, scratch.script[seat], scratch)
                copy_order(orders[i, seat], scratch.seat_orders[seat])


@kernel
def follow_plans(states: Any, seat: Any, pool: Any, level: Any, plans: Any, orders: Any, low: Any, high: Any) -> None:
    """Batch pass: put a seat's planned order [N, horizon] into ``orders`` [N, seats] wherever it still is legal."""
    for i in range(low, high):
        s = states[i]
        if s.done == 0 and is_legal(s, s.companies[seat], pool, level[0], plans[i, s.turn]):
            copy_order(orders[i, seat], plans[i, s.turn])


@kernel
def note_advice(states: Any, views: Any, level: Any, worth: Any, count: Any, advice: Any, low: Any, high: Any) -> None:
    """Batch pass: which candidate the greedy rule would take, int64 [R]."""
    for i in range(low, high):
        me = states[views[i, 0]].companies[views[i, 1]]
        advice[i] = greedy_choice(me, level[0], worth[i], count[i], GREEDY_STYLE)
