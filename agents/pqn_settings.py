"""The settings of PQN, checked, and the agent built from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from agents.acting.policy import QPolicy
from agents.acting.teacher import TeacherSettings
from agents.learning.fitter import QFitter
from agents.networks.heads import heads_with
from agents.networks.weights import stack
from agents.pqn import PQN
from agents.settings import MakeNetwork, QSettings, Ranges


@dataclass
class PQNSettings(QSettings):
    """Settings of ``PQN``.

    Raises:
        ValueError: in one line, when a number is out of range or switches don't go together.
    """

    ranges: ClassVar[Ranges] = QSettings.ranges | {
        "lambda_": (0, 1), "rollout": (1, 10_000), "minibatches": (1, 10_000), "epochs": (1, 1000),
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
            raise ValueError(f"agent=pqn needs agent.head={heads_with('takes_returns')}, not head={self.head}")

    def build_policy(self, *, make_network: MakeNetwork, n_actions: int, device: torch.device) -> QPolicy:
        """For acting alone: load weights with ``load_policy``."""
        return self.policy(self.network(make_network, 0, device), n_actions, device)

    def build(
        self,
        *,
        make_network: MakeNetwork,
        num_envs: int,
        obs_size: int,
        n_actions: int,
        total_steps: int,
        device: torch.device,
        seeds: Sequence[int],
        store_masks: bool,
        gamma: float | None = None,
        threads: int = 1,
        teacher: TeacherSettings | None = None,
    ) -> PQN:
        """An agent for ``num_envs`` games of each of ``seeds`` over ``total_steps`` steps; see ``DQNSettings.build``.

        Its updates are batched over the seeds and run on torch's own threads, whatever ``threads`` is.

        Raises:
            ValueError: in one line, if a rollout doesn't fill the minibatches.
        """
        if num_envs * self.rollout < self.minibatches:
            raise ValueError(
                f"agent.minibatches={self.minibatches} is more than a rollout's num_envs={num_envs} x "
                f"rollout={self.rollout} steps"
            )
        drawn = [np.random.SeedSequence(seed).spawn(3) for seed in seeds]
        network = stack([self.network(make_network, int(x[0].generate_state(1)[0]), device) for x in drawn])
        return PQN(
            policy=self.policy(network, n_actions, device),
            fitter=QFitter(
                network=network, head=self.make_head(), learning_rate=self.learning_rate_schedule(total_steps),
                weight_decay=self.weight_decay, max_grad_norm=self.max_grad_norm, n_actions=n_actions,
            ),
            explorations=[self.exploration(total_steps, x[1]) for x in drawn],
            generators=[np.random.default_rng(x[2]) for x in drawn],
            rollout=self.rollout, minibatches=self.minibatches, epochs=self.epochs,
            gamma=self.gamma if gamma is None else gamma, lambda_=self.lambda_,
            teacher=self.build_teacher(teacher, make_network, seeds, n_actions, device),
        )  # fmt: skip
