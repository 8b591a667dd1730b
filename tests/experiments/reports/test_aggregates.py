"""Aggregates over seeds: literals, a slow twin in plain Python, and how often the intervals hold the truth."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
import pytest

from experiments.reports.aggregates import (
    Band,
    draws,
    improvement_interval,
    interval,
    iqm,
    on_common_steps,
    optimality_gap,
    probability_of_improvement,
    profile,
    tail,
)

T_975_9 = 2.2621571628  # 0.975 quantile of Student's t with 9 degrees of freedom, from any table


@pytest.mark.parametrize(
    ("values", "mean"),
    [
        ([8, 1, 7, 2, 6, 3, 5, 4], 4.5),  # 3, 4, 5, 6
        ([100, 0, 1, 3, 2], 2.0),  # 1, 2, 3
        ([1, 2, 6], 3.0),  # too few to leave one out
        ([5], 5.0),
        ([*range(10), 1000, -1000], 4.5),  # 2 … 7
    ],
)
def test_the_interquartile_mean_leaves_out_a_quarter_at_either_end(values: list[float], mean: float) -> None:
    assert iqm(np.array(values)) == mean
    assert iqm(np.array([values, values]), axis=1) == pytest.approx([mean, mean])


def slow_iqm(values: list[float]) -> float:
    values, out = sorted(values), len(values) // 4
    kept = values[out : len(values) - out]
    return sum(kept) / len(kept)


def slow_quantile(values: list[float], share: float) -> float:
    values, place = sorted(values), share * (len(values) - 1)
    low = math.floor(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (place - low) * (values[high] - values[low])


@pytest.mark.parametrize("seed", range(3))
def test_the_stratified_bootstrap_equals_its_slow_twin(seed: int) -> None:
    """The same resampled seeds, everything else in loops: 4 seeds, 3 tasks, 2 points."""
    values = np.random.default_rng(seed).normal(size=(4, 3, 2))
    rows = draws(4, 3, resamples=300, seed=seed)
    outside = NormalDist().cdf(-T_975_9 * math.sqrt(4 / 3))
    found = interval(values, resamples=300, seed=seed)
    for point in range(2):
        resampled = [
            slow_iqm([values[rows[r][s][task]][task][point] for s in range(4) for task in range(3)]) for r in range(300)
        ]
        own = slow_iqm([values[s][task][point] for s in range(4) for task in range(3)])
        bounds = slow_quantile(resampled, outside), slow_quantile(resampled, 1 - outside)
        assert found.at(point) == pytest.approx((own, *bounds), abs=1e-9)


def test_of_one_task_only_means_need_the_factor_for_resamples_that_vary_too_little() -> None:
    values, rows = np.random.default_rng(5).normal(size=(10, 1)), draws(10, 1, resamples=2000)[:, :, 0]
    for statistic, slow, wide in ((iqm, slow_iqm, T_975_9), (np.mean, np.mean, T_975_9 * math.sqrt(10 / 9))):
        resampled = [float(slow(values[row, 0].tolist())) for row in rows]
        outside = NormalDist().cdf(-wide)
        bounds = slow_quantile(resampled, outside), slow_quantile(resampled, 1 - outside)
        assert interval(values, statistic, resamples=2000).at()[1:] == pytest.approx(bounds, abs=1e-9)


def test_resamples_stay_within_their_task() -> None:
    """Two tasks far apart: no resample's mean leaves the middle."""
    values = np.array([[0.0, 100.0], [1.0, 101.0], [2.0, 102.0]])
    found = interval(values, np.mean)
    assert found.estimate == 51.0
    assert 50.0 <= found.low < 51.0 < found.high <= 52.0


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).normal(size=(5, 1, 7))
    whole = interval(values, resamples=500)
    monkeypatch.setattr("experiments.reports.aggregates._CHUNK", 1000)
    for one, other in zip(whole, interval(values, resamples=500), strict=True):
        np.testing.assert_array_equal(one, other)


def test_bounds_are_moved_outwards_for_few_seeds() -> None:
    assert tail(4, 3) == pytest.approx(NormalDist().cdf(-T_975_9 * math.sqrt(4 / 3)), rel=1e-5)
    assert tail(3, 1) < tail(5, 1) < tail(10, 1) < tail(10, 5) < 0.025
    assert tail(100_000, 1) == pytest.approx(0.025, abs=1e-5)


@pytest.mark.parametrize("values", [np.zeros((1, 2)), np.zeros(5), np.array([[1.0], [np.nan]])])
def test_what_has_no_interval_is_refused(values: np.ndarray) -> None:
    with pytest.raises(ValueError, match="an interval needs"):
        interval(values)


Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
SCORES: dict[str, Draw] = {
    "normal": lambda rng, size: rng.normal(0, 1, size),
    "tail to the right": lambda rng, size: rng.lognormal(0, 0.75, size),
    "tail to the left": lambda rng, size: rng.beta(6, 1.5, size),
    "some fail": lambda rng, size: np.where(rng.random(size) < 0.3, rng.normal(0, 0.1, size), rng.normal(1, 0.1, size)),
}


