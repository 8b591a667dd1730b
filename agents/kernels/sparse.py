"""Rows that are mostly zeros, packed: of each row the pieces of eight numbers that aren't all zero, side by side.

``bits`` say which pieces those are, eight to a byte. Numbers are compared as they are stored, so -0 is kept.
"""

from __future__ import annotations

import numpy as np

from agents.kernels.compiled import exact_kernel
from agents.kernels.gather import whole_precision

PIECE = 8


def _lowest_run(byte: int) -> tuple[int, int]:
    """Where the lowest run of ones in a byte begins, and how long it is; of no ones at 0."""
    low = max((byte & -byte).bit_length() - 1, 0)
    shifted = byte >> low
    return low, (shifted & ~(shifted + 1)).bit_length()


_LOWEST, _ON = np.array([_lowest_run(byte) for byte in range(256)], np.uint8).T.copy()


@exact_kernel
def mark(words, bits) -> int:  # type: ignore[no-untyped-def]
    """Fill bits [N, W] for rows seen as words of 64 bits, [N, 8 * W * words of a piece]; returns how many pieces stay.

    Rows end in zeros to fill the last byte's pieces.
    """
    count, each = 0, words.shape[1] // (8 * bits.shape[1])
    for n in range(words.shape[0]):
        row, marks, at = words[n], bits[n], 0
        for w in range(marks.size):
            byte = 0
            for k in range(8):
                found = row[at]
                for i in range(1, each):
                    found |= row[at + i]
                at += each
                there = 1 if found != 0 else 0
                byte |= there << k
                count += there
            marks[w] = byte
    return count


@exact_kernel
def keep_marked(rows, bits, arena, begin, start) -> None:  # type: ignore[no-untyped-def]
    """Write the marked pieces of rows [N, 64 * W] into the arena from ``begin`` on, and where each starts, [N]."""
    at = begin
    for n in range(rows.shape[0]):
        row, start[n] = rows[n], at
        for w in range(bits.shape[1]):
            byte = bits[n, w]
            if byte == 0:
                continue
            for k in range(8):
                if (byte >> k) & 1:
                    first = (w * 8 + k) * PIECE
                    for i in range(PIECE):
                        arena[at + i] = row[first + i]
                    at += PIECE


@exact_kernel
def _runs(marks, begin, length) -> int:  # type: ignore[no-untyped-def]
    """Where the runs of marked pieces begin and of how many they are, for a row's marks [W]; returns how many runs."""
    count = 0
    for w in range(marks.size):
        byte = np.int64(marks[w])
        while byte:
            first, pieces = w * 8 + np.int64(_LOWEST[byte]), np.int64(_ON[byte])
            byte &= byte + (byte & -byte)  # without its lowest run
            if count > 0 and begin[count - 1] + length[count - 1] == first:
                length[count - 1] += pieces
            else:
                begin[count], length[count] = first, pieces
                count += 1
    return count


@exact_kernel
def plain(arena, bits, start, rows, out) -> None:  # type: ignore[no-untyped-def]
    """out [B, D] float32 from bytes or float32 in the arena, at ``rows`` [B]."""
    begin, length = np.empty((2, 8 * bits.shape[1]), np.int64)
    for b in range(rows.size):
        target, at, end = out[b], start[rows[b]], 0
        for k in range(_runs(bits[rows[b]], begin, length)):
            first, count = begin[k] * PIECE, length[k] * PIECE
            target[end:first] = 0
            run, source = target[first : first + count], arena[at : at + count]
            for i in range(run.size):
                run[i] = source[i]
            at, end = at + count, first + count
        target[end:] = 0


@exact_kernel
def half_pieces(arena, bits, start, rows, out) -> None:  # type: ignore[no-untyped-def]
    """The same from half precision, seen as uint16."""
    begin, length = np.empty((2, 8 * bits.shape[1]), np.int64)
    for b in range(rows.size):
        target, at, end = out[b], start[rows[b]], 0
        for k in range(_runs(bits[rows[b]], begin, length)):
            first, count = begin[k] * PIECE, length[k] * PIECE
            target[end:first] = 0
            run, source = target[first : first + count], arena[at : at + count]
            for i in range(run.size):
                run[i] = whole_precision(source[i])
            at, end = at + count, first + count
        target[end:] = 0
