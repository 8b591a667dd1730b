"""The products of an MLP's layers without autograd: ``y = x W`` for S seeds and the way back.

A library does large dense products best; few inputs or outputs, inputs that are mostly zero and convolutions of these
are compiled loops. Which way a layer goes depends on its sizes, and for wide inputs on the share of zeros it sees.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents.kernels import products as kernels
from agents.networks.layers import SeedLinear
from agents.networks.mlp import PatchLayer
from agents.networks.weights import FlatParameters

NARROW = 8  # inputs or outputs up to which a library's call costs more than the work
WIDE = 256  # inputs from which on zeros are looked for
SPARSE = 0.8  # share of zeros above which they are left out
_NONE, _NO_PLACES = np.zeros((0, 0), np.float32), np.zeros((0, 0), np.int32)


class SeedRows:
    """R rows of numbers of each of S seeds, [S, R, I], as a tensor and as an array in the same memory.

    With ``outputs`` given, they are a layer's outputs, and ``each`` [S, R * positions, O] has a row for each position.
    """

    def __init__(self, tensor: Tensor, outputs: int | None = None) -> None:
        self.tensor, self.array = tensor, tensor.numpy()
        self.each = self.array if outputs is None else tensor.view(len(tensor), -1, outputs).numpy()


class Product:
    """A layer's product and where its bias, gain and shift begin in the flat arrays (-1: there is none)."""

    positions = 1  # rows of its output for each row of its input

    def __init__(self, linear: SeedLinear, flat: FlatParameters, name: str, norm: str = "") -> None:
        starts = {key: part.start for key, part in flat.slices.items()}
        self.weight, self.gradient = linear.weight.data, flat.gradient_views.get(f"{name}.weight")
        self.values = flat.values.numpy()
        self.gradients = _NONE if flat.gradients is None else flat.gradients.numpy()
        self.first = starts[f"{name}.weight"]
        self.bias = starts[f"{name}.bias"]
        self.gain, self.shift = starts.get(f"{norm}.gain", -1), starts.get(f"{norm}.bias", -1)
        self.inputs, self.outputs = self.weight.shape[1:]
        self._transposed = self.weight.transpose(1, 2)
        self._is_sparse = False
        self._starts, self._places, self._factors = _NO_PLACES, _NO_PLACES, _NONE
        self._scratch = np.zeros((self.outputs, self.inputs) if self.outputs <= NARROW else (0, 0), np.float32)

    def forward(self, x: SeedRows, y: SeedRows, *, first: bool) -> None:
        """Fill y [S, R, O] from x [S, R, I]; ``first`` says that x is what the network sees."""
        self._is_sparse = first and self.inputs >= WIDE and kernels.share_of_zeros(x.array) > SPARSE
        if self._is_sparse:
            kernels.sparse_in(x.array, self.values, self.first, y.array, *self._room(x.array))
        elif self.inputs <= NARROW:
            kernels.narrow_in(x.array, self.values, self.first, y.array)
        elif self.outputs <= NARROW:
            kernels.narrow_out(x.array, self.values, self.first, self._scratch, y.array)
        else:
            torch.bmm(x.tensor, self.weight, out=y.tensor)

    def _room(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Scratch for the entries of x [S, R, I] that are not zero, by row or by column."""
        most = x.shape[1] * x.shape[2]
        if self._places.shape[1] < most:
            self._places, self._factors = np.empty((2, most), np.int32), np.empty((2, most), np.float32)
            self._starts = np.empty((2, max(x.shape[1], x.shape[2]) + 1), np.int32)
        return self._starts, self._places, self._factors

    def backward(self, d: SeedRows, x: SeedRows, d_x: SeedRows | None) -> None:
        """Fill the weights' gradient and, if wanted, d_x [S, B, I] from d [S, B, O] and x [S, >= B, I]."""
        if self._is_sparse and d_x is None:
            kernels.sparse_in_back(d.array, x.array, self.gradients, self.first, *self._room(x.array))
        elif d_x is None and self.inputs <= NARROW:
            kernels.narrow_in_back(d.array, x.array, self.gradients, self.first)
        elif d_x is not None and self.outputs <= NARROW:
            given = (self.values, self.gradients, self.first)
            kernels.narrow_out_back(d.array, x.array, *given, self._scratch, d_x.array)
        else:
            assert self.gradient is not None
            torch.bmm(x.tensor[:, : d.tensor.shape[1]].transpose(1, 2), d.tensor, out=self.gradient)
            if d_x is not None:
                torch.bmm(d.tensor, self._transposed, out=d_x.tensor)


class ImageProduct(Product):
    """A convolution of what the network sees."""

    def __init__(self, layer: PatchLayer, flat: FlatParameters, name: str, norm: str) -> None:
        linear: Any = layer.inner[0]
        super().__init__(linear, flat, name, norm)
        self._shape = (*layer.shape_in, layer.part.kernel, layer.part.stride)
        self.positions = layer.shape[0] * layer.shape[1]

    def forward(self, x: SeedRows, y: SeedRows, *, first: bool) -> None:
        """Fill y [S, R, H' * W' * O] from x [S, R, H * W * C]."""
        kernels.sparse_convolution(x.array, self.values, self.first, self.outputs, y.array, *self._shape)

    def backward(self, d: SeedRows, x: SeedRows, d_x: SeedRows | None) -> None:
        """Fill the weights' gradient from d [S, B, H' * W' * O]."""
        kernels.sparse_convolution_back(d.array, x.array, self.gradients, self.first, self.outputs, *self._shape)
