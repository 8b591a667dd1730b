"""Reference points: where they lie on a map, and the distances of all places to them."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

import numpy as np

from envs.waybill.core.draws import draw, mix
from envs.waybill.core.jit import jit, kernel
from envs.waybill.core.scratch import Scratch
from envs.waybill.core.state import WATER
from envs.waybill.maps.pool import MapPool
from envs.waybill.maps.travel import travel_field
from groundwork.errors import WaybillError

DISTANCE_METRICS = ("travel", "straight")

SPREAD, NO_POINT = -1, -2  # in place of a point's tile: the one farthest from those before it; there is none
PLAIN_STEP = 2  # travel units of one step over plain land


# Corners first, then edges, then the inside, in parts of a side: a prefix of any length covers the map.
FIXED_POINTS = (
    (0.1, 0.1), (0.1, 0.9), (0.9, 0.1), (0.9, 0.9), (0.1, 0.5), (0.9, 0.5), (0.5, 0.1), (0.5, 0.9),
    (0.5, 0.5), (0.3, 0.3), (0.7, 0.7), (0.3, 0.7), (0.7, 0.3), (0.3, 0.5), (0.7, 0.5), (0.5, 0.3),
)  # fmt: skip
_POINT_STREAM = np.uint64(0xD1B54A32D192ED03)  # random points are drawn apart from the map they lie on


def need_all_known(record: Any, what: str) -> None:
    """Refuse a level that hides sites, for encodings that tell where all of them are.

    Raises:
        WaybillError: in one line, on a level with sight.
    """
    if record["sight"] > 0:
        raise WaybillError(f"{what} tells where all sites are, the level hides some of them (sight={record['sight']})")


def _fixed(pool: MapPool, level: np.ndarray, count: int) -> np.ndarray:
    """Tiles of the first fixed points, int64 [M, count]; the functions of the other kinds give the same shape."""
    record: Any = level[0]
    last = int(record["side"]) - 1
    spots = np.array([(round(y * last), round(x * last)) for x, y in FIXED_POINTS[:count]], np.int64)
    tiles = np.zeros((len(pool.seed), count), np.int64)
    fill_nearest(pool, level, spots, tiles)
    return tiles


def _farthest(pool: MapPool, level: np.ndarray, count: int) -> np.ndarray:
    record: Any = level[0]
    centre = int(record["side"]) // 2
    first = np.zeros((len(pool.seed), 1), np.int64)
    fill_nearest(pool, level, np.array([(centre, centre)], np.int64), first)
    return np.concatenate([first, np.full((len(first), count - 1), SPREAD)], axis=1)


def _random(pool: MapPool, level: np.ndarray, count: int) -> np.ndarray:
    tiles = np.zeros((len(pool.seed), count), np.int64)
    draw_points(pool, tiles, np.zeros(1, np.uint64))
    return tiles


def _sites(pool: MapPool, level: np.ndarray, count: int) -> np.ndarray:
    record: Any = level[0]
    need_all_known(record, "encoding.options.points=sites")
    deposits, towns = int(record["n_deposits"]), int(record["n_towns"])
    pairs = zip_longest(range(deposits), range(deposits, deposits + towns))
    chosen = [site for pair in pairs for site in pair if site is not None][:count]
    tiles = np.full((len(pool.seed), count), NO_POINT, np.int64)
    tiles[:, : len(chosen)] = pool.site_tile[:, chosen]
    return tiles


POINTS = {"fixed": _fixed, "farthest": _farthest, "random": _random, "sites": _sites}


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
def fill_nearest(pool: Any, level: Any, spots: Any, tiles: Any) -> None:
    """tiles[m, k] = the land tile of map m nearest to spot k (row, column)."""
    side = np.int64(level[0].side)
    for m in range(tiles.shape[0]):
        for k in range(tiles.shape[1]):
            tiles[m, k] = nearest_land(pool.terrain[m], side, spots[k, 0], spots[k, 1])


@kernel
def draw_points(pool: Any, tiles: Any, rng: Any) -> None:
    """tiles[m, :] = land tiles of map m drawn by its seed, each once; ``rng`` uint64 [1] is working memory."""
    for m in range(tiles.shape[0]):
        rng[0] = mix(pool.seed[m] ^ _POINT_STREAM)
        for k in range(tiles.shape[1]):
            taken = True
            while taken:
                tiles[m, k] = draw(rng, pool.terrain.shape[1])
                taken = pool.terrain[m, tiles[m, k]] == WATER
                for j in range(k):
                    taken = taken or tiles[m, j] == tiles[m, k]


@kernel
def fill_distances(pool: Any, level: Any, tiles: Any, travel: Any, table: Any, scratch: Scratch) -> None:
    """table[m, t, k] = units from reference point k, at tiles[m, k], to tile t on map m."""
    for m in range(table.shape[0]):
        for k in range(table.shape[2]):
            tile = tiles[m, k]
            if tile == SPREAD:
                tile = farthest(pool.terrain[m], table[m], k)
            if tile != NO_POINT:
                distances(pool.terrain[m], level[0], tile, travel, table[m, :, k], scratch)
