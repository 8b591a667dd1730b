"""A sum tree: draws slots in proportion to their values (Schaul et al. 2016, appendix B.2.1)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from agents.kernels.sum_tree import find_leaves, set_leaves
from groundwork.errors import WaybillError


class SumTree:
    """Numbers of at least 0 over a fixed number of slots, and the slot at which their running sum passes a point.

    ``nodes`` is the whole tree: node 1 is the total, nodes 2k and 2k + 1 are the children of node k, and the last half
    are the slots. Its numbers are float64: in float32 the sum of 100,000 numbers near 1 is known to about 0.01, so that
    slots of smaller numbers would be found too seldom or never, and their neighbours too often.

    It is walked by compiled loops.
    """

    def __init__(self, *, slots: int) -> None:
        if slots < 1:
            raise WaybillError(f"priorities need a slot, but slots={slots}")
        self.slots = slots
        self.levels = (slots - 1).bit_length()
        self.size = 1 << self.levels  # slots, and zeros up to a power of two
        self.nodes = torch.zeros(2 * self.size, dtype=torch.float64)

    def values(self) -> Tensor:
        """A view of all slots' values, [slots]."""
        return self.nodes[self.size : self.size + self.slots]

    def load(self, values: Tensor) -> None:
        """Set all slots, [slots]."""
        self.values().copy_(values)
        for level in reversed(range(self.levels)):
            children = self.nodes[2 << level : 4 << level]
            self.nodes[1 << level : 2 << level] = children[::2] + children[1::2]

    def total(self) -> float:
        """The sum of all values."""
        return float(self.nodes[1])

    def get(self, indices: Tensor) -> Tensor:
        """Values of the slots ``indices``, both [B]."""
        return self.nodes.index_select(0, indices + self.size)

    def set(self, indices: Tensor, values: Tensor) -> None:
        """Give slots ``indices`` (int64) these values, both [B]; of a slot named twice the last value holds.

        A value of 0 takes the slot out: it is not found any more.

        Raises:
            WaybillError: in one line, if a slot does not exist, or a value is negative or NaN.
        """
        assert indices.shape == values.shape, (indices.shape, values.shape)
        if not indices.numel():
            return
        set_leaves(self.nodes.numpy(), self.slots, as_array(indices), as_array(values.double()))

    def find(self, points: Tensor) -> Tensor:
        """The slots at which the running sum passes each of ``points`` in [0, total): float64 [B] -> int64 [B].

        Slot i is found from the sum of those before it (included) to that sum and its own value (excluded). Where
        rounding leads past the last child above zero, that child is taken: a slot of value 0 is never found as long as
        the total is above 0.
        """
        indices = torch.empty(len(points), dtype=torch.int64)
        find_leaves(self.nodes.numpy(), as_array(points), indices.numpy())
        return indices


def as_array(tensor: Tensor) -> np.ndarray:
    """A tensor as an array in one piece of memory: compiled loops are compiled for each memory layout."""
    return tensor.contiguous().numpy()
