"""Weights as tensors: views in one flat array, networks of several seeds joined, saved weights checked and loaded."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from agents.networks.base import QNetwork
from groundwork.errors import WaybillError


class FlatParameters:
    """A network's parameters and gradients as views of two arrays [S, P]; P in the order of ``parameters()``."""

    def __init__(self, network: nn.Module, *, gradients: bool = True) -> None:
        parameters = list(network.parameters())
        self.values = torch.cat([p.data.flatten(1) for p in parameters], dim=1)  # [S, P]
        self.gradients = torch.zeros_like(self.values) if gradients else None
        self.slices: dict[str, slice] = {}
        self._parameters, self.gradient_views = parameters, dict[str, Tensor]()
        start = 0
        for name, parameter in network.named_parameters():
            size, shape = parameter[0].numel(), parameter.shape
            self.slices[name] = part = slice(start, start + size)
            parameter.data = self.values[:, part].view(shape)
            parameter.requires_grad_(gradients)
            if self.gradients is not None:
                self.gradient_views[name] = self.gradients[:, part].view(shape)
            start += size

    def of_seed(self, seed: int) -> FlatParameters:
        """One seed's weights [1, P], the very same, without gradients."""
        one = copy.copy(self)
        one.values, one.gradients, one.gradient_views = self.values[seed : seed + 1], None, {}
        return one

    def differentiate(self, loss: Tensor) -> None:
        """Fill the gradients with those of a sum of the seeds' losses."""
        found = torch.autograd.grad(loss, self._parameters)
        torch._foreach_copy_(list(self.gradient_views.values()), list(found))


def check_fit(own: Mapping[str, Tensor], saved: Any) -> None:
    """Check that saved weights, which may be anything, have the names and shapes of a network's own.

    Raises:
        WaybillError: in one line, naming the first that differs.
    """
    if not isinstance(saved, Mapping):
        raise WaybillError(
            f"the saved network does not fit: it is a {type(saved).__name__}, not weights by their names"
        )
    for name in [*own, *saved]:
        value = saved.get(name, "absent")
        theirs = tuple(value.shape) if isinstance(value, Tensor) else "absent" if value == "absent" else "no tensor"
        ours = tuple(own[name].shape) if name in own else "absent"
        if theirs != ours:
            raise WaybillError(f"the saved network does not fit: {name} is {theirs} there and {ours} here")
        kinds = saved[name].dtype, own[name].dtype
        if kinds[0] != kinds[1] and not all(kind.is_floating_point for kind in kinds):
            raise WaybillError(f"the saved network does not fit: {name} is {kinds[0]} there and {kinds[1]} here")


def load_weights(network: nn.Module, weights: dict[str, Tensor]) -> None:
    """Load weights, naming the first that does not fit.

    Raises:
        WaybillError: in one line.
    """
    check_fit(network.state_dict(), weights)
    network.load_state_dict(weights)


def flat_values(network: QNetwork) -> Tensor:
    """All weights of a network, [S, P]."""
    return torch.cat([p.flatten(1) for p in network.parameters()], dim=1)


def stack(networks: Sequence[QNetwork]) -> QNetwork:
    """One network of S seeds from S networks of one: the first, changed in place."""
    first, rest = networks[0], [dict(network.named_parameters()) for network in networks[1:]]
    for name, parameter in first.named_parameters():
        parameter.data = torch.cat([parameter.data] + [other[name].data for other in rest])
    return first


def joined(networks: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Weights [S, ...] of S networks of one seed, [1, ...] each.

    Raises:
        WaybillError: in one line, if they are not alike.
    """
    for other in networks[1:]:
        check_fit(networks[0], other)
    return {name: torch.cat([weights[name] for weights in networks]) for name in networks[0]}
