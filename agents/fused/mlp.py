"""Fused updates of an MLP on a CPU: gradients without autograd, as products into buffers with compiled passes between.

For small networks autograd's bookkeeping costs several times the arithmetic. The numbers are those of ``QLearner`` and
``QFitter`` by autograd, up to the order of floating-point sums (tested).
"""

from __future__ import annotations

from typing import Any, TypeGuard

import numpy as np
import torch
from torch import Tensor

from agents.fused.products import ImageProduct, Product, SeedRows
from agents.kernels import mlp as kernels
from agents.memory.transitions import Transitions
from agents.networks.base import QNetwork
from agents.networks.mlp import MLP
from agents.networks.weights import FlatParameters

_NONE = np.zeros((0, 0), np.float32)


def can_fuse_mlp(network: QNetwork) -> TypeGuard[MLP]:
    """True if ``MLPForward`` and ``FusedMLP`` cover the network: on a CPU, scalar values, at most one convolution."""
    if not isinstance(network, MLP) or len(network.see) > 1 or network.noisy or network.outputs > 1:
        return False
    return network.head.weight.device.type == "cpu" and network.n_actions <= network.SMALL


class MLPForward:
    """The forward pass of one network of S seeds into buffers for ``rows`` rows, kept for the way back."""

    def __init__(self, network: MLP, flat: FlatParameters, rows: int) -> None:
        self.values = flat.values.numpy()
        self.gradients = _NONE if flat.gradients is None else flat.gradients.numpy()
        self.seeds, self.rows = len(self.values), rows
        see, body = list[Any](network.see), list[Any](network.body)
        self.layers: list[Product] = [
            ImageProduct(part, flat, f"see.{i}.inner.0", f"see.{i}.inner.1") for i, part in enumerate(see)
        ]
        self.layers += [Product(part[0], flat, f"body.{i}.0", f"body.{i}.1") for i, part in enumerate(body)]
        self.head = Product(network.head, flat, "head")
        self.value = None if network.value is None else Product(network.value, flat, "value")
        self.value_bias = -1 if self.value is None else self.value.bias
        self.hidden = [self.empty(rows, x) for x in self.layers]  # after the rectifier, [S, R, H]
        self.centred, self.scale = [], []
        for layer, hidden in zip(self.layers, self.hidden, strict=True):
            each = hidden.each.shape
            self.centred.append(np.empty(each if layer.gain >= 0 else (0, 0, 0), np.float32))
            self.scale.append(np.empty(each[:2], np.float32))
        self.q = SeedRows(torch.empty(self.seeds, rows, network.n_actions))
        self.state_value = SeedRows(torch.empty(self.seeds, rows, 1))

    def empty(self, rows: int, layer: Product) -> SeedRows:
        """An empty buffer for a layer's outputs, all positions of a row side by side."""
        return SeedRows(torch.empty(self.seeds, rows, layer.positions * layer.outputs), layer.outputs)

    def forward(self, obs: SeedRows, mask: np.ndarray) -> np.ndarray:
        """Q-values [S, R, A] of obs [S, R, D], mask [S, R, A], in a buffer that the next call overwrites."""
        x = obs
        for i, layer in enumerate(self.layers):
            layer.forward(x, self.hidden[i], first=i == 0)
            x = self.hidden[i]
            kernels.activate(x.each, self.values, layer.bias, layer.gain, layer.shift, self.centred[i], self.scale[i])
        self.head.forward(x, self.q, first=False)
        if self.value is not None:
            self.value.forward(x, self.state_value, first=False)
        q = self.q.array
        kernels.finish_q(q, self.state_value.array, mask, self.values, self.head.bias, self.value_bias)
        return q


