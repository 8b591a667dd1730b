"""A Q-network without a hidden layer: how far do the features get on their own?"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from agents.networks.base import Layout, QNetwork, Units
from agents.networks.layers import linear
from groundwork.errors import WaybillError


class Linear(QNetwork):
    """Q(s, a) as a weighted sum of the whole observation, with weights of its own for each action."""

    encoder = ()

    def __init__(self, *, inputs: int, n_actions: int, outputs: int, noisy: bool) -> None:
        super().__init__()
        self.n_actions, self.outputs = n_actions, outputs
        self.head = linear(inputs, n_actions * outputs, noisy=noisy)

    def forward(self, obs: Tensor, mask: Tensor) -> Tensor:
        """[S, B, A, Z] from obs [S, B, D]; the mask changes nothing."""
        return self.head(obs.to(self.head.weight.dtype)).unflatten(2, (self.n_actions, self.outputs))

    def of(self, obs: Tensor, mask: Tensor, a_tm1: Tensor) -> Tensor:
        """[S, B, Z] of the taken actions a_tm1 [S, B]."""
        index = a_tm1[:, :, None, None].expand(-1, -1, 1, self.outputs)
        return self(obs, mask).gather(2, index).squeeze(2)

    def units(self) -> list[Units]:
        """No hidden units."""
        return []


@dataclass
class LinearSettings:
    """Settings of ``Linear``: there are none."""

    def build(
        self, *, layout: Layout, n_actions: int, outputs: int = 1, dueling: bool = False, noisy: bool = False
    ) -> Linear:
        """A network of one seed for observations of that layout."""
        if dueling:
            raise WaybillError("network=linear has no dueling")
        return Linear(inputs=layout.size, n_actions=n_actions, outputs=outputs, noisy=noisy)
