"""The games that a person's may be, as far as the company knows: for advice and trials that give nothing away.

Where nothing is hidden that is the game itself. Otherwise states are drawn that agree with all that the company knows
(``players/beliefs.py``); the same turn of the same game draws the same ones.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from envs.waybill.core import state as st
from envs.waybill.core.scratch import make_scratch
from envs.waybill.maps.pool import MapPool
from envs.waybill.players.beliefs import draw_beliefs, make_beliefs
from envs.waybill.players.planner_seen import hides_something
from experiments.games.waybill.playing.session import PlaySession


class Believed(NamedTuple):
    """D states that the present game may be in, each on row ``map`` of a pool."""

    states: np.ndarray  # STATE [D]
    pool: MapPool
    exact: bool  # it is the game itself, D is 1


def believed_now(session: PlaySession) -> Believed:
    """Copies of the present game as the person's company can believe it to be."""
    level = session.level
    if not hides_something(level):
        return Believed(session.state.copy(), session.pool, True)
    drawn = make_beliefs(level, level.planner_beliefs)
    scratch = make_scratch()
    scratch.script[:] = session.others.rules_for_all()
    given = session.own_orders().reshape(1, -1)
    seed = session.map_seed + session.seat
    draw_beliefs(session.state, session.seat, session.pool, session.record, scratch, given, drawn, seed, 0)
    states = drawn.states.copy()
    states["map"] = np.arange(len(states))
    return Believed(states, drawn.pool, False)


def empty_orders(games: int, seats: int) -> np.ndarray:
    """Room for a turn's orders of N games, ORDER [N, seats]."""
    return st.records(games * seats, st.ORDER).reshape(games, seats)
