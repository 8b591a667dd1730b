"""How much a layer tells of the state that it sees, and of the return that is to come: the information plane."""

from __future__ import annotations

import math

import torch
from torch import Tensor

NOISE = 0.125  # variance of the noise that is added to a layer, as a share of the layer's own


def information(rows: Tensor, label: Tensor, noise: float = NOISE) -> tuple[float, float]:
    """Bits that a layer's activity T [B, H] holds of the state X and of a ``label`` Y [B] int64: I(X; T), I(T; Y).

    T is taken with Gaussian noise, without which a deterministic network would hold all of X; the entropy of the
    mixture is estimated from distances between pairs (Kolchinsky & Tracey 2017, sec. 3: the upper bound, with the
    Kullback-Leibler divergence), as Saxe et al. 2018 did for the plane of Shwartz-Ziv & Tishby 2017. The noise is a
    share of the layer's variance, so layers of any scale and width compare. Neither can exceed log2 of B.
    """
    centred = rows.double() - rows.double().mean(0)
    variance = float(centred.square().sum(1).mean())
    if variance == 0:
        return 0.0, 0.0
    gaps = torch.cdist(centred, centred).square() / (2 * noise * variance)  # [B, B]
    whole = _entropy(gaps)
    within = 0.0
    for value in label.unique():
        own = label == value
        within += float(own.double().mean()) * _entropy(gaps[own][:, own])
    return whole / math.log(2), max(0.0, whole - within) / math.log(2)


def _entropy(gaps: Tensor) -> float:
    """Entropy in nats above that of the noise, of equally likely centres with these divergences [B, B]."""
    return float(-(torch.logsumexp(-gaps, 1) - math.log(len(gaps))).mean())


def equal_groups(values: Tensor, groups: int) -> Tensor:
    """Which of so many groups of equal size each value [B] belongs to, by rank: int64 [B]. Equal values may part."""
    order = torch.empty(len(values), dtype=torch.int64)
    order[values.argsort(stable=True)] = torch.arange(len(values))
    return order * groups // len(values)
