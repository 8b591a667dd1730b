"""Products without autograd against plain ones, forwards and backwards: narrow, wide, sparse, convolutions."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from agents.fused.products import ImageProduct, Product, SeedRows
from agents.kernels import products as kernels
from agents.networks.layers import SeedLinear
from agents.networks.mlp import Convolution, PatchLayer
from agents.networks.weights import FlatParameters

ROWS, BACK = 9, 6  # forwards and, of these, backwards


def random(*shape: int, seed: int, zeros: float = 0.0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=rng) * (torch.rand(*shape, generator=rng) >= zeros)


def make(inputs: int, outputs: int, seeds: int) -> tuple[Product, SeedLinear, FlatParameters]:
    """A layer between two others, so that its numbers begin and end somewhere in the flat arrays."""
    linear = SeedLinear(inputs, outputs)
    layers = nn.ModuleDict({"a": SeedLinear(3, 2), "b": linear, "c": SeedLinear(2, 5)})
    for number, p in enumerate(layers.parameters()):
        p.data = random(seeds, *p.shape[1:], seed=number)
    flat = FlatParameters(layers)
    assert flat.gradients is not None
    flat.gradients.fill_(7.0)  # what was there before must not count
    return Product(linear, flat, "b"), linear, flat


@pytest.mark.parametrize("seeds", [1, 2])
@pytest.mark.parametrize("outputs", [1, 3, 8, 9, 20])
@pytest.mark.parametrize(
    ("inputs", "zeros"), [(1, 0.0), (4, 0.3), (8, 0.0), (9, 0.0), (30, 0.9), (256, 0.0), (259, 0.95), (1100, 0.99)]
)
def test_products_and_their_gradients(inputs: int, zeros: float, outputs: int, seeds: int) -> None:
    """As the first layer, which passes nothing back, and as a later one. Nothing else in the flat arrays changes."""
    product, linear, flat = make(inputs, outputs, seeds)
    x, d = random(seeds, ROWS, inputs, seed=8, zeros=zeros), random(seeds, BACK, outputs, seed=9)
    others = torch.ones(flat.values.shape[1], dtype=torch.bool)
    others[flat.slices["b.weight"]] = False
    for first in (True, False):
        y, d_x = torch.full((seeds, ROWS, outputs), 5.0), torch.full((seeds, BACK, inputs), 5.0)
        product.forward(SeedRows(x), SeedRows(y), first=first)
        torch.testing.assert_close(y, x @ linear.weight.detach(), rtol=1e-4, atol=1e-4)
        product.backward(SeedRows(d), SeedRows(x), None if first else SeedRows(d_x))
        expected = x[:, :BACK].transpose(1, 2) @ d
        torch.testing.assert_close(flat.gradient_views["b.weight"], expected, rtol=1e-4, atol=1e-4)
        if not first:
            torch.testing.assert_close(d_x, d @ linear.weight.detach().transpose(1, 2), rtol=1e-4, atol=1e-4)
    assert flat.gradients is not None
    assert (flat.gradients[:, others] == 7).all()


def test_zeros_are_looked_for_anew_in_each_batch() -> None:
    """Dense, sparse and empty batches of different sizes one after the other."""
    product, linear, flat = make(300, 11, 2)
    for number, (zeros, rows) in enumerate([(0.0, 9), (0.97, 9), (1.0, 5), (0.95, 30), (0.5, 4)]):
        x, d = random(2, rows, 300, seed=number, zeros=zeros), random(2, rows, 11, seed=50 + number)
        y = torch.empty(2, rows, 11)
        product.forward(SeedRows(x), SeedRows(y), first=True)
        torch.testing.assert_close(y, x @ linear.weight.detach(), rtol=1e-4, atol=1e-4)
        product.backward(SeedRows(d), SeedRows(x), None)
        assert (zeros > 0.8) == product._is_sparse
        torch.testing.assert_close(flat.gradient_views["b.weight"], x.transpose(1, 2) @ d, rtol=1e-4, atol=1e-4)


def test_the_share_of_zeros() -> None:
    """Of every eighth row: rows 0 and 8 here."""
    x = torch.ones(2, 9, 4)
    x[0, 0, 0] = x[1, 8, :] = x[0, 3, :] = 0
    assert kernels.share_of_zeros(x.numpy()) == 5 / 16


@pytest.mark.parametrize("kernel", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_convolutions_are_those_of_torch(kernel: int, stride: int) -> None:
    """Outputs and the weights' gradient, on images that are no squares and mostly zero."""
    shape, seeds, channels = (7, 6, 3), 2, 4
    torch.manual_seed(0)
    layer = PatchLayer(shape, Convolution(channels, kernel, stride), layer_norm=False)
    for p in layer.parameters():
        p.data = random(seeds, *p.shape[1:], seed=p.numel())
    flat = FlatParameters(layer)
    product = ImageProduct(layer, flat, "inner.0", "inner.1")
    assert product.positions == layer.shape[0] * layer.shape[1]
    x = random(seeds, ROWS, 7 * 6 * 3, seed=1, zeros=0.8)
    y, d = torch.full((seeds, ROWS, product.positions * channels), 5.0), None
    product.forward(SeedRows(x), SeedRows(y), first=True)
    d = random(seeds, BACK, product.positions * channels, seed=2)
    product.backward(SeedRows(d), SeedRows(x), None)
    for s in range(seeds):
        weight = flat.values[s, flat.slices["inner.0.weight"]].view(3 * kernel**2, channels).T
        weight = weight.reshape(channels, 3, kernel, kernel).clone().requires_grad_()
        expected = functional.conv2d(x[s].view(ROWS, *shape).permute(0, 3, 1, 2), weight, stride=stride)
        expected = expected.permute(0, 2, 3, 1).flatten(1)
        torch.testing.assert_close(y[s], expected, rtol=1e-4, atol=1e-4)
        (slope,) = torch.autograd.grad((expected[:BACK] * d[s]).sum(), weight)
        found = flat.gradient_views["inner.0.weight"][s]
        torch.testing.assert_close(found, slope.reshape(channels, -1).T, rtol=1e-4, atol=1e-4)
