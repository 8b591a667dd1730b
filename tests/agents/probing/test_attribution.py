"""Integrated gradients: exact where the network is linear, complete where it is not, and without a trace."""

from __future__ import annotations

import pytest
import torch
from probed import LAYOUT, states

from agents.networks.base import Layout
from agents.networks.candidates import CandidateSettings
from agents.networks.mlp import MLP
from agents.probing.attribution import baseline, integrated_gradients


def mean(outputs: torch.Tensor) -> torch.Tensor:
    return outputs.squeeze(-1)


def test_a_linear_networks_numbers_count_by_their_weights() -> None:
    layout = Layout(globals=3, entities=0, entity_features=0, candidates=0, candidate_features=0)
    network = MLP(layout=layout, n_actions=2, width=[], layer_norm=False)
    network.head.weight.data = torch.tensor([[[1.0, 0.0], [2.0, 5.0], [-3.0, 0.5]]])
    obs = torch.tensor([[[1.0, 1.0, 2.0], [0.0, 4.0, 1.0]]])
    given = {"obs": obs, "mask": torch.ones(1, 2, 2, dtype=torch.bool), "a": torch.tensor([[0, 1]])}
    found = integrated_gradients(network, mean, **given, layout=layout, steps=3)
    assert found.tolist() == [pytest.approx([1.0, 2.0, -6.0]), pytest.approx([0.0, 20.0, 0.5])]


def test_attributions_sum_up_to_what_the_action_is_worth_beyond_the_baseline() -> None:
    torch.manual_seed(5)
    network = CandidateSettings(width=16).build(layout=LAYOUT, n_actions=6)
    obs, mask, a = states(12)
    found = integrated_gradients(network, mean, obs=obs, mask=mask, a=a, layout=LAYOUT, steps=100)
    with torch.no_grad():
        gained = mean(network.of(obs, mask, a) - network.of(baseline(obs, LAYOUT), mask, a))[0]
    assert gained.abs().max() > 0.05
    assert torch.allclose(found.sum(1), gained, atol=5e-3)
    flags = torch.arange(3, 23, 5)
    assert (found[:, flags] == 0).all()  # that a row is there counts for nothing: the baseline has it, too


def test_the_baseline_says_only_which_rows_are_there() -> None:
    obs, _, _ = states(2)
    bare = baseline(obs, LAYOUT)
    entities, candidates = bare[0, 0, 3:23].view(4, 5), bare[0, 0, 23:].view(6, 7)
    assert bare[0, 0, :3].tolist() == [0.0] * 3
    assert entities[:, 0].tolist() == [1.0, 1.0, 0.0, 0.0]
    assert candidates[:, 0].tolist() == [1.0] * 3 + [0.0] * 3
    assert (bare.sum(), bare.count_nonzero()) == (10.0, 10)


def test_a_network_that_was_looked_into_learns_as_before() -> None:
    network = CandidateSettings(width=8).build(layout=LAYOUT, n_actions=6)
    obs, mask, a = states(3)
    integrated_gradients(network, mean, obs=obs, mask=mask, a=a, layout=LAYOUT)
    assert all(parameter.requires_grad and parameter.grad is None for parameter in network.parameters())
