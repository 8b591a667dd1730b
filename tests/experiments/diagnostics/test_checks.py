"""Figures with one right value: what they are where all is well, and what where something was planted."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from probed import LAYOUT, states

from agents.memory.transitions import Transitions
from experiments.diagnostics.checks import ShapingCheck, moved, wrong_masks

NONE = torch.zeros(4)


def batch(mask_t: torch.Tensor) -> Transitions:
    """Four transitions between made-up states; the mask before is right."""
    obs, mask, a = states(4)
    return Transitions(obs[0], mask[0], a[0], NONE, NONE, obs[0], mask_t, NONE, a[0])


def test_masks_are_compared_with_the_candidates_that_are_there() -> None:
    right = states(4)[1][0]
    assert wrong_masks(batch(right), LAYOUT) == 0.0
    other = right.clone()
    other[0, 4] = True
    other[2, 0] = False
    assert wrong_masks(batch(other), LAYOUT) == 0.25  # two of the four after, none of those before
    assert wrong_masks(batch(right), LAYOUT._replace(candidates=0, candidate_features=0)) is None


def test_how_far_weights_have_moved() -> None:
    assert moved(None, torch.ones(4)) is None
    assert moved(torch.tensor([3.0, 4.0]), torch.tensor([3.0, 4.0])) == 0.0
    assert moved(torch.tensor([0.0, 4.0]), torch.tensor([3.0, 4.0])) == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("factor", "noise", "slope", "explained"),
    [(1.0, 0.0, 1.0, 1.0), (-1.0, 0.0, -1.0, 1.0), (0.5, 0.0, 0.5, 1.0), (1.0, 3.0, None, None)],
)
def test_shaping_lies_on_a_line_of_slope_one(
    factor: float, noise: float, slope: float | None, explained: float | None
) -> None:
    drawn = np.random.default_rng(4)
    potential, check = drawn.normal(size=(30, 5)), ShapingCheck(0.9)
    for before, now in pairwise(potential):
        added = factor * (0.9 * now - before) + noise * drawn.normal(size=5)
        check.add(added=added, potential_tm1=before, potential_t=now)
    found = check.scalars()
    if slope is None:
        assert found["checks/shaping_explained"] < 0.5
    else:
        assert found == pytest.approx({"checks/shaping_slope": slope, "checks/shaping_explained": explained})


def test_without_potentials_nothing_is_said() -> None:
    check = ShapingCheck(0.9)
    check.add(added=np.ones(3), potential_tm1=np.zeros(3), potential_t=np.zeros(3))
    assert check.scalars() == {}
