"""AdamW over all parameters of S seeds as one flat array [S, P], with each seed's gradient clipped by its own norm.

One pass over memory does what a list of tensors does in dozens: on a CPU a compiled one, on a GPU a few tensor
operations without synchronisation, so that a CUDA graph can replay an update. Moving the target network along
(``share``) is part of the pass.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents.kernels.adamw import BETA_1, BETA_2, EPSILON, clipped_adamw
from agents.networks.weights import FlatParameters


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
        clipped_adamw(
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
