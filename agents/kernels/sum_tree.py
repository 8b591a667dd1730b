"""Compiled loops over a sum tree: its leaves are set, found and given new priorities.

``nodes`` float64 [2 * size] is the tree of ``memory.sum_tree.SumTree``, whose leaves are its last half.
"""

from __future__ import annotations

import numpy as np

from agents.kernels.compiled import exact_kernel
from groundwork.errors import WaybillError

SMALLEST = 1e-6  # the paper's epsilon: a TD error of zero is drawn again too


@exact_kernel
def _set_leaf(nodes: np.ndarray, node: int, value: float) -> None:
    """Set a leaf (here a node) and compute each sum above it anew from its two children, so that no error adds up."""
    while nodes[node] != value:  # where nothing changed, nothing above does
        nodes[node] = value
        node >>= 1
        if node == 0:
            return
        value = nodes[2 * node] + nodes[2 * node + 1]


@exact_kernel
def _check(indices: np.ndarray, slots: int) -> None:
    for b in range(len(indices)):
        if indices[b] < 0 or indices[b] >= slots:
            raise WaybillError("a priority is set for a slot that does not exist")


@exact_kernel
def set_leaves(nodes: np.ndarray, slots: int, indices: np.ndarray, values: np.ndarray) -> None:
    """Give the leaves ``indices`` these values, both [B], one after the other, and update the sums above them.

    Raises:
        WaybillError: if a leaf is not in 0..slots - 1, or a value is negative or NaN.
    """
    _check(indices, slots)
    for b in range(len(values)):
        if not values[b] >= 0:
            raise WaybillError("a priority is negative or not a number")
    for b in range(len(indices)):
        _set_leaf(nodes, len(nodes) // 2 + indices[b], values[b])


@exact_kernel
def find_leaves(nodes: np.ndarray, points: np.ndarray, indices: np.ndarray) -> None:
    """Fill ``indices`` [B] with the leaves at which the running sum of values passes ``points`` [B]."""
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


@exact_kernel
def update_leaves(  # type: ignore[no-untyped-def]
    nodes, slots, indices, td_error_abs, exponent, largest
) -> None:
    """Set leaves ``indices`` [B] to the priorities of their TD errors [B], and raise ``largest`` [1] to the largest.

    Leaves of value 0 stay so: their slots cannot be drawn.

    Raises:
        WaybillError: if a leaf is not in 0..slots - 1.
    """
    _check(indices, slots)
    for b in range(len(indices)):
        leaf = len(nodes) // 2 + indices[b]
        if nodes[leaf] != 0:
            value = (np.float64(td_error_abs[b]) + SMALLEST) ** exponent
            largest[0] = max(largest[0], value)
            _set_leaf(nodes, leaf, value)
