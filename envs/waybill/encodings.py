"""Position encodings: how a place becomes numbers. One function each, found by its name; one config file each.

    encoding(pool, level, **options) -> float32 [M, T, P]

A table over maps and tiles, made once per map: an observation copies rows of it. Pairs of places are encoded in
``features.py`` for every encoding alike, by the |differences| of their rows and the largest of them. Travel times to
reference points are a Fréchet embedding, and the largest of their differences is the ALT lower bound
max |d(u, l) − d(v, l)| ≤ d(u, v) of Goldberg & Harrelson (2005); where x and y are columns, they count in the largest,
too. An encoding marked ``@exact_pairs`` has the true travel time of a pair in place of the largest difference.

Lengths are scaled by 4 · side, so most values lie within 0..1 on every level.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import zip_longest
from typing import Any

import numpy as np

from envs.waybill.jit import jit, kernel, named
from envs.waybill.maps import MapPool, Scratch, draw, make_scratch, mix, travel_field
from envs.waybill.state import MAX_DEPOSITS, MAX_SIDE, MAX_TOWNS, WATER

METRICS = ("travel", "straight")
MAX_FREQUENCIES = 8
SPREAD, NO_POINT = -1, -2  # in place of a point's tile: the one farthest from those before it; there is none
PLAIN_STEP = 2  # travel units of one step over plain land
# Corners first, then edges, then the inside, in parts of a side: a prefix of any length covers the map.
_FIXED = (
    (0.1, 0.1), (0.1, 0.9), (0.9, 0.1), (0.9, 0.9), (0.1, 0.5), (0.9, 0.5), (0.5, 0.1), (0.5, 0.9),
    (0.5, 0.5), (0.3, 0.3), (0.7, 0.7), (0.3, 0.7), (0.7, 0.3), (0.3, 0.5), (0.7, 0.5), (0.5, 0.3),
)  # fmt: skip
_POINT_STREAM = np.uint64(0xD1B54A32D192ED03)  # random points are drawn apart from the map they lie on


def exact_pairs(encode: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """Mark an encoding: observations have a pair's true travel time in place of the largest difference."""
    encode.exact_pairs = True  # type: ignore[attr-defined]
    return encode


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
def fourier(pool: MapPool, level: np.ndarray, frequencies: int = 4) -> np.ndarray:
    """sin and cos of 2^k π x for k = 0, 1, …, and then of y, which are in 0..1. [M, T, 4·frequencies].

    The positional encoding of Mildenhall et al. (2020, eq. 4). Such Fourier features let a network learn what changes
    fast from place to place (Tancik et al. 2020), but they know nothing of travel.

    Args:
        frequencies: number of frequencies, 1..8.

    Raises:
        ValueError: for another number.
    """
    if not 1 <= frequencies <= MAX_FREQUENCIES:
        raise ValueError(f"encoding.options.frequencies={frequencies}, allowed are 1..{MAX_FREQUENCIES}")
    angles = coordinates(pool, level)[:, :, :, None] * (np.pi * 2.0 ** np.arange(frequencies))  # [M, T, 2, F]
    table = np.stack([np.sin(angles), np.cos(angles)], axis=4)  # [M, T, 2, F, 2]
    return table.reshape(*table.shape[:2], -1).astype(np.float32)


@exact_pairs
@named
def pairwise(pool: MapPool, level: np.ndarray) -> np.ndarray:
    """True travel times: the upper bound of what an encoding can tell of distances. [M, T, deposits + towns + 2].

    A place is its travel times to all deposits and then all towns, as many columns as the largest level has, 0 for
    those that are not there; then x and y. A pair of places has its true travel time where others have a bound.

    Raises:
        ValueError: where a company doesn't know all sites, which the travel times would give away.
    """
    record: Any = level[0]
    need_all_known(record, "encoding=pairwise")
    side, deposits, towns = int(record["side"]), int(record["n_deposits"]), int(record["n_towns"])
    table = np.zeros((len(pool.seed), side * side, MAX_DEPOSITS + MAX_TOWNS), np.float32)
    travel = np.where(pool.terrain[:, None] == WATER, 0, pool.site_travel).transpose(0, 2, 1)  # [M, T, N]
    table[:, :, :deposits] = travel[:, :, :deposits]
    table[:, :, MAX_DEPOSITS : MAX_DEPOSITS + towns] = travel[:, :, deposits:]
    return np.concatenate([table / (4 * side), coordinates(pool, level)], axis=2)


def need_all_known(record: Any, what: str) -> None:
    """For encodings that tell where all sites are.

    Raises:
        ValueError: on a level with sight.
    """
    if record["sight"] > 0:
        raise ValueError(f"{what} tells where all sites are, the level hides some of them (sight={record['sight']})")


@named
def reference_points(
    pool: MapPool, level: np.ndarray, metric: str = "travel", points: str = "fixed", count: int = 8
) -> np.ndarray:
    """Distances to ``count`` reference points, then x and y. [M, T, count + 2].

    Args:
        metric: ``travel`` (shortest path over terrain) or ``straight`` (as the crow flies over plain land).
        points: ``fixed`` (the same labelled spots on every map), ``farthest`` (from the land tile nearest to the
            centre on, each the farthest from those before it in the metric; Gonzalez 1985), ``random`` (land tiles
            drawn by the map's seed) or ``sites`` (a deposit, a town, the next deposit and so on; where there are fewer
            sites than points, the columns left over are 0).
        count: number of points, 1..16. Fewer points are the first of many.

    Raises:
        ValueError: for an option that is not one of these; for ``sites`` where a company doesn't know all of them.
    """
    for name, value, known in (("metric", metric, METRICS), ("points", points, tuple(POINTS))):
        if value not in known:
            raise ValueError(f"encoding.options.{name}={value!r}, allowed are {', '.join(known)}")
    if not 1 <= count <= len(_FIXED):
        raise ValueError(f"encoding.options.count={count}, allowed are 1..{len(_FIXED)}")
    record: Any = level[0]
    side = int(record["side"])
    table = np.zeros((len(pool.seed), side * side, count), np.float32)
    fill_distances(pool, level, POINTS[points](pool, level, count), metric == "travel", table, make_scratch())
    return np.concatenate([table / (4 * side), coordinates(pool, level)], axis=2)


def _fixed(pool: MapPool, level: np.ndarray, count: int) -> np.ndarray:
    """Tiles of the reference points, int64 [M, count]; so are the others."""
    record: Any = level[0]
    last = int(record["side"]) - 1
    spots = np.array([(round(y * last), round(x * last)) for x, y in _FIXED[:count]], np.int64)
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
