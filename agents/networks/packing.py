"""Sets of rows packed side by side, so that only rows that are there are computed, and pooled set by set."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class _SetPool(torch.autograd.Function):
    """Sum and largest value of each feature over each set: rows [P, H] >= 0 and set numbers [P] -> [B, H], [B, H].

    Autograd's own way through the maximum counts ties in integers and takes several more arrays: then it is the
    costliest part of an update. Here equal largest values each get the whole gradient.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, row: Tensor, n_sets: int) -> tuple[Tensor, Tensor]:
        total = hidden.new_zeros(n_sets, hidden.shape[1]).index_add_(0, row, hidden)
        largest = torch.zeros_like(total).scatter_reduce_(0, row.unsqueeze(1).expand_as(hidden), hidden, "amax")
        ctx.save_for_backward(hidden, row, largest)
        return total, largest

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_total: Tensor, grad_largest: Tensor) -> tuple[Tensor, None, None]:
        hidden, row, largest = ctx.saved_tensors
        is_largest = (hidden - largest.index_select(0, row)).sign_().add_(1)  # [P, H], 1 or 0
        grad = is_largest.mul_(grad_largest.index_select(0, row)).add_(grad_total.index_select(0, row))
        return grad, None, None


class Packing:
    """The chosen entries of a mask [S, M], side by side: P columns, the most that any seed has.

    With one seed nothing is padded; with several, seeds with fewer entries end in a few that lie in set ``size``.
    """

    def __init__(self, chosen: Tensor) -> None:
        seeds, self.size = chosen.shape
        seed, place = chosen.nonzero(as_tuple=True)  # [L], [L]
        self.place = place.unsqueeze(0)  # [S, P], index into M
        self.padded = seeds > 1
        if self.padded:
            counts = chosen.sum(1)
            column = torch.arange(len(seed), device=seed.device) - (counts.cumsum(0) - counts)[seed]
            self.place = place.new_full((seeds, int(counts.max())), self.size)
            self.place[seed, column] = place

    def take(self, rows: Tensor) -> Tensor:
        """[S, P, F] from rows [S, M, F]; padding repeats the last row."""
        place = self.place.clamp(max=self.size - 1) if self.padded else self.place
        if len(rows) == 1:
            return rows[0].index_select(0, place[0]).unsqueeze(0)
        return rows.gather(1, place.unsqueeze(2).expand(-1, -1, rows.shape[2]))

    def columns(self) -> Tensor:
        """Where each entry lies, [S, M + 1]: its column, P if it was not chosen, as the entry M that there is not."""
        columns, packed = self.place.shape[1], torch.arange(self.place.shape[1], device=self.place.device)
        found = self.place.new_full((len(self.place), self.size + 1), columns)
        found.scatter_(1, self.place, packed.expand_as(self.place))
        found[:, self.size] = columns
        return found

    def add(self, rows: Tensor, more: Tensor, fewer: Packing) -> Tensor:
        """Rows [S, P, H], to which ``more`` [S, L, H] of another packing, ``fewer`` entries of the same, is added."""
        column = self.columns().gather(1, fewer.place)
        if not self.padded:
            return rows.index_add(1, column[0], more)
        room = rows.new_zeros(len(rows), rows.shape[1] + 1, rows.shape[2])
        return rows + room.scatter(1, column.unsqueeze(2).expand_as(more), more)[:, :-1]

    def put(self, packed: Tensor) -> Tensor:
        """[S, M, Z] from packed [S, P, Z]; 0 where nothing was chosen."""
        room = packed.new_zeros(len(packed), self.size + 1, packed.shape[2])
        return room.scatter(1, self.place.unsqueeze(2).expand_as(packed), packed)[:, : self.size]


def pool_sets(each: Tensor, row: Tensor, rows: int) -> tuple[Tensor, Tensor]:
    """Sum and maximum [S, B, H] of the packed rows [S, P, H] of each set; set B of a seed takes the padding."""
    seeds = len(each)
    if seeds == 1:
        total, largest = _SetPool.apply(each[0], row[0], rows)
        return total.unsqueeze(0), largest.unsqueeze(0)
    sets = row + torch.arange(seeds, device=row.device).unsqueeze(1) * (rows + 1)
    pooled = _SetPool.apply(each.flatten(0, 1), sets.flatten(), seeds * (rows + 1))
    total, largest = (x.unflatten(0, (seeds, rows + 1))[:, :rows] for x in pooled)
    return total, largest
