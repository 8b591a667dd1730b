"""The information plane's estimator against layers whose bits are known."""

from __future__ import annotations

import pytest
import torch

from agents.probing.information import equal_groups, information


def test_a_layer_of_two_points_holds_one_bit_of_the_state() -> None:
    rows = torch.tensor([[0.0, 0.0], [30.0, 40.0]]).repeat(8, 1)
    label = torch.tensor([0, 1]).repeat(8)
    of_state, of_label = information(rows, label, noise=0.001)
    assert (of_state, of_label) == (pytest.approx(1.0), pytest.approx(1.0))


def test_a_label_that_the_layer_does_not_know_costs_no_bits() -> None:
    rows = torch.tensor([[0.0], [1.0]]).repeat_interleave(8, 0)
    label = torch.tensor([0, 1]).repeat(8)  # half of each point's states have each label
    of_state, of_label = information(rows, label, noise=0.001)
    assert (of_state, of_label) == (pytest.approx(1.0), pytest.approx(0.0, abs=1e-9))


def test_distinct_points_hold_all_of_the_state_and_equal_ones_nothing() -> None:
    corners = 100 * torch.eye(16)
    assert information(corners, torch.arange(16) // 4, noise=0.001) == (pytest.approx(4.0), pytest.approx(2.0))
    assert information(torch.ones(16, 3), torch.arange(16) // 4) == (0.0, 0.0)


def test_scale_and_turning_of_a_layer_change_nothing() -> None:
    drawn = torch.randn(64, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    label = torch.arange(64) % 4
    turned = drawn.flip(1) * torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0])
    assert information(1000 * turned + 7, label) == pytest.approx(information(drawn, label))


def test_more_noise_leaves_fewer_bits() -> None:
    drawn = torch.randn(64, 5, generator=torch.Generator().manual_seed(2))
    found = [information(drawn, torch.arange(64) % 4, noise)[0] for noise in (0.01, 0.1, 1.0)]
    assert 6.0 >= found[0] > found[1] > found[2] > 0.0


def test_groups_are_of_equal_size_and_in_order() -> None:
    values = torch.tensor([5.0, 1.0, 1.0, 9.0, -2.0, 7.0])
    assert equal_groups(values, 3).tolist() == [1, 0, 1, 2, 0, 2]
