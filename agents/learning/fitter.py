"""Gradient updates that fit a Q-network of S seeds to given returns, without a target network."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from agents.fused.mlp import FusedMLP, can_fuse_mlp
from agents.gpu.captured import Captured
from agents.learning.updater import Updater
from agents.networks.base import QNetwork
from agents.networks.heads import Head, ScalarHead
from agents.networks.mlp import MLP

_COLUMNS = ("obs", "mask", "a", "target", "weights")


class QFitter(Updater):
    """Minimises a value head's loss between Q(s, a) and a target return.

    With ``fused_update`` the gradients of networks that allow it are computed without autograd (see ``fused``); on a
    GPU an update is replayed as a graph.
    """

    fused: FusedMLP | None

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
        self.is_fused = fused_update and isinstance(head, ScalarHead) and can_fuse_mlp(network)
        device = self.flat.values.device
        self._run = Captured(self._step, device) if device.type == "cuda" else self._step

    def update(self, batch: dict[str, Tensor], env_step: int) -> None:
        """One gradient update on ``obs`` [S, B, D], ``mask`` [S, B, A] (optional), ``a``, ``target``, ``weights``."""
        if "mask" not in batch:
            one = torch.ones(1, 1, 1, dtype=torch.bool, device=batch["a"].device)
            batch["mask"] = one.expand(*batch["a"].shape, self.n_actions)
        self.optimizer.begin(self.learning_rate(env_step))
        teacher_weight = self.teacher_weight(env_step)
        if self.is_fused and teacher_weight == 0:
            arrays = (batch[name].numpy() for name in ("mask", "a", "target", "weights"))
            self._fused_for(batch["a"].shape[1]).fit(batch["obs"], *arrays)
            self.move(batch)
        elif teacher_weight == 0:
            self._run(*(batch[name] for name in _COLUMNS))
        else:
            self._differentiate(batch, teacher_weight)
            self.move(batch)
        self.updated()

    def _step(self, *columns: Tensor) -> None:
        """The part of an update that a CUDA graph can replay, on a batch's ``_COLUMNS``."""
        batch = dict(zip(_COLUMNS, columns, strict=True))
        self._differentiate(batch, 0.0)
        self.move(batch)

    def _fused_for(self, batch_size: int) -> FusedMLP:
        """The fused update for batches of that size, made anew when the size changes."""
        if self.fused is None or self.fused.batch_size != batch_size:
            self._collect()
            assert isinstance(self.network, MLP)
            assert isinstance(self.head, ScalarHead)
            self.fused = FusedMLP(
                network=self.network, flat=self.flat, batch_size=batch_size, online_rows=batch_size,
                huber_delta=self.head.huber_delta,
            )  # fmt: skip
        return self.fused

    def _differentiate(self, batch: dict[str, Tensor], teacher_weight: float) -> None:
        """Fill the gradients by autograd, for any network and head that takes returns."""
        weights = batch["weights"]
        outputs, taught = self._outputs(batch["obs"], batch["mask"], batch["a"], teacher_weight)  # [S, B, Z]
        loss, td_error = self.head.loss(out_tm1=outputs, target=batch["target"])
        loss = ((loss + taught) * weights).mean(1)  # [S]
        self.flat.differentiate(loss.sum())
        with torch.no_grad():
            self.note(loss, self.head.mean(outputs).mean(1), td_error.abs().mean(1), batch["target"])
