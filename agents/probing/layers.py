"""The activity of a network's hidden layers in given states: dormant units, effective rank, change."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from agents.networks.base import QNetwork

RANK_LOST = 0.01  # δ of ``effective_rank``


@torch.no_grad()
def activations(network: QNetwork, obs: Tensor, mask: Tensor, a: Tensor) -> dict[str, Tensor]:
    """The output of each hidden layer when one seed's network scores the actions ``a`` [1, B], by the layer's name.

    Tensors [R, H]. For most layers R is B, a row for each state; a layer that sees entities, or all candidates, has a
    row for each of them, a convolution one for each of its places. ``obs`` [1, B, D], ``mask`` [1, B, A] bool.
    """
    seen: dict[str, Tensor] = {}
    hooks = []
    for units in network.units():

        def keep(module: object, inputs: object, output: Tensor, name: str = units.name) -> None:
            seen[name] = output[0].flatten(0, -2)

        hooks.append(units.module.register_forward_hook(keep))
    try:
        network.of(obs, mask, a)
    finally:
        for hook in hooks:
            hook.remove()
    return seen


def dormant_share(rows: Tensor, threshold: float) -> float:
    """Share of the units of a layer [R, H] whose mean activity is at most ``threshold`` of the layer's mean.

    The dormancy score of Sokar et al. 2023, eq. 1.
    """
    mean = rows.abs().mean(0)
    return float((mean <= threshold * mean.mean().clamp(min=1e-9)).float().mean())


def effective_rank(rows: Tensor) -> float:
    """The fewest directions that hold 99 % of the singular values' sum of a layer's features [R, H], at most H.

    srank of Kumar et al. 2021 ("Implicit under-parameterization", sec. 3), δ = 0.01; 0 if nothing is active,
    NaN if what is active is not finite.
    """
    gram = rows.double().T @ rows.double()  # its eigenvalues are the squared singular values
    if not torch.isfinite(gram).all():
        return math.nan
    singular = torch.linalg.eigvalsh(gram).clamp(min=0).sqrt().flip(0)
    total = singular.sum()
    if total == 0:
        return 0
    return int((singular.cumsum(0) < (1 - RANK_LOST) * total).sum()) + 1


def relative_change(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> dict[str, float]:
    """How far each layer's activity [R, H] has moved, as a share of its norm: the same states, other weights."""
    return {name: float((after[name] - rows).norm() / rows.norm().clamp(min=1e-9)) for name, rows in before.items()}
