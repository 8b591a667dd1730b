"""What an action's value rests on: integrated gradients over the numbers of an observation."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from agents.networks.base import Layout, QNetwork


def integrated_gradients(
    network: QNetwork, mean: Callable[[Tensor], Tensor], *, obs: Tensor, mask: Tensor, a: Tensor, layout: Layout,
    steps: int = 16,
) -> Tensor:  # fmt: skip
    """What each number of an observation adds to the Q-value of the actions ``a`` [1, B]: [B, D].

    Gradients along the straight way from a baseline to the observation, times its length (Sundararajan, Taly & Yan
    2017, eq. 3), at the middles of ``steps`` parts; a row's sum is Q(obs) - Q(baseline) up to the error of that sum.
    The baseline has the same entities and candidates with nothing said of them: all is 0 but the flags of presence.

    Args:
        mean: Q-values [S, B] from the network's outputs [S, B, Z], the head's.
        obs: float32 [1, B, D] of one seed's network; ``mask`` [1, B, A] bool.
        layout: how an observation is cut.
    """
    start = baseline(obs, layout)
    gap, total = obs - start, torch.zeros_like(obs)
    parameters = list(network.parameters())
    were = [parameter.requires_grad for parameter in parameters]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        with torch.enable_grad():
            for k in range(steps):
                at = (start + (k + 0.5) / steps * gap).requires_grad_(True)
                worth = mean(network.of(at, mask, a)).sum()
                (found,) = torch.autograd.grad(worth, at, allow_unused=True, materialize_grads=True)
                total += found
    finally:
        for parameter, was in zip(parameters, were, strict=True):
            parameter.requires_grad_(was)
    return (total / steps * gap)[0]


def baseline(obs: Tensor, layout: Layout) -> Tensor:
    """The observation that says nothing but which rows are there: [1, B, D] from [1, B, D]."""
    bare = torch.zeros_like(obs)
    g, e, k = layout.globals, layout.candidates_at, layout.pointers_at
    for first, last, size in ((g, e, layout.entity_features), (e, k, layout.candidate_features)):
        if last > first:
            bare[:, :, first:last:size] = obs[:, :, first:last:size]
    bare[:, :, k:] = obs[:, :, k:]  # which row a row speaks of is no amount
    return bare
