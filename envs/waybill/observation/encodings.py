"""Position encodings: how a place becomes numbers. One function each, found by its name; one config file each.

    encoding(pool, level, **options) -> float32 [M, T, P]

A table over maps and tiles, made once per map: an observation copies rows of it. Pairs of places are encoded in
``candidates.py`` for every encoding alike, by the |differences| of their rows and the largest of them. Travel times to
reference points are a Fréchet embedding, and the largest of their differences is the ALT lower bound
max |d(u, l) − d(v, l)| ≤ d(u, v) of Goldberg & Harrelson (2005); where x and y are columns, they count in the largest,
too. An encoding marked ``@exact_pairs`` has the true travel time of a pair in place of the largest difference.

Lengths are scaled by 4 · side, so most values lie within 0..1 on every level.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from envs.waybill.core.parts import named
from envs.waybill.core.scratch import make_scratch
from envs.waybill.core.state import MAX_DEPOSITS, MAX_SIDE, MAX_TOWNS, WATER
from envs.waybill.maps.pool import MapPool
from envs.waybill.observation.reference_points import (
    DISTANCE_METRICS,
    FIXED_POINTS,
    POINTS,
    fill_distances,
    need_all_known,
)
from groundwork.errors import WaybillError

MAX_FREQUENCIES = 8


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
        WaybillError: for another number.
    """
    if not 1 <= frequencies <= MAX_FREQUENCIES:
        raise WaybillError(f"encoding.options.frequencies={frequencies}, allowed are 1..{MAX_FREQUENCIES}")
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
        WaybillError: where a company doesn't know all sites, which the travel times would give away.
    """
    record: Any = level[0]
    need_all_known(record, "encoding=pairwise")
    side, deposits, towns = int(record["side"]), int(record["n_deposits"]), int(record["n_towns"])
    table = np.zeros((len(pool.seed), side * side, MAX_DEPOSITS + MAX_TOWNS), np.float32)
    travel = np.where(pool.terrain[:, None] == WATER, 0, pool.site_travel).transpose(0, 2, 1)  # [M, T, N]
    table[:, :, :deposits] = travel[:, :, :deposits]
    table[:, :, MAX_DEPOSITS : MAX_DEPOSITS + towns] = travel[:, :, deposits:]
    return np.concatenate([table / (4 * side), coordinates(pool, level)], axis=2)


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
        WaybillError: for an option that is not one of these; for ``sites`` where a company doesn't know all of them.
    """
    for name, value, known in (("metric", metric, DISTANCE_METRICS), ("points", points, tuple(POINTS))):
        if value not in known:
            raise WaybillError(f"encoding.options.{name}={value!r}, allowed are {', '.join(known)}")
    if not 1 <= count <= len(FIXED_POINTS):
        raise WaybillError(f"encoding.options.count={count}, allowed are 1..{len(FIXED_POINTS)}")
    record: Any = level[0]
    side = int(record["side"])
    table = np.zeros((len(pool.seed), side * side, count), np.float32)
    fill_distances(pool, level, POINTS[points](pool, level, count), metric == "travel", table, make_scratch())
    return np.concatenate([table / (4 * side), coordinates(pool, level)], axis=2)
