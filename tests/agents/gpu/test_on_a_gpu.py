"""On a real GPU: what the tests with pretended ones can't know. ``make gpu`` runs it."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from learners import fill, head_named, make_learner, make_network
from remembered import Games
from states import LAYOUT, observations
from torch import Tensor

from agents.learning.resident import ResidentUpdates
from agents.memory.resident import ResidentMemory
from agents.memory.transitions import TransitionBuffers

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")]


def memory_of(device: torch.device, seed: int, exponent: float | None) -> ResidentMemory:
    """30 rows of 4 random games with observations of sets."""
    memory = ResidentMemory(
        capacity=120, num_envs=4, obs_size=LAYOUT.size, n_actions=6, obs_dtype="float16", store_masks=True,
        memory_bytes=2**24, device=device, generator=torch.Generator(device).manual_seed(seed), longest=3,
        exponent=exponent,
    )  # fmt: skip
    games = Games(num_envs=4, n_actions=6, seed=seed)
    for number in range(30):
        obs, mask = observations(100 * seed + number, rows=4)
        legal = mask[0].numpy()
        row = games.row() | {"obs_tm1": obs[0].numpy(), "mask_tm1": legal, "a_tm1": legal.argmax(1)}
        memory.add(**row)
    return memory


@pytest.mark.parametrize("exponent", [None, 0.5])
@pytest.mark.parametrize("seeds", [1, 2])
@pytest.mark.parametrize("head", ["scalar", "quantile", "categorical", "hl_gauss"])
def test_a_replayed_update_is_the_update(head: str, seeds: int, exponent: float | None) -> None:
    """While rates, exponent and n change."""
    device = torch.device("cuda")
    network = make_network(seeds, head_named(head).outputs).to(device)
    found: list[Any] = []
    for captured in (False, True):
        learner = make_learner(copy.deepcopy(network), head, True, learning_rate=lambda step: 1e-3 / (1 + step))
        memories = [memory_of(device, seed, exponent) for seed in range(seeds)]
        updates = ResidentUpdates(learner=learner, memories=memories, batch_size=12, gamma=0.9)
        with mock.patch("agents.gpu.captured.WARM_UP", 3 if captured else 10**9):
            batches = [updates.update(k, n_step=1 + k % 3, beta=0.4 + k / 50) for k in range(20)]
        found.append((batches[-1].slots.cpu(), learner.flat.values.cpu(), learner.metrics()))
    assert torch.equal(found[0][0], found[1][0])
    torch.testing.assert_close(found[1][1], found[0][1], rtol=1e-3, atol=1e-4)
    for own, other in zip(found[1][2], found[0][2], strict=True):
        assert own == pytest.approx(other, rel=1e-3, abs=1e-4)


def test_a_gpu_update_is_the_one_of_a_cpu() -> None:
    network = make_network(2, 1)
    learners = [
        make_learner(copy.deepcopy(network).to(device), "scalar", False, tau=None) for device in ("cpu", "cuda")
    ]
    buffers = TransitionBuffers(seeds=2, batch_size=12, obs_size=LAYOUT.size, n_actions=6, stores_masks=True)
    for number in range(10):
        fill(buffers, number)
        for learner in learners:
            batch = buffers.batch.map(partial(Tensor.to, device=learner.flat.values.device))
            learner.update(batch, 0)
    torch.testing.assert_close(learners[1].flat.values.cpu(), learners[0].flat.values, rtol=1e-3, atol=1e-4)


def test_what_was_remembered_comes_back() -> None:
    """Rows sent in one pinned copy each, one after the other without waiting."""
    device = torch.device("cuda")
    memory = memory_of(device, 3, None)
    twin = memory_of(torch.device("cpu"), 3, None)
    for ours, theirs in zip(memory.columns, twin.columns, strict=True):
        assert np.array_equal(ours.cpu().numpy(), theirs.numpy())
    assert torch.equal(memory.chance.cpu(), twin.chance)
