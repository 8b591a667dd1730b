"""What all gradient updates share: flat parameters with their optimiser, a teacher, and means for the curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from agents.acting.teacher import Teacher
from agents.learning.finite import diverged
from agents.learning.optimiser import FlatAdamW
from agents.memory.transitions import Transitions
from agents.networks.base import QNetwork, taken
from agents.networks.heads import Head
from agents.networks.weights import FlatParameters, load_weights
from groundwork.errors import NotFiniteError

_METRICS = ("loss", "q_mean", "td_error_abs", "grad_norm", "at_ends")


class FusedUpdate(Protocol):
    """An update without autograd, see ``fused``: it fills the gradients and keeps sums for the curves."""

    # [S, 3 or 4], of loss, q, absolute TD error and what lies at the head's ends over the updates since somebody set it
    # to zero
    sums: np.ndarray


class Updater:
    """A network of S seeds that learns."""

    fused: FusedUpdate | None  # None: gradients come by autograd

    def __init__(
        self,
        *,
        network: QNetwork,
        head: Head,
        learning_rate: Callable[[int], float],
        weight_decay: float,
        max_grad_norm: float,
    ) -> None:
        self.network, self.head, self.learning_rate = network, head, learning_rate
        self.flat = FlatParameters(network)
        self.optimizer = FlatAdamW(self.flat, weight_decay=weight_decay, max_grad_norm=max_grad_norm)
        self.updates = 0
        self.teacher: Teacher | None = None
        self.fused = None
        self._sums = torch.zeros(len(self.flat.values), len(_METRICS), device=self.flat.values.device)
        self.on_cpu = self.flat.values.device.type == "cpu"
        self._summed = self._sums.numpy() if self.on_cpu else np.zeros((0, 0), np.float32)
        self._counted = 0  # updates since the last read of the sums
        self.after_next: list[Callable[[], None]] = []  # to be called once the next update is done

    def move(self, batch: Mapping[str, Tensor] | Transitions, *moved_along: Any) -> None:
        """The optimiser's step, once the gradients of a batch are there; see ``FlatAdamW.step`` for what moves along.

        Raises:
            NotFiniteError: on a CPU, if the loss or the norm of a gradient is not finite; the weights stay as they
                were then. On a GPU, which is not waited for, the step passes over such a gradient, and ``metrics``
                raises.
        """
        if self.on_cpu and not self._loss_is_finite:
            raise self._diverged("the loss is not finite", batch)
        self.optimizer.step(*moved_along)
        if self.on_cpu and not np.isfinite(self.optimizer.norms).all():
            raise self._diverged("the gradient's norm is not finite", batch)

    @property
    def _loss_is_finite(self) -> bool:
        """True if all that was summed up to now is finite, the last update's loss, values and errors among it."""
        return bool(np.isfinite(self._summed).all() and (self.fused is None or np.isfinite(self.fused.sums).all()))

    def _diverged(self, what: str, batch: Mapping[str, Tensor] | Transitions | None) -> NotFiniteError:
        columns = {} if batch is None else batch._asdict() if isinstance(batch, Transitions) else batch
        return diverged(
            what, update=self.updates + (batch is not None),
            batch={name: column.clone() for name, column in columns.items() if column is not None},
            weights={name: x.detach().clone() for name, x in self.network.state_dict().items()},
            targets=self._targets(),
        )  # fmt: skip

    def _targets(self) -> dict[str, Tensor]:
        """Copies of the target network's weights by name; empty without one."""
        return {}

    def updated(self) -> None:
        """Count an update that is done, and call whoever waits for it."""
        self.updates += 1
        self._counted += 1
        if self.after_next:
            waiting, self.after_next = self.after_next, []
            for call in waiting:
                call()

    def gradient_norms(self, seed: int) -> dict[str, float]:
        """Norms of one seed's last gradient, before clipping, by the network's submodules."""
        squares: dict[str, float] = {}
        for name, gradient in self.flat.gradient_views.items():
            part = name.partition(".")[0]
            squares[part] = squares.get(part, 0.0) + float(gradient[seed].square().sum())
        return {part: square**0.5 for part, square in squares.items()}

    def set_weights(self, values: Tensor) -> None:
        """Go on with weights [S, P], in the order of ``FlatParameters``; the optimiser starts anew."""
        self.flat.values.copy_(values)
        self.optimizer.forget(torch.ones_like(values, dtype=torch.bool))

    def move_towards(self, values: Tensor, share: float, seeds: slice) -> None:
        """Move the weights of some of the S seeds by a share of the way to ``values`` [S, P].

        The optimiser forgets what it knew of them.
        """
        moved = torch.zeros_like(values, dtype=torch.bool)
        self.flat.values[seeds].lerp_(values[seeds], share)
        moved[seeds] = True
        self.optimizer.forget(moved)

    def teacher_weight(self, env_step: int) -> float:
        """Weight of the teacher's loss at that step; 0 without a teacher."""
        return 0.0 if self.teacher is None else self.teacher.weight(env_step)

    def _outputs(self, obs: Tensor, mask: Tensor, a: Tensor, teacher_weight: float) -> tuple[Tensor, Tensor | float]:
        """Outputs [S, B, Z] of the actions a [S, B], and what the teacher's loss adds for each row, [S, B] or 0."""
        if teacher_weight == 0 or self.teacher is None:
            return self.network.of(obs, mask, a), 0.0
        outputs = self.network(obs, mask)  # [S, B, A, Z]: all legal actions are compared with the teacher's
        return taken(outputs, a), teacher_weight * self.teacher.loss(self.head.mean(outputs), obs, mask)

    def note(
        self, loss: Tensor, q: Tensor, td_error_abs: Tensor, target: Tensor, counted: Tensor | float = 1.0
    ) -> None:  # fmt: skip
        """Add an update's means [S] to the sums for the curves, and how much of its target [S, B, ...] is at the ends.

        ``counted`` [S, B] has mean 1: how much each target counts.
        """
        self._sums[:, :3] += torch.stack([loss, q, td_error_abs], dim=1)
        if self.head.has_ends:
            self._sums[:, 4] += (self.head.at_ends(target) * counted).mean(1)

    def metrics(self) -> list[dict[str, float]]:
        """Means over the updates since the last call, for each seed; empty if there were none.

        at_ends, see ``Head.at_ends``, only for heads that have ends.

        Raises:
            NotFiniteError: if one is not finite.
        """
        if self._counted == 0:
            return [{} for _ in self._sums]
        self._collect()
        if not torch.isfinite(self._sums).all():
            raise self._diverged(f"of the last {self._counted} updates one's loss or gradient is not finite", None)
        means = (self._sums / self._counted).tolist()
        self._sums.zero_()
        self._counted = 0
        count = len(_METRICS) - (not self.head.has_ends)
        return [dict(zip(_METRICS[:count], row[:count], strict=True)) for row in means]

    def _collect(self) -> None:
        """Add what the optimiser and the fused update have summed to the sums of all."""
        self._sums[:, 3] += self.optimizer.norm_sum
        self.optimizer.norm_sum.zero_()
        if self.fused is not None:
            found = torch.from_numpy(self.fused.sums.astype(np.float32))
            self._sums[:, :3] += found[:, :3]
            if found.shape[1] > 3:
                self._sums[:, 4] += found[:, 3]
            self.fused.sums[:] = 0

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
            WaybillError: in one line, if it belongs to a network of another shape.
        """
        load_weights(self.network, state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self._collect()  # what was summed before does not count
        self.updates, self._counted = state["updates"], state["metrics_counted"]
        saved = state["metric_sums"]
        self._sums.zero_()[:, : saved.shape[1]].copy_(saved)  # fewer, of a version before
