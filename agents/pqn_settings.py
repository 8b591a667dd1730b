"""The settings of PQN, checked, and the agent built from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from agents.learning.fitter import QFitter
from agents.networks.heads import heads_with
from agents.networks.weights import stack
from agents.pqn import PQN
from agents.ranges import Ranges
from agents.settings import QSettings, Task
from groundwork.errors import WaybillError


@dataclass
class PQNSettings(QSettings):
    """Settings of ``PQN``.

    Raises:
        WaybillError: in one line, when a number is out of range or switches don't go together.
    """

    ranges: ClassVar[Ranges] = {
        **QSettings.ranges, "lambda_": (0, 1), "rollout": (1, 10_000), "minibatches": (1, 10_000), "epochs": (1, 1000),
    }  # fmt: skip

    lambda_: float = 0.65
    rollout: int = 32  # batch steps between two fittings
    minibatches: int = 8
    epochs: int = 2
    learning_rate_final_share: float = 0.0
    huber_delta: float = 1e6
    epsilon_fraction: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.make_head().takes_returns:
            raise WaybillError(f"agent=pqn needs agent.head={heads_with('takes_returns')}, not head={self.head}")

    def build(self, task: Task) -> PQN:
        """An agent for that task. Its updates take all seeds at once on torch's own threads, whatever ``threads`` is.

        Raises:
            WaybillError: in one line, if a rollout doesn't fill the minibatches.
        """
        if task.num_envs * self.rollout < self.minibatches:
            raise WaybillError(
                f"agent.minibatches={self.minibatches} is more than a rollout's num_envs={task.num_envs} x "
                f"rollout={self.rollout} steps"
            )
        drawn = [np.random.SeedSequence(seed).spawn(3) for seed in task.seeds]
        network = stack([self.network(task.make_network, int(x[0].generate_state(1)[0]), task.device) for x in drawn])
        return PQN(
            policy=self.policy(network, task.n_actions, task.device),
            fitter=QFitter(
                network=network, head=self.make_head(), learning_rate=self.learning_rate_schedule(task.total_steps),
                weight_decay=self.weight_decay, max_grad_norm=self.max_grad_norm, n_actions=task.n_actions,
            ),
            explorations=[self.exploration(task.total_steps, x[1]) for x in drawn],
            generators=[np.random.default_rng(x[2]) for x in drawn],
            rollout=self.rollout, minibatches=self.minibatches, epochs=self.epochs,
            gamma=self.gamma if task.gamma is None else task.gamma, lambda_=self.lambda_,
            teacher=self.build_teacher(task),
        )  # fmt: skip
