"""Acting on Q-values: NumPy observations in, actions out, in one batched call."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from agents import losses
from agents.networks import QNetwork


class QPolicy:
    """A Q-network that acts greedily among legal actions."""

    def __init__(self, *, network: QNetwork, n_actions: int, device: torch.device) -> None:
        self.network, self.n_actions, self.device = network, n_actions, device

    @torch.inference_mode()
    def q_values(self, obs: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
        """float32 [N, A] from obs [N, D] and mask [N, A] bool or int8 (None: all legal); illegal actions are -inf."""
        legal = self._mask(mask, len(obs))
        q = torch.where(legal, self._forward(obs, legal), -torch.inf)
        return q.float().cpu().numpy()

    @torch.inference_mode()
    def greedy(self, obs: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
        """The best legal action of each row, int64 [N]; 0 in rows without a legal action (games that have ended)."""
        legal = self._mask(mask, len(obs))
        return losses.masked_argmax(self._forward(obs, legal), legal).cpu().numpy()

    def policy_state_dict(self) -> dict[str, Any]:
        """Copies of just what is needed to act: the network's weights."""
        return {"network": {name: value.clone() for name, value in self.network.state_dict().items()}}

    def load_policy(self, state: dict[str, Any]) -> None:
        """Act with the weights of ``policy_state_dict``, or of a whole agent's ``state_dict``.

        Raises:
            ValueError: in one line, if they belong to a network of another shape.
        """
        load_weights(self.network, state["network"])

    def _forward(self, obs: np.ndarray, legal: Tensor) -> Tensor:
        return self.network(torch.from_numpy(np.ascontiguousarray(obs, np.float32)).to(self.device), legal)

    def _mask(self, mask: np.ndarray | None, rows: int) -> Tensor:
        if mask is None:
            return torch.ones(1, 1, dtype=torch.bool, device=self.device).expand(rows, self.n_actions)
        return torch.from_numpy(np.ascontiguousarray(mask).view(np.bool_)).to(self.device)


def load_weights(network: nn.Module, weights: dict[str, Tensor]) -> None:
    """Load weights, naming the first that does not fit.

    Raises:
        ValueError: in one line.
    """
    own = network.state_dict()
    for name in [*own, *weights]:
        theirs = tuple(weights[name].shape) if name in weights else "absent"
        ours = tuple(own[name].shape) if name in own else "absent"
        if theirs != ours:
            raise ValueError(f"the saved network does not fit: {name} is {theirs} there and {ours} here")
    network.load_state_dict(weights)
