"""Maps: terrain, sites and travel times from a seed. Read-only and shared: a state holds only its map's row in a pool.

Travel is four-connected; a step between two tiles takes the sum of their terrain costs in travel units, so a plain step
takes 2 and the way back as long as the way there. Water cannot be crossed; land cut off from the sites becomes water,
so every site and every land tile is reachable from every other.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from envs.waybill.core.scratch import make_scratch
from envs.waybill.maps.generate import NEAR, generate_many
from groundwork.limits import need_memory

# First map seed of each range; training never draws below 2**32.
TEST_SEEDS, VALIDATION_SEEDS, TRAIN_SEEDS = 0, 2**31, 2**32


class MapPool(NamedTuple):
    """M maps of one level as arrays; N sites are the deposits first, then the towns; T = side² tiles; G goods."""

    seed: np.ndarray  # uint64 [M]
    terrain: np.ndarray  # int8 [M, T]
    site_tile: np.ndarray  # int16 [M, N]
    site_good: np.ndarray  # int8 [M, N], -1 for towns
    site_price: np.ndarray  # int16 [M, N, G] in an empty market, 0: does not buy
    site_travel: np.ndarray  # uint16 [M, N, T] travel units
    near: np.ndarray  # int16 [M, N, NEAR] land tiles to build on, nearest first


def bytes_of_map(level: np.ndarray) -> int:
    """What a map of a level record [1] takes in a pool."""
    t, n, g = _sizes(level)
    return 8 + t + n * (3 + 2 * g + 2 * t + 2 * NEAR)


def _sizes(level: np.ndarray) -> tuple[int, int, int]:
    """T, N and G of a level record [1]."""
    row: Any = level[0]
    return int(row["side"]) ** 2, int(row["n_deposits"]) + int(row["n_towns"]), int(row["n_goods"])


def empty_pool(level: np.ndarray, maps: int) -> MapPool:
    """M maps of a level record [1] with nothing on them.

    Raises:
        WaybillError: in one line, if this machine has no memory for them.
    """
    m, (t, n, g) = maps, _sizes(level)
    need_memory(m * bytes_of_map(level), f"{m:,} maps of this level")
    return MapPool(
        seed=np.zeros(m, np.uint64),
        terrain=np.zeros((m, t), np.int8),
        site_tile=np.zeros((m, n), np.int16),
        site_good=np.zeros((m, n), np.int8),
        site_price=np.zeros((m, n, g), np.int16),
        site_travel=np.zeros((m, n, t), np.uint16),
        near=np.zeros((m, n, NEAR), np.int16),
    )


def make_pool(level: np.ndarray, seeds: np.ndarray) -> MapPool:
    """The maps of ``seeds`` [M] for a level record [1]; about 0.1 ms a map.

    Args:
        level: LEVEL record, shape [1].
        seeds: map seeds, any integers from 0 to 2**63.
    """
    pool = empty_pool(level, len(seeds))
    generate_many(np.asarray(seeds, np.uint64), level, pool, np.arange(len(seeds)), make_scratch())
    return pool
