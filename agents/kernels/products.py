"""Matrix products that a library does badly: few inputs, few outputs, mostly zero inputs, convolutions of such.

Arrays are float32: x [S, R, I], y [S, R, O]; weights and gradients [S, I, O] lie in flat arrays [S, P] from ``first``
on. Four inputs are taken at a time where that halves the traffic to and from memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from agents.kernels.compiled import fast_kernel


@fast_kernel
def matrix(flat: Any, s: int, first: int, inputs: int, outputs: int) -> Any:
    """A seed's weights [I, O], a view."""
    return flat[s][first : first + inputs * outputs].reshape(inputs, outputs)


@fast_kernel
def narrow_in(x: Any, values: Any, first: int, y: Any) -> None:
    """y = x W for few inputs."""
    seeds, rows, width = y.shape
    for s in range(seeds):
        weight = matrix(values, s, first, x.shape[2], width)
        for r in range(rows):
            out = y[s, r]
            out[:] = 0
            for i in range(x.shape[2]):
                factor, w = x[s, r, i], weight[i]
                for o in range(width):
                    out[o] += factor * w[o]


@fast_kernel
def narrow_in_back(d: Any, x: Any, gradients: Any, first: int) -> None:
    """The gradient xᵀ d from d [S, B, O] and x [S, >= B, I], for few inputs."""
    seeds, rows, width = d.shape
    for s in range(seeds):
        gradient = matrix(gradients, s, first, x.shape[2], width)
        gradient[:] = 0
        for r in range(rows):
            slope = d[s, r]
            for i in range(x.shape[2]):
                factor, g = x[s, r, i], gradient[i]
                for o in range(width):
                    g[o] += factor * slope[o]


@fast_kernel
def narrow_out(x: Any, values: Any, first: int, turned: Any, y: Any) -> None:
    """y = x W for few outputs; ``turned`` [O, I] is scratch."""
    for s in range(y.shape[0]):
        weight = matrix(values, s, first, x.shape[2], y.shape[2])
        for i in range(x.shape[2]):
            for o in range(y.shape[2]):
                turned[o, i] = weight[i, o]
        for r in range(y.shape[1]):
            row = x[s, r]
            for o in range(y.shape[2]):
                w, total = turned[o], np.float32(0)
                for i in range(row.size):
                    total += row[i] * w[i]
                y[s, r, o] = total


@fast_kernel
def narrow_out_back(d: Any, x: Any, values: Any, gradients: Any, first: int, turned: Any, d_x: Any) -> None:
    """The gradient xᵀ d and d_x [S, B, I] = d Wᵀ from d [S, B, O] and x [S, >= B, I]; ``turned`` [O, I] is scratch."""
    outputs = d.shape[2]
    for s in range(d.shape[0]):
        weight = matrix(values, s, first, x.shape[2], outputs)
        gradient = matrix(gradients, s, first, x.shape[2], outputs)
        for i in range(x.shape[2]):
            for o in range(outputs):
                turned[o, i] = weight[i, o]
        for r in range(d.shape[1]):
            back = d_x[s, r]
            back[:] = 0
            for o in range(outputs):
                slope, w = d[s, r, o], turned[o]
                if slope != 0:
                    for i in range(back.size):
                        back[i] += slope * w[i]
        turned[:] = 0
        for r in range(d.shape[1]):
            row = x[s, r]
            for o in range(outputs):
                slope, g = d[s, r, o], turned[o]
                if slope != 0:
                    for i in range(row.size):
                        g[i] += slope * row[i]
        for i in range(x.shape[2]):
            for o in range(outputs):
                gradient[i, o] = turned[o, i]


CHUNK, BLOCK = 8, 512  # inputs looked at together; inputs whose weights stay in the cache while all rows pass


@fast_kernel
def any_there(row: Any, begin: int) -> bool:
    """Whether one of the next ``CHUNK`` entries is not zero."""
    found = 0
    for i in range(begin, begin + CHUNK):
        found += row[i] != 0
    return found > 0


@fast_kernel
def by_row(x: Any, rows: int, begin: int, end: int, starts: Any, places: Any, factors: Any) -> None:
    """The entries of x [R, I] in columns begin .. end - 1 that are not zero, row after row; ``starts`` [R + 1]."""
    count, whole = 0, end - (end - begin) % CHUNK
    for r in range(rows):
        row = x[r]
        starts[r] = count
        for chunk in range(begin, whole, CHUNK):
            if any_there(row, chunk):
                for i in range(chunk, chunk + CHUNK):
                    places[count], factors[count] = i, row[i]
                    count += row[i] != 0
        for i in range(whole, end):
            places[count], factors[count] = i, row[i]
            count += row[i] != 0
    starts[rows] = count


@fast_kernel
def by_input(rows: int, inputs: int, given: Any, places: Any, factors: Any, starts: Any, from_rows: Any, values: Any
) -> None:  # fmt: skip
    """What ``by_row`` found, input after input: rows and values; ``starts`` [I + 1]."""
    starts[: inputs + 1] = 0
    for k in range(given[rows]):
        starts[places[k] + 1] += 1
    for i in range(inputs):
        starts[i + 1] += starts[i]
    for r in range(rows):
        for k in range(given[r], given[r + 1]):
            to = starts[places[k]]
            from_rows[to], values[to] = r, factors[k]
            starts[places[k]] += 1
    for i in range(inputs, 0, -1):
        starts[i] = starts[i - 1]
    starts[0] = 0


