"""Gradient updates that fit the Q-values of several tried actions of a state at once, and how they differ."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from agents.learning.updater import Updater
from agents.networks.base import QNetwork
from agents.networks.heads import Head


class SiblingFitter(Updater):
    """Minimises a value head's loss between Q(s, a) and the return of every action that was tried in s.

    Siblings share most of what comes after them, so what tells them apart is small beside it: their differences to
    their mean count ``contrast`` times more (as advantages do, Baird 1993), by the Huber loss.
    """

    def __init__(
        self, *, network: QNetwork, head: Head, learning_rate: Callable[[int], float], weight_decay: float,
        max_grad_norm: float, contrast: float, huber_delta: float,
    ) -> None:  # fmt: skip
        super().__init__(
            network=network, head=head, learning_rate=learning_rate, weight_decay=weight_decay,
            max_grad_norm=max_grad_norm,
        )  # fmt: skip
        self.contrast, self.huber_delta = contrast, huber_delta

    def update(self, batch: dict[str, Tensor], env_step: int) -> None:
        """One update on ``obs`` [S, B, D], ``mask`` [S, B, A], ``a``, ``target`` and ``tried`` [S, B, K]."""
        a, target, tried = batch["a"], batch["target"], batch["tried"]
        outputs = self.network(batch["obs"], batch["mask"])  # [S, B, A, Z]
        index = a.unsqueeze(-1).expand(-1, -1, -1, outputs.shape[-1])
        taken = outputs.gather(2, index)  # [S, B, K, Z]
        loss, error = self.head.loss(out_tm1=taken.flatten(1, 2), target=target.flatten(1, 2))  # [S, B · K]
        counted = tried.flatten(1, 2).float()
        total = counted.sum(1).clamp(min=1.0)  # [S]
        loss, q = (loss * counted).sum(1) / total, self.head.mean(taken)
        apart = torch.where(tried, _apart(q, tried) - _apart(target, tried), 0.0)
        differing = functional.huber_loss(apart, torch.zeros_like(apart), reduction="none", delta=self.huber_delta)
        loss = loss + self.contrast * differing.sum((1, 2)) / total
        if (weight := self.teacher_weight(env_step)) > 0 and self.teacher is not None:
            taught = self.teacher.loss(self.head.mean(outputs), batch["obs"], batch["mask"])  # [S, B]
            loss = loss + weight * taught.mean(1)
        self.flat.differentiate(loss.sum())
        with torch.no_grad():
            q_mean = (q.flatten(1, 2) * counted).sum(1) / total
            share = counted * (counted.shape[1] / total.unsqueeze(1))
            self.note(loss, q_mean, (error.abs() * counted).sum(1) / total, target.flatten(1, 2), share)
        self.optimizer.begin(self.learning_rate(env_step))
        self.move(batch)
        self.updated()


def _apart(values: Tensor, tried: Tensor) -> Tensor:
    """Differences [S, B, K] of values to the mean of those that were tried in the same state."""
    count = tried.sum(2, keepdim=True).clamp(min=1)
    return values - torch.where(tried, values, 0.0).sum(2, keepdim=True) / count
