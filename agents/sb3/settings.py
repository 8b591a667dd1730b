"""Stable-Baselines3's DQN and sb3-contrib's MaskablePPO, as they are, behind the same calls as our own agents.

Both seed and draw from the global random generators: that is how these libraries work. They run their own training
loop on an environment that the caller makes. Nothing of theirs is pickled: states are tensors and plain data.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from gymnasium import spaces
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3 import DQN
from stable_baselines3.common.utils import ConstantSchedule
from stable_baselines3.dqn.policies import DQNPolicy

from agents.memory.formats import check_bytes
from agents.ranges import Ranges, check_ranges
from agents.sb3.agent import SB3Agent, SB3Policy, Score, dqn_scores, ppo_scores
from groundwork.errors import WaybillError
from groundwork.limits import need_memory

_COPIES = 4  # of weights at least: acting, gradients, the optimiser's two moments
_RANGES: Ranges = {
    "gamma": (0, 1), "learning_rate": (1e-8, 1), "batch_size": (2, 65_536), "n_steps": (1, 100_000),
    "train_freq": (1, 10**6), "gradient_steps": (1, 10**6), "buffer_size": (2, 10**10), "memory_bytes": (1, 2**50),
    "learning_starts": (0, 10**9),
    "target_update_interval": (1, 10**9), "tau": (1e-6, 1), "exploration_initial_eps": (0, 1),
    "exploration_final_eps": (0, 1), "exploration_fraction": (1e-6, 1), "max_grad_norm": (1e-6, 1e6),
    "n_epochs": (1, 1000), "gae_lambda": (0, 1), "clip_range": (1e-6, 10), "ent_coef": (0, 10), "vf_coef": (0, 10),
}  # fmt: skip


@dataclass
class SB3Settings:
    """The settings that Stable-Baselines3's DQN and MaskablePPO share, under its own names.

    Raises:
        WaybillError: in one line, when a number is out of range.
    """

    policy_class: ClassVar[type[Any]]
    score: ClassVar[Score]

    gamma: float = 0.99
    net_arch: list[int] = field(default_factory=lambda: [256, 256])
    learning_rate: float = 5e-4
    batch_size: int = 256
    n_steps: int = 5
    max_grad_norm: float = 10.0

    def __post_init__(self) -> None:
        check_ranges(self, "agent", _RANGES)
        if not self.net_arch or not all(1 <= width <= 8192 for width in self.net_arch):
            raise WaybillError(f"agent.net_arch={self.net_arch} needs at least one width, each in 1..8192")

    def build_policy(self, *, obs_size: int, n_actions: int, device: torch.device) -> SB3Policy:
        """A policy for acting alone: load weights with ``load_policy``.

        Raises:
            WaybillError: in one line, if this machine has no memory for its weights and those to load.
        """
        self._check_room(obs_size, n_actions, copies=2)
        shape = spaces.Box(-np.inf, np.inf, (obs_size,), np.float32), spaces.Discrete(n_actions)
        with torch.random.fork_rng(devices=[]):
            policy = self.policy_class(*shape, ConstantSchedule(0.0), net_arch=list(self.net_arch))
        return SB3Policy(policy=policy.to(device), score=type(self).score, device=device)

    def _check_room(self, obs_size: int, n_actions: int, *, copies: int) -> None:
        """Refuse so many copies of the weights that this machine has no memory for, before any is made.

        Raises:
            WaybillError: in one line.
        """
        widths = [obs_size, *self.net_arch, n_actions]
        weights = 4 * sum((below + 1) * above for below, above in itertools.pairwise(widths))
        what = f"agent.net_arch={self.net_arch}: {copies} copies of {weights / 2**20:,.1f} MiB of weights"
        need_memory(copies * weights, what)

    def _agent(
        self, algorithm: Any, *, env: Any, device: torch.device, seed: int, total_steps: int, gamma: float | None,
        **own: Any,
    ) -> SB3Agent:  # fmt: skip
        """The algorithm on that environment, with the settings that are its ``own`` beside those that both share."""
        self._check_room(int(np.prod(env.observation_space.shape)), int(env.action_space.n), copies=_COPIES)
        shared: dict[str, Any] = {
            "policy_kwargs": {"net_arch": list(self.net_arch)}, "verbose": 0, "seed": seed, "device": device,
            "gamma": self.gamma if gamma is None else gamma, "learning_rate": self.learning_rate,
            "batch_size": self.batch_size, "n_steps": self.n_steps, "max_grad_norm": self.max_grad_norm,
        }  # fmt: skip
        model = algorithm("MlpPolicy", env, **shared | own)
        return SB3Agent(model=model, score=type(self).score, total_steps=total_steps)


@dataclass
class SB3DQNSettings(SB3Settings):
    """Settings of Stable-Baselines3's DQN, under its own names. It knows no masks and may choose illegal actions.

    Raises:
        WaybillError: in one line, when a number is out of range.
    """

    policy_class: ClassVar[type[Any]] = DQNPolicy
    score: ClassVar[Score] = staticmethod(dqn_scores)

    train_freq: int = 1  # batch steps between updates
    gradient_steps: int = 2  # updates each time: with 64 games one for 32 environment steps
    buffer_size: int = 100_000  # environment steps
    memory_bytes: int = 8 * 2**30
    learning_starts: int = 5_000  # environment steps
    target_update_interval: int = 16_000  # environment steps
    tau: float = 1.0
    exploration_initial_eps: float = 1.0
    exploration_final_eps: float = 0.05
    exploration_fraction: float = 0.4

    def build(
        self, *, env: Any, device: torch.device, seed: int, total_steps: int, gamma: float | None = None,
        schedule_steps: int | None = None,
    ) -> SB3Agent:  # fmt: skip
        """A model on that environment (an SB3 VecEnv or a Gymnasium environment).

        Exploration falls over a share of ``schedule_steps``, None: of all.

        Raises:
            WaybillError: in one line, if the memory would not fit into ``memory_bytes`` or this machine.
        """
        per_step = 2 * int(np.prod(env.observation_space.shape)) * 4 + 20
        holds = "both observations in float32"
        check_bytes(self.buffer_size, per_step, holds, self.memory_bytes, key="buffer_size")
        share = 1.0 if schedule_steps is None else schedule_steps / total_steps
        return self._agent(
            DQN, env=env, device=device, seed=seed, total_steps=total_steps, gamma=gamma,
            train_freq=self.train_freq, gradient_steps=self.gradient_steps, buffer_size=self.buffer_size,
            learning_starts=self.learning_starts, target_update_interval=self.target_update_interval, tau=self.tau,
            exploration_initial_eps=self.exploration_initial_eps, exploration_final_eps=self.exploration_final_eps,
            exploration_fraction=self.exploration_fraction * share,
        )  # fmt: skip


@dataclass
class SB3MaskablePPOSettings(SB3Settings):
    """Settings of sb3-contrib's MaskablePPO, under its own names. Its environments need ``action_masks()``.

    Raises:
        WaybillError: in one line, when a number is out of range.
    """

    policy_class: ClassVar[type[Any]] = MaskableActorCriticPolicy
    score: ClassVar[Score] = staticmethod(ppo_scores)

    learning_rate: float = 3e-4
    batch_size: int = 512  # at most the rollout
    n_steps: int = 64  # batch steps of a rollout
    max_grad_norm: float = 0.5
    n_epochs: int = 4
    gae_lambda: float = 0.95
    clip_range: float = 0.2
    ent_coef: float = 0.01
    vf_coef: float = 0.5

    def build(
        self, *, env: Any, device: torch.device, seed: int, total_steps: int, gamma: float | None = None,
        schedule_steps: int | None = None,
    ) -> SB3Agent:  # fmt: skip
        """A model on that environment (an SB3 VecEnv or a Gymnasium environment) with ``action_masks()``.

        Nothing of it changes with the steps, so ``schedule_steps`` count nothing.

        Raises:
            WaybillError: in one line, if a rollout would not fit into this machine.
        """
        rollout = self.n_steps * int(getattr(env, "num_envs", 1))
        per_step = 4 * (int(np.prod(env.observation_space.shape)) + int(env.action_space.n) + 6)
        need_memory(rollout * per_step, f"agent.n_steps={self.n_steps}: a rollout of {rollout:,} steps")
        return self._agent(
            MaskablePPO, env=env, device=device, seed=seed, total_steps=total_steps, gamma=gamma,
            batch_size=min(self.batch_size, rollout), n_epochs=self.n_epochs, gae_lambda=self.gae_lambda,
            clip_range=self.clip_range, ent_coef=self.ent_coef, vf_coef=self.vf_coef,
        )  # fmt: skip
