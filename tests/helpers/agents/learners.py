"""Learners of the candidate network and transitions for them, small enough to be compared by hand."""

from __future__ import annotations

import copy
from typing import Any

import torch
from states import LAYOUT, last_legal, observations

from agents.learning.learner import QLearner
from agents.memory.transitions import TransitionBuffers
from agents.networks.base import QNetwork
from agents.networks.candidates import CandidateSettings
from agents.networks.heads import Head, make_head
from agents.networks.weights import stack

ROWS = 12


def make_network(seeds: int, outputs: int, **changes: Any) -> QNetwork:
    torch.manual_seed(0)
    settings = CandidateSettings(width=16, layer_norm=changes.pop("layer_norm", True))
    return stack([settings.build(layout=LAYOUT, n_actions=6, outputs=outputs, **changes) for _ in range(seeds)])


def make_learner(network: QNetwork, head: str, fused_update: bool, **changes: Any) -> QLearner:
    values: dict[str, Any] = {
        "learning_rate": lambda step: 1e-3, "weight_decay": 0.01, "max_grad_norm": 0.5, "double": True,
        "target_every": 7, "tau": 0.01, "batch_size": ROWS,
    }  # fmt: skip
    return QLearner(
        network=copy.deepcopy(network), target_network=copy.deepcopy(network), fused_update=fused_update,
        head=head_named(head), **(values | changes),
    )  # fmt: skip


def head_named(name: str) -> Head:
    """A value head; "cvar" is quantiles whose lowest decide."""
    lowest = 0.3 if name == "cvar" else None
    name = "quantile" if name == "cvar" else name
    return make_head(name, atoms=5, v_min=-3.0, v_max=3.0, huber_delta=1.0, lowest=lowest)


def fill(buffers: TransitionBuffers, number: int) -> None:
    """A random batch; every third game is over at t: no candidate is legal there."""
    obs, mask = observations(number, seeds=len(buffers.obs), rows=2 * ROWS)
    mask[:, ROWS::3] = False
    rng = torch.Generator().manual_seed(number)
    buffers.obs.copy_(obs)
    buffers.mask.copy_(mask)
    buffers.a.copy_(last_legal(mask[:, :ROWS]))
    buffers.r.copy_(torch.randn(buffers.r.shape, generator=rng) * 2)
    buffers.discount.copy_(mask[:, ROWS:].any(2) * 0.9)
    buffers.weights.copy_(torch.rand(buffers.r.shape, generator=rng))
