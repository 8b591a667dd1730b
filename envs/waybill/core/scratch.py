"""Working memory of a thread: what passes write and read again within one game."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from envs.waybill.core.state import (
    MAX_BUILDINGS,
    MAX_CARTS,
    MAX_DEPOSITS,
    MAX_GOODS,
    MAX_RECIPES,
    MAX_SEATS,
    MAX_SIDE,
    MAX_TOWNS,
    ORDER,
    records,
)

RULE_CANDIDATES = 48  # orders that a rule chooses from


class Scratch(NamedTuple):
    """Working memory of one thread, so that the rules allocate nothing."""

    distance: np.ndarray  # uint16 [tiles]
    queue: np.ndarray  # int16 [tiles]
    waiting: np.ndarray  # bool [tiles]
    actions: np.ndarray  # int64 [most legal raw actions]
    order: np.ndarray  # ORDER [1]
    rank: np.ndarray  # int64 [MAX_SEATS], see rules/tick.py
    script: np.ndarray  # int64 [MAX_SEATS], who decides for each seat
    seat_orders: np.ndarray  # ORDER [MAX_SEATS], see players/scripted.py
    row: np.ndarray  # ORDER [candidates of a rule]
    worth: np.ndarray  # float32 [candidates of a rule, 2]
    flows: np.ndarray  # float64 [places + 3, MAX_GOODS], see forecasts/flows.py
    ahead: np.ndarray  # float64 [3], see forecasts/cash.py


def make_scratch() -> Scratch:
    """Working memory for one thread."""
    tiles = MAX_SIDE * MAX_SIDE
    routes = (MAX_CARTS + 1) * MAX_BUILDINGS * (MAX_BUILDINGS + MAX_TOWNS)
    return Scratch(
        distance=np.zeros(tiles, np.uint16),
        queue=np.zeros(tiles, np.int16),
        waiting=np.zeros(tiles, np.bool_),
        actions=np.zeros(1 + MAX_DEPOSITS + MAX_RECIPES * tiles + routes + MAX_BUILDINGS, np.int64),
        order=records(1, ORDER),
        rank=np.zeros(MAX_SEATS, np.int64),
        script=np.zeros(MAX_SEATS, np.int64),
        seat_orders=records(MAX_SEATS, ORDER),
        row=records(RULE_CANDIDATES, ORDER),
        worth=np.zeros((RULE_CANDIDATES, 2), np.float32),
        flows=np.zeros((MAX_BUILDINGS + MAX_TOWNS + 3, MAX_GOODS), np.float64),
        ahead=np.zeros(3, np.float64),
    )
