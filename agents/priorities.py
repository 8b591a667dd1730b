"""Proportional prioritisation (Schaul et al. 2016): slots are drawn as often as their priorities say, by a sum tree."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor

SMALLEST = 1e-6  # the paper's epsilon: a TD error of zero is drawn again too


@njit(cache=True, nogil=True)
def _put(nodes: np.ndarray, node: int, value: float) -> None:
    """A leaf's value; each sum above it is taken anew from its two children, so that no error adds up."""
    while nodes[node] != value:  # where nothing changed, nothing above does
        nodes[node] = value
        node >>= 1
        if node == 0:
            return
        value = nodes[2 * node] + nodes[2 * node + 1]


@njit(cache=True, nogil=True)
def _check(indices: np.ndarray, slots: int) -> None:
    for b in range(len(indices)):
        if indices[b] < 0 or indices[b] >= slots:
            raise ValueError("a priority is set for a slot that does not exist")


@njit(cache=True, nogil=True)
def _set(nodes: np.ndarray, slots: int, indices: np.ndarray, values: np.ndarray) -> None:
    _check(indices, slots)
    for b in range(len(values)):
        if not values[b] >= 0:
            raise ValueError("a priority is negative or not a number")
    for b in range(len(indices)):
        _put(nodes, len(nodes) // 2 + indices[b], values[b])


@njit(cache=True, nogil=True)
def _find(nodes: np.ndarray, points: np.ndarray, indices: np.ndarray) -> None:
    size = len(nodes) // 2
    for b in range(len(points)):
        node, point = 1, points[b]
        while node < size:
            left, right = nodes[2 * node], nodes[2 * node + 1]
            if left > 0 and (point < left or right == 0):
                node = 2 * node
            else:
                node, point = 2 * node + 1, point - left
        indices[b] = node - size


@njit(cache=True, nogil=True)
def _update(  # type: ignore[no-untyped-def]
    nodes, slots, indices, td_error_abs, exponent, largest
) -> None:
    _check(indices, slots)
    for b in range(len(indices)):
        leaf = len(nodes) // 2 + indices[b]
        if nodes[leaf] != 0:
            value = (np.float64(td_error_abs[b]) + SMALLEST) ** exponent
            largest[0] = max(largest[0], value)
            _put(nodes, leaf, value)


class SumTree:
    """Numbers of at least 0 over a fixed number of slots, and the slot at which their running sum passes a point.

    ``nodes`` is the whole tree: node 1 is the total, nodes 2k and 2k + 1 are the children of node k, and the last half
    are the slots. Its numbers are float64: in float32 the sum of 100,000 numbers near 1 is known to about 0.01, so that
    slots of smaller numbers would be found too seldom or never, and their neighbours too often.

    On a CPU it is walked by compiled loops (``compiled``), elsewhere level by level for a whole batch: as many tensor
    operations as there are levels, none of which waits for the device.
    """

    def __init__(self, *, slots: int, device: torch.device) -> None:
        if slots < 1:
            raise ValueError(f"priorities need a slot, but slots={slots}")
        self.slots, self.device = slots, device
        self.levels = (slots - 1).bit_length()
        self.size = 1 << self.levels  # slots, and zeros up to a power of two
        self.nodes = torch.zeros(2 * self.size, dtype=torch.float64, device=device)
        self.compiled = device.type == "cpu"

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
        """The sum of all values (waits for the device)."""
        return float(self.nodes[1])

    def get(self, indices: Tensor) -> Tensor:
        """Values of the slots ``indices``, both [B]."""
        return self.nodes.index_select(0, indices + self.size)

    def set(self, indices: Tensor, values: Tensor) -> None:
        """Give slots ``indices`` (int64) these values, both [B]; of a slot named twice the last value holds.

        A value of 0 takes the slot out: it is not found any more.

        Raises:
            ValueError: in one line and on a CPU only, if a slot does not exist, or a value is negative or NaN.
        """
        assert indices.shape == values.shape, (indices.shape, values.shape)
        if not indices.numel():
            return
        if self.compiled:
            _set(self.nodes.numpy(), self.slots, _array(indices), _array(values.double()))
            return
        # Slots named twice are all written the last value, as a device keeps no order between its writes.
        ordered, order = torch.sort(indices, stable=True)  # [B]
        last = torch.searchsorted(ordered, indices, right=True) - 1  # [B]
        node = indices + self.size
        self.nodes.index_copy_(0, node, values.double()[order[last]])
        for _ in range(self.levels):
            node = node >> 1
            sums = self.nodes.index_select(0, 2 * node) + self.nodes.index_select(0, 2 * node + 1)
            self.nodes.index_copy_(0, node, sums)

    def find(self, points: Tensor) -> Tensor:
        """The slots at which the running sum passes each of ``points`` in [0, total): float64 [B] -> int64 [B].

        Slot i is found from the sum of those before it (included) to that sum and its own value (excluded). Where
        rounding leads past the last child above zero, that child is taken: a slot of value 0 is never found as long as
        the total is above 0.
        """
        if self.compiled:
            indices = torch.empty(len(points), dtype=torch.int64)
            _find(self.nodes.numpy(), _array(points), indices.numpy())
            return indices
        node = torch.ones(len(points), dtype=torch.int64, device=self.device)
        for _ in range(self.levels):
            left, right = self.nodes.index_select(0, 2 * node), self.nodes.index_select(0, 2 * node + 1)
            stays = (left > 0) & ((points < left) | (right == 0))
            node, points = 2 * node + (~stays).long(), torch.where(stays, points, points - left)
        return node - self.size


class Priorities:
    """What a prioritised memory draws by: slot i with chance p_i / sum p, where p is (|TD error| + 1e-6)**exponent.

    Slots are of priority 0, which means that they cannot be drawn, until they are added and after they are removed.
    Slots may be named on any device. Of a slot named twice the last priority holds.
    """

    def __init__(self, *, slots: int, exponent: float, generator: np.random.Generator, device: torch.device) -> None:
        self.tree = SumTree(slots=slots, device=device)
        self.exponent, self.generator, self.device = exponent, generator, device
        self.largest = torch.ones(1, dtype=torch.float64, device=device)  # priority so far, and that of new slots

    def add(self, indices: Tensor) -> None:
        """Slots [B] that can be drawn from now on, with the largest priority so far: no TD error is known yet."""
        self.tree.set(self._here(indices), self.largest.expand(len(indices)))

    def remove(self, indices: Tensor) -> None:
        """Slots [B] that cannot be drawn until they are added again."""
        self.tree.set(self._here(indices), torch.zeros(len(indices), dtype=torch.float64, device=self.device))

    def update(self, indices: Tensor, td_error_abs: Tensor) -> None:
        """New priorities of drawn slots, both [B]; slots that were removed meanwhile stay so."""
        assert indices.shape == td_error_abs.shape, (indices.shape, td_error_abs.shape)
        indices, td_error_abs = self._here(indices), self._here(td_error_abs)
        if self.tree.compiled:
            nodes, largest = self.tree.nodes.numpy(), self.largest.numpy()
            _update(nodes, self.tree.slots, _array(indices), _array(td_error_abs), float(self.exponent), largest)
            return
        values = (td_error_abs.double() + SMALLEST) ** self.exponent
        values = torch.where(self.tree.get(indices) == 0, 0.0, values)  # [B]
        self.tree.set(indices, values)
        self.largest.copy_(torch.cat((self.largest, values)).amax())

    def sample(self, batch_size: int) -> tuple[Tensor, Tensor]:
        """Slots int64 [B] and the chance that a draw had of each, float64 [B].

        Stratified (appendix B.2.1): the sum of priorities is cut into B equal parts and one point drawn in each.

        Raises:
            ValueError: in one line, if all priorities are zero, or their sum is not finite.
        """
        total = self.tree.total()
        if total == 0:
            raise ValueError("there is nothing to sample: all priorities are zero")
        if not 0 < total < math.inf:
            raise ValueError(f"the priorities add up to {total}: a TD error was not finite")
        points = (np.arange(batch_size) + self.generator.random(batch_size)) * (total / batch_size)  # [B]
        indices = self.tree.find(torch.from_numpy(points).to(self.device))
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
            ValueError: in one line, if it has another number of slots.
        """
        theirs, ours = len(state["values"]), self.tree.slots
        if theirs != ours:
            raise ValueError(f"the saved priorities do not fit: they are of {theirs:,} slots there and {ours:,} here")
        self.tree.load(state["values"])
        self.largest.fill_(state["largest"])
        self.generator.bit_generator.state = state["generator"]

    def _here(self, tensor: Tensor) -> Tensor:
        on_gpu = self.device.type != "cpu"  # the other way round numbers could be read before they have come
        return tensor.detach().to(self.device, non_blocking=on_gpu)


def _array(tensor: Tensor) -> np.ndarray:
    """In one memory layout, as the loops are compiled for each."""
    return tensor.contiguous().numpy()
