"""Rows that are mostly zeros, packed: of each row the pieces of eight numbers that aren't all zero, side by side.

``bits`` say which pieces those are, eight to a byte. Numbers are compared as they are stored, so -0 is kept.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from agents.kernels.compiled import exact_kernel
from agents.kernels.gather import TWO_112, half_bits

PIECE = 8


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
def _lowest(byte: Any) -> int:
    """Which is the lowest bit that is set, 0..7."""
    low, place = byte & -byte, 0
    if low & 0xF0:
        place += 4
    if low & 0xCC:
        place += 2
    if low & 0xAA:
        place += 1
    return place


@exact_kernel
def plain(arena, bits, start, rows, out) -> None:  # type: ignore[no-untyped-def]
    """out [B, D] float32 from bytes or float32 in the arena, at ``rows`` [B]."""
    for b in range(rows.size):
        target, at = out[b], start[rows[b]]
        target[:] = 0
        for w in range(bits.shape[1]):
            byte = np.int64(bits[rows[b], w])
            while byte:
                first = (w * 8 + _lowest(byte)) * PIECE
                byte &= byte - 1
                for i in range(min(PIECE, target.size - first)):
                    target[first + i] = arena[at + i]
                at += PIECE


@exact_kernel
def half_pieces(arena, bits, start, rows, out, out_bits) -> None:  # type: ignore[no-untyped-def]
    """The same from half precision, seen as uint16: ``out_bits`` is ``out`` seen as uint32."""
    for b in range(rows.size):
        target, seen, at = out[b], out_bits[b], start[rows[b]]
        target[:] = 0
        for w in range(bits.shape[1]):
            byte = np.int64(bits[rows[b], w])
            while byte:
                first = (w * 8 + _lowest(byte)) * PIECE
                byte &= byte - 1
                if first + PIECE <= target.size:
                    for i in range(PIECE):
                        seen[first + i] = half_bits(arena[at + i])
                    for i in range(PIECE):
                        target[first + i] = target[first + i] * TWO_112
                else:
                    for i in range(target.size - first):
                        seen[first + i] = half_bits(arena[at + i])
                        target[first + i] = target[first + i] * TWO_112
                at += PIECE
