"""Networks of flat observations and of images: hidden layers, convolutions, and their settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from agents.kernels.products import sparse_convolution
from agents.networks.base import Layout, Outgoing, QNetwork, Units, dueling, taken
from agents.networks.layers import SeedLinear, hidden, linear
from groundwork.errors import WaybillError


class MLP(QNetwork):
    """Q(s, a) for all actions from the flattened observation, by way of convolutions first if it is an image."""

    encoder = ("see", "body")
    SMALL = 4096  # up to so many outputs all are computed even if one is wanted

    def __init__(
        self,
        *,
        layout: Layout,
        n_actions: int,
        width: Sequence[int],
        layer_norm: bool,
        convolutions: Sequence[Convolution] = (),
        outputs: int = 1,
        dueling: bool = False,
        noisy: bool = False,
    ) -> None:
        super().__init__()
        self.n_actions, self.outputs, self.layer_norm, self.noisy = n_actions, outputs, layer_norm, noisy
        shape = layout.image or (1, 1, layout.size)
        self.see = nn.ModuleList()
        for part in convolutions:
            layer = PatchLayer(shape, part, layer_norm=layer_norm)
            self.see.append(layer)
            shape = layer.shape
        sizes = [shape[0] * shape[1] * shape[2], *width]
        self.body = nn.ModuleList(hidden(a, b, layer_norm=layer_norm, noisy=noisy) for a, b in pairwise(sizes))
        self.head = linear(sizes[-1], n_actions * outputs, noisy=noisy)
        self.value = linear(sizes[-1], outputs, noisy=noisy) if dueling else None

    def features(self, obs: Tensor) -> Tensor:
        """Last hidden layer [S, B, H] from obs [S, B, D]."""
        x, (seeds, rows, _) = obs.to(self.head.weight.dtype), obs.shape
        layer: Any
        for layer in self.see:
            x = layer(x.reshape(seeds, rows, *layer.shape_in))
        x = x.reshape(seeds, rows, -1)
        for layer in self.body:
            x = layer(x)
        return x

    def forward(self, obs: Tensor, mask: Tensor) -> Tensor:
        """[S, B, A, Z] from obs [S, B, D] and mask [S, B, A] bool."""
        return self._score(self.features(obs), mask)

    def _score(self, features: Tensor, mask: Tensor) -> Tensor:
        scores = self.head(features).unflatten(2, (self.n_actions, self.outputs))  # [S, B, A, Z]
        return scores if self.value is None else dueling(self.value(features), scores, mask)

    def of(self, obs: Tensor, mask: Tensor, a_tm1: Tensor) -> Tensor:
        """[S, B, Z] of the taken actions a_tm1 [S, B]: with many actions only their part of the last layer is read."""
        features = self.features(obs)
        if self.value is not None or self.n_actions * self.outputs <= self.SMALL:
            return taken(self._score(features, mask), a_tm1)
        weight, bias = self.head.effective()
        assert bias is not None
        seed = torch.arange(len(a_tm1), device=a_tm1.device).unsqueeze(1)
        columns = weight.unflatten(2, (self.n_actions, self.outputs))[seed, :, a_tm1]  # [S, B, H, Z]
        biases = bias.unflatten(2, (self.n_actions, self.outputs))[seed, 0, a_tm1]  # [S, B, Z]
        return (columns * features.unsqueeze(3)).sum(2) + biases

    def units(self) -> list[Units]:
        """Convolutions, then hidden layers."""
        heads = [self.head] if self.value is None else [self.head, self.value]
        see, body = list[Any](self.see), list[Any](self.body)
        into = [layer.inner[0] for layer in see] + [layer[0] for layer in body]
        found = []
        for i, layer in enumerate([*see, *body]):
            following = into[i + 1 : i + 2] or heads
            outgoing = []
            for other in following:
                each = other.weight.shape[1] // into[i].weight.shape[2]  # its inputs for each unit
                flattens = isinstance(layer, PatchLayer) and i + 1 >= len(self.see)
                outgoing.append(Outgoing(other, before=each) if flattens else Outgoing(other, after=each))
            found.append(Units(f"layer{i}", layer, (into[i],), tuple(outgoing)))
        return found


class Convolution(NamedTuple):
    """A square convolution without padding."""

    channels: int
    kernel: int
    stride: int


class PatchLayer(nn.Module):
    """A convolution as one matrix product over all patches: for small images the quickest way on a CPU."""

    def __init__(self, shape: tuple[int, int, int], part: Convolution, *, layer_norm: bool) -> None:
        super().__init__()
        self.shape_in, self.part = shape, part
        height, width = ((side - part.kernel) // part.stride + 1 for side in shape[:2])
        if height < 1 or width < 1:
            raise WaybillError(f"network.kernel={part.kernel} is larger than an image of {shape[0]} x {shape[1]}")
        self.shape = (height, width, part.channels)
        self.inner = hidden(shape[2] * part.kernel**2, part.channels, layer_norm=layer_norm)

    def forward(self, x: Tensor) -> Tensor:
        """[S, B, H', W', C'] from x [S, B, H, W, C]."""
        kernel, stride = self.part.kernel, self.part.stride
        if x.device.type == "cpu" and not torch.is_grad_enabled():
            return self._without_patches(x)
        patches = x.unfold(2, kernel, stride).unfold(3, kernel, stride)  # [S, B, H', W', C, k, k]
        return self.inner(patches.reshape(len(x), -1, patches.shape[4] * kernel**2)).unflatten(
            1, (x.shape[1], *self.shape[:2])
        )

    def _without_patches(self, x: Tensor) -> Tensor:
        """[S, B, H', W', C'] as ``forward``, without gradients, by a compiled loop that skips zeros."""
        linear, rest = self.inner[0], self.inner[1:]
        assert isinstance(linear, SeedLinear)
        assert linear.bias is not None
        weight = linear.weight.detach()
        y = torch.empty(len(x), x.shape[1], self.shape[0] * self.shape[1] * self.shape[2])
        images = x.reshape(len(x), x.shape[1], -1).numpy()
        sizes = (*self.shape_in, self.part.kernel, self.part.stride)
        sparse_convolution(images, weight.flatten(1).contiguous().numpy(), 0, self.shape[2], y.numpy(), *sizes)
        y = y.view(len(x), -1, self.shape[2]) + linear.bias
        return rest(y).unflatten(1, (x.shape[1], *self.shape[:2]))


@dataclass
class MLPSettings:
    """Settings of ``MLP``: hidden layers of these widths.

    Raises:
        WaybillError: in one line, when a number is out of range.
    """

    width: list[int] = field(default_factory=lambda: [256, 256])
    layer_norm: bool = True

    def __post_init__(self) -> None:
        check_widths("network.width", self.width)

    def build(
        self, *, layout: Layout, n_actions: int, outputs: int = 1, dueling: bool = False, noisy: bool = False
    ) -> MLP:
        """A network for observations of that layout."""
        return MLP(
            layout=Layout(*layout)._replace(image=None), n_actions=n_actions, width=self.width,
            layer_norm=self.layer_norm, outputs=outputs, dueling=dueling, noisy=noisy,
        )  # fmt: skip


@dataclass
class ImageSettings:
    """Settings of a convolutional ``MLP``: convolutions, then hidden layers.

    ``kernel`` and ``stride`` are one whole number for all convolutions, or a list of one for each.

    Raises:
        WaybillError: in one line, when a number is out of range.
    """

    channels: list[int] = field(default_factory=lambda: [16])
    kernel: Any = 3
    stride: Any = 1
    width: list[int] = field(default_factory=lambda: [128])
    layer_norm: bool = True

    def __post_init__(self) -> None:
        check_widths("network.channels", self.channels)
        check_widths("network.width", self.width)
        self._convolutions()

    def _convolutions(self) -> list[Convolution]:
        kernels, strides = (self._each(name) for name in ("kernel", "stride"))
        return [Convolution(*part) for part in zip(self.channels, kernels, strides, strict=True)]

    def _each(self, name: str) -> list[int]:
        """A number of each convolution."""
        given = getattr(self, name)
        each = (
            list(given) if isinstance(given, Sequence) and not isinstance(given, str) else [given] * len(self.channels)
        )
        if len(each) != len(self.channels) or not all(_is_whole(x) and 1 <= x <= 64 for x in each):
            allowed = (
                f"a whole number in 1..64, or a list of {len(self.channels)} of them, one for each of network.channels"
            )
            raise WaybillError(f"network.{name}={given} is not allowed, it must be {allowed}")
        return [int(x) for x in each]

    def build(
        self, *, layout: Layout, n_actions: int, outputs: int = 1, dueling: bool = False, noisy: bool = False
    ) -> MLP:
        """A network for observations of that layout.

        Raises:
            WaybillError: if they are no images, or smaller than the kernel.
        """
        if layout.image is None:
            raise WaybillError("network=image needs a game that shows images; here network=mlp fits")
        return MLP(
            layout=layout, n_actions=n_actions, width=self.width, layer_norm=self.layer_norm,
            convolutions=self._convolutions(),
            outputs=outputs, dueling=dueling, noisy=noisy,
        )  # fmt: skip


def _is_whole(x: object) -> bool:
    return isinstance(x, int | float) and not isinstance(x, bool) and float(x).is_integer()


def check_widths(name: str, widths: Sequence[int]) -> None:
    """Check that these can be the sizes of layers.

    Raises:
        WaybillError: in one line, if they can't.
    """
    if not 1 <= len(widths) <= 16 or not all(1 <= width <= 8192 for width in widths):
        raise WaybillError(f"{name}={list(widths)} needs 1 to 16 widths, each in 1..8192")
