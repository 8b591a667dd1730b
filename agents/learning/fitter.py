"""Fitting a Q-network to given returns, for S seeds at once: what an agent without target network needs."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from agents.fused import mlp
from agents.fused.mlp import FusedMLP
from agents.learning.updater import Updater
from agents.networks.base import QNetwork
from agents.networks.heads import Head, ScalarHead
from agents.networks.mlp import MLP


class QFitter(Updater):
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
        super().__init__(
            network=network, head=head, learning_rate=learning_rate, weight_decay=weight_decay,
            max_grad_norm=max_grad_norm,
        )  # fmt: skip
        self.n_actions = n_actions
        self._writes_out = fused_update and isinstance(head, ScalarHead) and mlp.fits(network)

    def update(self, batch: dict[str, Tensor], env_step: int) -> None:
        """One gradient update on ``obs`` [S, B, D], ``mask`` [S, B, A] (optional), ``a``, ``target``, ``weights``."""
        if "mask" not in batch:
            one = torch.ones(1, 1, 1, dtype=torch.bool, device=batch["a"].device)
            batch["mask"] = one.expand(*batch["a"].shape, self.n_actions)
        teaching = self.teaching(env_step)
        by_hand = self._by_hand(batch["a"].shape[1]) if teaching == 0 else None
        if by_hand is None:
            self._differentiate(batch, teaching)
        else:
            arrays = (batch[name].numpy() for name in ("mask", "a", "target", "weights"))
            by_hand.fit(batch["obs"], *arrays)
        self.optimizer.begin(self.learning_rate(env_step))
        self.optimizer.step()
        self.updates += 1
        self._counted += 1

    def _by_hand(self, batch_size: int) -> FusedMLP | None:
        """The update written out by hand for batches of that size, if it is one that is."""
        if not self._writes_out:
            return None
        if self.fused is None or self.fused.batch_size != batch_size:
            self._collect()
            assert isinstance(self.network, MLP)
            assert isinstance(self.head, ScalarHead)
            self.fused = FusedMLP(
                network=self.network, flat=self.flat, batch_size=batch_size, online_rows=batch_size,
                huber_delta=self.head.huber_delta,
            )  # fmt: skip
        return self.fused

    def _differentiate(self, batch: dict[str, Tensor], teaching: float) -> None:
        """The general way, by autograd."""
        weights = batch["weights"]
        outputs, taught = self._outputs(batch["obs"], batch["mask"], batch["a"], teaching)  # [S, B, Z]
        loss, td_error = self.head.scalar_loss(out_tm1=outputs, target=batch["target"])
        loss = ((loss + taught) * weights).mean(1)  # [S]
        self.flat.differentiate(loss.sum())
        with torch.no_grad():
            self._sums[:, :3] += torch.stack([loss, self.head.mean(outputs).mean(1), td_error.abs().mean(1)], dim=1)
