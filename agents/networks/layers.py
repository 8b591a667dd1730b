"""Layers with a leading seed dimension: S independent copies of a layer, each working on its own rows.

Inputs are [S, N, in], outputs [S, N, out]; copy s sees and changes nothing of the others. A single agent is S = 1.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class SeedLinear(nn.Module):
    """S linear layers side by side: ``y[s] = x[s] W[s] + b[s]``, initialised like ``nn.Linear``.

    Weights are [in, out]: an input's weights lie side by side, so that inputs that are zero need not be read.
    """

    def __init__(self, inputs: int, outputs: int, *, bias: bool = True) -> None:
        super().__init__()
        bound = 1 / math.sqrt(inputs)
        self.weight = nn.Parameter(torch.empty(1, inputs, outputs).uniform_(-bound, bound))  # [S, in, out]
        self.bias = nn.Parameter(torch.empty(1, 1, outputs).uniform_(-bound, bound)) if bias else None  # [S, 1, out]

    def forward(self, x: Tensor) -> Tensor:
        """[S, N, out] from x [S, N, in]."""
        weight, bias = self.effective()
        if bias is None:
            return torch.bmm(x, weight)
        return torch.baddbmm(bias, x, weight)

    def effective(self) -> tuple[Tensor, Tensor | None]:
        """The weights [S, in, out] and biases [S, 1, out] in use."""
        return self.weight, self.bias


class NoisyLinear(SeedLinear):
    """A linear layer whose weights carry learnt, factorised Gaussian noise (Fortunato et al. 2018, eq. 9–11).

    ``set_noise`` gives new noise; without (None, as at first) the means act alone.
    """

    SIGMA = 0.5  # initial noise, divided by sqrt(inputs) (sec. 3.2)

    def __init__(self, inputs: int, outputs: int, *, bias: bool = True) -> None:
        super().__init__(inputs, outputs, bias=bias)
        start = self.SIGMA / math.sqrt(inputs)
        self.weight_sigma = nn.Parameter(torch.full((1, inputs, outputs), start))
        self.bias_sigma = nn.Parameter(torch.full((1, 1, outputs), start)) if bias else None
        self._noise: Tensor | None = None  # [S, 1, in + out], always in the same place, for a CUDA graph to read
        self._is_on = False

    @property
    def noise_size(self) -> int:
        """How many random numbers ``set_noise`` takes."""
        return self.weight.shape[1] + self.weight.shape[2]

    def set_noise(self, normal: Tensor | None) -> None:
        """Use standard normal numbers [S, noise_size] as noise, or none."""
        self._is_on = normal is not None
        if normal is None:
            return
        shaped = (normal.sign() * normal.abs().sqrt()).unsqueeze(1)  # eq. 11's f
        if self._noise is None or self._noise.shape != shaped.shape or self._noise.device != shaped.device:
            self._noise = shaped
        else:
            self._noise.copy_(shaped)

    def effective(self) -> tuple[Tensor, Tensor | None]:
        """The means plus the noise that is set."""
        if self._noise is None or not self._is_on:
            return self.weight, self.bias
        noise_in, noise_out = self._noise.split((self.weight.shape[1], self.weight.shape[2]), dim=2)
        weight = self.weight + self.weight_sigma * (noise_in.transpose(1, 2) * noise_out)
        if self.bias is None or self.bias_sigma is None:
            return weight, None
        return weight, self.bias + self.bias_sigma * noise_out


class SeedNorm(nn.Module):
    """Layer normalisation over the last dimension (Ba, Kiros & Hinton 2016, eq. 3), gains and biases by seed."""

    EPSILON = 1e-5

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1, 1, width))
        self.bias = nn.Parameter(torch.zeros(1, 1, width))

    def forward(self, x: Tensor) -> Tensor:
        """[S, N, H] from x [S, N, H]."""
        return functional.layer_norm(x, x.shape[-1:], eps=self.EPSILON) * self.gain + self.bias


def hidden(inputs: int, width: int, *, layer_norm: bool, noisy: bool = False) -> nn.Sequential:
    """A hidden layer: linear, normalised if asked for, rectified."""
    norm = [SeedNorm(width)] if layer_norm else []
    return nn.Sequential(linear(inputs, width, noisy=noisy), *norm, nn.ReLU())


def linear(inputs: int, outputs: int, *, noisy: bool = False) -> SeedLinear:
    """A linear layer, with learnt noise if asked for."""
    return NoisyLinear(inputs, outputs) if noisy else SeedLinear(inputs, outputs)


def draw_noise(network: nn.Module, generators: list[torch.Generator]) -> None:
    """New noise for all noisy layers of a network of S seeds, from one generator each, on the network's device."""
    layers = [module for module in network.modules() if isinstance(module, NoisyLinear)]
    sizes = [layer.noise_size for layer in layers]
    drawn = torch.stack([torch.randn(sum(sizes), generator=x, device=x.device) for x in generators])  # [S, sum]
    for layer, normal in zip(layers, drawn.split(sizes, dim=1), strict=True):
        layer.set_noise(normal)


def remove_noise(network: nn.Module) -> None:
    """Let the means act alone, as in evaluation."""
    for module in network.modules():
        if isinstance(module, NoisyLinear):
            module.set_noise(None)


def is_noisy(network: nn.Module) -> bool:
    """True if a network has noisy layers, so that it explores by noise of its own."""
    return any(isinstance(module, NoisyLinear) for module in network.modules())
