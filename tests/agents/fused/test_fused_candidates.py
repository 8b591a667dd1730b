"""The candidate network's fused update against the general one by autograd."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from learners import ROWS, fill, head_named, make_learner, make_network
from states import LAYOUT

from agents.fused.candidates import FusedCandidates, can_fuse_candidates
from agents.kernels import candidates as kernels
from agents.learning.learner import MunchausenSettings, QLearner
from agents.memory.transitions import TransitionBuffers
from agents.networks.mlp import MLPSettings


def assert_same(general: QLearner, fused: QLearner, seeds: int) -> None:
    """TD errors at each of 20 updates; weights, target weights and metrics in the end."""
    assert general.fused is None
    assert isinstance(fused.fused, FusedCandidates)
    buffers = TransitionBuffers(seeds=seeds, batch_size=ROWS, obs_size=LAYOUT.size, n_actions=6, stores_masks=True)
    start = general.flat.values.clone()
    for number in range(20):
        fill(buffers, number)
        theirs = general.update(buffers.batch, 0)
        torch.testing.assert_close(fused.update(buffers.batch, 0), theirs, rtol=1e-3, atol=2e-4)
    for ours, theirs in ((fused.flat, general.flat), (fused.target_flat, general.target_flat)):
        torch.testing.assert_close(ours.values, theirs.values, rtol=1e-3, atol=2e-4)
    assert (general.flat.values - start).abs().amax(1).min() > 5e-3
    for own, other in zip(fused.metrics(), general.metrics(), strict=True):
        assert own == pytest.approx(other, rel=1e-3, abs=1e-4)
        assert ("at_ends" in own) == general.head.has_ends
        assert own.get("at_ends", 0.1) > 0.01  # of returns of a deviation of 2, between -3 and 3


@pytest.mark.parametrize("head", ["scalar", "quantile", "cvar", "categorical", "hl_gauss"])
@pytest.mark.parametrize("double", [False, True], ids=["plain", "double"])
@pytest.mark.parametrize("layer_norm", [False, True], ids=["bare", "norm"])
def test_it_is_the_general_update(head: str, double: bool, layer_norm: bool) -> None:
    network = make_network(1, head_named(head).outputs, layer_norm=layer_norm)
    general, fused = (make_learner(network, head, way, double=double) for way in (False, True))
    assert_same(general, fused, seeds=1)


@pytest.mark.parametrize("threads", [1, 2])
def test_several_seeds_on_threads_of_their_own(threads: int) -> None:
    network = make_network(3, 1)
    general, fused = (make_learner(network, "scalar", way, tau=None, threads=threads) for way in (False, True))
    assert_same(general, fused, seeds=3)


def test_equal_largest_entities_each_get_the_whole_gradient() -> None:
    """Two entities alike: both ways count both."""
    network = make_network(1, 1)
    general, fused = (make_learner(network, "scalar", way) for way in (False, True))
    buffers = TransitionBuffers(seeds=1, batch_size=ROWS, obs_size=LAYOUT.size, n_actions=6, stores_masks=True)
    fill(buffers, 0)
    entities = buffers.obs[:, :, 3:23].unflatten(2, (5, 4))
    entities[:, :, 1] = entities[:, :, 0]
    for learner in (general, fused):
        learner.update(buffers.batch, 0)
    torch.testing.assert_close(fused.flat.gradients, general.flat.gradients, rtol=1e-4, atol=1e-6)


def test_what_has_no_fused_way_is_not_fused() -> None:
    assert can_fuse_candidates(make_network(2, 5))
    assert not can_fuse_candidates(make_network(1, 1, dueling=True))
    assert not can_fuse_candidates(make_network(1, 1, noisy=True))
    assert not can_fuse_candidates(MLPSettings(width=[4]).build(layout=LAYOUT, n_actions=6))
    munchausen = MunchausenSettings(0.9, 0.03, -1.0, True)
    assert make_learner(make_network(1, 1), "scalar", True, munchausen=munchausen).fused is None


def test_sets_are_pooled_and_what_is_not_finite_is_passed_on() -> None:
    """Sets of 5, 0 and 3 rows beside two globals: the mean and the largest of what is rectified."""
    rng = np.random.default_rng(0)
    hidden, obs = rng.normal(size=(8, 37)).astype(np.float32), rng.normal(size=(3, 50)).astype(np.float32)
    hidden[5:, 3], hidden[6, 4] = -1.0, np.nan
    starts, out = np.array([0, 5, 5, 8]), np.full((3, 2 + 2 * 37), 9.0, np.float32)
    kernels.pool(hidden, starts, obs, 2, out)
    rectified = np.maximum(hidden, 0)
    assert (out[:, :2] == obs[:, :2]).all()
    for b, rows in ((0, rectified[:5]), (2, rectified[5:])):
        np.testing.assert_allclose(out[b, 2:39], rows.mean(0), rtol=1e-6)
        np.testing.assert_array_equal(out[b, 39:], rows.max(0))  # NaN where one of them is
    assert (out[1, 2:] == 0).all()
    assert out[2, [2 + 3, 39 + 3]].tolist() == [0, 0]  # none above zero
    assert np.isnan(out[2, [2 + 4, 39 + 4]]).all()
