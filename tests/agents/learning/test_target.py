"""All ways of an update have the target of ``losses.q_learning_target``: by autograd, fused, and restated by kernels.

Batches hold terminations (a discount of 0, with and without legal actions afterwards), other steps, truncations among
them (a discount above 0) and illegal actions.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from learners import ROWS, fill
from states import LAYOUT
from torch import Tensor

from agents import losses
from agents.fused.candidates import FusedCandidates
from agents.fused.mlp import FusedDQN
from agents.kernels import mlp as kernels
from agents.learning.learner import QLearner
from agents.memory.transitions import TransitionBuffers
from agents.networks.base import QNetwork, taken
from agents.networks.candidates import CandidateSettings
from agents.networks.heads import ScalarHead
from agents.networks.mlp import MLPSettings
from agents.networks.weights import stack

DOUBLE = pytest.mark.parametrize("double", [False, True], ids=["plain", "double"])
SETTINGS: dict[str, Any] = {"mlp": MLPSettings(width=[12]), "candidates": CandidateSettings(width=12)}


def target_of(q_choose: Tensor, q_target: Tensor, r_t: Tensor, discount_t: Tensor, mask_t: Tensor) -> Tensor:
    """The target [S, B] from values [S, B, A] of the network that chooses and of the target network."""

    def values_of(a: Tensor) -> Tensor:
        return taken(q_target.unsqueeze(3), a).squeeze(2)

    return losses.q_learning_target(r_t=r_t, discount_t=discount_t, q_t=q_choose, mask_t=mask_t, outputs_of=values_of)


@DOUBLE
@pytest.mark.parametrize("seed", range(20))
def test_the_kernels_restate_the_target(double: bool, seed: int) -> None:
    """``best_legal`` and ``td_errors`` on random values of 2 seeds, some equal, some rows without a legal action."""
    rng = torch.Generator().manual_seed(seed)
    shape = (2, ROWS, 5)
    q_tm1, q_online, q_target = (torch.randn(shape, generator=rng) for _ in range(3))
    q_online[:, 0], q_target[:, 0] = 0.5, q_target[:, 0].round()
    mask = torch.rand(shape, generator=rng) < 0.5
    mask[:, 1] = False
    r_t = torch.randn(shape[:2], generator=rng)
    discount_t = torch.where(torch.rand(shape[:2], generator=rng) < 0.3, 0.0, 0.9)
    assert (discount_t[mask.any(2)] == 0).any()
    a_tm1 = torch.randint(0, 5, shape[:2], generator=rng)
    q_choose = q_online if double else q_target
    expected = target_of(q_choose, q_target, r_t, discount_t, mask) - taken(q_tm1.unsqueeze(3), a_tm1).squeeze(2)

    a_t, td = np.zeros(shape[:2], np.int64), np.zeros(shape[:2], np.float32)
    rows = torch.cat([q_tm1, q_choose], 1) if double else q_choose  # double: both halves went through one network
    kernels.best_legal(rows.numpy(), mask.numpy(), ROWS if double else 0, a_t)
    kernels.td_errors(
        q_tm1.numpy(), a_tm1.numpy(), q_target.numpy(), a_t, r_t.numpy(), discount_t.numpy(),
        np.ones(shape[:2], np.float32), 1.0, td, np.zeros(shape[:2], np.float32), np.zeros((2, 3)),
    )  # fmt: skip
    assert (a_t == losses.masked_argmax(q_choose, mask).numpy()).all()
    torch.testing.assert_close(torch.from_numpy(td), expected, rtol=1e-6, atol=1e-6)


def make_network(kind: str, seeds: int) -> QNetwork:
    torch.manual_seed(3)
    return stack([SETTINGS[kind].build(layout=LAYOUT, n_actions=6) for _ in range(seeds)])


@DOUBLE
@pytest.mark.parametrize("fused_update", [False, True], ids=["autograd", "fused"])
@pytest.mark.parametrize("kind", SETTINGS)
def test_td_errors_are_those_of_the_target(kind: str, fused_update: bool, double: bool) -> None:
    """Of each update of 2 seeds, whose target networks are others than their networks."""
    network, other = make_network(kind, 2), make_network(kind, 2)
    learner = QLearner(
        network=network, target_network=copy.deepcopy(network), head=ScalarHead(1.0), learning_rate=lambda step: 1e-2,
        weight_decay=0.0, max_grad_norm=10.0, double=double, target_every=100, tau=None, batch_size=ROWS,
        fused_update=fused_update,
    )  # fmt: skip
    with torch.no_grad():
        learner.target_flat.values.lerp_(torch.cat([p.flatten(1) for p in other.parameters()], 1), 0.5).neg_()
    assert isinstance(learner.fused, FusedDQN | FusedCandidates) == fused_update
    buffers = TransitionBuffers(seeds=2, batch_size=ROWS, obs_size=LAYOUT.size, n_actions=6, stores_masks=True)
    for number in range(5):
        fill(buffers, number)
        batch = buffers.batch
        batch.discount_t[:, 1] = 0.0  # a termination with legal actions, too
        with torch.no_grad():
            q_target, q_online, q_tm1 = (
                net(obs, mask).squeeze(3)
                for net, obs, mask in (
                    (learner.target_network, batch.obs_t, batch.mask_t), (network, batch.obs_t, batch.mask_t),
                    (network, batch.obs_tm1, batch.mask_tm1),
                )
            )  # fmt: skip
        target = target_of(q_online if double else q_target, q_target, batch.r_t, batch.discount_t, batch.mask_t)
        other_target = target_of(q_target if double else q_online, q_target, batch.r_t, batch.discount_t, batch.mask_t)
        assert not torch.allclose(target, other_target)  # it matters who chooses
        expected = target - taken(q_tm1.unsqueeze(3), batch.a_tm1).squeeze(2)
        torch.testing.assert_close(learner.update(batch, 0), expected, rtol=1e-4, atol=1e-5)
