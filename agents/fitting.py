"""Fitting a Q-network to given returns, for S seeds at once: what an agent without target network needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents import fused
from agents.fused import FusedMLP
from agents.heads import Head, ScalarHead
from agents.learner import METRICS
from agents.networks import MLP, QNetwork
from agents.optimiser import FlatAdamW, FlatParameters
from agents.policy import load_weights


class QFitter:
    """Minimises a value head's loss between Q(s, a) and a target return."""

    def __init__(
        self,
        *,
        network: QNetwork,
        head: Head,
        learning_rate: Callable[[int], float],
        weight_decay: float,
        max_grad_norm: float,
        n_actions: int,
        fused_update: bool = True,
    ) -> None:
        self.network, self.head, self.learning_rate, self.n_actions = network, head, learning_rate, n_actions
        self.flat = FlatParameters(network)
        self.optimizer = FlatAdamW(self.flat, weight_decay=weight_decay, max_grad_norm=max_grad_norm)
        self.updates = 0
        self._sums = torch.zeros(len(self.flat.values), len(METRICS), device=self.flat.values.device)
        self._counted = 0
        self._writes_out = fused_update and isinstance(head, ScalarHead) and fused.fits(network)
        self._fused: FusedMLP | None = None

    def update(self, batch: dict[str, Tensor], env_step: int) -> None:
        """One gradient update on ``obs`` [S, B, D], ``mask`` [S, B, A] (optional), ``a``, ``target``, ``weights``."""
        if "mask" not in batch:
            one = torch.ones(1, 1, 1, dtype=torch.bool, device=batch["a"].device)
            batch["mask"] = one.expand(*batch["a"].shape, self.n_actions)
        fused = self._fused_for(batch["a"].shape[1])
        if fused is None:
            self._differentiate(batch)
        else:
            arrays = (batch[name].numpy() for name in ("mask", "a", "target", "weights"))
            fused.fit(batch["obs"], *arrays)
        self.optimizer.begin(self.learning_rate(env_step))
        self.optimizer.step()
        self.updates += 1
        self._sums[:, 3] += self.optimizer.grad_norm
        self._counted += 1

    def _fused_for(self, batch_size: int) -> FusedMLP | None:
        """The update written out by hand for batches of that size, if it is one that is."""
        if not self._writes_out:
            return None
        if self._fused is None or self._fused.batch_size != batch_size:
            self._collect()
            assert isinstance(self.network, MLP)
            assert isinstance(self.head, ScalarHead)
            self._fused = FusedMLP(
                network=self.network, flat=self.flat, batch_size=batch_size, online_rows=batch_size,
                huber_delta=self.head.huber_delta,
            )  # fmt: skip
        return self._fused

    def _differentiate(self, batch: dict[str, Tensor]) -> None:
        """The general way, by autograd."""
        weights = batch["weights"]
        outputs = self.network.of(batch["obs"], batch["mask"], batch["a"])  # [S, B, Z]
        loss, td_error = self.head.scalar_loss(out_tm1=outputs, target=batch["target"])
        loss = (loss * weights).mean(1)  # [S]
        self.flat.differentiate(loss.sum())
        with torch.no_grad():
            self._sums[:, :3] += torch.stack([loss, self.head.mean(outputs).mean(1), td_error.abs().mean(1)], dim=1)

    def _collect(self) -> None:
        if self._fused is not None:
            self._sums[:, :3] += torch.from_numpy(self._fused.sums.astype(np.float32))
            self._fused.sums[:] = 0

    def metrics(self) -> list[dict[str, float]]:
        """Means over the updates since the last call, for each seed; empty if there were none."""
        if self._counted == 0:
            return [{} for _ in self._sums]
        self._collect()
        means = (self._sums / self._counted).tolist()
        self._sums.zero_()
        self._counted = 0
        return [dict(zip(METRICS, row, strict=True)) for row in means]

    def state_dict(self) -> dict[str, Any]:
        """Copies of weights and the optimiser's state, and the counters."""
        self._collect()
        return {
            "network": {name: value.clone() for name, value in self.network.state_dict().items()},
            "optimizer": self.optimizer.state_dict(),
            "updates": self.updates,
            "metric_sums": self._sums.clone(),
            "metrics_counted": self._counted,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from that state.

        Raises:
            ValueError: in one line, if it belongs to a network of another shape.
        """
        load_weights(self.network, state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self._collect()  # what was summed before does not count
        self.updates, self._counted = state["updates"], state["metrics_counted"]
        self._sums.copy_(state["metric_sums"])
