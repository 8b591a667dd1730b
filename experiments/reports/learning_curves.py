"""Measures of learning curves: what transfer is worth by Taylor & Stone 2009, sec. 2.1, with intervals over seeds.

A curve is a list of [env_step, score], by step, of one seed; the first point is before any training. Scores are in
coins, or whatever the curves are in. Between two evaluations a curve is a straight line.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from experiments.common.statistics import CONFIDENCE, RESAMPLES, Interval, mean_interval
from groundwork.errors import WaybillError

Curve = Sequence[Sequence[float]]
ASYMPTOTE_EVALUATIONS = 3  # evaluations that make the asymptote
THRESHOLD = 0.25  # share of the way from the random player's score to the planner's, chosen before any run


class Time(NamedTuple):
    """When a curve reaches a threshold, in environment steps; if it never does, the step of its last evaluation."""

    steps: float
    reached: bool


class TimeInterval(NamedTuple):
    """Mean of several seeds' times to a threshold: a lower bound if fewer than all ``seeds`` have ``reached`` it."""

    interval: Interval
    reached: int
    seeds: int


def jumpstart(curve: Curve, scratch: Curve) -> float:
    """Score before any training, less that of the run from scratch.

    Raises:
        WaybillError: if a curve doesn't begin at step 0.
    """
    return _first(curve) - _first(scratch)


def _first(curve: Curve) -> float:
    step, score = points_of(curve)[0]
    if step != 0:
        raise WaybillError(f"a jumpstart needs an evaluation at step 0, the curve begins at {step:g}")
    return float(score)


def threshold_between(random: float, best: float, share: float = THRESHOLD) -> float:
    """The score that counts as having learnt a level: a share of the way from the random player's to the best one."""
    return random + share * (best - random)


def time_to_threshold(curve: Curve, threshold: float) -> Time:
    """When the score is first at least ``threshold``; later falls don't count.

    A curve that never gets there is censored: the time is that of its last evaluation, and is only a lower bound.
    """
    points = points_of(curve)
    above = np.flatnonzero(points[:, 1] >= threshold)
    if not len(above):
        return Time(float(points[-1, 0]), False)
    k = above[0]
    if k == 0:
        return Time(float(points[0, 0]), True)
    (step_0, score_0), (step_1, score_1) = points[k - 1], points[k]
    return Time(float(step_0 + (step_1 - step_0) * (threshold - score_0) / (score_1 - score_0)), True)


def asymptote(curve: Curve, last: int = ASYMPTOTE_EVALUATIONS) -> float:
    """Mean score of the last evaluations, as many as there are.

    Raises:
        WaybillError: if ``last`` is below 1.
    """
    if last < 1:
        raise WaybillError(f"last={last} is not allowed, it must be 1 or more evaluations")
    return float(points_of(curve)[-last:, 1].mean())


def area(curve: Curve, until: float) -> float:
    """Area under the curve from step 0 to ``until`` by trapezoids, in score times steps; the last score goes on."""
    points = points_of(curve)
    inside = points[points[:, 0] < until]
    steps = np.append(inside[:, 0], until)
    scores = np.interp(steps, points[:, 0], points[:, 1])
    return float(np.sum(np.diff(steps) * (scores[1:] + scores[:-1]) / 2))


def transfer_ratio(areas: np.ndarray, scratch: np.ndarray) -> float | None:
    """(area with transfer − area from scratch) / area from scratch, of the mean areas of seeds, each [S].

    None if scratch's mean area isn't above 0: then it divides by a loss and means nothing.
    """
    room = float(np.mean(scratch))
    return None if room <= 0 else (float(np.mean(areas)) - room) / room


def ratio_interval(
    areas: np.ndarray,
    scratch: np.ndarray,
    *,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval | None:
    """The transfer ratio with its percentile bootstrap interval over seeds: areas, scratch [S], in pairs.

    None if in any resample scratch's area isn't above 0.
    """
    ratio = transfer_ratio(areas, scratch)
    rows = np.random.default_rng(seed).integers(len(areas), size=(resamples, len(areas)))
    room = scratch[rows].mean(1)
    if ratio is None or room.min() <= 0:
        return None
    low, high = np.quantile(areas[rows].mean(1) / room - 1, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(ratio, float(low), float(high))


def time_interval(times: Sequence[Time], *, more: float = 0.0) -> TimeInterval:
    """Mean time of several seeds with its bootstrap interval, plus ``more`` steps that each has cost before.

    Censored times count as what they are at least, so that the mean is restricted to the curves' length (Royston &
    Parmar 2013): with any of them it is a lower bound, and is to be shown as one.
    """
    interval = mean_interval(np.array([time.steps for time in times]) + more)
    return TimeInterval(interval, sum(time.reached for time in times), len(times))


def over_seeds(measure: Callable[[Curve], float], curves: Sequence[Curve]) -> Interval:
    """Mean of a measure over seeds, with its bootstrap interval."""
    return mean_interval(np.array([measure(curve) for curve in curves]))


def points_of(curve: Curve) -> np.ndarray:
    """A curve's points as an array [T, 2] of (environment step, score), checked.

    Raises:
        WaybillError: if there are none, or their steps don't rise.
    """
    points = np.asarray(curve, np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise WaybillError(f"a curve is a list of [env_step, score], got shape {points.shape}")
    if (np.diff(points[:, 0]) <= 0).any() or not np.isfinite(points).all():
        raise WaybillError("a curve's steps must rise, and its numbers be finite")
    return points
