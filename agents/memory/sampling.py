"""Sampling from a memory's columns: starts are drawn, and n-step transitions are made of the rows that follow.

A slot is a row of one game: number ``row * N + game`` of T * N, in the order of the ring. Two ways give the same
transitions: ``read_compiled`` for ``SequentialMemory`` on a CPU, ``read_tensors`` for ``ResidentMemory`` on a GPU.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from agents import losses
from agents.kernels import gather
from agents.memory.formats import unpack_mask
from agents.memory.sparse import SparseRows
from agents.memory.transitions import PartBuffers, Transitions


class MemoryColumns(NamedTuple):
    """What a memory keeps of each slot: tensors or arrays [T * N, ...]."""

    obs: Any  # [T * N, D] in the memory's number format
    mask_bits: Any  # [T * N, ceil(A / 8)] uint8, eight actions to a byte; None: all actions are always legal
    a: Any  # [T * N] int32
    r: Any  # [T * N] float32
    terminated: Any  # [T * N] bool
    truncated: Any  # [T * N] bool

    def as_arrays(self) -> MemoryColumns:
        """The same columns as NumPy arrays that share the tensors' memory, which must be on a CPU."""
        return MemoryColumns(*(None if column is None else column.numpy() for column in self))


def draw_starts(
    generator: np.random.Generator, valid: np.ndarray, *, oldest: int, count: int, batch_size: int
) -> np.ndarray:
    """Slots int64 [B] of valid starts, equally likely: among ``count`` slots from ``oldest`` on, round the ring.

    ``valid`` bool [T * N] says where transitions may start; one of those slots has to be valid.
    """
    drawn = generator.integers(0, count, size=batch_size)
    slots, bad = np.empty_like(drawn), np.empty_like(drawn)
    for _ in range(64):  # few rows are resets, so redrawing them is cheaper than listing all others
        invalid = gather.find_starts(drawn, oldest, valid, slots, bad)
        if invalid == 0:
            return slots
        drawn[bad[:invalid]] = generator.integers(0, count, size=invalid)
    starts = (np.arange(count) + oldest) % len(valid)
    starts = starts[valid[starts]]
    return starts[generator.integers(0, len(starts), size=batch_size)]


def read_compiled(
    arrays: MemoryColumns, slots: np.ndarray, *, n_step: int, num_envs: int, gamma: float, weights: Tensor | None,
    out: PartBuffers, sparse: SparseRows | None = None,
) -> None:  # fmt: skip
    """Transitions of up to ``n_step`` steps that start at ``slots`` [B], by compiled passes into buffers."""
    to, last = out.arrays, np.empty_like(slots)
    gather.n_step(
        slots, n_step, num_envs, gamma ** np.arange(n_step + 1), arrays.r, arrays.terminated, arrays.truncated,
        arrays.a, last, to.r_t, to.discount_t, to.a_tm1,
    )  # fmt: skip
    for rows, obs, mask in ((slots, to.obs_tm1, to.mask_tm1), (last, to.obs_t, to.mask_t)):
        if sparse is None:
            gather.obs_rows(arrays.obs, rows, obs)
        else:
            sparse.read(rows, obs)
        if arrays.mask_bits is not None:
            gather.mask_rows(arrays.mask_bits, rows, mask)
    if weights is not None:
        out.batch.weights.copy_(weights)
    to.slots[:] = slots


def read_tensors(
    columns: MemoryColumns, slots: Tensor, *, n_step: int | Tensor, longest: int, num_envs: int, gamma: float,
    weights: Tensor, n_actions: int,
) -> Transitions:  # fmt: skip
    """Transitions of up to ``n_step`` steps (at most ``longest``) that start at ``slots`` [B], by tensor operations.

    What is launched depends on shapes and ``longest`` alone.
    """
    steps_on = torch.arange(longest, device=slots.device) * num_envs
    flat = (slots.unsqueeze(1) + steps_on) % len(columns.a)  # [B, n]
    r, terminated, truncated = (c[flat] for c in (columns.r, columns.terminated, columns.truncated))  # [B, n]
    r_t, discount_t, steps = losses.n_step_return(r, terminated, truncated, gamma, at_most=n_step)
    last = (slots + steps * num_envs) % len(columns.a)  # the row after the window, wrapped

    def mask(at: Tensor) -> Tensor:
        if columns.mask_bits is None:
            return torch.ones(1, 1, dtype=torch.bool, device=at.device).expand(len(at), n_actions)
        return unpack_mask(columns.mask_bits.index_select(0, at), n_actions)

    return Transitions(
        obs_tm1=columns.obs.index_select(0, slots), mask_tm1=mask(slots), a_tm1=columns.a[slots].long(),
        r_t=r_t, discount_t=discount_t, obs_t=columns.obs.index_select(0, last), mask_t=mask(last),
        weights=weights, slots=slots,
    )  # fmt: skip
