"""Gradient updates of a Q-network with a target network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from agents import losses
from agents.memory import Batch
from agents.networks import QNetwork
from agents.policy import load_weights

METRICS = ("loss", "q_mean", "td_error_abs", "grad_norm")


class QLearner:
    """Minimises the Huber loss of (double) Q-learning's TD error, one batch at a time.

    The target network is a copy made every ``target_every`` updates or, with ``tau``, a moving average.
    """

    def __init__(
        self,
        *,
        network: QNetwork,
        target_network: QNetwork,
        optimizer: torch.optim.Optimizer,
        learning_rate: Callable[[int], float],
        double: bool,
        target_every: int,
        tau: float | None,
        max_grad_norm: float,
        huber_delta: float,
        device: torch.device,
    ) -> None:
        self.network, self.target_network, self.optimizer = network, target_network.requires_grad_(False), optimizer
        self.learning_rate, self.double = learning_rate, double
        self.target_every, self.tau = target_every, tau
        self.max_grad_norm, self.huber_delta = max_grad_norm, huber_delta
        self.updates = 0
        self._parameters: list[Tensor] = list(network.parameters())
        self._target_parameters: list[Tensor] = list(target_network.parameters())
        self._sums = torch.zeros(len(METRICS), device=device)  # since the last read: no synchronisation in between
        self._counted = 0
        self._sync(1.0)

    def update(self, batch: Batch, env_step: int) -> None:
        """One gradient update on B transitions, with the learning rate of that environment step."""
        target = self._target(batch)  # [B]
        q_tm1 = self.network.q_of(batch.obs_tm1, batch.mask_tm1, batch.a_tm1)
        td_error = target - q_tm1  # [B]
        loss = losses.huber(td_error, self.huber_delta)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        grad_norm = nn.utils.clip_grad_norm_(self._parameters, self.max_grad_norm, foreach=True)
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate(env_step)
        self.optimizer.step()
        self.updates += 1
        if self.tau is not None:
            self._sync(self.tau)
        elif self.updates % self.target_every == 0:
            self._sync(1.0)
        with torch.no_grad():
            self._sums += torch.stack([loss, q_tm1.mean(), td_error.abs().mean(), grad_norm])
        self._counted += 1

    @torch.no_grad()
    def _target(self, batch: Batch) -> Tensor:
        """What q_tm1 should be, [B]."""
        r_t, discount_t, obs_t, mask_t = batch.r_t, batch.discount_t, batch.obs_t, batch.mask_t
        if not self.double:
            q_target_t = self.target_network(obs_t, mask_t)  # [B, A]
            return losses.q_target(r_t=r_t, discount_t=discount_t, q_target_t=q_target_t, mask_t=mask_t)
        return losses.double_q_target(
            r_t=r_t,
            discount_t=discount_t,
            q_online_t=self.network(obs_t, mask_t),
            mask_t=mask_t,
            q_target_of=lambda a_t: self.target_network.q_of(obs_t, mask_t, a_t),
        )

    @torch.no_grad()
    def _sync(self, share: float) -> None:
        """Move the target network towards the network: all the way with share 1."""
        if share == 1.0:
            torch._foreach_copy_(self._target_parameters, self._parameters)
        else:
            torch._foreach_lerp_(self._target_parameters, self._parameters, share)

    def metrics(self) -> dict[str, float]:
        """Means over the updates since the last call; empty if there were none."""
        if self._counted == 0:
            return {}
        means = (self._sums / self._counted).tolist()
        self._sums.zero_()
        self._counted = 0
        return dict(zip(METRICS, means, strict=True))

    def state_dict(self) -> dict[str, Any]:
        """Copies of weights, target weights and the optimiser's state, and the counters."""
        return {
            "network": _copy(self.network.state_dict()),
            "target_network": _copy(self.target_network.state_dict()),
            "optimizer": _copy(self.optimizer.state_dict()),
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
        load_weights(self.target_network, state["target_network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.updates, self._counted = state["updates"], state["metrics_counted"]
        self._sums.copy_(state["metric_sums"])


def _copy(value: Any) -> Any:
    """The same nested dicts and lists with tensors of their own."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: _copy(entry) for key, entry in value.items()}
    return [_copy(entry) for entry in value] if isinstance(value, list) else value
