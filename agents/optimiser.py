"""AdamW over all parameters of S seeds as one flat array [S, P], with each seed's gradient clipped by its own norm.

One pass over memory does what a list of tensors does in dozens: on a CPU a compiled one, on a GPU a few tensor
operations without synchronisation, so that an update can be captured as a graph. Moving the target network along
(``share``) is part of the pass.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from agents.compiled import kernel

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8  # Kingma & Ba 2015, algorithm 1


class FlatParameters:
    """A network's parameters and gradients as views of two arrays [S, P]; P in the order of ``parameters()``."""

    def __init__(self, network: nn.Module, *, gradients: bool = True) -> None:
        parameters = list(network.parameters())
        self.values = torch.cat([p.data.flatten(1) for p in parameters], dim=1)  # [S, P]
        self.gradients = torch.zeros_like(self.values) if gradients else None
        self.slices: dict[str, slice] = {}
        self._parameters, self.gradient_views = parameters, dict[str, Tensor]()
        start = 0
        for name, parameter in network.named_parameters():
            size, shape = parameter[0].numel(), parameter.shape
            self.slices[name] = part = slice(start, start + size)
            parameter.data = self.values[:, part].view(shape)
            parameter.requires_grad_(gradients)
            if self.gradients is not None:
                self.gradient_views[name] = self.gradients[:, part].view(shape)
            start += size

    def differentiate(self, loss: Tensor) -> None:
        """Fill the gradients with those of a sum of the seeds' losses."""
        found = torch.autograd.grad(loss, self._parameters)
        torch._foreach_copy_(list(self.gradient_views.values()), list(found))


class FlatAdamW:
    """AdamW (Loshchilov & Hutter 2019, algorithm 2) with the gradient norm of each seed clipped before."""

    def __init__(self, parameters: FlatParameters, *, weight_decay: float, max_grad_norm: float) -> None:
        assert parameters.gradients is not None
        self.values, self.gradients = parameters.values, parameters.gradients
        self.weight_decay, self.max_grad_norm = weight_decay, max_grad_norm
        self.mean, self.square = torch.zeros_like(self.values), torch.zeros_like(self.values)
        device = self.values.device
        self.steps, self.learning_rate = 0, 0.0
        self._rates = torch.zeros(3, device=device)  # what ``steps`` and ``learning_rate`` come to, for a graph to read
        self.grad_norm = torch.zeros(len(self.values), device=device)  # [S], before clipping, of the last step
        self.norm_sum = torch.zeros_like(self.grad_norm)  # [S], of the steps since somebody set it to zero
        own = (self.values, self.gradients, self.mean, self.square, self.grad_norm, self.norm_sum)
        self._arrays = tuple(x.numpy() for x in own) if device.type == "cpu" else ()

    def step(self, target: Tensor | None = None, share: float = 0.0) -> None:
        """One step; then ``target`` [S, P] moves towards the values by ``share``. ``begin`` comes before it."""
        if self.values.device.type == "cpu":
            self._compiled_step(target, share)
        else:
            self.tensor_step(target, share)

    def begin(self, learning_rate: float) -> None:
        """Count a step and set its learning rate: outside of a graph that is replayed."""
        self.steps += 1
        self.learning_rate = learning_rate
        if self.values.device.type != "cpu":
            self._rates.copy_(torch.tensor(self._numbers()), non_blocking=True)

    def _numbers(self) -> tuple[float, float, float]:
        """Step size and scale of the deviation, both bias-corrected, and what weight decay leaves."""
        return (
            self.learning_rate / (1 - BETA_1**self.steps),
            (1 - BETA_2**self.steps) ** -0.5,
            1 - self.learning_rate * self.weight_decay,
        )

    def _compiled_step(self, target: Tensor | None, share: float) -> None:
        rate, scale, decay = self._numbers()
        _clipped_adamw(
            *self._arrays, np.float32(rate), np.float32(scale), np.float32(decay), np.float32(self.max_grad_norm),
            _NOTHING if target is None else target.numpy(), np.float32(share),
        )  # fmt: skip

    def tensor_step(self, target: Tensor | None, share: float) -> None:
        """The same in tensor operations, for a GPU, reading all numbers that change on the device."""
        torch.linalg.vector_norm(self.gradients, dim=1, out=self.grad_norm)
        self.norm_sum += self.grad_norm
        self.gradients.mul_((self.max_grad_norm / (self.grad_norm + 1e-6)).clamp(max=1.0).unsqueeze(1))
        self.mean.lerp_(self.gradients, 1 - BETA_1)
        self.square.mul_(BETA_2).addcmul_(self.gradients, self.gradients, value=1 - BETA_2)
        rate, scale, decay = self._rates
        size = (self.square.sqrt() * scale).add_(EPSILON)
        self.values.mul_(decay).sub_(self.mean / size * rate)
        if target is not None and share > 0:
            target.lerp_(self.values, share)

    def forget(self, restarted: Tensor) -> None:
        """Drop the moments of restarted parameters, [S, P] bool."""
        self.mean.masked_fill_(restarted, 0.0)
        self.square.masked_fill_(restarted, 0.0)

    def state_dict(self) -> dict[str, Any]:
        """Copies of the moments and the step count."""
        return {"mean": self.mean.clone(), "square": self.square.clone(), "steps": self.steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from that state."""
        self.mean.copy_(state["mean"])
        self.square.copy_(state["square"])
        self.steps = state["steps"]


_NOTHING = np.zeros((0, 0), np.float32)


@kernel
def _clipped_adamw(  # type: ignore[no-untyped-def]
    values, gradients, mean, square, grad_norm, norm_sum, rate, size_scale, decay, max_norm, target, share
):
    """``rate`` and ``size_scale`` carry the bias corrections; all numbers float32, arrays [S, P]."""
    keep_1, keep_2, one = np.float32(BETA_1), np.float32(BETA_2), np.float32(1)
    for s in range(values.shape[0]):
        value, gradient, m, v = values[s], gradients[s], mean[s], square[s]
        total = np.float32(0)
        for i in range(gradient.size):
            total += gradient[i] * gradient[i]
        grad_norm[s] = np.sqrt(total)
        norm_sum[s] += grad_norm[s]
        scale = min(one, max_norm / (grad_norm[s] + np.float32(1e-6)))
        for i in range(value.size):
            g = gradient[i] * scale
            m[i] = keep_1 * m[i] + (one - keep_1) * g
            v[i] = keep_2 * v[i] + (one - keep_2) * g * g
            value[i] = decay * value[i] - rate * m[i] / (np.sqrt(v[i]) * size_scale + np.float32(EPSILON))
        if target.size > 0 and share > 0:
            moved = target[s]
            for i in range(value.size):
                moved[i] += share * (value[i] - moved[i])
