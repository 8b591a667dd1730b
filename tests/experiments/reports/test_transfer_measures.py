"""Measures of transfer, on curves made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.common.statistics import Interval
from experiments.reports import learning_curves as measures
from experiments.reports.learning_curves import Time

SCRATCH = [[0, -10.0], [100, 10.0], [200, 50.0], [400, 70.0]]
TRANSFER = [[0, 20.0], [100, 40.0], [200, 60.0], [400, 80.0]]


def test_jumpstart_is_the_difference_at_the_first_evaluation() -> None:
    assert measures.jumpstart(TRANSFER, SCRATCH) == 30.0
    with pytest.raises(ValueError, match="needs an evaluation at step 0, the curve begins at 100"):
        measures.jumpstart(TRANSFER[1:], SCRATCH)


@pytest.mark.parametrize(
    ("threshold", "time"),
    [
        (30.0, Time(150.0, True)),  # half the way from 10 to 50
        (10.0, Time(100.0, True)),
        (-10.0, Time(0.0, True)),
        (-99.0, Time(0.0, True)),
        (60.0, Time(300.0, True)),
        (70.0, Time(400.0, True)),
        (70.1, Time(400.0, False)),  # never: at least as long as the curve
    ],
)
def test_time_to_threshold_interpolates_and_is_censored(threshold: float, time: Time) -> None:
    assert measures.time_to_threshold(SCRATCH, threshold) == time


def test_a_later_fall_does_not_take_back_what_was_reached() -> None:
    assert measures.time_to_threshold([[0, 0], [10, 8], [20, 0], [30, 8]], 4) == Time(5.0, True)


def test_asymptote_is_the_mean_of_the_last_evaluations() -> None:
    assert measures.asymptote(SCRATCH, last=2) == 60.0
    assert measures.asymptote(SCRATCH) == pytest.approx(130 / 3)
    assert measures.asymptote(SCRATCH[:1]) == -10.0
    with pytest.raises(ValueError, match="last=0 is not allowed"):
        measures.asymptote(SCRATCH, last=0)


def test_area_by_trapezoids() -> None:
    assert measures.area(SCRATCH, 400) == 0 + 3000 + 12_000
    assert measures.area(TRANSFER, 400) == 3000 + 5000 + 14_000
    assert measures.area(SCRATCH, 150) == 0 + 50 * (10 + 30) / 2
    assert measures.area(SCRATCH, 500) == 15_000 + 7_000  # the last score goes on


def test_ratio_is_of_mean_areas() -> None:
    """Areas 2 and 6 against 1 and 3: twice as much; of single seeds 1 and 1, but with 3 and 5: 1 again, not 4/3."""
    scratch = np.array([1.0, 3.0])
    assert measures.transfer_ratio(np.array([2.0, 6.0]), scratch) == 1.0
    assert measures.transfer_ratio(np.array([3.0, 5.0]), scratch) == 1.0
    assert measures.transfer_ratio(scratch, np.array([1.0, -1.0])) is None
    assert measures.ratio_interval(np.array([2.0, 6.0]), scratch) == Interval(1.0, 1.0, 1.0)
    assert measures.ratio_interval(scratch, np.array([5.0, -1.0])) is None  # the loss alone may be drawn
    found = measures.ratio_interval(np.array([3.0, 5.0]), scratch)
    assert found is not None
    assert (found.mean, found.low, found.high) == pytest.approx((1.0, 2 / 3, 2.0))


def test_times_of_seeds_say_how_many_got_there() -> None:
    times = [Time(100.0, True), Time(100.0, True), Time(100.0, True)]
    assert measures.time_interval(times, more=50) == (Interval(150.0, 150.0, 150.0), 3, 3)
    some = measures.time_interval([Time(100.0, True), Time(400.0, False)])
    assert (some.interval.mean, some.reached, some.seeds) == (250.0, 1, 2)


def test_a_measure_over_seeds() -> None:
    found = measures.over_seeds(measures.asymptote, [TRANSFER, TRANSFER])
    assert found == Interval(60.0, 60.0, 60.0)


@pytest.mark.parametrize(
    ("curve", "line"),
    [
        ([], "a curve is a list of"),
        ([[0, 1, 2]], "a curve is a list of"),
        ([[0, 1], [0, 2]], "steps must rise"),
        ([[0, np.nan]], "numbers be finite"),
    ],
)
def test_what_is_no_curve_is_refused(curve: list, line: str) -> None:
    with pytest.raises(ValueError, match=line):
        measures.asymptote(curve)
