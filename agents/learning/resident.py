"""Updates from memories on a GPU: drawing, reading, gradients, optimiser and priorities as one graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from agents.gpu.captured import Captured
from agents.learning.learner import QLearner
from agents.memory.resident import ResidentMemory
from agents.memory.transitions import Transitions


class ResidentUpdates:
    """A learner's updates of S seeds from their memories on the same GPU.

    An update is launched as a whole: what changes from one to the next (rates, n, the weights' exponent, what was
    remembered) is read on the device, indices are drawn there, and the CPU waits for nothing.
    """

    def __init__(
        self, *, learner: QLearner, memories: Sequence[ResidentMemory], batch_size: int, gamma: float
    ) -> None:  # fmt: skip
        self.learner, self.memories, self.batch_size, self.gamma = learner, memories, batch_size, gamma
        device = memories[0].device
        self._n_step = torch.zeros((), dtype=torch.int64, device=device)
        self._beta = torch.zeros((), dtype=torch.float64, device=device)
        generators = [memory.generator for memory in memories]
        self._run = Captured(self._learn, device, generators)

    def update(
        self, env_step: int, *, n_step: int, beta: float, first: Callable[[Transitions], None] | None = None
    ) -> Transitions:  # fmt: skip
        """One update on new transitions [S, B], which are returned: in buffers that the next may overwrite.

        ``first`` is called with them before they are learnt from.
        """
        self._n_step.fill_(n_step)
        self._beta.fill_(beta)
        teacher_weight = self.learner.begin(env_step)
        plain = first is None and teacher_weight == 0
        batch: Transitions = self._run() if plain else self._learn(teacher_weight, first)
        self.learner.finish()
        return batch

    def _learn(
        self, teacher_weight: float = 0.0, first: Callable[[Transitions], None] | None = None
    ) -> Transitions:  # fmt: skip
        drawn = [
            memory.sample(self.batch_size, self._n_step, self.gamma, beta=self._beta) for memory in self.memories
        ]  # fmt: skip
        columns: list[Any] = [None if x[0] is None else torch.stack(x) for x in zip(*drawn, strict=True)]
        batch = Transitions(*columns)
        if first is not None:
            first(batch)
        td_error = self.learner.step(batch, teacher_weight)
        for s, memory in enumerate(self.memories):
            memory.update_priorities(batch.slots[s], td_error[s])
        return batch
