"""Q-networks over one flat observation, for S independent seeds at once (see ``layers``).

Every network offers ``forward(obs [S, B, D], mask [S, B, A] bool) -> [S, B, A, Z]`` with Z numbers for each action
(what they mean is the value head's business, see ``heads``; those of illegal actions mean nothing) and
``of(obs, mask, a_tm1 [S, B]) -> [S, B, Z]``, which scores the taken action alone where that is cheaper. Observations
may come in half precision or as bytes (as the memory stores them); a network converts only what it reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from agents.networks.layers import SeedLinear
from groundwork.errors import WaybillError


class Layout(NamedTuple):
    """How a flat observation is cut: ``globals | entities x entity_features | candidates x candidate_features``.

    Feature 0 of an entity or candidate row is 1 when the row is present; an absent row is 0 throughout. ``pointers``
    for each of these rows may follow, entity rows + 1 or 0 for none. With ``image`` the globals are an image, row by
    row.
    """

    globals: int
    entities: int
    entity_features: int
    candidates: int
    candidate_features: int
    pointers: int = 0  # of each row
    image: tuple[int, int, int] | None = None  # height, width, channels

    @property
    def candidates_at(self) -> int:
        """Where the candidates begin in the flat observation."""
        return self.globals + self.entities * self.entity_features

    @property
    def pointers_at(self) -> int:
        """Where the pointers begin in the flat observation."""
        return self.candidates_at + self.candidates * self.candidate_features

    @property
    def size(self) -> int:
        """Length D of the flat observation."""
        return self.pointers_at + (self.entities + self.candidates) * self.pointers


class Outgoing(NamedTuple):
    """Where units act: inputs of a layer from ``first`` on, in the order [before, units, after]."""

    layer: SeedLinear
    first: int = 0
    before: int = 1
    after: int = 1


class Units(NamedTuple):
    """The hidden units of one layer, for those who look at them or restart them."""

    name: str
    module: nn.Module  # its output [S, ..., H] is the units' activation
    incoming: tuple[SeedLinear, ...]  # each has the units as its outputs
    outgoing: tuple[Outgoing, ...]


class QNetwork(nn.Module):
    """What every network offers: outputs of all actions, and of the taken action alone."""

    outputs: int  # Z
    encoder: ClassVar[tuple[str, ...]]  # its submodules that see the state; the others score actions

    def forward(self, obs: Tensor, mask: Tensor) -> Tensor:
        """[S, B, A, Z] from obs [S, B, D] and mask [S, B, A] bool."""
        raise NotImplementedError

    def of(self, obs: Tensor, mask: Tensor, a_tm1: Tensor) -> Tensor:
        """[S, B, Z] of the taken actions a_tm1 [S, B]."""
        raise NotImplementedError

    def units(self) -> list[Units]:
        """The network's layers of hidden units."""
        raise NotImplementedError

    def adopt(self, saved: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Weights [S, ...] of this kind of network that act as ``saved`` ones of a kind that it widens do."""
        return dict(saved)


class NetworkSettings(Protocol):
    """The settings of any network: they build it."""

    def build(
        self, *, layout: Layout, n_actions: int, outputs: int = 1, dueling: bool = False, noisy: bool = False
    ) -> QNetwork:
        """A network of one seed for observations of that layout, with that many outputs for each action."""


def check_network(network: object) -> None:
    """Refuse a network that was not made for seeds side by side, as one of plain ``nn.Linear`` layers.

    Raises:
        WaybillError: in one line, with what is missing.
    """
    name = type(network).__name__
    if not isinstance(network, QNetwork):
        raise WaybillError(f"network {name} is no QNetwork, it must derive from agents.networks.base.QNetwork")
    for attribute in ("outputs", "encoder"):
        if not hasattr(network, attribute):
            raise WaybillError(f"network {name} has no {attribute!r}, see agents.networks.base.QNetwork")
    for key, parameter in network.named_parameters():
        if parameter.ndim < 2 or parameter.shape[0] != 1:
            line = "a leading dimension for seeds is missing; build layers with agents.networks.layers.linear"
            raise WaybillError(f"network {name}: {key} has shape {tuple(parameter.shape)}, {line}")


def taken(outputs: Tensor, a: Tensor) -> Tensor:
    """Outputs [S, B, Z] of the actions a [S, B], from those of all actions [S, B, A, Z]."""
    return outputs.gather(2, a[:, :, None, None].expand(-1, -1, 1, outputs.shape[3])).squeeze(2)


def dueling(value: Tensor, advantage: Tensor, mask: Tensor) -> Tensor:
    """Value plus advantage less its mean over the legal actions (Wang et al. 2016, eq. 9; there over all actions).

    value [S, B, Z], advantage [S, B, A, Z], mask [S, B, A] -> [S, B, A, Z].
    """
    legal = mask.unsqueeze(3)
    mean = torch.where(legal, advantage, 0.0).sum(2) / legal.sum(2).clamp(min=1)  # [S, B, Z]
    return advantage + (value - mean).unsqueeze(2)
