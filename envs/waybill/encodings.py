"""Position encodings: how a place becomes numbers. One function each, found by its name; one config file each.

    encoding(pool, level, **options) -> float32 [M, T, P]

A table over maps and tiles, made once per map: an observation copies rows of it. Pairs of places are encoded in
``features.py`` for every encoding alike, by the |differences| of their rows and the largest of them. With travel times
to reference points that largest difference is the ALT lower bound max |d(u, l) − d(v, l)| ≤ d(u, v) of Goldberg &
Harrelson (2005), and the rows are a Fréchet embedding.

Lengths are scaled by 4 · side, so most values lie within 0..1 on every level.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.jit import jit, kernel, named
from envs.waybill.maps import MapPool, Scratch, make_scratch, travel_field
from envs.waybill.state import MAX_SIDE, WATER

METRICS = ("travel", "straight")
POINTS = ("fixed", "farthest")
PLAIN_STEP = 2  # travel units of one step over plain land
# Corners first, then edges, then the inside, in parts of a side: a prefix of any length covers the map.
_FIXED = (
    (0.1, 0.1), (0.1, 0.9), (0.9, 0.1), (0.9, 0.9), (0.1, 0.5), (0.9, 0.5), (0.5, 0.1), (0.5, 0.9),
    (0.5, 0.5), (0.3, 0.3), (0.7, 0.7), (0.3, 0.7), (0.7, 0.3), (0.3, 0.5), (0.7, 0.5), (0.5, 0.3),
)  # fmt: skip


@named
def coordinates(pool: MapPool, level: np.ndarray) -> np.ndarray:
    """x and y in 0..1. [M, T, 2]."""
    record: Any = level[0]
    side = int(record["side"])
    rows, columns = np.divmod(np.arange(side * side), side)
    table = np.stack([columns, rows], axis=1).astype(np.float32) / (side - 1)
    return np.broadcast_to(table, (len(pool.seed), *table.shape)).copy()


@named
def one_hot(pool: MapPool, level: np.ndarray) -> np.ndarray:
    """Column and row one-hot, as wide as the largest level so that weights fit all. [M, T, 2·MAX_SIDE]."""
    record: Any = level[0]
    side = int(record["side"])
    rows, columns = np.divmod(np.arange(side * side), side)
    table = np.zeros((side * side, 2 * MAX_SIDE), np.float32)
    table[np.arange(side * side), columns] = 1.0
    table[np.arange(side * side), MAX_SIDE + rows] = 1.0
    return np.broadcast_to(table, (len(pool.seed), *table.shape)).copy()


@named
def reference_points(
    pool: MapPool, level: np.ndarray, metric: str = "travel", points: str = "fixed", count: int = 8
) -> np.ndarray:
    """Distances to ``count`` reference points, then x and y. [M, T, count + 2].

    Args:
        metric: ``travel`` (shortest path over terrain) or ``straight`` (as the crow flies over plain land).
        points: ``fixed`` (the same labelled spots on every map) or ``farthest`` (from the land tile nearest to the
            centre on, each the farthest from those before it in the metric; Gonzalez 1985).
        count: number of points, 1..16.

    Raises:
        ValueError: for an option that is not one of these.
    """
    for name, value, known in (("metric", metric, METRICS), ("points", points, POINTS)):
        if value not in known:
            raise ValueError(f"encoding.options.{name}={value!r}, allowed are {', '.join(known)}")
    if not 1 <= count <= len(_FIXED):
        raise ValueError(f"encoding.options.count={count}, allowed are 1..{len(_FIXED)}")
    record: Any = level[0]
    side = int(record["side"])
    spots = np.array([(round(y * (side - 1)), round(x * (side - 1))) for x, y in _FIXED[:count]], np.int64)
    table = np.zeros((len(pool.seed), side * side, count), np.float32)
    fill_distances(pool, level, spots, metric == "travel", points == "farthest", table, make_scratch())
    return np.concatenate([table / (4 * side), coordinates(pool, level)], axis=2)


@jit
def nearest_land(terrain: Any, side: Any, row: Any, column: Any) -> Any:
    """The land tile nearest to a spot as the crow flies; ties go to the lower tile."""
    best, best_gap = -1, 1 << 30
    for tile in range(side * side):
        gap = (tile // side - row) ** 2 + (tile % side - column) ** 2
        if terrain[tile] != WATER and gap < best_gap:
            best, best_gap = tile, gap
    return best


@jit
def distances(terrain: Any, lv: Any, tile: Any, travel: Any, column: Any, scratch: Any) -> None:
    """Travel units (or straight plain-land units) from a tile to all others, into ``column`` [T]."""
    side = np.int64(lv.side)
    if travel:
        travel_field(terrain, lv.terrain_cost, side, tile, scratch)
    for other in range(side * side):
        if travel:
            # Water has no travel time and nothing stands there; 0 keeps the table tidy.
            column[other] = scratch.distance[other] if terrain[other] != WATER else 0
        else:
            gap = (tile // side - other // side) ** 2 + (tile % side - other % side) ** 2
            column[other] = PLAIN_STEP * np.sqrt(np.float64(gap))


@jit
def farthest(terrain: Any, table: Any, known: Any) -> Any:
    """The land tile whose nearest of the first ``known`` points is farthest away."""
    best, best_gap = 0, -1.0
    for tile in range(len(terrain)):
        if terrain[tile] != WATER:
            gap = table[tile, 0]
            for k in range(1, known):
                gap = min(gap, table[tile, k])
            if gap > best_gap:
                best, best_gap = tile, np.float64(gap)
    return best


@kernel
def fill_distances(pool: Any, level: Any, spots: Any, travel: Any, spread: Any, table: Any, scratch: Scratch) -> None:
    """table[m, t, k] = units from reference point k to tile t on map m."""
    lv = level[0]
    side = np.int64(lv.side)
    for m in range(table.shape[0]):
        terrain = pool.terrain[m]
        for k in range(table.shape[2]):
            if not spread:
                tile = nearest_land(terrain, side, spots[k, 0], spots[k, 1])
            elif k == 0:
                tile = nearest_land(terrain, side, side // 2, side // 2)
            else:
                tile = farthest(terrain, table[m], k)
            distances(terrain, lv, tile, travel, table[m, :, k], scratch)
