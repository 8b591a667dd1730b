"""A sum tree's nodes set, searched and updated by compiled loops; ``memory.sum_tree`` says what they mean."""

from __future__ import annotations

import numpy as np
from numba import njit

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
def set_leaf(nodes: np.ndarray, slots: int, indices: np.ndarray, values: np.ndarray) -> None:
    _check(indices, slots)
    for b in range(len(values)):
        if not values[b] >= 0:
            raise ValueError("a priority is negative or not a number")
    for b in range(len(indices)):
        _put(nodes, len(nodes) // 2 + indices[b], values[b])


@njit(cache=True, nogil=True)
def find_leaf(nodes: np.ndarray, points: np.ndarray, indices: np.ndarray) -> None:
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
def update_leaves(  # type: ignore[no-untyped-def]
    nodes, slots, indices, td_error_abs, exponent, largest
) -> None:
    _check(indices, slots)
    for b in range(len(indices)):
        leaf = len(nodes) // 2 + indices[b]
        if nodes[leaf] != 0:
            value = (np.float64(td_error_abs[b]) + SMALLEST) ** exponent
            largest[0] = max(largest[0], value)
            _put(nodes, leaf, value)
