"""Random numbers of a game: hashed from a seed and a counter, no global state (Steele, Lea & Flood 2014)."""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.core.jit import jit

GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX1, _MIX2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S27, _S30, _S31, _S33 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(33)


@jit
def mix(x: Any) -> Any:
    """splitmix64's output function (Steele, Lea & Flood 2014): uint64 → uint64."""
    z = (x ^ (x >> _S30)) * _MIX1
    z = (z ^ (z >> _S27)) * _MIX2
    return z ^ (z >> _S31)


@jit
def draw(rng: Any, n: Any) -> Any:
    """A uniform integer in 0..n-1; ``rng`` is uint64 [1] and moves on."""
    rng[0] = rng[0] + GAMMA
    return np.int64(mix(rng[0]) >> _S33) % n
