"""An update as a CUDA graph against the same update step by step."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from states import LAYOUT, last_legal, observations

from agents.learning.learner import QLearner
from agents.memory.transitions import Transitions
from agents.networks.base import QNetwork
from agents.networks.candidates import CandidateSettings
from agents.networks.heads import make_head
from agents.networks.layers import draw_noise
from agents.networks.mlp import MLPSettings
from agents.networks.weights import stack

ROWS = 16


def make_network(kind: str, seeds: int, outputs: int) -> QNetwork:
    torch.manual_seed(0)
    settings: Any = CandidateSettings(width=16) if kind == "candidates" else MLPSettings(width=[16])
    noisy = kind == "noisy"
    return stack([settings.build(layout=LAYOUT, n_actions=6, outputs=outputs, noisy=noisy) for _ in range(seeds)])


def make_batch(number: int, seeds: int, device: torch.device) -> Transitions:
    obs, mask = observations(number, seeds=seeds, rows=2 * ROWS)
    rng = torch.Generator().manual_seed(number)
    shape = (seeds, ROWS)
    batch = Transitions(
        obs_tm1=obs[:, :ROWS], mask_tm1=mask[:, :ROWS], a_tm1=last_legal(mask[:, :ROWS]),
        r_t=torch.randn(shape, generator=rng), discount_t=(torch.rand(shape, generator=rng) < 0.8) * 0.9,
        obs_t=obs[:, ROWS:], mask_t=mask[:, ROWS:], weights=torch.rand(shape, generator=rng),
        slots=torch.zeros(shape, dtype=torch.int64),
    )  # fmt: skip
    return batch.map(lambda column: column.to(device))


@pytest.mark.gpu
@pytest.mark.parametrize("seeds", [1, 2])
@pytest.mark.parametrize("head", ["scalar", "quantile", "categorical"])
@pytest.mark.parametrize("kind", ["mlp", "candidates", "noisy"])
def test_a_replayed_update_is_the_update(kind: str, head: str, seeds: int) -> None:
    device, chosen = torch.device("cuda"), make_head(head, atoms=5, v_min=-3.0, v_max=3.0, huber_delta=1.0)
    network = make_network(kind, seeds, chosen.outputs).to(device)
    learners = [
        QLearner(
            network=copy.deepcopy(network), target_network=copy.deepcopy(network), head=chosen,
            learning_rate=lambda step: 1e-3 / (1 + step), weight_decay=0.01, max_grad_norm=0.5, double=True,
            target_every=7, tau=0.01, batch_size=ROWS, cuda_graph=cuda_graph,
        ) for cuda_graph in (False, True)
    ]  # fmt: skip
    for number in range(20):
        found = []
        for learner in learners:
            if kind == "noisy":
                generators = [torch.Generator().manual_seed(100 * number + s) for s in range(seeds)]
                draw_noise(learner.network, generators)
                draw_noise(learner.target_network, generators)
            found.append(learner.update(make_batch(number, seeds, device), number).clone())
        torch.testing.assert_close(found[1], found[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(learners[1].flat.values, learners[0].flat.values, rtol=1e-3, atol=1e-5)
    for own, other in zip(*(learner.metrics() for learner in learners), strict=True):
        assert own == pytest.approx(other, rel=1e-3, abs=1e-5)


@pytest.mark.gpu
def test_a_gpu_update_is_the_one_of_a_cpu() -> None:
    head = make_head("scalar", atoms=5, v_min=-3.0, v_max=3.0, huber_delta=1.0)
    network = make_network("candidates", 2, 1)
    learners = [
        QLearner(
            network=copy.deepcopy(network).to(device), target_network=copy.deepcopy(network).to(device), head=head,
            learning_rate=lambda step: 1e-3, weight_decay=0.0, max_grad_norm=0.5, double=True, target_every=7,
            tau=None, batch_size=ROWS, fused_update=False,
        ) for device in ("cpu", "cuda")
    ]  # fmt: skip
    for number in range(10):
        for learner in learners:
            learner.update(make_batch(number, 2, learner.flat.values.device), 0)
    torch.testing.assert_close(learners[1].flat.values.cpu(), learners[0].flat.values, rtol=1e-3, atol=1e-4)
