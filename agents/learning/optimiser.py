"""AdamW over all parameters of S seeds as one flat array [S, P], with each seed's gradient clipped by its own norm.

One pass over memory does what a list of tensors does in dozens: on a CPU a compiled one, on a GPU a few tensor
operations without synchronisation, so that a CUDA graph can replay an update. Moving the target network along
(``share``) is part of the pass.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents.kernels.adamw import BETA_1, BETA_2, EPSILON, NEGLIGIBLE, clipped_adamw
from agents.networks.weights import FlatParameters


class FlatAdamW:
    """AdamW (Loshchilov & Hutter 2019, algorithm 2) with the gradient norm of each seed clipped before.

    Weights decay, biases and what normalisation and noise are scaled by don't: only parameters named ``weight`` do.
    A gradient whose norm is not finite changes nothing, or on a GPU counts as 0: ``grad_norm`` tells.
    """

    def __init__(self, parameters: FlatParameters, *, weight_decay: float, max_grad_norm: float) -> None:
        assert parameters.gradients is not None
        self.values, self.gradients = parameters.values, parameters.gradients
        self.weight_decay, self.max_grad_norm = weight_decay, max_grad_norm
        self.mean, self.square = torch.zeros_like(self.values), torch.zeros_like(self.values)
        device, weights = self.values.device, [*parameters.slices.items()] if weight_decay else []
        parts = [(part.start, part.stop) for name, part in weights if name.rsplit(".", 1)[-1] == "weight"]
        self._decayed = np.array(parts, np.int64).reshape(-1, 2)
        self.steps, self.learning_rate = 0, 0.0
        self._since: Tensor | None = None  # int32 [S, P], steps before a parameter was restarted; None: none lately
        self.grad_norm = torch.zeros(len(self.values), device=device)  # [S], before clipping, of the last step
        self.norm_sum = torch.zeros_like(self.grad_norm)  # [S], of the steps since somebody set it to zero
        own = (self.values, self.gradients, self.mean, self.square, self.grad_norm, self.norm_sum)
        self._arrays = tuple(x.numpy() for x in own) if device.type == "cpu" else ()
        self.norms = self._arrays[4] if self._arrays else np.zeros(0, np.float32)  # ``grad_norm``, on a CPU
        if device.type != "cpu":
            self._prepare_tensors()

    def _prepare_tensors(self) -> None:
        """Tensors for ``tensor_step``, which stay in their places for a graph to read."""
        device = self.values.device
        self._rates = torch.zeros(2, device=device)  # learning rate, and what weight decay leaves
        self._step = torch.zeros((), dtype=torch.int32, device=device)
        self._since = torch.zeros_like(self.values, dtype=torch.int32)
        self._corrections = torch.from_numpy(np.stack(corrections(), axis=1)).to(device)  # [NEGLIGIBLE, 2]
        self._is_weight = torch.zeros(self.values.shape[1], dtype=torch.bool, device=device)
        for start, stop in self._decayed:
            self._is_weight[start:stop] = True

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
            self._send()

    def _send(self) -> None:
        """Let ``tensor_step`` know this step's numbers."""
        self._rates[0].fill_(self.learning_rate)
        self._rates[1].fill_(self._kept())
        self._step.fill_(self.steps)

    def _kept(self) -> float:
        """What weight decay leaves of a weight."""
        return 1 - self.learning_rate * self.weight_decay

    def _compiled_step(self, target: Tensor | None, share: float) -> None:
        if self._since is not None and self.steps > int(self._since.max()) + NEGLIGIBLE:
            self._since = None
        age, (by_mean, by_square) = self.steps - 1, corrections()
        rate, scale = self.learning_rate / (1 - BETA_1**self.steps), (1 - BETA_2**self.steps) ** -0.5
        since, corrected = _NEVER, by_mean[:0]
        if self._since is not None:
            since, corrected = self._since.numpy(), np.float32(self.learning_rate) * by_mean
        clipped_adamw(
            *self._arrays, np.float32(rate), np.float32(scale), since, age, corrected, by_square,
            np.float32(self._kept()), self._decayed, np.float32(self.max_grad_norm),
            _NOTHING if target is None else target.numpy(), np.float32(share),
        )  # fmt: skip

    def tensor_step(self, target: Tensor | None, share: float) -> None:
        """The same in tensor operations, for a GPU, reading all numbers that change on the device."""
        torch.linalg.vector_norm(self.gradients, dim=1, out=self.grad_norm)
        self.norm_sum += self.grad_norm
        scale = (self.max_grad_norm / (self.grad_norm + 1e-6)).clamp(max=1.0).unsqueeze(1)
        self.gradients.mul_(scale).masked_fill_(~torch.isfinite(self.grad_norm).unsqueeze(1), 0.0)
        self.mean.lerp_(self.gradients, 1 - BETA_1)
        self.square.mul_(BETA_2).addcmul_(self.gradients, self.gradients, value=1 - BETA_2)
        assert self._since is not None
        own = (self._step - self._since - 1).clamp(max=NEGLIGIBLE - 1)
        by_mean, by_square = self._corrections[own].unbind(2)  # [S, P]
        rate, kept = self._rates
        self.values.mul_(torch.where(self._is_weight, kept, 1.0))
        self.values.sub_(rate * by_mean * self.mean / (self.square.sqrt() * by_square).add_(EPSILON))
        if target is not None and share > 0:
            target.lerp_(self.values, share)

    def forget(self, restarted: Tensor) -> None:
        """Drop the moments of restarted parameters, [S, P] bool, and count their steps anew."""
        self.mean.masked_fill_(restarted, 0.0)
        self.square.masked_fill_(restarted, 0.0)
        if self._since is None:
            self._since = torch.zeros_like(self.values, dtype=torch.int32)
        self._since.masked_fill_(restarted, self.steps)

    def state_dict(self) -> dict[str, Any]:
        """Copies of the moments and the step counts."""
        since = None if self._since is None else self._since.clone()
        return {"mean": self.mean.clone(), "square": self.square.clone(), "steps": self.steps, "since": since}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from that state."""
        self.mean.copy_(state["mean"])
        self.square.copy_(state["square"])
        self.steps = state["steps"]
        if state["since"] is not None or self._since is not None:
            since = torch.zeros_like(self.mean, dtype=torch.int32) if self._since is None else self._since
            self._since = since.zero_() if state["since"] is None else since.copy_(state["since"])


@cache
def corrections() -> tuple[np.ndarray, np.ndarray]:
    """What the rate and the deviation of the first, second, … step are multiplied by, float32 [NEGLIGIBLE] each.

    Kingma & Ba 2015, section 3.
    """
    steps = np.arange(1, NEGLIGIBLE + 1)
    return (1 / (1 - BETA_1**steps)).astype(np.float32), ((1 - BETA_2**steps) ** -0.5).astype(np.float32)


_NOTHING, _NEVER = np.zeros((0, 0), np.float32), np.zeros((0, 0), np.int32)
