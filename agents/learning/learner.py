"""Gradient updates of Q-networks with target networks, of S seeds at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from agents import losses
from agents.fused import candidates, mlp
from agents.fused.candidates import FusedCandidates
from agents.fused.mlp import FusedDQN
from agents.learning.cuda_graph import Captured
from agents.learning.updater import Updater, rows_of
from agents.memory.batch import Batch
from agents.networks.base import QNetwork
from agents.networks.heads import Head, ScalarHead
from agents.networks.weights import FlatParameters, load_weights


class Munchausen(NamedTuple):
    """Settings of ``losses.munchausen_target``."""

    alpha: float
    temperature: float
    lowest: float
    corrected: bool


class QLearner(Updater):
    """Minimises the loss of (double) Q-learning's TD error under a value head, one batch at a time.

    The target network is a copy made every ``target_every`` updates or, with ``tau``, a moving average. Where it is
    written out by hand (``fused_update``) the update runs without autograd; on a GPU it is a graph that is replayed
    (``captured``).
    """

    def __init__(
        self,
        *,
        network: QNetwork,
        target_network: QNetwork,
        head: Head,
        learning_rate: Callable[[int], float],
        weight_decay: float,
        max_grad_norm: float,
        double: bool,
        target_every: int,
        tau: float | None,
        batch_size: int,
        munchausen: Munchausen | None = None,
        fused_update: bool = True,
        captured: bool = True,
        threads: int = 1,
    ) -> None:
        super().__init__(
            network=network, head=head, learning_rate=learning_rate, weight_decay=weight_decay,
            max_grad_norm=max_grad_norm,
        )  # fmt: skip
        self.target_network, self.double, self.munchausen = target_network, double, munchausen
        self.target_every, self.tau = target_every, tau
        self.target_flat = FlatParameters(target_network, gradients=False)
        self.target_flat.values.copy_(self.flat.values)
        self.fused = self._fuse(batch_size, threads) if fused_update else None
        on_gpu = self.flat.values.device.type == "cuda"
        self._run = Captured(self.step) if on_gpu and captured else self.step

    def _fuse(self, batch_size: int, threads: int) -> FusedDQN | FusedCandidates | None:
        """The update written out by hand, if it is one that is."""
        if self.munchausen is not None:
            return None
        network, target_network, head = self.network, self.target_network, self.head
        given: dict[str, Any] = {"online": self.flat, "target": self.target_flat, "batch_size": batch_size}
        given |= {"network": network, "target_network": target_network, "double": self.double}
        if candidates.fits(network):
            return FusedCandidates(**given, head=head, threads=threads)
        if isinstance(head, ScalarHead) and mlp.fits(network):
            return FusedDQN(**given, huber_delta=head.huber_delta)
        return None

    def update(self, batch: Batch, env_step: int) -> Tensor:
        """One gradient update on [S, B] transitions; returns their TD errors [S, B] (a buffer)."""
        self.optimizer.begin(self.learning_rate(env_step))
        teaching = self.teaching(env_step)
        # The teacher's loss is written for autograd alone; what it leaves is shared by all ways: weights and optimiser.
        td_error = self._run(batch) if teaching == 0 else self.step(batch, teaching)
        self.updates += 1
        if self.tau is None and self.updates % self.target_every == 0:
            self.target_flat.values.copy_(self.flat.values)
        self._counted += 1
        return td_error

    def step(self, batch: Batch, teaching: float = 0.0) -> Tensor:
        """What an update does with numbers alone: gradients, optimiser, moving target."""
        by_hand = self.fused if teaching == 0 else None
        td_error = self._gradients(batch, teaching) if by_hand is None else by_hand.gradients(batch)
        self.optimizer.step(*(() if self.tau is None else (self.target_flat.values, self.tau)))
        return td_error

    def _gradients(self, batch: Batch, teaching: float) -> Tensor:
        """The general way, by autograd."""
        with torch.no_grad():
            target = self._munchausen_target(batch) if self.munchausen else self._target_outputs(batch)
        out_tm1, taught = self._outputs(batch.obs_tm1, batch.mask_tm1, batch.a_tm1, teaching)
        if self.munchausen:
            loss, td_error = self.head.scalar_loss(out_tm1=out_tm1, target=target)
        else:
            loss, td_error = self.head.loss(
                out_tm1=out_tm1, r_t=batch.r_t, discount_t=batch.discount_t, out_t=target
            )  # [S, B], [S, B]
        loss = ((loss + taught) * batch.weights).mean(1)  # [S]
        self.flat.differentiate(loss.sum())
        with torch.no_grad():
            q_mean = self.head.mean(out_tm1).mean(1)
            self._sums[:, :3] += torch.stack([loss, q_mean, td_error.abs().mean(1)], dim=1)
        return td_error

    def _target_outputs(self, batch: Batch) -> Tensor:
        """The target network's outputs [S, B, Z] for the next action, which the network chooses if ``double``."""
        obs_t, mask_t = batch.obs_t, batch.mask_t
        chooser = self.network if self.double else self.target_network
        outputs = chooser(obs_t, mask_t)  # [S, B, A, Z]
        a_t = losses.masked_argmax(self.head.mean(outputs), mask_t)
        if self.double:
            return self.target_network.of(obs_t, mask_t, a_t)
        return outputs.gather(2, a_t[:, :, None, None].expand(-1, -1, 1, outputs.shape[3])).squeeze(2)

    def _munchausen_target(self, batch: Batch) -> Tensor:
        assert self.munchausen is not None
        q_tm1, q_t = (
            self.head.mean(self.target_network(obs, mask))
            for obs, mask in ((batch.obs_tm1, batch.mask_tm1), (batch.obs_t, batch.mask_t))
        )
        return losses.munchausen_target(
            r_t=batch.r_t, discount_t=batch.discount_t, q_tm1=q_tm1, mask_tm1=batch.mask_tm1, a_tm1=batch.a_tm1,
            q_t=q_t, mask_t=batch.mask_t, alpha=self.munchausen.alpha, temperature=self.munchausen.temperature,
            lowest=self.munchausen.lowest, correct=self.munchausen.corrected,
        )  # fmt: skip

    def set_weights(self, values: Tensor) -> None:
        """The target network begins with them, too."""
        super().set_weights(values)
        self.target_flat.values.copy_(values)

    def move_towards(self, values: Tensor, share: float, seed: int | None = None) -> None:
        """The target network follows."""
        super().move_towards(values, share, seed)
        own = rows_of(seed)
        self.target_flat.values[own].copy_(self.flat.values[own])

    def state_dict(self) -> dict[str, Any]:
        """Also the target network's weights."""
        weights = {name: value.clone() for name, value in self.target_network.state_dict().items()}
        return super().state_dict() | {"target_network": weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from that state.

        Raises:
            ValueError: in one line, if it belongs to a network of another shape.
        """
        super().load_state_dict(state)
        load_weights(self.target_network, state["target_network"])
