"""Gradient updates of Q-networks with target networks, of S seeds at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from agents import losses
from agents.fused.candidates import FusedCandidates, can_fuse_candidates
from agents.fused.mlp import FusedDQN, can_fuse_mlp
from agents.fused.workers import Portion, Workers
from agents.learning.updater import Updater
from agents.memory.transitions import Transitions
from agents.networks.base import QNetwork, taken
from agents.networks.heads import Head, ScalarHead
from agents.networks.weights import FlatParameters, load_weights


class MunchausenSettings(NamedTuple):
    """The numbers of Munchausen-DQN's target, see ``losses.munchausen_target``."""

    alpha: float  # share of the policy's log-probability that is added to the reward
    temperature: float  # of the policy, in units of Q
    lowest: float  # the bonus is not below it
    corrected: bool  # measure the policy by the uniform one over the legal actions


class QLearner(Updater):
    """Minimises the loss of (double) Q-learning's TD error under a value head, one batch at a time.

    The target network is a copy made every ``target_every`` updates or, with ``tau``, a moving average. With
    ``fused_update`` the gradients of networks that allow it are computed without autograd (see ``fused``, on a CPU).
    """

    fused: FusedDQN | FusedCandidates | None

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
        munchausen: MunchausenSettings | None = None,
        fused_update: bool = True,
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
        self.workers = Workers(threads)
        self.fused = self._fuse(batch_size) if fused_update else None

    def _fuse(self, batch_size: int) -> FusedDQN | FusedCandidates | None:
        """The fused update of this network, head and target; None if there is none."""
        if self.munchausen is not None:
            return None
        network, target_network, head = self.network, self.target_network, self.head
        given: dict[str, Any] = {"online": self.flat, "target": self.target_flat, "batch_size": batch_size}
        given |= {"network": network, "target_network": target_network, "double": self.double}
        if can_fuse_candidates(network):
            return FusedCandidates(**given, head=head, workers=self.workers)
        if isinstance(head, ScalarHead) and can_fuse_mlp(network):
            return FusedDQN(**given, huber_delta=head.huber_delta)
        return None

    def update(self, batch: Transitions, env_step: int, reading: Sequence[Portion] = ()) -> Tensor:
        """One gradient update on [S, B] transitions; returns their TD errors [S, B] (a buffer).

        ``reading`` is what still has to be done before the batch is there, of each seed's halves in their order: where
        the learner ``reads_along``.
        """
        td_error = self.step(batch, self.begin(env_step), reading)
        self.finish()
        return td_error

    def reads_along(self, env_step: int) -> bool:
        """True if an update at that step may be given a batch that is still to be read."""
        return isinstance(self.fused, FusedCandidates) and self.teacher_weight(env_step) == 0

    def begin(self, env_step: int) -> float:
        """What an update does before its ``step``; returns the weight of the teacher's loss."""
        self.optimizer.begin(self.learning_rate(env_step))
        return self.teacher_weight(env_step)

    def finish(self) -> None:
        """What an update does after its ``step``."""
        self.updated()
        if self.tau is None and self.updates % self.target_every == 0:
            self.target_flat.values.copy_(self.flat.values)

    def step(self, batch: Transitions, teacher_weight: float = 0.0, reading: Sequence[Portion] = ()) -> Tensor:
        """The part of an update that a CUDA graph can replay: gradients, optimiser, moving target network.

        Returns the TD errors [S, B]. The teacher's loss needs autograd; all ways share what an update leaves behind.

        Raises:
            NotFiniteError: see ``Updater.move``.
        """
        fused = self.fused if teacher_weight == 0 else None
        if isinstance(fused, FusedCandidates):
            td_error = fused.gradients(batch, reading)
        else:
            assert not reading
            td_error = self._differentiate(batch, teacher_weight) if fused is None else fused.gradients(batch)
        self.move(batch, *(() if self.tau is None else (self.target_flat.values, self.tau)))
        return td_error

    def _differentiate(self, batch: Transitions, teacher_weight: float) -> Tensor:
        """Fill the gradients by autograd, for any network and head; returns TD errors [S, B]."""
        with torch.no_grad():
            if self.munchausen is not None:
                target = self._munchausen_target(batch, self.munchausen)
            else:
                q_t, outputs_of = self._look_ahead(batch)
                target = losses.q_learning_target(
                    r_t=batch.r_t, discount_t=batch.discount_t, q_t=q_t, mask_t=batch.mask_t, outputs_of=outputs_of,
                    bootstrap_outputs=self.head.bootstrap,
                )  # fmt: skip
        out_tm1, taught = self._outputs(batch.obs_tm1, batch.mask_tm1, batch.a_tm1, teacher_weight)
        loss, td_error = self.head.loss(out_tm1=out_tm1, target=target)  # [S, B], [S, B]
        loss = ((loss + taught) * batch.weights).mean(1)  # [S]
        self.flat.differentiate(loss.sum())
        with torch.no_grad():
            self.note(loss, self.head.mean(out_tm1).mean(1), td_error.abs().mean(1), target)
        return td_error

    def _look_ahead(self, batch: Transitions) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """The values [S, B, A] that choose the next action, and the target network's outputs [S, B, Z] for it.

        With ``double`` the network chooses, and the target network need not score other actions.
        """
        obs_t, mask_t = batch.obs_t, batch.mask_t
        if self.double:
            return self.head.preference(self.network(obs_t, mask_t)), partial(self.target_network.of, obs_t, mask_t)
        outputs = self.target_network(obs_t, mask_t)  # [S, B, A, Z]
        return self.head.preference(outputs), partial(taken, outputs)

    def _munchausen_target(self, batch: Transitions, settings: MunchausenSettings) -> Tensor:
        q_tm1, q_t = (
            self.head.mean(self.target_network(obs, mask))
            for obs, mask in ((batch.obs_tm1, batch.mask_tm1), (batch.obs_t, batch.mask_t))
        )
        return losses.munchausen_target(
            r_t=batch.r_t, discount_t=batch.discount_t, q_tm1=q_tm1, mask_tm1=batch.mask_tm1, a_tm1=batch.a_tm1,
            q_t=q_t, mask_t=batch.mask_t, alpha=settings.alpha, temperature=settings.temperature,
            lowest=settings.lowest, correct=settings.corrected,
        )  # fmt: skip

    def set_weights(self, values: Tensor) -> None:
        """The target network begins with them, too."""
        super().set_weights(values)
        self.target_flat.values.copy_(values)

    def move_towards(self, values: Tensor, share: float, seeds: slice) -> None:
        """See ``Updater``; the target networks become copies of the moved ones."""
        super().move_towards(values, share, seeds)
        self.target_flat.values[seeds].copy_(self.flat.values[seeds])

    def _targets(self) -> dict[str, Tensor]:
        """See ``Updater``."""
        return {name: value.detach().clone() for name, value in self.target_network.state_dict().items()}

    def state_dict(self) -> dict[str, Any]:
        """Also the target network's weights."""
        return super().state_dict() | {"target_network": self._targets()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from that state.

        Raises:
            WaybillError: in one line, if it belongs to a network of another shape.
        """
        super().load_state_dict(state)
        load_weights(self.target_network, state["target_network"])
