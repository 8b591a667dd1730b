"""The parts of an MLP's fused update that are no matrix products, each one compiled pass over a batch of S seeds.

Arrays are [S, R, H] float32: R rows of a batch, H units. Parameters and gradients are the flat arrays [S, P] of
``FlatParameters``; an offset says where a layer's bias, gain or shift begins, -1 that there is none.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from agents.kernels.compiled import fast_kernel

NORM_EPSILON = np.float32(1e-5)  # of the layer normalisation, as in ``networks.layers.SeedNorm``


@fast_kernel
def activate(y: Any, values: Any, bias: int, gain: int, shift: int, centred: Any, scale: Any) -> None:
    """Bias, layer normalisation (if ``gain`` >= 0) and rectifier, in place on y.

    ``centred`` [S, R, H] and ``scale`` [S, R] keep the normalised inputs and 1 / deviation for ``deactivate``.
    """
    seeds, rows, width = y.shape
    for s in range(seeds):
        row_values = values[s]
        b = row_values[bias : bias + width]
        for r in range(rows):
            row = y[s, r]
            if gain < 0:
                for i in range(width):
                    row[i] = max(row[i] + b[i], np.float32(0))
                continue
            total = np.float32(0)
            for i in range(width):
                row[i] += b[i]
                total += row[i]
            mean, squares = total / np.float32(width), np.float32(0)
            for i in range(width):
                squares += (row[i] - mean) * (row[i] - mean)
            inverse = np.float32(1) / np.sqrt(squares / np.float32(width) + NORM_EPSILON)
            scale[s, r] = inverse
            g, c, kept = row_values[gain : gain + width], row_values[shift : shift + width], centred[s, r]
            for i in range(width):
                kept[i] = (row[i] - mean) * inverse
                row[i] = max(kept[i] * g[i] + c[i], np.float32(0))


@fast_kernel
def deactivate(
    d: Any, y: Any, values: Any, gradients: Any, bias: int, gain: int, shift: int, centred: Any, scale: Any
) -> None:
    """The way back through ``activate``: d [S, B, H] with respect to y becomes d with respect to the product.

    Writes the gradients of bias, gain and shift. y, centred and scale may have more rows than d.
    """
    seeds, rows, width = d.shape
    for s in range(seeds):
        own, parameters = gradients[s], values[s]
        d_bias = own[bias : bias + width]
        d_bias[:] = 0
        if gain < 0:
            for r in range(rows):
                slope, out = d[s, r], y[s, r]
                for i in range(width):
                    slope[i] *= np.float32(out[i] > 0)
                    d_bias[i] += slope[i]
            continue
        d_gain, d_shift = own[gain : gain + width], own[shift : shift + width]
        d_gain[:] = 0
        d_shift[:] = 0
        g = parameters[gain : gain + width]
        for r in range(rows):
            slope, out, kept = d[s, r], y[s, r], centred[s, r]
            for i in range(width):  # short loops of few arrays: each is computed eight at a time
                slope[i] *= np.float32(out[i] > 0)
            for i in range(width):
                d_gain[i] += slope[i] * kept[i]
            for i in range(width):
                d_shift[i] += slope[i]
            mean, along = np.float32(0), np.float32(0)
            for i in range(width):
                slope[i] *= g[i]
                mean += slope[i]
                along += slope[i] * kept[i]
            mean, along, inverse = mean / np.float32(width), along / np.float32(width), scale[s, r]
            for i in range(width):
                slope[i] = inverse * (slope[i] - mean - kept[i] * along)
            for i in range(width):
                d_bias[i] += slope[i]


@fast_kernel
def finish_q(q: Any, value: Any, mask: Any, values: Any, bias: int, value_bias: int) -> None:
    """Bias of the last layer and, if ``value_bias`` >= 0, dueling (``networks.base.dueling``): q [S, R, A] in place.

    ``value`` [S, R, 1] is the value stream before its bias, mask [S, R, A].
    """
    seeds, rows, actions = q.shape
    for s in range(seeds):
        b = values[s][bias : bias + actions]
        for r in range(rows):
            row = q[s, r]
            for a in range(actions):
                row[a] += b[a]
            if value_bias < 0:
                continue
            total, legal = np.float32(0), 0
            for a in range(actions):
                if mask[s, r, a]:
                    total += row[a]
                    legal += 1
            change = value[s, r, 0] + values[s, value_bias] - total / np.float32(max(legal, 1))
            for a in range(actions):
                row[a] += change


@fast_kernel
def best_legal(q: Any, mask: Any, first: int, best: Any) -> None:
    """The best legal action [S, B] of the rows from ``first`` on of q; mask [S, B, A]. 0 where none is legal.

    Restates ``losses.masked_argmax``, the choice of the next action in ``losses.q_learning_target``.
    """
    for s in range(best.shape[0]):
        for r in range(best.shape[1]):
            row, chosen = q[s, first + r], -1
            for a in range(row.size):
                if mask[s, r, a] and (chosen < 0 or row[a] > row[chosen]):
                    chosen = a
            best[s, r] = max(chosen, 0)


@fast_kernel
def fit_errors(q: Any, a: Any, target: Any, weights: Any, delta: float, td: Any, slope: Any, sums: Any) -> None:
    """TD errors, slope and sums as in ``td_errors``, for targets [S, B] that are given."""
    seeds, rows = td.shape
    for s in range(seeds):
        for r in range(rows):
            td[s, r] = target[s, r] - q[s, r, a[s, r]]
        _huber(td[s], q[s], a[s], weights[s], delta, slope[s], sums[s])


@fast_kernel
def _huber(td: Any, q: Any, a: Any, weights: Any, delta: float, slope: Any, sums: Any) -> None:
    """Slope [B] of one seed's weighted mean Huber loss, and its sums [3]."""
    rows, loss, total, absolute = td.size, 0.0, 0.0, 0.0
    for r in range(rows):
        error, size = td[r], abs(td[r])
        slope[r] = -weights[r] * max(min(error, delta), -delta) / rows
        loss += weights[r] * (0.5 * error * error if size <= delta else delta * (size - 0.5 * delta))
        total += q[r, a[r]]
        absolute += size
    sums[0] += loss / rows
    sums[1] += total / rows
    sums[2] += absolute / rows


