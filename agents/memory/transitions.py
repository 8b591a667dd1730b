"""A batch of sampled transitions, and the buffers that batches are read into on a CPU."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any, NamedTuple

import torch
from torch import Tensor


class Transitions(NamedTuple):
    """B sampled transitions of up to n steps, or [S, B, ...] of S seeds.

    On a CPU observations are float32 (those of a batch lie side by side, ``obs``), on a GPU as the memory keeps them.
    """

    obs_tm1: Tensor  # [B, D]
    mask_tm1: Tensor  # [B, A] bool
    a_tm1: Tensor  # [B] int64
    r_t: Tensor  # [B], discounted sum of the rewards
    discount_t: Tensor  # [B], 0 after a termination
    obs_t: Tensor  # [B, D], where the n steps (or the episode) ended
    mask_t: Tensor  # [B, A] bool
    weights: Tensor  # [B], of the loss: importance weights of a prioritised memory, otherwise 1
    slots: Tensor  # [B] int64, where the memory keeps the start: for new priorities
    obs: Tensor | None = None  # [2B, D], obs_tm1 and obs_t side by side, on a CPU
    mask: Tensor | None = None  # [2B, A]

    def map(self, function: Callable[[Any], Any]) -> Transitions:
        """The function's results for all columns that are there, as a batch: of tensors, or of arrays for kernels."""
        columns: list[Any] = [None if column is None else function(column) for column in self]
        return Transitions(*columns)


def halves(size: int) -> list[slice]:
    """The two halves of a batch, in order; one part if there is only one row.

    A batch is halved on any machine, also where one thread does both: sums are taken in the same order everywhere.
    """
    middle = (size + 1) // 2
    return [part for part in (slice(0, middle), slice(middle, size)) if part.stop > part.start]


class TransitionBuffers:
    """Buffers of one size for batches of S seeds on a CPU: each batch overwrites the one before.

    ``halves`` are each seed's halves: which rows, and their part of the buffers.
    """

    def __init__(self, *, seeds: int, batch_size: int, obs_size: int, n_actions: int, stores_masks: bool) -> None:
        self.obs = torch.empty(seeds, 2 * batch_size, obs_size)  # [S, 2B, D]: first tm1, then t
        if stores_masks:
            self.mask = torch.empty(seeds, 2 * batch_size, n_actions, dtype=torch.bool)
        else:  # constant, whatever the size
            one = torch.ones(1, 1, 1, dtype=torch.bool)
            self.mask = one.expand(seeds, 2 * batch_size, n_actions)
        shape = (seeds, batch_size)
        self.a, self.slots = (torch.zeros(shape, dtype=torch.int64) for _ in range(2))
        self.r, self.discount, self.weights = (torch.ones(shape) for _ in range(3))
        half = batch_size
        self.batch = Transitions(
            obs_tm1=self.obs[:, :half], mask_tm1=self.mask[:, :half], a_tm1=self.a, r_t=self.r,
            discount_t=self.discount, obs_t=self.obs[:, half:], mask_t=self.mask[:, half:],
            weights=self.weights, slots=self.slots, obs=self.obs, mask=self.mask,
        )  # fmt: skip
        rows = self.batch._replace(obs=None, mask=None)
        self.halves = [
            [(part, PartBuffers(rows.map(itemgetter((s, part))))) for part in halves(batch_size)] for s in range(seeds)
        ]


class PartBuffers:
    """Rows [B, ...] of ``TransitionBuffers``, as tensors and as the arrays that compiled passes write to."""

    def __init__(self, batch: Transitions) -> None:
        self.batch = batch
        self.arrays: Any = self.batch.map(Tensor.numpy)