@fast_kernel
def add_rows(out: Any, table: Any, places: Any, factors: Any, begin: int, end: int) -> None:
    """out [O] += the sum of factors[k] * table[places[k]] for k in begin .. end - 1, four at a time."""
    k = begin
    while k + 4 <= end:
        a, b, c, e = table[places[k]], table[places[k + 1]], table[places[k + 2]], table[places[k + 3]]
        fa, fb, fc, fe = factors[k], factors[k + 1], factors[k + 2], factors[k + 3]
        for o in range(out.size):
            out[o] += fa * a[o] + fb * b[o] + fc * c[o] + fe * e[o]
        k += 4
    while k < end:
        a, fa = table[places[k]], factors[k]
        for o in range(out.size):
            out[o] += fa * a[o]
        k += 1


@fast_kernel
def sparse_in(x: Any, values: Any, first: int, y: Any, starts: Any, places: Any, factors: Any) -> None:
    """y = x W for inputs that are mostly zero: their weights are not even read; the last three are scratch."""
    seeds, rows, width = y.shape
    inputs = x.shape[2]
    for s in range(seeds):
        weight = matrix(values, s, first, inputs, width)
        y[s] = 0
        for begin in range(0, inputs, BLOCK):
            by_row(x[s], rows, begin, min(begin + BLOCK, inputs), starts[0], places[0], factors[0])
            for r in range(rows):
                add_rows(y[s, r], weight, places[0], factors[0], starts[0, r], starts[0, r + 1])


@fast_kernel
def sparse_in_back(d: Any, x: Any, gradients: Any, first: int, starts: Any, places: Any, factors: Any) -> None:
    """The gradient xᵀ d from d [S, B, O] and x [S, >= B, I] that is mostly zero."""
    seeds, rows, width = d.shape
    inputs = x.shape[2]
    for s in range(seeds):
        gradient = matrix(gradients, s, first, inputs, width)
        by_row(x[s], rows, 0, inputs, starts[0], places[0], factors[0])
        by_input(rows, inputs, starts[0], places[0], factors[0], starts[1], places[1], factors[1])
        for i in range(inputs):
            gradient[i] = 0
            add_rows(gradient[i], d[s], places[1], factors[1], starts[1, i], starts[1, i + 1])


@fast_kernel
def sparse_convolution(
    x: Any, values: Any, first: int, outputs: int, y: Any, height: int, width: int, channels: int, side: int,
    stride: int,
) -> None:  # fmt: skip
    """A convolution of images x [S, R, H * W * C] that are mostly zero: y [S, R, H' * W' * O].

    Weights are [S, C * k * k, O] as in ``networks.PatchLayer``, k is ``side``; no padding.
    """
    rows_out, columns_out = (height - side) // stride + 1, (width - side) // stride + 1
    for s in range(x.shape[0]):
        weight = matrix(values, s, first, channels * side * side, outputs)
        for r in range(x.shape[1]):
            image, out = x[s, r], y[s, r]
            out[:] = 0
            for place in range(image.size):
                value = image[place]
                if value == 0:
                    continue
                c, w, h = place % channels, place // channels % width, place // channels // width
                for i in range(side):
                    top = h - i
                    if top < 0 or top % stride != 0 or top // stride >= rows_out:
                        continue
                    for j in range(side):
                        left = w - j
                        if left < 0 or left % stride != 0 or left // stride >= columns_out:
                            continue
                        begin = (top // stride * columns_out + left // stride) * outputs
                        target, factors = out[begin : begin + outputs], weight[(c * side + i) * side + j]
                        for o in range(outputs):
                            target[o] += value * factors[o]


@fast_kernel
def sparse_convolution_back(
    d: Any, x: Any, gradients: Any, first: int, outputs: int, height: int, width: int, channels: int, side: int,
    stride: int,
) -> None:  # fmt: skip
    """The weights' gradient of ``sparse_convolution`` from d [S, B, H' * W' * O] and x [S, >= B, H * W * C]."""
    rows_out, columns_out = (height - side) // stride + 1, (width - side) // stride + 1
    for s in range(d.shape[0]):
        gradient = matrix(gradients, s, first, channels * side * side, outputs)
        gradient[:] = 0
        for r in range(d.shape[1]):
            image, slope = x[s, r], d[s, r]
            for place in range(image.size):
                value = image[place]
                if value == 0:
                    continue
                c, w, h = place % channels, place // channels % width, place // channels // width
                for i in range(side):
                    top = h - i
                    if top < 0 or top % stride != 0 or top // stride >= rows_out:
                        continue
                    for j in range(side):
                        left = w - j
                        if left < 0 or left % stride != 0 or left // stride >= columns_out:
                            continue
                        begin = (top // stride * columns_out + left // stride) * outputs
                        source, target = slope[begin : begin + outputs], gradient[(c * side + i) * side + j]
                        for o in range(outputs):
                            target[o] += value * source[o]


@fast_kernel
def share_of_zeros(x: Any) -> float:
    """How much of x [S, R, I] is zero, from every eighth row."""
    zeros, seen = 0, 0
    for s in range(x.shape[0]):
        for r in range(0, x.shape[1], 8):
            row = x[s, r]
            for i in range(row.size):
                zeros += row[i] == 0
            seen += row.size
    return zeros / seen
