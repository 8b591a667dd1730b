"""Reading sampled transitions out of the memory's columns on a CPU: compiled passes into buffers that are used again.

They give what ``SequentialMemory`` gives in tensor operations on a GPU, without some forty small operations a batch.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from agents.kernels.compiled import exact_kernel

TWO_112 = np.float32(2.0**112)


@exact_kernel
def whole_precision(half):  # type: ignore[no-untyped-def]
    """A half, given as its bits, as float32.

    Exponent and fraction are moved to float32's places, which leaves the number 2**112 times too small (also if it is
    subnormal); there are neither infinities nor NaN in the memory.
    """
    bits = np.uint32(half)
    moved = ((bits & np.uint32(0x8000)) << np.uint32(16)) | ((bits & np.uint32(0x7FFF)) << np.uint32(13))
    return np.uint32(moved).view(np.float32) * TWO_112


@exact_kernel
def n_step(  # type: ignore[no-untyped-def]
    start, n_step, num_envs, powers, r, terminated, truncated, a, last, r_t, discount_t, a_tm1
) -> None:
    """Rewards of up to ``n_step`` steps from each ``start`` [B] on, see ``losses.n_step_return``.

    Columns [T * N] are in the ring's order; ``powers`` [n + 1] are the discount's. Fills ``last`` [B], the row whose
    observation follows the window, and r_t, discount_t, a_tm1 [B].
    """
    slots = len(r)
    for b in range(len(start)):
        slot, total, discount = start[b], 0.0, 1.0
        a_tm1[b] = a[slot]
        for k in range(n_step):
            total += powers[k] * r[slot]
            discount = powers[k + 1]
            ended = terminated[slot] or truncated[slot]
            if terminated[slot]:
                discount = 0.0
            slot += num_envs
            if slot >= slots:
                slot -= slots
            if ended:
                break
        last[b], r_t[b], discount_t[b] = slot, total, discount


@exact_kernel
def find_starts(drawn, oldest, valid, slots, bad) -> int:  # type: ignore[no-untyped-def]
    """Slots so many steps after the oldest one, round the ring; returns how many are not valid (listed in bad)."""
    count = 0
    for b in range(len(drawn)):
        slot = drawn[b] + oldest
        if slot >= len(valid):
            slot -= len(valid)
        slots[b] = slot
        if not valid[slot]:
            bad[count] = b
            count += 1
    return count


@exact_kernel
def plain_rows(column, rows, out) -> None:  # type: ignore[no-untyped-def]
    """out [B, D] float32 from column [T * N, D] of bytes or float32 at ``rows`` [B]."""
    for b in range(len(rows)):
        source, target = column[rows[b]], out[b]
        for i in range(source.size):
            target[i] = source[i]


@exact_kernel
def half_rows(column, rows, out) -> None:  # type: ignore[no-untyped-def]
    """The same from half precision, seen as uint16."""
    for b in range(len(rows)):
        source, target = column[rows[b]], out[b]
        for i in range(source.size):
            target[i] = whole_precision(source[i])


@exact_kernel
def mask_rows(column, rows, out) -> None:  # type: ignore[no-untyped-def]
    """out [B, A] bool from packed bits [T * N, ceil(A / 8)] at ``rows`` [B]."""
    for b in range(len(rows)):
        source, target = column[rows[b]], out[b]
        for i in range(target.size):
            target[i] = (source[i >> 3] >> (i & 7)) & 1


def obs_rows(column: Any, rows: np.ndarray, out: np.ndarray) -> None:
    """Observations ``out`` [B, D] float32 at ``rows`` of a column [T * N, D] in any of the memory's number formats."""
    if column.dtype == np.float16:
        half_rows(column.view(np.uint16), rows, out)
    else:
        plain_rows(column, rows, out)