def covered(draw: Draw, seeds: int, tasks: int, experiments: int = 1000) -> float:
    """The share of simulated experiments whose interval holds the true interquartile mean. Tasks differ in ease."""
    rng, ease = np.random.default_rng(0), np.linspace(0, 2, tasks)
    truth = iqm((draw(rng, (300_000, tasks)) + ease).ravel())
    hits = 0
    for experiment in range(experiments):
        found = interval(draw(rng, (seeds, tasks)) + ease, resamples=1000, seed=experiment)
        hits += bool(found.low <= truth <= found.high)
    return hits / experiments


@pytest.mark.parametrize(
    ("scores", "seeds", "tasks"),
    [
        ("normal", 10, 1),
        ("tail to the right", 10, 1),
        ("tail to the left", 10, 1),
        ("some fail", 10, 1),
        ("some fail", 20, 1),
        ("normal", 10, 5),
        ("tail to the right", 10, 5),
    ],
)
def test_intervals_hold_the_truth_95_times_in_100(scores: str, seeds: int, tasks: int) -> None:
    assert 0.93 <= covered(SCORES[scores], seeds, tasks) <= 0.97


def test_few_seeds_of_one_task_hold_it_less_often_as_documented() -> None:
    assert 0.72 <= covered(SCORES["normal"], 3, 1) <= 0.80
    assert 0.91 <= covered(SCORES["normal"], 5, 1) <= 0.96


def test_a_profile_is_the_share_of_games_above_each_threshold() -> None:
    scores = np.array([[0.0, 0.5, 1.0, 1.0], [0.2, 0.2, 0.2, 0.9]])
    shares = profile(scores, np.array([-1.0, 0.0, 0.5, 1.0]))
    np.testing.assert_array_equal(shares, [[1, 0.75, 0.5, 0], [1, 1, 0.25, 0]])


def test_the_optimality_gap_counts_only_what_is_missing() -> None:
    assert optimality_gap(np.array([0.5, 1.5, 1.0, 0.0])) == 0.375
    assert optimality_gap(np.array([[2.0, 1.0], [0.0, 0.0]]), target=2.0).tolist() == [1.0, 1.5]


@pytest.mark.parametrize(
    ("ours", "others", "chance"),
    [
        ([1, 2, 3], [2, 2], 0.5),  # 0, 0, ½, ½, 1, 1
        ([3, 4], [1, 2], 1.0),
        ([1], [2, 1, 0, 0], 0.625),
        ([0, 0], [0, 0, 0], 0.5),
    ],
)
def test_the_probability_of_improvement_is_mann_whitneys(ours: list, others: list, chance: float) -> None:
    ours, others = np.array(ours), np.array(others)
    assert probability_of_improvement(ours, others) == chance
    assert probability_of_improvement(others, ours) == 1 - chance


def test_newcombes_interval_ends_where_the_observed_is_just_allowed() -> None:
    rng = np.random.default_rng(3)
    ours, others = rng.normal(0.7, 1, 7), rng.normal(0, 1, 9)
    found, low, high = improvement_interval(ours, others)
    assert 0 < low < found < high < 1
    for p in (low, high):
        spread = p * (1 - p) * (1 + 7 * ((1 - p) / (2 - p) + p / (1 + p))) / 63  # (7 + 9) / 2 - 1 = 7
        assert abs(found - p) == pytest.approx(1.959964 * math.sqrt(spread), rel=1e-5)
    assert improvement_interval(others, ours) == pytest.approx((1 - found, 1 - high, 1 - low))


def test_of_runs_that_are_all_better_the_interval_is_no_point() -> None:
    five = improvement_interval(np.arange(5) + 10, np.arange(5))
    assert five == pytest.approx((1.0, 0.6427, 1.0), abs=1e-4)
    ten = improvement_interval(np.arange(10) + 10, np.arange(10))
    assert five.low < ten.low < 1.0


def test_newcombes_interval_holds_the_truth_of_five_seeds() -> None:
    rng, truth, hits = np.random.default_rng(0), NormalDist().cdf(math.sqrt(2)), 0
    for _ in range(1000):
        found = improvement_interval(rng.normal(2, 1, 5), rng.normal(0, 1, 5))
        hits += found.low <= truth <= found.high
    assert 0.93 <= hits / 1000 <= 0.97


def test_curves_meet_at_the_steps_that_all_of_them_reach() -> None:
    one, other = np.array([[0, 0.0], [10, 10.0], [20, 10.0]]), np.array([[5, 1.0], [10, 2.0], [15, 3.0]])
    steps, values = on_common_steps([one, other])
    assert steps.tolist() == [5, 10, 15]
    assert values.tolist() == [[5, 10, 10], [1, 2, 3]]
    long = np.column_stack([np.arange(1000), np.arange(1000)]).astype(float)
    steps, values = on_common_steps([long, long], most=11)
    assert len(steps) == 11
    assert (steps[0], steps[-1]) == (0, 999)
    np.testing.assert_array_equal(values, [steps, steps])
    assert len(on_common_steps([one[:1], other])[0]) == 0


def test_a_band_gives_its_intervals_one_by_one() -> None:
    band = Band(np.array([1.0, 2.0]), np.array([0.0, 1.0]), np.array([3.0, 4.0]))
    assert band.at(1) == (2.0, 1.0, 4.0)
