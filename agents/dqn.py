"""Deep Q-learning for many games at once: double, n-step, legal actions only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from agents.exploration import EpsilonGreedy, LinearSchedule
from agents.learner import QLearner
from agents.memory import OBS_DTYPES, SequentialMemory
from agents.networks import QNetwork
from agents.policy import QPolicy


class DQN:
    """Plays N games with one network and learns from what it remembers of them.

    One environment step is one step of one game: a batch step of N games counts N.
    """

    def __init__(
        self,
        *,
        policy: QPolicy,
        learner: QLearner,
        memory: SequentialMemory,
        exploration: EpsilonGreedy,
        batch_size: int,
        n_step: int,
        gamma: float,
        updates_per_step: float,
        learning_starts: int,
    ) -> None:
        self.policy, self.learner, self.memory, self.exploration = policy, learner, memory, exploration
        self.batch_size, self.n_step, self.gamma = batch_size, n_step, gamma
        self.updates_per_step, self.learning_starts = updates_per_step, learning_starts
        self._last_env_step = 0
        self._credit = 0.0  # updates that are due, with a fraction

    @property
    def updates(self) -> int:
        """Gradient updates so far."""
        return self.learner.updates

    def act(self, obs: np.ndarray, mask: np.ndarray | None, groups: np.ndarray | None, *, env_step: int) -> np.ndarray:
        """Epsilon-greedy actions, int64 [N]; only rows that do not explore are scored.

        Args:
            obs: [N, D] float32.
            mask: [N, A] bool or int8; None means that all actions are legal.
            groups: group (verb) of each action, [N, A] or [A], for exploration; None if actions have no groups.
            env_step: environment steps so far, for the schedule.
        """
        n_games = len(obs)
        if not self.memory.stores_masks:
            mask = None  # constant: all actions are always legal
        explore = self.exploration.explorers(env_step, n_games)  # [N]
        n_explorers = int(explore.sum())
        if n_explorers == 0:
            return self.policy.greedy(obs, mask)
        actions = np.zeros(n_games, np.int64)
        actions[explore] = self.exploration.actions(
            None if mask is None else mask[explore],
            groups if groups is None or groups.ndim == 1 else groups[explore],
            (n_explorers, self.policy.n_actions),
        )
        if n_explorers < n_games:
            actions[~explore] = self.policy.greedy(obs[~explore], None if mask is None else mask[~explore])
        return actions

    def q_values(self, obs: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
        """float32 [N, A], see ``QPolicy.q_values``."""
        return self.policy.q_values(obs, mask)

    def greedy(self, obs: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
        """int64 [N], see ``QPolicy.greedy``."""
        return self.policy.greedy(obs, mask)

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
        """Remember one batch step: what was seen and done [N, ...], and what came of it [N].

        ``reset_rows`` [N] bool marks games that had ended before, so that this step reset them and ignored the action.
        """
        self.memory.add(
            obs_tm1=obs_tm1, mask_tm1=mask_tm1, a_tm1=a_tm1, r_t=r_t,
            terminated_t=terminated_t, truncated_t=truncated_t, reset_rows=reset_rows,
        )  # fmt: skip

    def learn(self, env_step: int) -> int:
        """Make the updates that are due after ``env_step`` environment steps, and return how many: see ``metrics``."""
        elapsed, self._last_env_step = env_step - self._last_env_step, env_step
        # Counted in the memory, so that an agent restored without it fills it again before it learns.
        remembered, room = (rows * self.memory.num_envs for rows in (len(self.memory), self.memory.n_rows))
        if remembered < min(self.learning_starts, room) or not self.memory.can_sample(self.n_step):
            return 0
        self._credit += elapsed * self.updates_per_step
        due = int(self._credit)
        self._credit -= due
        for _ in range(due):
            self.learner.update(self.memory.sample(self.batch_size, self.n_step, self.gamma), env_step)
        return due

    def metrics(self) -> dict[str, float]:
        """Means over the updates since the last call (loss, q_mean, td_error_abs, grad_norm); empty without any."""
        return self.learner.metrics()

    def epsilon(self, env_step: int) -> float:
        """Chance to explore at that step (of the first game, if there is a ladder)."""
        return self.exploration.schedule(env_step)

    def policy_state_dict(self) -> dict[str, Any]:
        """Just what is needed to act, for ``QPolicy.load_policy``."""
        return self.policy.policy_state_dict()

    def load_policy(self, state: dict[str, Any]) -> None:
        """Act with those weights, see ``QPolicy.load_policy``."""
        self.policy.load_policy(state)

    def state_dict(self, *, include_memory: bool = True) -> dict[str, Any]:
        """Everything needed to go on, as tensors and plain data; without the memory, a new one is filled first."""
        return self.learner.state_dict() | {
            "memory": self.memory.state_dict() if include_memory else self.memory.generator_state(),
            "exploration": self.exploration.state_dict(),
            "last_env_step": self._last_env_step,
            "credit": self._credit,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from that state: the same steps give the same results, bit for bit, on the same CPU.

        Raises:
            ValueError: in one line, if it belongs to a network or memory of another size.
        """
        self.learner.load_state_dict(state)
        self.memory.load_state_dict(state["memory"])
        self.exploration.load_state_dict(state["exploration"])
        self._last_env_step, self._credit = state["last_env_step"], state["credit"]


