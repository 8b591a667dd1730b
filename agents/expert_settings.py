"""The settings of expert iteration, checked, and the agent built from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from agents.expert_iteration import ExpertIteration
from agents.learning.siblings import SiblingFitter
from agents.memory.tried import TriedMemory
from agents.networks.heads import heads_with
from agents.networks.weights import stack
from agents.ranges import Ranges
from agents.settings import QSettings, Task
from groundwork.errors import WaybillError


@dataclass
class ExpertSettings(QSettings):
    """Settings of ``ExpertIteration``.

    Raises:
        WaybillError: in one line, when a number is out of range or switches don't go together.
    """

    ranges: ClassVar[Ranges] = {
        **QSettings.ranges, "turns": (1, 10_000), "candidates": (2, 256), "tried": (0, 1), "searched": (0, 1),
        "batch_size": (1, 1_000_000), "updates_per_step": (0, 1000), "learning_starts": (1, 1e9), "contrast": (0, 1000),
        "tau": (1e-8, 1), "memory_capacity": (2, 1e9), "memory_bytes": (1, 2**50),
    }  # fmt: skip

    tries_actions: ClassVar[bool] = True  # the task must have copies of its games

    turns: int = 12  # of a rollout, until the network values it
    candidates: int = 5  # actions tried in a state
    tried: float = 1.0  # share of the states in which actions are tried
    searched: float = 0.5  # share of the games that go on with the best tried action
    batch_size: int = 256
    updates_per_step: float = 0.0625
    learning_starts: int = 5000  # environment steps before the first update
    double: bool = False
    contrast: float = 4.0
    tau: float = 0.005
    memory_capacity: int = 100_000  # states
    memory_bytes: int = 8 * 2**30
    obs_dtype: str | None = None  # of the memory; None: the task's
    learning_rate: float = 1e-4
    learning_rate_final_share: float = 0.05
    epsilon_start: float = 0.05
    epsilon_end: float = 0.05

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.make_head().takes_returns:
            wanted = heads_with("takes_returns")
            raise WaybillError(f"agent=expert_iteration needs agent.head={wanted}, not head={self.head}")
        if self.obs_dtype not in (None, "float16", "float32"):
            raise WaybillError(f"agent.obs_dtype={self.obs_dtype} is not allowed, it must be float16, float32 or null")

    def build(self, task: Task) -> ExpertIteration:
        """An agent for that task.

        Raises:
            WaybillError: in one line, if the memory would not fit into ``memory_bytes``.
        """
        assert task.branches is not None
        drawn = [np.random.SeedSequence(seed).spawn(4) for seed in task.seeds]

        seeds = [int(part[0].generate_state(1)[0]) for part in drawn]
        acting, fitted = (stack([self.network(task.make_network, x, task.device) for x in seeds]) for _ in range(2))
        return ExpertIteration(
            policy=self.policy(acting, task.n_actions, task.device),
            fitter=SiblingFitter(
                network=fitted, head=self.make_head(), learning_rate=self.learning_rate_schedule(task.total_steps),
                weight_decay=self.weight_decay, max_grad_norm=self.max_grad_norm, contrast=self.contrast,
                huber_delta=self.huber_delta,
            ),
            branches=task.branches,
            memories=[
                TriedMemory(
                    capacity=self.memory_capacity, obs_size=task.obs_size, n_actions=task.n_actions,
                    tried=self.candidates, obs_dtype=task.obs_dtype if self.obs_dtype is None else self.obs_dtype,
                    memory_bytes=self.memory_bytes // len(task.seeds), device=task.device,
                    generator=np.random.default_rng(part[1]),
                )
                for part in drawn
            ],
            explorations=[self.exploration(task.total_steps, part[2]) for part in drawn],
            turns=self.turns, candidates=self.candidates, tried=self.tried, searched=self.searched,
            generators=[np.random.default_rng(part[3]) for part in drawn], batch_size=self.batch_size,
            updates_per_step=self.updates_per_step, learning_starts=self.learning_starts, tau=self.tau,
            gamma=self.gamma if task.gamma is None else task.gamma, double=self.double,
            teacher=self.build_teacher(task),
        )  # fmt: skip
