"""The settings of ``DQN``, checked, and the agent built from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, cast

import numpy as np
import torch

from agents.acting.exploration import LinearSchedule
from agents.dqn import DQN
from agents.learning.learner import MunchausenSettings, QLearner
from agents.learning.plasticity import Plasticity
from agents.memory.formats import OBS_DTYPES
from agents.memory.priorities import Priorities
from agents.memory.resident import ResidentMemory
from agents.memory.ring import SequentialMemory
from agents.networks.base import QNetwork
from agents.networks.heads import Head, heads_with
from agents.networks.weights import stack
from agents.ranges import Ranges
from agents.settings import QSettings, Task
from groundwork.errors import WaybillError
from groundwork.nearest import meant

RISKS = ("cvar",)


@dataclass
class DQNSettings(QSettings):
    """Settings of ``DQN``.

    Raises:
        WaybillError: in one line, when a number is out of range or switches don't go together.
    """

    ranges: ClassVar[Ranges] = {
        **QSettings.ranges,
        "batch_size": (1, 65_536), "updates_per_step": (0, 16), "learning_starts": (0, 10**9), "n_step": (1, 256),
        "n_step_end": (1, 256), "n_step_fraction": (0, 1), "risk_alpha": (1e-3, 1), "munchausen_alpha": (0, 1),
        "munchausen_temperature": (1e-6, 1e3), "munchausen_lowest": (-1e6, 0), "priority_exponent": (0, 1),
        "importance_start": (0, 1), "redo_every": (1, 10**9), "redo_threshold": (0, 1), "reset_every": (1, 10**9),
        "reset_share": (0, 1), "target_every": (1, 10**9), "tau": (1e-6, 1), "memory_capacity": (2, 10**10),
        "memory_bytes": (1, 2**50),
    }  # fmt: skip

    batch_size: int = 256
    updates_per_step: float = 1 / 32
    learning_starts: int = 5_000  # steps in the memory before the first update
    n_step: int = 5
    n_step_end: int | None = None  # n_step falls to it geometrically
    n_step_fraction: float = 0.5  # share of the steps over which it falls
    double: bool = True
    noisy: bool = False
    risk: str | None = None
    risk_alpha: float = 0.25
    munchausen: bool = False
    munchausen_alpha: float = 0.9
    munchausen_temperature: float = 0.03
    munchausen_lowest: float = -1.0
    munchausen_corrected: bool = True
    prioritised: bool = False
    priority_exponent: float = 0.5
    importance_start: float = 0.4  # exponent of the importance weights, rises to 1 at the last step
    redo_every: int | None = None  # updates
    redo_threshold: float = 0.025
    reset_every: int | None = None  # updates
    reset_share: float = 1.0
    target_every: int = 500  # updates between copies to the target network
    tau: float | None = None  # instead of copies: share of the network mixed into the target at each update
    memory_capacity: int = 200_000  # steps
    memory_bytes: int = 8 * 2**30
    obs_dtype: str | None = None  # of the memory; None: the task's

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.obs_dtype is not None and self.obs_dtype not in OBS_DTYPES:
            raise WaybillError(f"agent.obs_dtype={self.obs_dtype} is not one of {', '.join(OBS_DTYPES)} or null")
        self._check_together(self.make_head())

    def _check_together(self, head: Head) -> None:
        if self.risk is not None and self.risk not in RISKS:
            raise WaybillError(
                f"agent.risk={self.risk} is not one of {', '.join(RISKS)} or null{meant(self.risk, RISKS)}"
            )
        if self.risk is not None and not head.has_risk:
            raise WaybillError(
                f"agent.risk={self.risk} needs agent.head={heads_with('has_risk')}, not head={self.head}"
            )
        if self.munchausen and not head.takes_returns:
            needed = heads_with("takes_returns")
            raise WaybillError(f"agent.munchausen=true needs agent.head={needed}, not head={self.head}")
        if self.munchausen and self.n_step > 1:
            line = "its bonus belongs to every step of a return, and only the first state is at hand"
            raise WaybillError(f"agent.munchausen=true needs agent.n_step=1, not n_step={self.n_step}: {line}")
        if self.n_step_end is not None and self.n_step_end > self.n_step:
            raise WaybillError(
                f"agent.n_step_end={self.n_step_end} is above agent.n_step={self.n_step}: it must not be"
            )

    @property
    def has_noise(self) -> bool:
        """True with ``noisy``."""
        return self.noisy

    def make_head(self) -> Head:
        """See ``QSettings``; with ``risk`` actions are chosen by the lowest returns."""
        head = super().make_head()
        return head if self.risk is None or not head.has_risk else replace(cast(Any, head), lowest=self.risk_alpha)

    def build(self, task: Task) -> DQN:
        """An agent for that task.

        Raises:
            WaybillError: in one line, if the memory would not fit into ``memory_bytes``, or holds too few steps.
        """
        drawn = [np.random.SeedSequence(seed).spawn(4) for seed in task.seeds]
        weight_seeds = [int(part[0].generate_state(1)[0]) for part in drawn]

        def networks(shift: int) -> QNetwork:
            return stack([self.network(task.make_network, seed + shift, task.device) for seed in weight_seeds])

        network, updates = networks(0), int(task.total_steps * self.updates_per_step)
        return DQN(
            policy=self.policy(network, task.n_actions, task.device),
            learner=self._learner(network, networks(0), task),
            memories=[self._memory(task, part[1]) for part in drawn],
            explorations=[self.exploration(task.total_steps, part[2]) for part in drawn],
            noise=[_generator(part[3], task.device) for part in drawn],
            plasticity=Plasticity(
                make_fresh=networks, redo_every=self.redo_every, redo_threshold=self.redo_threshold,
                reset_every=self.reset_every, reset_share=self.reset_share, last_reset=int(0.8 * updates),
            ),
            batch_size=self.batch_size,
            n_step=self._n_step(task.total_steps),
            importance=LinearSchedule(start=self.importance_start, end=1.0, steps=task.total_steps),
            gamma=self.gamma if task.gamma is None else task.gamma,
            updates_per_step=self.updates_per_step,
            learning_starts=self.learning_starts,
            teacher=self.build_teacher(task),
        )  # fmt: skip

    def _n_step(self, total_steps: int) -> Callable[[int], int]:
        """Steps of a return: geometrically from n_step to n_step_end (Schwarzer et al. 2023, sec. 3)."""
        end = self.n_step if self.n_step_end is None else self.n_step_end
        share = LinearSchedule(start=0.0, end=1.0, steps=self.n_step_fraction * total_steps)
        return lambda env_step: round(self.n_step * (end / self.n_step) ** share(env_step))

    def _memory(self, task: Task, drawn: np.random.SeedSequence) -> SequentialMemory | ResidentMemory:
        """The memory of one seed, on its device."""
        rows = self.memory_capacity // task.num_envs
        if rows <= self.n_step:
            raise WaybillError(
                f"agent.memory_capacity={self.memory_capacity} is {rows} steps of each of {task.num_envs} games: "
                f"it must hold more than agent.n_step={self.n_step}"
            )
        given: dict[str, Any] = {
            "capacity": self.memory_capacity, "num_envs": task.num_envs, "obs_size": task.obs_size,
            "n_actions": task.n_actions, "store_masks": task.store_masks, "longest": self.n_step,
            "obs_dtype": task.obs_dtype if self.obs_dtype is None else self.obs_dtype,
            "memory_bytes": self.memory_bytes // len(task.seeds),
        }  # fmt: skip
        if task.device.type != "cpu":
            exponent = self.priority_exponent if self.prioritised else None
            drawn_by = _generator(drawn, task.device)
            return ResidentMemory(**given, device=task.device, generator=drawn_by, exponent=exponent)
        generator, priorities = np.random.default_rng(drawn), None
        if self.prioritised:
            priorities = Priorities(slots=rows * task.num_envs, exponent=self.priority_exponent, generator=generator)
        return SequentialMemory(**given, generator=generator, priorities=priorities)

    def _learner(self, network: QNetwork, target_network: QNetwork, task: Task) -> QLearner:
        munchausen = MunchausenSettings(
            self.munchausen_alpha, self.munchausen_temperature, self.munchausen_lowest, self.munchausen_corrected
        )
        return QLearner(
            network=network, target_network=target_network, head=self.make_head(),
            learning_rate=self.learning_rate_schedule(task.total_steps),
            weight_decay=self.weight_decay, max_grad_norm=self.max_grad_norm, double=self.double,
            target_every=self.target_every, tau=self.tau, batch_size=self.batch_size,
            munchausen=munchausen if self.munchausen else None, threads=task.threads,
        )  # fmt: skip


def _generator(drawn: np.random.SeedSequence, device: torch.device) -> torch.Generator:
    return torch.Generator(device).manual_seed(int(drawn.generate_state(1)[0]))
