"""Travel times: shortest paths over the terrain from one tile to all others (Dijkstra 1959)."""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.core.jit import jit
from envs.waybill.core.state import (
    WATER,
)

UNREACHABLE = 65535


@jit
def travel_field(terrain: Any, cost: Any, side: Any, start: Any, scratch: Any) -> None:
    """Travel units from ``start`` to every tile, into ``scratch.distance`` (label-correcting search, FIFO)."""
    distance, queue, waiting = scratch.distance, scratch.queue, scratch.waiting
    tiles = side * side
    distance[:tiles] = UNREACHABLE
    waiting[:tiles] = False
    distance[start] = 0
    queue[0] = start
    head, count = 0, 1
    while count > 0:
        tile = np.int64(queue[head])
        head = head + 1 if head + 1 < tiles else 0
        count -= 1
        waiting[tile] = False
        row, column = tile // side, tile % side
        here = np.int64(cost[terrain[tile]])
        for k in range(4):
            r = row + (k == 0) - (k == 1)
            c = column + (k == 2) - (k == 3)
            if r < 0 or c < 0 or r >= side or c >= side:
                continue
            other = r * side + c
            if terrain[other] == WATER:
                continue
            far = np.int64(distance[tile]) + here + np.int64(cost[terrain[other]])
            if far < np.int64(distance[other]):
                distance[other] = far
                if not waiting[other]:
                    waiting[other] = True
                    end = head + count
                    queue[end if end < tiles else end - tiles] = other
                    count += 1
