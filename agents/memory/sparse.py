"""Observations of a memory on a CPU, packed: what is zero takes no room.

An observation is mostly rows that are not there, and zeros in those that are. Rows of the ring are written side by side
into blocks of one arena. A block is free again once all its rows are overwritten; free blocks are used first, and room
in the arena that was never written to costs nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents.kernels import sparse as kernels
from agents.kernels.sparse import PIECE

_UNSIGNED = {torch.uint8: np.uint8, torch.float16: np.uint16, torch.float32: np.uint32}
_SIGNED = {1: np.uint8, 2: np.int16, 4: np.int32}


class SparseRows:
    """Packed observations of T rows of N games, D numbers each, of one number format.

    Blocks are of ``block_bytes``, or larger if four of the largest rows want it. There are as many as rows may need,
    but not more than two above ``limit_bytes``.
    """

    def __init__(
        self, *, rows: int, num_envs: int, obs_size: int, dtype: torch.dtype, limit_bytes: int,
        block_bytes: int = 1 << 20,
    ) -> None:  # fmt: skip
        self.num_envs, self.obs_size, self.dtype = num_envs, obs_size, dtype
        self.bits = np.zeros((rows * num_envs, -(-obs_size // (8 * PIECE))), np.uint8)  # [T * N, W]
        self.start = np.zeros(rows * num_envs, np.int64)  # [T * N], where each begins in the arena
        self._seen = torch.zeros(num_envs, 8 * PIECE * self.bits.shape[1], dtype=dtype)
        self._row = self._seen.numpy().view(_UNSIGNED[dtype])
        self._words = self._row.view(np.uint64)
        largest = num_envs * -(-obs_size // PIECE) * PIECE  # numbers of a whole row of the ring
        self._block = max(block_bytes // self._row.itemsize, 4 * largest)
        most = -(-rows * largest // (self._block - largest))
        count = 2 + min(most, limit_bytes // (self._block * self._row.itemsize))
        self.arena = np.empty(count * self._block, self._row.dtype)
        self._free = list(range(count))[::-1]
        self._live = np.zeros(count, np.int64)  # rows of the ring that each block still holds
        self._block_of = np.full(rows, -1, np.int64)  # [T], -1: nothing is held
        self._block_now = -1  # that is written to
        self._at = 0  # the next number to write

    @property
    def used_bytes(self) -> int:
        """Bytes of blocks that hold something."""
        return (len(self._live) - len(self._free)) * self._block * self._row.itemsize

    def write(self, row: int, obs: Tensor) -> bool:
        """Keep obs [N, D] as the ring's row in place of what was there; False if others must be forgotten first."""
        self.forget(row)
        self._seen[:, : self.obs_size] = obs
        slots = self._slots(row)
        count = kernels.mark(self._words, self.bits[slots]) * PIECE
        if not self._make_room(count):
            self.bits[slots] = 0
            return False
        kernels.keep_marked(self._row, self.bits[slots], self.arena, self._at, self.start[slots])
        self._take(row, count)
        return True

    def forget(self, row: int) -> None:
        """Hold nothing of the ring's row any more."""
        block = int(self._block_of[row])
        if block < 0:
            return
        self.bits[self._slots(row)] = 0
        self._block_of[row] = -1
        self._live[block] -= 1
        if self._live[block] == 0 and block != self._block_now:
            self._free.append(block)

    def _slots(self, row: int) -> slice:
        return slice(row * self.num_envs, (row + 1) * self.num_envs)

    def _make_room(self, count: int) -> bool:
        """Go on in another block if the present one has no room for so many numbers; False if none is free."""
        now = self._block_now
        if now >= 0 and self._at + count <= (now + 1) * self._block:
            return True
        if now >= 0 and self._live[now] == 0:
            self._at = now * self._block
            return True
        if not self._free:
            return False
        self._block_now = self._free.pop()
        self._at = self._block_now * self._block
        return True

    def _take(self, row: int, count: int) -> None:
        """The ring's row has the next so many numbers."""
        self._block_of[row] = self._block_now
        self._live[self._block_now] += 1
        self._at += count

    def _lengths(self, slots: slice) -> np.ndarray:
        found = np.empty(slots.stop - slots.start, np.int64)
        kernels.lengths(self.bits[slots], found)
        return found

    def read(self, slots: np.ndarray, out: np.ndarray) -> None:
        """Observations ``out`` [B, D] float32 of slots [B]."""
        if self.dtype == torch.float16:
            kernels.half_pieces(self.arena, self.bits, self.start, slots, out, out.view(np.uint32))
        else:
            arena = self.arena if self.dtype == torch.uint8 else self.arena.view(np.float32)
            kernels.plain(arena, self.bits, self.start, slots, out)

    def state_dict(self, rows: int) -> dict[str, Any]:
        """What the first ``rows`` of the ring hold: their numbers side by side, and where they lie."""
        slots = slice(0, rows * self.num_envs)
        count = self._lengths(slots)
        numbers = np.empty(int(count.sum()), self.arena.dtype)
        kernels.gather(self.arena, self.start[slots], count, numbers)
        kept: dict[str, np.ndarray] = {"bits": self.bits[slots], "start": self.start[slots]}
        kept["block_of"] = self._block_of[:rows]
        place = {"free": list(self._free), "block_now": self._block_now, "at": self._at}
        signed = numbers.view(_SIGNED[self.arena.dtype.itemsize])  # as torch knows them
        return {"numbers": torch.from_numpy(signed)} | {k: torch.from_numpy(x.copy()) for k, x in kept.items()} | place

    def load_state_dict(self, state: dict[str, Any], rows: int) -> None:
        """Hold these as the first rows of the ring, where they lay, and nothing else."""
        slots = slice(0, rows * self.num_envs)
        self.bits[:], self._block_of[:] = 0, -1
        self.bits[slots], self.start[slots] = state["bits"].numpy(), state["start"].numpy()
        self._block_of[:rows] = state["block_of"].numpy()
        self._free, self._block_now, self._at = list(state["free"]), state["block_now"], state["at"]
        self._live[:] = np.bincount(self._block_of[self._block_of >= 0], minlength=len(self._live))
        numbers = state["numbers"].numpy().view(self.arena.dtype)
        kernels.scatter(numbers, self.start[slots], self._lengths(slots), self.arena)
