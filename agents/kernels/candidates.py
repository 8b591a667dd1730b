"""The parts of a candidate network's fused update that are no matrix products, for one seed; float32 throughout.

B observations [B, D] hold E entity rows of Fe features and K candidate rows of Fc; only rows that are there are packed
side by side. ``starts`` [B + 1] says where an observation's entities begin.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from agents.kernels.compiled import fast_kernel


@fast_kernel
def pack_entities(obs: Any, first: int, count: int, features: int, packed: Any, starts: Any) -> None:
    """packed [P, Fe] and starts from the ``count`` rows from ``first`` on; feature 0 says whether a row is there."""
    rows = 0
    for b in range(obs.shape[0]):
        starts[b] = rows
        for e in range(count):
            begin = first + e * features
            if obs[b, begin] > 0.5:
                source, target = obs[b, begin : begin + features], packed[rows]
                for i in range(features):
                    target[i] = source[i]
                rows += 1
    starts[obs.shape[0]] = rows


@fast_kernel
def pack_legal(obs: Any, first: int, features: int, mask: Any, packed: Any, row: Any, slot: Any) -> int:
    """packed [L, Fc] with row and slot [L] of the legal candidates, mask [B, K]; returns L."""
    count = 0
    for b in range(mask.shape[0]):
        for k in range(mask.shape[1]):
            if mask[b, k]:
                begin = first + k * features
                source, target = obs[b, begin : begin + features], packed[count]
                for i in range(features):
                    target[i] = source[i]
                row[count], slot[count] = b, k
                count += 1
    return count


@fast_kernel
def pack_taken(obs: Any, first: int, features: int, a: Any, packed: Any) -> None:
    """packed [B, Fc] of the taken candidates a [B]."""
    for b in range(obs.shape[0]):
        begin = first + a[b] * features
        source, target = obs[b, begin : begin + features], packed[b]
        for i in range(features):
            target[i] = source[i]


@fast_kernel
def pool(hidden: Any, starts: Any, obs: Any, n_globals: int, out: Any) -> None:
    """out [B, G + 2H] is the globals, mean and largest of each set of rectified hidden [P, H] (0 if empty)."""
    width = hidden.shape[1]
    for b in range(out.shape[0]):
        for i in range(n_globals):
            out[b, i] = obs[b, i]
        mean, largest = out[b, n_globals : n_globals + width], out[b, n_globals + width : n_globals + 2 * width]
        mean[:] = 0
        largest[:] = 0
        for p in range(starts[b], starts[b + 1]):
            row = hidden[p]
            for i in range(width):
                mean[i] += max(row[i], np.float32(0))
            for i in range(width):  # the larger of both, without a store that depends on it, see ``kernels.compiled``
                above, below = np.float32(row[i] > largest[i]), np.float32(row[i] <= largest[i])
                largest[i] = above * row[i] + below * largest[i]
        share = np.float32(1) / np.float32(max(starts[b + 1] - starts[b], 1))
        for i in range(width):
            mean[i] *= share


@fast_kernel
def unpool(d_pooled: Any, hidden: Any, starts: Any, pooled: Any, n_globals: int, d_hidden: Any) -> None:
    """The way back through ``pool``: d_hidden [P, H] from d_pooled [B, 2H]; equal largest values each get the whole."""
    width = hidden.shape[1]
    for b in range(d_pooled.shape[0]):
        d_mean, d_largest = d_pooled[b, :width], d_pooled[b, width : 2 * width]
        largest = pooled[b, n_globals + width : n_globals + 2 * width]
        share = np.float32(1) / np.float32(max(starts[b + 1] - starts[b], 1))
        for p in range(starts[b], starts[b + 1]):
            row, out = hidden[p], d_hidden[p]
            for i in range(width):
                slope = d_mean[i] * share + (d_largest[i] if row[i] == largest[i] else np.float32(0))
                out[i] = slope if row[i] > 0 else np.float32(0)


@fast_kernel
def add_rows_of(y: Any, table: Any, row: Any) -> None:
    """y [L, H] += table[row[l]] of table [B, H]."""
    for k in range(y.shape[0]):
        out, source = y[k], table[row[k]]
        for i in range(out.size):
            out[i] += source[i]


@fast_kernel
def add_bias(y: Any, values: Any, first: int) -> None:
    """y [L, Z] += the bias [Z] at ``first`` of the flat values [P]."""
    width = y.shape[1]
    bias = values[first : first + width]
    for k in range(y.shape[0]):
        row = y[k]
        for i in range(width):
            row[i] += bias[i]


@fast_kernel
def sum_rows(d: Any, gradients: Any, first: int) -> None:
    """A bias's gradient: the sum of d [B, Z], at ``first`` of the flat gradients [P]."""
    width = d.shape[1]
    total = gradients[first : first + width]
    total[:] = 0
    for k in range(d.shape[0]):
        row = d[k]
        for i in range(width):
            total[i] += row[i]


@fast_kernel
def unpack_values(q: Any, row: Any, slot: Any, values: Any, place: Any) -> None:
    """values [B, K] of the packed legal candidates' q [L], and the ``place`` [B, K] in 0..L-1 of each.

    What stands at illegal candidates is left as it is, but for place 0 at the first of each row.
    """
    place[:, 0] = 0
    for k in range(q.size):
        values[row[k], slot[k]], place[row[k], slot[k]] = q[k], k


@fast_kernel
def best_packed(q: Any, row: Any, slot: Any, a: Any, place: Any) -> None:
    """The best legal action a [B] of each state, and its ``place`` in 0..L-1, from the packed candidates' q [L].

    Of equals the first; 0 and 0 where none is legal. Restates ``losses.masked_argmax``.
    """
    a[:] = 0
    place[:] = 0
    for k in range(q.size):
        b = row[k]
        if k == 0 or row[k - 1] != b or q[k] > q[place[b]]:
            a[b], place[b] = slot[k], k


@fast_kernel
def blend(own: Any, other: Any, share: float) -> None:
    """Move own [S, P] a share of the way to other [S, P]."""
    for s in range(own.shape[0]):
        a, b = own[s], other[s]
        for i in range(a.size):
            a[i] += share * (b[i] - a[i])
