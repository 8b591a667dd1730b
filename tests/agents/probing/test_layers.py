"""What is measured of layers: which rows they have, dormant units, effective rank, change."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from probed import LAYOUT, states

from agents.networks.candidates import CandidateSettings
from agents.networks.mlp import MLPSettings
from agents.probing.layers import activations, dormant_share, effective_rank, relative_change


def test_a_candidate_network_has_a_row_for_each_entity_and_for_each_state() -> None:
    network = CandidateSettings(width=8).build(layout=LAYOUT, n_actions=6)
    seen = activations(network, *states(10))
    assert {name: tuple(rows.shape) for name, rows in seen.items()} == {
        "entity": (20, 8), "state": (10, 8), "meet": (10, 8), "scorer": (10, 8),
    }  # fmt: skip


def test_looking_leaves_no_hook_behind() -> None:
    network = MLPSettings(width=[8, 4]).build(layout=LAYOUT, n_actions=6)
    first = activations(network, *states(5))
    assert {name: tuple(rows.shape) for name, rows in first.items()} == {"layer0": (5, 8), "layer1": (5, 4)}
    assert not any(module._forward_hooks for module in network.modules())
    assert all(torch.equal(rows, first[name]) for name, rows in activations(network, *states(5)).items())


def test_dormant_units_are_those_far_below_their_layers_mean() -> None:
    rows = torch.tensor([[0.0, 1.0, -3.0, 0.05], [0.0, 1.0, 3.0, 0.05]])  # means 0, 1, 3, 0.05: mean of all 1.0125
    assert dormant_share(rows, 0.025) == 0.25
    assert dormant_share(rows, 0.05) == 0.5
    assert dormant_share(torch.zeros(3, 4), 0.025) == 1.0


@pytest.mark.parametrize(
    ("singular", "rank"),
    [
        ((1.0, 1.0, 1.0, 1.0), 4),
        ((1.0, 0.0, 0.0, 0.0), 1),
        ((0.0, 0.0, 0.0, 0.0), 0),
        ((98.0, 1.5, 0.5, 0.0), 2),  # 98 % are too few, 99.5 % are enough
        ((99.5, 0.5, 0.0, 0.0), 1),
    ],
)
def test_the_effective_rank_counts_what_holds_99_percent_of_the_singular_values(
    singular: tuple[float, ...], rank: int
) -> None:
    generator = np.random.default_rng(3)
    left, right = (np.linalg.qr(generator.normal(size=(n, n)))[0] for n in (9, 4))
    rows = torch.from_numpy(left[:, :4] @ np.diag(singular) @ right)
    assert effective_rank(rows) == rank


def test_change_is_a_share_of_what_was() -> None:
    before = {"a": torch.tensor([[3.0, 4.0]]), "b": torch.zeros(1, 2)}
    after = {"a": torch.tensor([[3.0, 6.5]]), "b": torch.zeros(1, 2)}
    assert relative_change(before, after) == {"a": pytest.approx(0.5), "b": 0.0}


def test_what_is_active_but_not_finite_has_no_rank() -> None:
    assert np.isnan(effective_rank(torch.tensor([[1.0, np.inf], [0.0, 1.0]])))
    assert np.isnan(effective_rank(torch.full((3, 2), 1e300, dtype=torch.float64)))  # whose squares are not finite
