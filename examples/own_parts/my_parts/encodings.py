"""A position encoding: polar coordinates."""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.maps.pool import MapPool


def polar(pool: MapPool, level: np.ndarray, turns: int = 1) -> np.ndarray:
    """Distance from the map's centre in 0..1, and the sine and cosine of ``turns`` times the angle. [M, T, 3]."""
    record: Any = level[0]
    side = int(record["side"])
    rows, columns = np.divmod(np.arange(side * side), side)
    y, x = rows - (side - 1) / 2, columns - (side - 1) / 2
    angle = turns * np.arctan2(y, x)
    table = np.stack([np.hypot(x, y) / side, np.sin(angle), np.cos(angle)], axis=1).astype(np.float32)
    return np.broadcast_to(table, (len(pool.seed), *table.shape)).copy()
