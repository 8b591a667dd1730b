"""A section's numbers, computed anew from what the run folders hold."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from measured import HIGH, LOW, arm, numbers_of
from reports import by_label, changed, put

from experiments.reports import aggregates
from experiments.reports.measures import SectionNumbers
from experiments.reports.run_folders import find_runs


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> SectionNumbers:
    folder = tmp_path_factory.mktemp("runs")
    put(folder / "a", "reward=sparse", scores=LOW, events=True)
    put(folder / "b", scores=HIGH, events=True)
    return numbers_of(folder)


def test_scores_are_interquartile_means_raw_and_normalised(numbers: SectionNumbers) -> None:
    one = arm(numbers, "reward=sparse")
    assert one.score.mean == 142.5  # of 120, 140, 160; maps add 2.5
    expected = aggregates.interval(np.array([LOW]).T + 2.5).at()
    assert one.score == pytest.approx(expected)
    assert one.normalised is not None
    assert one.normalised == pytest.approx([(bound - 2.5) / 1000 for bound in expected])
    assert one.gap == pytest.approx(1 - np.mean(LOW) / 1000)
    assert (one.bankruptcies, one.won) == (0.0, None)
    assert numbers.players == {"random": 2.5, "greedy": 502.5, "planner": 1002.5}


def test_curves_are_interquartile_means_at_each_evaluation(numbers: SectionNumbers) -> None:
    one = arm(numbers, "reward=sparse")
    assert one.curve is not None
    assert one.curve.x.tolist() == [0, 400, 800]
    assert one.curve.y.estimate.tolist() == [40, 340, 640]  # the seeds' curves lie 0, 20, 40, 60, 800 above the first
    points = np.array([[0.0, 300.0, 600.0]]) + np.array([LOW]).T - LOW[0]
    np.testing.assert_allclose(one.curve.y.low, aggregates.interval(points[:, None]).low)


def test_time_to_threshold_is_that_of_the_study_of_transfer(numbers: SectionNumbers) -> None:
    assert numbers.threshold == 252.5  # a quarter of the way from 2.5 to 1002.5
    reaching = arm(numbers, "reward=sparse").reaching
    assert reaching is not None
    times = [(252.5 - above) / 300 * 400 for above in (0, 20, 40, 60)] + [0]
    assert reaching.interval.mean == pytest.approx(np.mean(times))
    assert reaching.reached == 5


def test_a_threshold_that_is_not_reached_counts_the_whole_length(tmp_path: Path) -> None:
    put(tmp_path, scores=[600, 660, 700])
    reaching = numbers_of(tmp_path, share=0.69).arms[0].reaching  # 692.5; the curves end at 600, 660, 700
    assert reaching is not None
    assert reaching.reached == 1
    assert reaching.interval.mean == pytest.approx((800 + 800 + 400 + 292.5 / 300 * 400) / 3, abs=1e-9)


def test_profiles_are_of_games_between_random_play_and_the_planner(numbers: SectionNumbers) -> None:
    assert numbers.profile_is_normalised
    assert (numbers.games, numbers.games_left_out) == (6, 0)
    one = arm(numbers, "reward=sparse").profile
    shares = [np.mean([score / 1000 > tau for score in LOW]) for tau in one.x]
    np.testing.assert_allclose(one.y.estimate, shares)


def test_games_without_room_are_left_out_of_the_profile(tmp_path: Path) -> None:
    made = put(tmp_path, scores=[600, 700])
    for run in find_runs([tmp_path]).finished:
        planner = [0, *run.scores["planner"]["by_map"][1:]]
        changed(run.folder, scores={**run.scores, "planner": {**run.scores["planner"], "by_map": planner}})
    assert len(made) == 2
    numbers = numbers_of(tmp_path)
    assert (numbers.games, numbers.games_left_out) == (6, 1)


def test_improvement_is_over_the_reference_and_of_all_pairs(numbers: SectionNumbers) -> None:
    assert numbers.reference.label == "reward=sparse"
    assert arm(numbers, "reward=sparse").improvement is None
    found = arm(numbers, "reward=shaped").improvement
    assert found is not None
    assert found.mean == 0.8  # 900 beats all five
    assert found == aggregates.improvement_interval(np.array(HIGH), np.array(LOW))
    assert numbers.pairs.tolist() == [[0.5, pytest.approx(0.2)], [0.8, 0.5]]


def test_the_funnel_is_read_from_the_event_files(numbers: SectionNumbers) -> None:
    funnel = arm(numbers, "reward=sparse").funnel
    assert list(funnel) == ["extractor", "dig", "sell", "profit"]
    assert funnel["sell"].x.tolist() == [100, 200, 300]
    np.testing.assert_allclose(funnel["sell"].y.estimate, np.mean(LOW) / 1000 * np.array([1, 2, 3]) / 3, rtol=1e-6)


def test_one_seed_has_no_interval(tmp_path: Path) -> None:
    put(tmp_path, scores=[600])
    one = numbers_of(tmp_path).arms[0]
    assert one.score.mean == 602.5
    assert math.isnan(one.score.low)
    assert one.curve is not None
    assert np.isnan(one.curve.y.low).all()
    assert one.funnel == {}


def test_without_a_planner_scores_are_raw_and_the_best_arm_makes_the_threshold(tmp_path: Path) -> None:
    put(tmp_path / "a", "rivals=[greedy]", "reward=sparse", scores=[100, 200], players=("random", "greedy"))
    put(tmp_path / "b", "rivals=[greedy]", scores=[300, 400], players=("random", "greedy"))
    numbers = numbers_of(tmp_path)
    assert not numbers.profile_is_normalised
    assert [one.normalised for one in numbers.arms] == [None, None]
    assert numbers.threshold == 2.5 + 0.25 * 350
    assert by_label([one.arm for one in numbers.arms]).keys() == {"reward=sparse", "reward=shaped"}
    assert numbers.arms[0].profile.x[[0, -1]].tolist() == [100, 405]


def test_nothing_better_than_random_play_has_no_threshold(tmp_path: Path) -> None:
    put(tmp_path, "rivals=[greedy]", scores=[-50, -60], players=("random", "greedy"))
    numbers = numbers_of(tmp_path)
    assert numbers.threshold is None
    assert numbers.arms[0].reaching is None
