"""The two kinds of ground of the study of encodings: how much longer ways are than they look, on its held-out maps."""

from __future__ import annotations

import numpy as np
import pytest
from composing import composed

from envs.waybill.maps.pool import make_pool
from experiments.config.reading import read_setup
from experiments.config.schema import WaybillConfig


@pytest.mark.parametrize(("terrain", "as_crow_flies", "on_a_grid"), [("detours", 2.34, 1.88), ("straight", 1.26, 1.0)])
def test_detour_ratios(terrain: str, as_crow_flies: float, on_a_grid: float) -> None:
    """Mean over all pairs of sites of travel units over those of a line over plain land, straight or along the grid."""
    config = read_setup(composed("experiment=encoding", f"terrain={terrain}")).config
    assert isinstance(config, WaybillConfig)
    first, side = config.evaluation.map_seed, config.level.side
    pool = make_pool(config.level.record(), np.arange(first, first + 100, dtype=np.uint64))
    ratios = []
    for tiles, travel in zip(pool.site_tile.astype(np.int64), pool.site_travel, strict=True):
        for i, j in zip(*np.triu_indices(len(tiles), 1), strict=True):
            gap = np.abs(np.subtract(np.divmod(tiles[i], side), np.divmod(tiles[j], side)))
            ratios.append(travel[i, tiles[j]] / (2 * np.array([np.hypot(*gap), gap.sum()])))
    assert np.mean(ratios, axis=0).round(2).tolist() == [as_crow_flies, on_a_grid]
