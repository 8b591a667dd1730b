"""Predicted values against what came, on a handful of states that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.diagnostics.values import compare_values
from experiments.diagnostics.visited import Visited, VisitedStates

INF = np.inf
# Two games: one of three turns that terminates, one that is cut off after two
VISITED = Visited(
    obs=np.zeros((5, 1), np.float32), mask=np.ones((5, 3), np.int8), a=np.array([0, 2, 1, 0, 1]),
    r=np.array([1.0, 0.0, 4.0, 2.0, 2.0]), returned=np.array([2.0, 2.0, 4.0, 3.0, 2.0]),
    ended=np.array([False, False, True, False, False]), game=np.array([0, 0, 0, 1, 1]), turn=np.array([0, 1, 2, 0, 1]),
)  # fmt: skip
Q = np.array([[3.0, 1.0, 2.0], [0.0, -INF, 1.5], [-INF, 5.0, -INF], [1.0, 4.0, 0.0], [2.0, 2.0, 2.0]])


def test_values_by_hand() -> None:
    found = compare_values(VISITED, Q, gamma=0.5)
    assert found.q.tolist() == [3.0, 1.5, 5.0, 1.0, 2.0]
    assert found.gap.tolist() == [1.0, 1.5, 3.0, 0.0]  # the third state has one legal action
    # r + γ max Q(s') - Q(s, a): 1 + 0.75 - 3, 0 + 2.5 - 1.5, 4 - 5 at the end, 2 + 1 - 1; of the last nothing is known
    assert found.td_error.tolist() == [-1.25, 1.0, -1.0, 2.0]
    scalars = found.scalars()
    assert scalars["values/q"] == pytest.approx(2.5)
    assert scalars["values/return"] == pytest.approx(2.6)
    assert scalars["values/overestimation"] == pytest.approx(-0.1 / 2.6)
    assert scalars["values/calibration_error"] == pytest.approx((1.0 + 0.5 + 1.0 + 2.0 + 0.0) / 5)
    assert scalars["values/correlation"] == pytest.approx(np.corrcoef(found.q, VISITED.returned)[0, 1])


def test_values_twice_the_return_are_overestimated_by_all_of_it() -> None:
    doubled = np.repeat(2 * VISITED.returned[:, None], 3, axis=1)
    found = compare_values(VISITED, doubled, gamma=1.0)
    assert found.overestimation == pytest.approx(1.0)
    assert found.scalars()["values/correlation"] == pytest.approx(1.0)


def test_states_are_kept_with_the_returns_that_came_after_them() -> None:
    kept = VisitedStates(states=16, gamma=0.5)  # two turns of each of 8 games
    kept.begin(None)
    for turn, games in enumerate(([0, 1, 20], [0, 1, 20], [0, 20])):
        rows = np.array(games)
        kept.turn(
            games=rows, obs_tm1=rows[:, None] + 10.0 * turn, mask_tm1=np.ones((len(rows), 2), np.int8), a_tm1=rows % 2,
            r_t=np.full(len(rows), 2.0**turn), terminated_t=(rows == 1) & (turn == 1), env=None, infos={},
        )  # fmt: skip
    found = kept.all()
    assert found.obs[:, 0].tolist() == [0.0, 10.0, 1.0, 11.0]
    assert found.returned.tolist() == [1 + 1 + 1, 2 + 2, 1 + 1, 2]  # the third turn of game 0 counts, too
    assert (found.game.tolist(), found.turn.tolist()) == ([0, 0, 1, 1], [0, 1, 0, 1])
    assert found.ended.tolist() == [False, False, False, True]
    assert found.followed.tolist() == [True, False, True, False]
    assert found.a.tolist() == [0, 0, 1, 1]


def test_thinning_keeps_the_first_and_the_last() -> None:
    assert VISITED.thinned(5) is VISITED
    assert VISITED.thinned(3).r.tolist() == [1.0, 4.0, 2.0]
