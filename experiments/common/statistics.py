"""How sure a mean over maps is: bootstrap intervals that resample maps, in pairs where two players share them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from groundwork.errors import WaybillError

CONFIDENCE = 0.95
RESAMPLES = 10_000
_CHUNK = 2_000_000  # drawn indices held at once


class Interval(NamedTuple):
    """A mean and the bounds of its confidence interval, in the unit of the values."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:,.1f} [{self.low:,.1f}, {self.high:,.1f}]"


def interval_text(found: Interval, spec: str) -> str:
    """An estimate with its interval, each written as ``format`` does by ``spec``; alone if its bounds are nan."""
    mean, low, high = (format(value, spec) for value in found)
    return mean if math.isnan(found.low) else f"{mean} ({low} … {high})"


def mean_interval(
    values: np.ndarray, *, confidence: float = CONFIDENCE, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """Mean of ``values`` [N] with its bias-corrected and accelerated bootstrap interval (Efron 1987, eq. 2.3 and 6.6).

    Raises:
        WaybillError: with fewer than 2 values, or values that are not finite.
    """
    values = _checked(values)
    mean = float(values.mean())
    if np.all(values == values[0]):
        return Interval(mean, mean, mean)
    means = np.concatenate([values[rows].mean(axis=1) for rows in _draws(len(values), resamples, seed)])  # [R]
    below = (np.count_nonzero(means < mean) + 0.5 * np.count_nonzero(means == mean)) / len(means)
    bias = NormalDist().inv_cdf(min(max(below, 1 / len(means)), 1 - 1 / len(means)))
    deviation = values - mean  # N - 1 times the mean's change when one value is left out
    acceleration = float((deviation**3).sum() / (6.0 * (deviation**2).sum() ** 1.5))
    bounds = []
    for share in ((1 - confidence) / 2, (1 + confidence) / 2):
        z = bias + NormalDist().inv_cdf(share)
        bounds.append(NormalDist().cdf(bias + z / (1 - acceleration * z)))
    low, high = np.quantile(means, bounds)
    return Interval(mean, float(low), float(high))


def share_interval(values: np.ndarray, *, confidence: float = CONFIDENCE) -> Interval:
    """Mean of ``values`` [N] in 0..1 with the score interval of a share (Wilson 1927), which has room at 0 and 1, too.

    For values between 0 and 1 (a draw, two games on one map) it is too wide rather than too narrow.

    Raises:
        WaybillError: without values, or with one outside 0..1.
    """
    values = np.asarray(values, np.float64)
    if not len(values) or not (0.0 <= values.min() <= values.max() <= 1.0):
        raise WaybillError("a share needs at least one value, all of them in 0..1")
    p, n, z = float(values.mean()), len(values), NormalDist().inv_cdf((1 + confidence) / 2)
    centre, spread = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = ((centre + side * spread) / (1 + z * z / n) for side in (-1, 1))
    return Interval(p, max(0.0, low), min(1.0, high))


def better(
    a: np.ndarray, b: np.ndarray, *, confidence: float = CONFIDENCE, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """How much better ``a`` [N] is than ``b`` [N] on the same maps; above zero for sure if ``low > 0``."""
    a, b = _paired(a, b)
    return mean_interval(a - b, confidence=confidence, resamples=resamples, seed=seed)


def normalised(
    policy: np.ndarray,
    random: np.ndarray,
    planner: np.ndarray,
    *,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval | None:
    """(policy − random) / (planner − random) of the mean scores [N] on the same maps: 0 is random, 1 the planner.

    The interval is the percentile bootstrap over maps. None if the planner isn't clearly better than the random
    player on these maps (some resample has no room between them), so that the ratio means nothing.
    """
    policy, random = _paired(policy, random)
    planner, random = _paired(planner, random)
    gain, room = policy - random, planner - random
    if room.mean() <= 0:
        return None
    ratios = []
    for rows in _draws(len(gain), resamples, seed):
        rooms = room[rows].mean(axis=1)
        if rooms.min() <= 0:
            return None
        ratios.append(gain[rows].mean(axis=1) / rooms)
    low, high = np.quantile(np.concatenate(ratios), [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(gain.mean() / room.mean()), float(low), float(high))


def _draws(count: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Rows of ``count`` indices drawn with replacement, ``resamples`` rows in all, in chunks [r, N]."""
    rng = np.random.default_rng(seed)
    step = max(1, _CHUNK // count)
    for start in range(0, resamples, step):
        yield rng.integers(count, size=(min(step, resamples - start), count))


def _checked(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or len(values) < 2:
        raise WaybillError(f"an interval needs at least 2 values, got shape {values.shape}")
    if not np.isfinite(values).all():
        raise WaybillError("an interval needs finite values")
    return values


def _paired(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a, b = _checked(a), _checked(b)
    if a.shape != b.shape:
        raise WaybillError(f"both players must have played the same maps, got {len(a)} and {len(b)} games")
    return a, b
