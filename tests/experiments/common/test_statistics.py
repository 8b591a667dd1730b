"""Bootstrap intervals: literal cases, and how often they cover the truth."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.common.statistics import better, mean_interval, normalised, share_interval


def test_equal_values_leave_no_doubt() -> None:
    assert mean_interval(np.full(5, 3.0)) == (3.0, 3.0, 3.0)


def test_interval_of_one_to_fifteen() -> None:
    # The mean of 1..15 is 8, its plain normal interval 8 ± 1.96·(4.32/√15) = [5.81, 10.19].
    interval = mean_interval(np.arange(1, 16))
    assert interval.mean == 8.0
    assert interval.low == pytest.approx(5.87, abs=0.15)
    assert interval.high == pytest.approx(10.13, abs=0.15)


def test_skewed_values_move_the_interval_to_their_long_side() -> None:
    values = np.array([0.0] * 9 + [1.0, 2.0, 40.0])
    mean, low, high = mean_interval(values)
    assert high - mean > 1.5 * (mean - low)


def test_same_seed_same_interval_another_seed_nearly_so() -> None:
    values = np.random.default_rng(1).normal(100, 10, 50)
    assert mean_interval(values) == mean_interval(values)
    assert mean_interval(values, seed=7).low == pytest.approx(mean_interval(values).low, abs=0.3)


@pytest.mark.parametrize(("skewed", "at_least"), [(False, 0.925), (True, 0.905)])
def test_interval_covers_the_true_mean_about_95_times_in_100(skewed: bool, at_least: float) -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for trial in range(1500):
        sample = rng.exponential(1.0, 40) if skewed else rng.normal(1.0, 1.0, 40)
        _, low, high = mean_interval(sample, resamples=1000, seed=trial)
        hits += low <= 1.0 <= high
    assert at_least <= hits / 1500 <= 0.965


def test_a_pair_on_the_same_maps_is_told_apart_where_two_samples_are_not() -> None:
    maps = np.random.default_rng(0).normal(0, 500, 60)
    a, b = maps + 20 + np.random.default_rng(1).normal(0, 5, 60), maps
    gain = better(a, b)
    assert gain.low > 15
    assert gain.high < 25
    assert mean_interval(a).low < mean_interval(b).high


def test_normalised_score_is_0_for_random_1_for_the_planner_and_half_between() -> None:
    random, planner = np.array([0.0, 10.0, -20.0, 5.0]), np.array([100.0, 110.0, 80.0, 105.0])
    for share, scores in ((0.0, random), (1.0, planner), (0.5, (random + planner) / 2)):
        interval = normalised(scores, random, planner)
        assert interval is not None
        assert interval == pytest.approx((share, share, share))


def test_normalised_score_is_none_where_the_planner_has_no_room() -> None:
    scores = np.array([1.0, 2.0, 3.0])
    assert normalised(scores, scores, scores) is None
    assert normalised(scores, scores, scores + np.array([9.0, -1.0, 0.5])) is None


@pytest.mark.parametrize("values", [[1.0], [], [1.0, float("nan")], [[1.0, 2.0]]])
def test_too_few_or_broken_values_are_named(values: list) -> None:
    with pytest.raises(ValueError, match="an interval needs"):
        mean_interval(np.array(values))


def test_players_on_different_maps_are_not_compared() -> None:
    with pytest.raises(ValueError, match="same maps, got 3 and 2"):
        better(np.zeros(3), np.zeros(2))


@pytest.mark.parametrize(
    ("wins", "games", "low", "high"),
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)],
)
def test_a_share_has_wilsons_interval(wins: int, games: int, low: float, high: float) -> None:
    share = share_interval(np.arange(games) < wins)  # 81 of 263: Newcombe 1998, table I, method 3
    assert share == pytest.approx((wins / games, low, high), abs=5e-5)


@pytest.mark.parametrize("values", [[], [0.5, 1.5], [np.nan]])
def test_a_share_needs_values_in_its_range(values: list[float]) -> None:
    with pytest.raises(ValueError, match=r"a share needs at least one value, all of them in 0\.\.1"):
        share_interval(np.array(values))
