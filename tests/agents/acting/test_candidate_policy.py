"""Acting by a candidate network's compiled passes: the network's own choice, in halves on any number of threads."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from learners import head_named, make_network
from states import observations

from agents.acting.policy import QPolicy
from agents.fused.workers import Workers
from agents.networks.weights import FlatParameters


def two_policies(seeds: int, head: str, threads: int) -> tuple[QPolicy, QPolicy]:
    """One that acts by compiled passes, and one by the network itself, of the same weights."""
    network = make_network(seeds, head_named(head).outputs)
    fused, general = (
        QPolicy(network=copy.deepcopy(network), head=head_named(head), n_actions=6, device=torch.device("cpu"))
        for _ in range(2)
    )
    fused.flat, fused.workers = FlatParameters(fused.network, gradients=False), Workers(threads)
    return fused, general


def states(number: int, seeds: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Observations and masks of games of all seeds; in each third row nothing is legal."""
    obs, mask = observations(number, seeds=seeds, rows=rows)
    mask[:, 2::3] = False
    return obs.flatten(0, 1).numpy(), mask.flatten(0, 1).numpy()


@pytest.mark.parametrize("head", ["scalar", "quantile"])
@pytest.mark.parametrize("seeds", [1, 3])
def test_acting_is_that_of_the_network(head: str, seeds: int) -> None:
    """For numbers of rows that change, with those that are halved and those that aren't."""
    fused, general = two_policies(seeds, head, threads=2)
    assert fused.is_fused
    assert not general.is_fused
    for number, rows in enumerate((1, 4, 15, 16, 33, 40, 7, 33)):
        obs, mask = states(number, seeds, rows)
        np.testing.assert_allclose(fused.q_values(obs, mask), general.q_values(obs, mask), rtol=1e-4, atol=1e-5)
        chosen = fused.greedy(obs, mask)
        assert chosen.tolist() == general.greedy(obs, mask).tolist()
        assert mask[np.arange(len(mask)), chosen][mask.any(1)].all()
        assert (chosen[~mask.any(1)] == 0).all()


def test_of_equal_candidates_the_first_is_chosen() -> None:
    fused, _ = two_policies(1, "scalar", threads=1)
    assert fused.flat is not None
    fused.flat.values[:, fused.flat.slices["head.weight"]] = 0
    obs, mask = states(0, 1, 20)
    mask[:, 0] = False
    mask[:, 4] = True
    assert fused.greedy(obs, mask).tolist() == mask.argmax(1).tolist()


@pytest.mark.parametrize("head", ["scalar", "quantile"])
def test_any_number_of_threads_chooses_and_values_alike(head: str) -> None:
    obs, mask = states(0, 3, 37)
    found = []
    for threads in (1, 2, 3, 8):
        policy, _ = two_policies(3, head, threads)
        found.append((policy.q_values(obs, mask), policy.greedy(obs, mask)))
    for q, chosen in found[1:]:
        assert np.array_equal(q, found[0][0])
        assert np.array_equal(chosen, found[0][1])


def test_one_seeds_policy_acts_like_all() -> None:
    fused, _ = two_policies(3, "scalar", threads=2)
    obs, mask = states(1, 3, 33)
    together = fused.greedy(obs, mask).reshape(3, 33)
    for seed in range(3):
        own = slice(seed * 33, (seed + 1) * 33)
        assert fused.single(seed).greedy(obs[own], mask[own]).tolist() == together[seed].tolist()
