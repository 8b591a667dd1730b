"""Observations of a memory on a CPU, packed: what is zero takes no room.

An observation is mostly rows that are not there, and zeros in those that are. Rows of the ring are written side by side
into blocks of one arena. A block is free again once all its rows are overwritten; free blocks are used first, and room
in the arena that was never written to costs nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents.kernels import sparse as kernels
from agents.kernels.sparse import PIECE
from groundwork.errors import WaybillError

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
        self._uses = np.zeros(count, np.int64)  # how often each block was begun
        self._end = np.zeros(count, np.int64)  # where what is written in a full block ends
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
        if now < 0 or self._live[now] > 0:
            if not self._free:
                return False
            if now >= 0:
                self._end[now] = self._at
            self._block_now = self._free.pop()
        self._uses[self._block_now] += 1
        self._at = self._block_now * self._block
        return True

    def _take(self, row: int, count: int) -> None:
        """The ring's row has the next so many numbers."""
        self._block_of[row] = self._block_now
        self._live[self._block_now] += 1
        self._at += count

    def read(self, slots: np.ndarray, out: np.ndarray) -> None:
        """Observations ``out`` [B, D] float32 of slots [B]."""
        if self.dtype == torch.float16:
            kernels.half_pieces(self.arena, self.bits, self.start, slots, out)
        else:
            arena = self.arena if self.dtype == torch.uint8 else self.arena.view(np.float32)
            kernels.plain(arena, self.bits, self.start, slots, out)

    def state_dict(self, rows: int, *, prefix: str = "", saved: Collection[str] = ()) -> dict[str, Any]:
        """What the first ``rows`` of the ring hold, and where it lies.

        ``segments`` are the numbers of the blocks that are full, which don't change until all that they hold is
        overwritten: each under a name (after ``prefix``) that no other content ever has. Those that are ``saved``
        already are None. All tensors are copies.
        """
        slots, now = slice(0, rows * self.num_envs), self._block_now
        held = [int(block) for block in np.flatnonzero(self._live) if block != now]
        names = {f"{prefix}{block}-{self._uses[block]}": block for block in held}
        place = {"free": list(self._free), "block_now": now, "at": self._at, "block": self._block}
        kept: dict[str, np.ndarray] = {
            "bits": self.bits[slots],
            "start": self.start[slots],
            "block_of": self._block_of[:rows],
        }
        kept |= {"uses": self._uses, "end": self._end}
        return {
            "segments": {name: None if name in saved else self._numbers(names[name]) for name in names},
            "open": self._numbers(now) if now >= 0 else None,
            **{name: torch.from_numpy(column.copy()) for name, column in kept.items()},
            **place,
        }

    def _numbers(self, block: int) -> Tensor:
        """A copy of what was written into a block, as a kind of number that torch knows."""
        end = self._at if block == self._block_now else int(self._end[block])
        signed = self.arena[block * self._block : end].view(_SIGNED[self.arena.dtype.itemsize])
        return torch.from_numpy(signed.copy())

    def load_state_dict(self, state: dict[str, Any], rows: int) -> None:
        """Hold these as the first rows of the ring, where they lay, and nothing else.

        Raises:
            WaybillError: in one line, if they lay in blocks of another size, or in other ones than there are.
        """
        if (state.get("block"), len(state.get("uses", ()))) != (self._block, len(self._uses)):
            raise WaybillError("the saved memory does not fit: its observations are packed in other blocks than here")
        slots = slice(0, rows * self.num_envs)
        self.bits[:], self._block_of[:] = 0, -1
        self.bits[slots], self.start[slots] = state["bits"].numpy(), state["start"].numpy()
        self._block_of[:rows] = state["block_of"].numpy()
        self._uses[:], self._end[:] = state["uses"].numpy(), state["end"].numpy()
        self._free, self._block_now, self._at = list(state["free"]), state["block_now"], state["at"]
        self._live[:] = np.bincount(self._block_of[self._block_of >= 0], minlength=len(self._live))
        found = {_block_in(name): numbers for name, numbers in state["segments"].items()}
        if state["open"] is not None:
            found[self._block_now] = state["open"]
        for block, numbers in found.items():
            begin = block * self._block
            self.arena[begin : begin + len(numbers)] = numbers.numpy().view(self.arena.dtype)


def _block_in(name: str) -> int:
    """The block that a segment's name tells of."""
    return int(name.rpartition("-")[0].rpartition(".")[2])
