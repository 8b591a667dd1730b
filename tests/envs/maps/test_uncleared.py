"""What can be shown of the land before all sites are seen: the same land, as if none stood on it."""

from __future__ import annotations

import numpy as np
import pytest

from envs.waybill.core import levels
from envs.waybill.core.state import PLAIN, WATER
from envs.waybill.maps.pool import make_pool
from envs.waybill.maps.uncleared import shown_terrain

SEEDS = np.arange(60, dtype=np.uint64)


def test_in_fog_the_land_differs_from_the_maps_own_under_sites_alone() -> None:
    level = levels.load_level("fog")
    pool = make_pool(level.record(), SEEDS)
    below = []
    for row in range(len(SEEDS)):
        shown = shown_terrain(pool, row, level).ravel()
        sites = pool.site_tile[row].astype(np.int64)
        cleared = shown.copy()
        cleared[sites] = PLAIN
        assert (cleared == pool.terrain[row]).all()
        assert (shown[sites] != WATER).all()
        below += shown[sites].tolist()
    land = np.bincount(pool.terrain.ravel(), minlength=3)[:3]  # what else there is, plain, forest and hill
    shares, found = land / land.sum(), np.bincount(below, minlength=3) / len(below)
    assert np.abs(shares - found).max() < 0.06


@pytest.mark.parametrize("name", ["haul", "rivals"])
def test_where_all_sites_are_seen_it_is_the_maps_own(name: str) -> None:
    level = levels.load_level(name)
    pool = make_pool(level.record(), SEEDS[:3])
    assert all((shown_terrain(pool, row, level).ravel() == pool.terrain[row]).all() for row in range(3))
    assert shown_terrain(pool, 0, level).shape == (level.side, level.side)
