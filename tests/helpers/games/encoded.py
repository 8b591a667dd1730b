"""Maps for tests of encodings: with the true travel times between all tiles, or of plain land only."""

from __future__ import annotations

from functools import cache

import numpy as np
from handmade import costs_of, dijkstra

from envs.waybill.core import levels
from envs.waybill.core.state import PLAIN
from envs.waybill.maps.pool import MapPool, make_pool

MAP_SEEDS = np.array([0, 3, 2**32 + 1])


@cache
def true_maps(name: str = "haul") -> tuple[levels.LevelConfig, MapPool, np.ndarray]:
    """A level, three maps, and the true travel units between all pairs of tiles, int64 [M, T, T]."""
    level = levels.load_level(name)
    pool = make_pool(level.record(), MAP_SEEDS)
    tiles = range(level.side**2)
    true = [[dijkstra(t, costs_of(level), level.side, a) for a in tiles] for t in pool.terrain]
    return level, pool, np.array(true)


def units(level: levels.LevelConfig, table: np.ndarray) -> np.ndarray:
    """Travel units from a table of reference points [M, T, count + 2] → float64 [M, T, count]."""
    return table[:, :, :-2].astype(np.float64) * 4 * level.side


def plain_pool(side: int) -> tuple[np.ndarray, MapPool]:
    """A level record and one map of plain land only."""
    level = levels.LevelConfig(
        name="plain", side=side, deposits=2, towns=1, raw_goods=["ore"], refined_goods=[], prices={"ore": 5},
        horizon=9, start_cash=9, train_steps=1,
    )  # fmt: skip
    pool = make_pool(level.record(), np.array([1]))
    pool.terrain[:] = PLAIN
    return level.record(), pool
