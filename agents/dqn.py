"""Deep Q-learning for many games and several independent seeds at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from agents.acting.exploration import EpsilonGreedy
from agents.acting.policy import QPolicy
from agents.acting.teacher import Teacher
from agents.agent import QAgent
from agents.fused.workers import Portion
from agents.learning.learner import QLearner
from agents.learning.plasticity import Plasticity
from agents.learning.resident import ResidentUpdates
from agents.memory.resident import ResidentMemory
from agents.memory.ring import SequentialMemory
from agents.memory.transitions import TransitionBuffers, Transitions
from agents.networks.layers import draw_noise, is_noisy


class DQN(QAgent):
    """DQN (Mnih et al. 2015): learns from what it remembers of its games; see ``QAgent`` for rows and steps.

    Each seed has networks, memory and random numbers of its own; they share the passes through them.
    """

    def __init__(
        self,
        *,
        policy: QPolicy,
        learner: QLearner,
        memories: Sequence[SequentialMemory | ResidentMemory],
        explorations: Sequence[EpsilonGreedy],
        noise: Sequence[torch.Generator],
        plasticity: Plasticity,
        batch_size: int,
        n_step: Callable[[int], int],
        importance: Callable[[int], float],
        gamma: float,
        updates_per_step: float,
        learning_starts: int,
        teacher: Teacher | None = None,
    ) -> None:
        super().__init__(
            policy=policy, updater=learner, explorations=explorations, teacher=teacher,
            all_legal=not memories[0].stores_masks,
        )  # fmt: skip
        self.learner, self.memories = learner, memories
        policy.workers = learner.workers
        self.plasticity, self.noise = plasticity, list(noise) if is_noisy(policy.network) else []
        self.batch_size, self.n_step, self.importance, self.gamma = batch_size, n_step, importance, gamma
        self.updates_per_step, self.learning_starts = updates_per_step, learning_starts
        on_gpu = [memory for memory in memories if isinstance(memory, ResidentMemory)]
        self.resident = (
            ResidentUpdates(learner=learner, memories=on_gpu, batch_size=batch_size, gamma=gamma) if on_gpu else None
        )
        self._last_env_step = 0
        self._credit = 0.0  # updates that are due, with a fraction
        self._buffers: TransitionBuffers | None = None
        self.batch: Transitions | None = None  # of the last update
        self._first: list[dict[str, float]] = [{} for _ in memories]  # the dormant share before the first update

    def best(self, obs: np.ndarray, mask: np.ndarray | None, explore: np.ndarray) -> np.ndarray:
        """See ``QAgent.best``; noisy layers get new noise."""
        self.policy.forget()
        if self.noise:
            draw_noise(self.policy.network, self.noise)
        actions = np.zeros(len(obs), np.int64)
        # Where many explore, only the rows of the others are scored; a few cost less than to pick the others out.
        if self.policy.chooses_rows and len(obs) < 4 * explore.sum() < 4 * len(obs):
            actions[~explore] = self.policy.best(obs[~explore], None if mask is None else mask[~explore])
        elif not explore.all():
            on_gpu = self.resident is not None
            actions = self.policy.best_and_values(obs, mask)[0] if on_gpu else self.policy.best(obs, mask)
        return actions

    def observe(
        self,
        *,
        obs_tm1: np.ndarray,
        mask_tm1: np.ndarray | None,
        a_tm1: np.ndarray,
        r_t: np.ndarray,
        terminated_t: np.ndarray,
        truncated_t: np.ndarray,
        reset_rows: np.ndarray,
    ) -> None:
        """Remember one batch step: what was seen and done [S * N, ...], and what came of it [S * N].

        ``reset_rows`` bool marks games that had ended before, so that this step reset them and ignored the action.
        """
        n_games, on_device = len(a_tm1) // self.seeds, self.policy.sent(obs_tm1)
        for s, memory in enumerate(self.memories):
            own = slice(s * n_games, (s + 1) * n_games)
            row: dict[str, Any] = {
                "obs_tm1": obs_tm1[own], "mask_tm1": None if mask_tm1 is None else mask_tm1[own], "a_tm1": a_tm1[own],
                "r_t": r_t[own], "terminated_t": terminated_t[own], "truncated_t": truncated_t[own],
                "reset_rows": reset_rows[own],
            }  # fmt: skip
            if isinstance(memory, ResidentMemory):
                memory.add(**row, obs_there=None if on_device is None else on_device[own])
            else:
                memory.add(**row)

    def learn(self, env_step: int) -> int:
        """Make the updates that are due after ``env_step`` environment steps, and return how many: see ``means``."""
        n_step = self.n_step(env_step)
        due = self._due(env_step, n_step)
        for _ in range(due):
            first = self._note_first if self.learner.updates == 0 else None
            if self.resident is None:
                self.batch = self._update(env_step, n_step, first)
            else:
                self._draw_noise()
                beta = self.importance(env_step)
                self.batch = self.resident.update(env_step, n_step=n_step, beta=beta, first=first)
            self.plasticity.after_update(self.learner, self.batch)
        return due

    def _update(self, env_step: int, n_step: int, first: Callable[[Transitions], None] | None) -> Transitions:
        """One update from memories on a CPU; see ``ResidentUpdates.update``."""
        batch, reading = self.draw(env_step, n_step)
        if first is not None or not self.learner.reads_along(env_step):
            self.read(reading)
            reading = ()
        if first is not None:
            first(batch)
        self._draw_noise()
        td_error = self.learner.update(batch, env_step, reading)
        for s, memory in enumerate(self._on_cpu):
            if memory.priorities is not None:
                memory.priorities.update(batch.slots[s], td_error[s].abs())
        return batch

    @property
    def _on_cpu(self) -> list[SequentialMemory]:
        return [memory for memory in self.memories if isinstance(memory, SequentialMemory)]

    def _draw_noise(self) -> None:
        if self.noise:
            draw_noise(self.learner.network, self.noise)
            draw_noise(self.learner.target_network, self.noise)

    def _note_first(self, batch: Transitions) -> None:
        found = self.plasticity.metrics(self.learner.network, batch)
        self._first = [{f"{name}_at_first": share for name, share in row.items()} for row in found]

    def _due(self, env_step: int, n_step: int) -> int:
        """How many updates the steps since the last call have earned; none as long as the memory is too empty."""
        elapsed, self._last_env_step = env_step - self._last_env_step, env_step
        # Counted in the memory, so that an agent restored without it fills it again before it learns.
        memory = self.memories[0]
        remembered, room = (rows * memory.num_envs for rows in (len(memory), memory.n_rows))
        if remembered < min(self.learning_starts, room) or not all(x.can_sample(n_step) for x in self.memories):
            return 0
        self._credit += elapsed * self.updates_per_step
        due = int(self._credit)
        self._credit -= due
        return due

    def draw(self, env_step: int, n_step: int) -> tuple[Transitions, Sequence[Portion]]:
        """Draw a batch from the memories on a CPU: its buffers [S, B, ...], which the next one overwrites, and what
        reads each seed's halves into them, in their order.
        """
        beta, memory = self.importance(env_step), self._on_cpu[0]
        if self._buffers is None:
            self._buffers = memory.buffers(self.seeds, self.batch_size)
        reading: list[Portion] = []
        for own, parts in zip(self._on_cpu, self._buffers.halves, strict=True):
            slots, weights = own.draw(self.batch_size, n_step, beta=beta)
            for part, out in parts:
                chosen = None if weights is None else weights[part]
                reading.append(partial(own.read, slots[part], chosen, n_step, self.gamma, out))
        return self._buffers.batch, reading

    def read(self, reading: Sequence[Portion]) -> None:
        """Read a batch that was drawn."""
        if self._on_cpu[0].sparse is not None:
            self.learner.workers.run(reading)
        else:  # done sooner than handed out
            for portion in reading:
                portion()

    def means(self) -> list[dict[str, float]]:
        """See ``QAgent``; beside these memory_steps, what is remembered, and dormant, the share of hidden units that
        hardly act in the last batch.

        The first time after the first update also dormant_at_first, their share in the first batch.
        """
        extra, means = self.plasticity.metrics(self.learner.network, self.batch), super().means()
        if not means[0]:
            return means
        first, self._first = self._first, [{} for _ in means]
        kept = [{"memory_steps": float(len(memory) * memory.num_envs)} for memory in self.memories]
        parts = zip(means, kept, extra, first, strict=True)
        return [row | steps | more | once for row, steps, more, once in parts]

    def dormant(self, seed: int) -> float | None:
        """The share of one seed's hidden units that hardly act in the batch of the last update; None before the first.

        The first is counted in this process: a restored agent doesn't know it until its next update.
        """
        return self.plasticity.metrics(self.learner.network, self.batch)[seed].get("dormant")

    def target_weights(self, seed: int) -> torch.Tensor:
        """See ``QAgent``."""
        return self.learner.target_flat.values[seed]

    def last_batch(self, seed: int) -> Transitions | None:
        """See ``QAgent``; a view of buffers that the next update overwrites."""
        return None if self.batch is None else self.batch.map(lambda column: column[seed])

    def state_dict(self, *, include_memory: bool = True, saved: Collection[str] = ()) -> dict[str, Any]:
        """Everything needed to go on, as tensors and plain data; without the memory, a new one is filled first.

        Parts of the memory that are ``saved`` already, by the names they have under ``segments``, are None.
        """
        memory = [
            one.state_dict(prefix=f"{s}.", saved=saved) if include_memory else one.generator_state()
            for s, one in enumerate(self.memories)
        ]
        return self.shared_state() | {
            "memory": memory,
            "noise": [generator.get_state() for generator in self.noise],
            "plasticity": self.plasticity.state_dict(),
            "last_env_step": self._last_env_step,
            "credit": self._credit,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from that state: the same steps give the same results, bit for bit, on the same CPU.

        Raises:
            WaybillError: in one line, if it belongs to a network or memory of another size.
        """
        self.load_shared_state(state)
        for memory, kept in zip(self.memories, state["memory"], strict=True):
            memory.load_state_dict(kept)
        for generator, kept in zip(self.noise, state["noise"], strict=True):
            generator.set_state(kept)
        self.plasticity.load_state_dict(state["plasticity"])
        self._last_env_step, self._credit = state["last_env_step"], state["credit"]
