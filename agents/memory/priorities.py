"""Proportional prioritisation (Schaul et al. 2016): slots are drawn as often as their priorities say, by a sum tree.

On a CPU; ``memory.resident`` does it on a GPU.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents.kernels.sum_tree import update_leaves
from agents.memory.sum_tree import SumTree, as_array
from groundwork.errors import WaybillError


class Priorities:
    """What a prioritised memory draws by: slot i with chance p_i / sum p, where p is (|TD error| + 1e-6)**exponent.

    Slots are of priority 0, which means that they cannot be drawn, until they are added and after they are removed.
    Of a slot named twice the last priority holds.
    """

    def __init__(self, *, slots: int, exponent: float, generator: np.random.Generator) -> None:
        self.tree, self.exponent, self.generator = SumTree(slots=slots), exponent, generator
        self.largest = torch.ones(1, dtype=torch.float64)  # priority so far, and that of new slots

    def add(self, indices: Tensor) -> None:
        """Slots [B] that can be drawn from now on, with the largest priority so far: no TD error is known yet."""
        self.tree.set(indices, self.largest.expand(len(indices)))

    def remove(self, indices: Tensor) -> None:
        """Slots [B] that cannot be drawn until they are added again."""
        self.tree.set(indices, torch.zeros(len(indices), dtype=torch.float64))

    def update(self, indices: Tensor, td_error_abs: Tensor) -> None:
        """New priorities of drawn slots, both [B]; slots that were removed meanwhile stay so."""
        assert indices.shape == td_error_abs.shape, (indices.shape, td_error_abs.shape)
        nodes, largest = self.tree.nodes.numpy(), self.largest.numpy()
        errors = as_array(td_error_abs.detach())
        update_leaves(nodes, self.tree.slots, as_array(indices), errors, float(self.exponent), largest)

    def sample(self, batch_size: int) -> tuple[Tensor, Tensor]:
        """Slots int64 [B] and the chance that a draw had of each, float64 [B].

        Stratified (appendix B.2.1): the sum of priorities is cut into B equal parts and one point drawn in each.

        Raises:
            WaybillError: in one line, if all priorities are zero, or their sum is not finite.
        """
        total = self.tree.total()
        if total == 0:
            raise WaybillError("there is nothing to sample: all priorities are zero")
        if not 0 < total < math.inf:
            raise WaybillError(f"the priorities add up to {total}: a TD error was not finite")
        points = (np.arange(batch_size) + self.generator.random(batch_size)) * (total / batch_size)  # [B]
        indices = self.tree.find(torch.from_numpy(points))
        return indices, self.tree.get(indices) / total

    def weights(self, probabilities: Tensor, filled: int, beta: float) -> Tensor:
        """Importance weights (N * P)**-beta over the batch's largest (sec. 3.4), float32 [B]; N is ``filled``.

        Dividing by the largest cancels N, up to rounding.
        """
        weights = (filled * probabilities) ** -beta
        return (weights / weights.amax()).float()

    def state_dict(self) -> dict[str, Any]:
        """A copy of the slots' priorities (the sums follow from them) and the generator."""
        return {
            "values": self.tree.values().clone(),
            "largest": float(self.largest),
            "generator": dict(self.generator.bit_generator.state),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from that state.

        Raises:
            WaybillError: in one line, if it has another number of slots.
        """
        theirs, ours = len(state["values"]), self.tree.slots
        if theirs != ours:
            raise WaybillError(f"the saved priorities do not fit: they are of {theirs:,} slots there and {ours:,} here")
        self.tree.load(state["values"])
        self.largest.fill_(state["largest"])
        self.generator.bit_generator.state = state["generator"]
