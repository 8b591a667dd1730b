"""Self-play's pool: spread over the training, drawn from by the seed, saved and gone on with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from experiments.games.waybill.selfplay.snapshots import SnapshotPool, one_to_drop


class Actor:
    """Acts with its one weight."""

    def load_policy(self, weights: Any) -> None:
        self.weight = weights["weight"]

    def greedy(self, obs: np.ndarray, mask: np.ndarray) -> np.ndarray:
        return np.full(len(obs), self.weight)


def make(**changed: Any) -> SnapshotPool:
    return SnapshotPool(**{"make_actor": Actor, "every": 10, "size": 4, "latest_share": 0.5, "seed": 0, **changed})


def filled(steps: range, **changed: Any) -> SnapshotPool:
    pool = make(**changed)
    for step in steps:
        pool.add(step, {"weight": step}, playing=[])
    return pool


@pytest.mark.parametrize(
    ("steps", "dropped"),
    [
        ([0, 10], 0),
        ([0, 10, 20, 30], 0),
        ([10, 20, 30, 40], 10),
        ([20, 30, 40, 50], 30),
        ([40, 50, 60, 70, 71], 70),
        ([100, 110, 200, 300], 110),
    ],
)
def test_the_snapshot_between_the_nearest_neighbours_goes(steps: list[int], dropped: int) -> None:
    assert one_to_drop(steps) == dropped


def test_others_are_drawn_by_their_share_and_each_alike() -> None:
    pool = filled(range(0, 50, 10), others=3, others_share=0.25, latest_share=0.5)
    drawn = pool.draw(40_000)
    shares = {who: float((drawn == who).mean()) for who in set(drawn.tolist())}
    assert set(shares) == {-3, -2, -1, *pool.steps}
    assert [shares[who] for who in (-1, -2, -3)] == pytest.approx([0.25 / 3] * 3, abs=0.01)
    assert shares[40] == pytest.approx(0.75 * (0.5 + 0.5 / 4), abs=0.01)
    assert min(pool.draw(2000).tolist()) == -3


@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_a_full_pool_is_spread_over_the_whole_training_and_keeps_the_newest(size: int) -> None:
    steps = filled(range(0, 1000, 10), size=size).steps
    assert len(steps) == size
    assert steps == sorted(set(steps))
    assert steps[-1] == 990
    if size > 2:
        assert max(np.diff([0, *steps])) <= 2 * 1000 / (size - 1)


def test_a_snapshot_is_due_before_the_first_step_and_then_every_so_often() -> None:
    pool = make(every=25)
    assert pool.is_due(0)
    pool.add(0, {"weight": 0}, playing=[])
    assert [step for step in range(0, 60, 8) if pool.is_due(step)] == [32, 40, 48, 56]


def test_draws_are_the_newest_so_often_and_otherwise_any() -> None:
    pool = filled(range(0, 40, 10))
    drawn = pool.draw(40_000)
    shares = [np.mean(drawn == step) for step in (0, 10, 20, 30)]
    assert shares == pytest.approx([0.125, 0.125, 0.125, 0.625], abs=0.01)
    assert set(filled(range(0, 40, 10), latest_share=1.0).draw(100)) == {30}
    assert set(filled(range(0, 40, 10), latest_share=0.0).draw(100)) == {0, 10, 20, 30}
    assert set(make().draw(5)) == {0}


def test_one_that_has_to_leave_stays_while_it_plays() -> None:
    pool = make(size=1)
    pool.add(0, {"weight": 0}, playing=[])
    pool.add(10, {"weight": 10}, playing=[0])
    assert pool.greedy(0)(np.zeros((2, 1)), np.ones((2, 3))).tolist() == [0, 0]
    assert set(pool.draw(50)) == {10}
    pool.add(20, {"weight": 20}, playing=[10])
    with pytest.raises(KeyError):
        pool.greedy(0)
    assert pool.greedy(10)(np.zeros((1, 1)), np.ones((1, 3))).tolist() == [10]


def test_a_saved_pool_goes_on() -> None:
    pool, other = filled(range(0, 70, 10)), make(seed=9)
    pool.draw(7)
    other.load_state_dict(pool.state_dict())
    assert other.steps == pool.steps
    assert other.draw(100).tolist() == pool.draw(100).tolist()
    assert other.greedy(60)(np.zeros((1, 1)), np.ones((1, 3))).tolist() == [60]
