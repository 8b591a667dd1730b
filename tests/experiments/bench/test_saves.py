"""What a checkpoint costs is measured on real ones."""

from __future__ import annotations

import pytest

from experiments.bench.saves import SaveCost, measure_saves


def test_a_save_holds_training_up_writes_something_and_the_share_is_of_both() -> None:
    cost = measure_saves(1, steps=640)
    assert 0 < cost.held_up < 10
    assert cost.interval > 0
    assert cost.megabytes > 0.1
    assert SaveCost(held_up=1.0, slower=2.0, interval=100.0, megabytes=5.0).share == pytest.approx(0.03)