@dataclass
class DQNSettings:
    """Settings of ``DQN``. Steps are environment steps (one step of one game), updates are gradient updates.

    Raises:
        ValueError: in one line, when a number is out of range.
    """

    gamma: float = 0.99  # discount per step
    batch_size: int = 256
    updates_per_step: float = 1 / 32
    learning_starts: int = 5_000  # steps in the memory before the first update
    n_step: int = 5
    double: bool = True
    target_every: int = 500  # updates between copies to the target network
    tau: float | None = None  # instead of copies: share of the network mixed into the target at each update
    learning_rate: float = 5e-4
    learning_rate_final_share: float = 0.1  # of learning_rate at the last step, linearly; 1 keeps it constant
    weight_decay: float = 0.0
    max_grad_norm: float = 10.0
    huber_delta: float = 1.0
    epsilon_start: float = 1.0
    epsilon_end: float = 0.05
    epsilon_fraction: float = 0.4  # share of the steps over which epsilon falls linearly
    epsilon_ladder: float = 0.0  # > 0: games explore at different rates, eps ** (1 + ladder * i / (N - 1))
    group_weights: list[float] | None = None  # chance of each group (verb) when exploring; null: equal
    memory_capacity: int = 200_000  # steps
    memory_bytes: int = 8 * 2**30
    obs_dtype: str = "float16"

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ValueError(f"agent.{name}={value} is not in {low:g}..{high:g}")
        if self.obs_dtype not in OBS_DTYPES:
            raise ValueError(f"agent.obs_dtype={self.obs_dtype} is not one of {', '.join(OBS_DTYPES)}")
        weights = self.group_weights
        if weights is not None and (not weights or min(weights) < 0 or not 0 < sum(weights) < float("inf")):
            raise ValueError(f"agent.group_weights={weights} needs numbers of at least 0 with a sum above 0")

    def build_policy(self, *, make_network: Callable[[], QNetwork], n_actions: int, device: torch.device) -> QPolicy:
        """For acting alone: load weights with ``load_policy``."""
        with torch.random.fork_rng(devices=[]):  # initial weights are drawn and thrown away
            return QPolicy(network=make_network().to(device), n_actions=n_actions, device=device)

    def build(
        self,
        *,
        make_network: Callable[[], QNetwork],
        num_envs: int,
        obs_size: int,
        n_actions: int,
        total_steps: int,
        device: torch.device,
        seed: int,
        store_masks: bool,
        gamma: float | None = None,
    ) -> DQN:
        """An agent for ``num_envs`` games over ``total_steps`` steps.

        ``store_masks=False`` means that all actions are always legal.

        Raises:
            ValueError: in one line, if the memory would not fit into ``memory_bytes``.
        """
        weights_seed, memory_seed, exploration_seed = np.random.SeedSequence(seed).spawn(3)
        memory = SequentialMemory(
            capacity=self.memory_capacity, num_envs=num_envs, obs_size=obs_size, n_actions=n_actions,
            obs_dtype=self.obs_dtype, store_masks=store_masks, memory_bytes=self.memory_bytes, device=device,
            generator=np.random.default_rng(memory_seed),
        )  # fmt: skip
        exploration = EpsilonGreedy(
            schedule=LinearSchedule(
                start=self.epsilon_start, end=self.epsilon_end, steps=self.epsilon_fraction * total_steps
            ),
            ladder=self.epsilon_ladder,
            group_weights=None if self.group_weights is None else np.asarray(self.group_weights, np.float64),
            generator=np.random.default_rng(exploration_seed),
        )
        with torch.random.fork_rng(devices=[]):  # leave the global generator as it was
            torch.manual_seed(int(weights_seed.generate_state(1)[0]))
            network = make_network().to(device)
            target_network = make_network().to(device)
        return DQN(
            policy=QPolicy(network=network, n_actions=n_actions, device=device),
            learner=self._build_learner(network, target_network, total_steps, device),
            memory=memory, exploration=exploration, batch_size=self.batch_size, n_step=self.n_step,
            gamma=self.gamma if gamma is None else gamma,
            updates_per_step=self.updates_per_step, learning_starts=self.learning_starts,
        )  # fmt: skip

    def _build_learner(
        self, network: QNetwork, target_network: QNetwork, total_steps: int, device: torch.device
    ) -> QLearner:
        end = self.learning_rate * self.learning_rate_final_share
        optimizer = torch.optim.AdamW(
            network.parameters(), lr=self.learning_rate, weight_decay=self.weight_decay, fused=True
        )
        return QLearner(
            network=network, target_network=target_network, optimizer=optimizer,
            learning_rate=LinearSchedule(start=self.learning_rate, end=end, steps=total_steps),
            double=self.double, target_every=self.target_every, tau=self.tau, max_grad_norm=self.max_grad_norm,
            huber_delta=self.huber_delta, device=device,
        )  # fmt: skip


_RANGES = {
    "gamma": (0, 1), "batch_size": (1, 65_536), "updates_per_step": (0, 16), "learning_starts": (0, 10**9),
    "n_step": (1, 256), "target_every": (1, 10**9), "tau": (1e-6, 1), "learning_rate": (1e-8, 1),
    "learning_rate_final_share": (0, 1), "weight_decay": (0, 1), "max_grad_norm": (1e-6, 1e6),
    "huber_delta": (1e-6, 1e6),
    "epsilon_start": (0, 1), "epsilon_end": (0, 1), "epsilon_fraction": (0, 1), "epsilon_ladder": (0, 100),
    "memory_capacity": (2, 10**10), "memory_bytes": (1, 2**50),
}  # fmt: skip
