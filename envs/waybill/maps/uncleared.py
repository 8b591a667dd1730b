"""The land as it was before sites were cleared on it: what can be shown to a company that has not seen them all.

Each site stands on plain land, whatever grew there; on a board the bare patch would give away where an unseen one is.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from envs.waybill.core.draws import GAMMA, mix
from envs.waybill.core.levels import LevelConfig
from envs.waybill.core.scratch import make_scratch
from envs.waybill.core.state import LEVEL
from envs.waybill.maps.generate import draw_terrain, keep_largest_land, place_sites
from envs.waybill.maps.pool import MapPool


def shown_terrain(pool: MapPool, row: int, level: LevelConfig) -> np.ndarray:
    """Terrain int8 [side, side] for pictures of a game in which not all sites are seen; otherwise the map's own.

    It says nothing of any site, so it stays the same as sites are seen: what stands on them covers the land.
    """
    own = pool.terrain[row] if level.sight == 0 else uncleared_terrain(int(pool.seed[row]), level.record().tobytes())
    return own.reshape(level.side, level.side)


@lru_cache(maxsize=8)
def uncleared_terrain(seed: int, level: bytes) -> np.ndarray:
    """Terrain int8 [T] of a seed's map before its sites were cleared, for the bytes of a LEVEL record.

    The draws are those of ``generate``, which keeps only what comes after.
    """
    record: Any = np.frombuffer(level, LEVEL)[0]
    side, scratch = int(record["side"]), make_scratch()
    rng, terrain = np.array([mix(np.uint64(seed) + GAMMA)], np.uint64), np.zeros(side * side, np.int8)
    sites = np.zeros(int(record["n_deposits"]) + int(record["n_towns"]), np.int16)
    while True:
        draw_terrain(rng, record, terrain)
        land, found = keep_largest_land(record, terrain, scratch), terrain.copy()
        if land * 2 >= side * side and place_sites(rng, record, terrain, sites):
            found.flags.writeable = False
            return found