@fast_kernel
def td_errors(
    q_tm1: Any, a_tm1: Any, q_t: Any, a_t: Any, r_t: Any, discount_t: Any, weights: Any, delta: float,
    td: Any, slope: Any, sums: Any,
) -> None:  # fmt: skip
    """TD errors [S, B], the weighted mean Huber loss's ``slope`` [S, B] in q_tm1[a_tm1], and sums for the curves.

    Restates the equation of ``losses.q_learning_target`` for the next actions a_t [S, B] of ``best_legal``.

    q_tm1 [S, >= B, A] online, q_t [S, B, A] of the target network at a_t. ``sums`` [S, 3] gains the means of loss, q
    and absolute TD error.
    """
    seeds, rows = td.shape
    for s in range(seeds):
        for r in range(rows):
            target = r_t[s, r]
            if discount_t[s, r] > 0:
                target += discount_t[s, r] * q_t[s, r, a_t[s, r]]
            td[s, r] = target - q_tm1[s, r, a_tm1[s, r]]
        _huber(td[s], q_tm1[s], a_tm1[s], weights[s], delta, slope[s], sums[s])


@fast_kernel
def spread_slope(
    slope: Any, a_tm1: Any, mask: Any, d_q: Any, d_value: Any, gradients: Any, bias: int, value_bias: int
) -> None:
    """The way back through ``finish_q`` from the taken actions: d_q [S, B, A], d_value [S, B, 1], bias gradients."""
    seeds, rows, actions = d_q.shape
    for s in range(seeds):
        d_bias = gradients[s][bias : bias + actions]
        d_bias[:] = 0
        if value_bias >= 0:
            gradients[s, value_bias] = 0
        for r in range(rows):
            row = d_q[s, r]
            row[:] = 0
            row[a_tm1[s, r]] = slope[s, r]
            if value_bias >= 0:
                legal = 0
                for a in range(actions):
                    legal += mask[s, r, a]
                share = slope[s, r] / np.float32(max(legal, 1))
                for a in range(actions):
                    if mask[s, r, a]:
                        row[a] -= share
                d_value[s, r, 0] = slope[s, r]
                gradients[s, value_bias] += slope[s, r]
            for a in range(actions):
                d_bias[a] += row[a]