class FusedMLP:
    """Fills the gradients of the Huber loss of an MLP's values; ``online_rows`` of a batch go through it at once."""

    def __init__(
        self, *, network: MLP, flat: FlatParameters, batch_size: int, online_rows: int, huber_delta: float
    ) -> None:
        self.online, self.batch_size, self.huber_delta = MLPForward(network, flat, online_rows), batch_size, huber_delta
        side, seeds = self.online, self.online.seeds
        self.d_hidden = [side.empty(batch_size, layer) for layer in side.layers]
        self.d_q = SeedRows(torch.empty(seeds, batch_size, network.n_actions))
        self.d_value = SeedRows(torch.empty(seeds, batch_size, 1))
        self.td, self.slope = torch.empty(seeds, batch_size), np.empty((seeds, batch_size), np.float32)
        self.sums = np.zeros((seeds, 3))  # of loss, q and absolute TD error
        self.td_array = self.td.numpy()
        self._extra = side.empty(batch_size, side.layers[-1])

    def fit(self, obs: Tensor, mask: np.ndarray, a: np.ndarray, target: np.ndarray, weights: np.ndarray) -> Tensor:
        """Gradients of fitting targets [S, B]; obs [S, B, D], mask [S, B, A], the others [S, B]. Returns TD errors."""
        seen = SeedRows(obs)
        q = self.online.forward(seen, mask)
        kernels.fit_errors(q, a, target, weights, self.huber_delta, self.td_array, self.slope, self.sums)
        self.backward(seen, a, mask)
        return self.td

    def backward(self, obs: SeedRows, a: np.ndarray, mask: np.ndarray) -> None:
        """Fill the gradients from ``slope``, the loss's slope in the first B rows' Q-values of the actions a [S, B]."""
        side, d = self.online, self.d_hidden[-1]
        kernels.spread_slope(
            self.slope, a, mask, self.d_q.array, self.d_value.array, side.gradients, side.head.bias, side.value_bias
        )  # fmt: skip
        side.head.backward(self.d_q, side.hidden[-1], d)
        if side.value is not None:
            side.value.backward(self.d_value, side.hidden[-1], self._extra)
            d.tensor.add_(self._extra.tensor)
        for i in reversed(range(len(side.layers))):
            layer = side.layers[i]
            kernels.deactivate(
                d.each, side.hidden[i].each, side.values, side.gradients, layer.bias, layer.gain, layer.shift,
                side.centred[i], side.scale[i],
            )  # fmt: skip
            below = self.d_hidden[i - 1] if i > 0 else None
            layer.backward(d, side.hidden[i - 1] if i > 0 else obs, below)
            d = d if below is None else below


class FusedDQN(FusedMLP):
    """Fills the gradients of the Huber loss of (double) DQN's TD errors, see ``losses.q_learning_target``."""

    def __init__(
        self, *, network: MLP, online: FlatParameters, target_network: MLP, target: FlatParameters, batch_size: int,
        double: bool, huber_delta: float,
    ) -> None:  # fmt: skip
        rows = (2 if double else 1) * batch_size
        super().__init__(network=network, flat=online, batch_size=batch_size, online_rows=rows, huber_delta=huber_delta)
        self.target, self.double = MLPForward(target_network, target, batch_size), double
        self.a_t = np.zeros((self.online.seeds, batch_size), np.int64)
        self._batch: Transitions | None = None  # the buffers last seen, and their arrays
        self._arrays: Any = None
        self._seen: Any = None

    def gradients(self, batch: Transitions) -> Tensor:
        """Fill the online network's gradients from a batch of ``TransitionBuffers``; returns TD errors [S, B].

        The target is that of ``losses.q_learning_target``, restated by the kernels ``best_legal`` and ``td_errors``.
        """
        if batch is not self._batch:
            self._batch, self._arrays = batch, batch.map(Tensor.numpy)
            assert batch.obs is not None
            self._seen = SeedRows(batch.obs_tm1), SeedRows(batch.obs_t), SeedRows(batch.obs)
        given, (obs_tm1, obs_t, obs) = self._arrays, self._seen
        q = self.online.forward(*((obs, given.mask) if self.double else (obs_tm1, given.mask_tm1)))
        q_t = self.target.forward(obs_t, given.mask_t)
        kernels.best_legal(q if self.double else q_t, given.mask_t, self.batch_size if self.double else 0, self.a_t)
        kernels.td_errors(
            q, given.a_tm1, q_t, self.a_t, given.r_t, given.discount_t, given.weights, self.huber_delta,
            self.td_array, self.slope, self.sums,
        )  # fmt: skip
        self.backward(obs_tm1, given.a_tm1, given.mask_tm1)
        return self.td
