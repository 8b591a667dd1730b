"""What our agents' settings share: value head, optimiser, exploration; and the task that an agent is built for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
import torch

from agents.acting.exploration import EpsilonGreedy, LinearSchedule
from agents.acting.policy import QPolicy
from agents.acting.rollouts import Branches
from agents.acting.teacher import Teacher, TeacherSettings
from agents.networks.base import QNetwork, check_network
from agents.networks.heads import Head, make_head
from agents.networks.weights import FlatParameters, stack
from agents.ranges import Ranges, check_ranges
from groundwork.errors import WaybillError
from groundwork.limits import need_memory

_FRESH, _TEACHER = 1000, 1001  # purposes of random numbers, apart from those of ``build``, which spawns from 0 on


class MakeNetwork(Protocol):
    """A function that builds a network of one seed with new weights."""

    def __call__(self, *, outputs: int = 1, dueling: bool = False, noisy: bool = False) -> QNetwork:
        """The network, with so many ``outputs`` for each action."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """What an agent is built for: its games, how long it plays them, and on what machine."""

    make_network: MakeNetwork
    num_envs: int  # games of each seed
    obs_size: int
    n_actions: int
    total_steps: int  # environment steps of each seed, for the schedules
    device: torch.device
    seeds: Sequence[int]
    store_masks: bool  # False: all actions are always legal
    obs_dtype: str = "float32"  # of a memory: what observations fit into without harm
    gamma: float | None = None  # discount per step; None: that of the settings
    threads: int = 1  # for updates of several seeds at once
    teacher: TeacherSettings | None = None  # with it the agent has a teacher, whose weights are still to be loaded
    branches: Sequence[Branches] | None = None  # copies of each seed's games, for agents that try actions


@dataclass
class QSettings:
    """The settings of every agent that learns Q-values. Steps are environment steps, updates are gradient updates.

    Raises:
        WaybillError: in one line, when a number is out of range.
    """

    ranges: ClassVar[Ranges] = {
        "gamma": (0, 1), "atoms": (2, 1000), "learning_rate": (1e-8, 1), "learning_rate_final_share": (0, 1),
        "weight_decay": (0, 1), "max_grad_norm": (1e-6, 1e6), "huber_delta": (1e-6, 1e9), "epsilon_start": (0, 1),
        "epsilon_end": (0, 1), "epsilon_fraction": (0, 1), "epsilon_ladder": (0, 100),
        "advised": (0, 1), "advised_turns": (1, 10_000),
    }  # fmt: skip

    gamma: float = 0.99  # discount per step
    dueling: bool = False
    head: str = "scalar"
    atoms: int = 51
    v_min: float = -10.0
    v_max: float = 10.0
    learning_rate: float = 5e-4
    learning_rate_final_share: float = 0.1  # of learning_rate at the last step, linearly; 1 keeps it constant
    weight_decay: float = 0.0
    max_grad_norm: float = 10.0
    huber_delta: float = 1.0
    epsilon_start: float = 1.0
    epsilon_end: float = 0.05
    epsilon_fraction: float = 0.4  # share of the steps over which epsilon falls linearly
    epsilon_ladder: float = 0.0  # > 0: games explore at different rates, eps ** (1 + ladder * i / (N - 1))
    advised: float = 0.0  # share of the games that follow the rule's advice at first, falls to 0 at the last step
    advised_turns: int = 25  # turns that a game goes on following it
    group_weights: list[float] | None = None  # chance of each group (verb) when exploring; null: equal

    def __post_init__(self) -> None:
        check_ranges(self, "agent", self.ranges)
        weights = self.group_weights
        if weights is not None and (not weights or min(weights) < 0 or not 0 < sum(weights) < float("inf")):
            raise WaybillError(f"agent.group_weights={weights} needs numbers of at least 0 with a sum above 0")
        self.make_head()

    def make_head(self) -> Head:
        """The value head: what the network's outputs mean."""
        return make_head(self.head, type(self).__module__, **vars(self))

    @property
    def has_noise(self) -> bool:
        """True if networks have noisy layers."""
        return False

    def network(self, make_network: MakeNetwork, seed: int, device: torch.device) -> QNetwork:
        """A new network of one seed; torch's global generator stays as it was."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            made = make_network(outputs=self.make_head().outputs, dueling=self.dueling, noisy=self.has_noise)
        check_network(made)
        return made.to(device)

    def check_room(self, make_network: MakeNetwork, *, networks: int) -> None:
        """Refuse so many networks of one seed if this machine has no memory for their weights; none is made.

        Raises:
            WaybillError: in one line.
        """
        try:
            with torch.device("meta"):
                made = make_network(outputs=self.make_head().outputs, dueling=self.dueling, noisy=self.has_noise)
                weights = sum(one.numel() * one.element_size() for one in made.state_dict().values())
        except WaybillError:
            raise
        except Exception:  # a network of a user's own may be made in a way that has to have its numbers
            return
        need_memory(networks * weights, f"network: {networks} copies of {weights / 2**20:,.1f} MiB of weights")

    def fresh_network(
        self, make_network: MakeNetwork, seeds: Sequence[int], device: torch.device, *, draw: int = 0
    ) -> QNetwork:
        """New weights that no agent of these seeds begins with: not those of ``build``, and others for each draw."""
        purpose = (_FRESH, draw) if draw else (_FRESH,)
        drawn = [int(_drawn(seed, *purpose).generate_state(1)[0]) for seed in seeds]
        return stack([self.network(make_network, seed, device) for seed in drawn])

    def build_teacher(self, task: Task) -> Teacher | None:
        """A teacher whose weights are still to be loaded; None if the task has none."""
        if task.teacher is None:
            return None
        network = self.fresh_network(task.make_network, task.seeds, task.device)
        return Teacher(
            policy=self.policy(network, task.n_actions, task.device), settings=task.teacher,
            generators=[np.random.default_rng(_drawn(seed, _TEACHER)) for seed in task.seeds],
        )  # fmt: skip

    def build_policy(self, *, make_network: MakeNetwork, n_actions: int, device: torch.device) -> QPolicy:
        """A policy for acting alone: load weights with ``load_policy``."""
        policy = self.policy(self.network(make_network, 0, device), n_actions, device)
        policy.flat = FlatParameters(policy.network, gradients=False)
        return policy

    def policy(self, network: QNetwork, n_actions: int, device: torch.device) -> QPolicy:
        """A policy that acts with that network."""
        return QPolicy(network=network, head=self.make_head(), n_actions=n_actions, device=device)

    def learning_rate_schedule(self, total_steps: int) -> Callable[[int], float]:
        """The learning rate by environment step."""
        end = self.learning_rate * self.learning_rate_final_share
        return LinearSchedule(start=self.learning_rate, end=end, steps=total_steps)

    def exploration(self, total_steps: int, drawn: np.random.SeedSequence) -> EpsilonGreedy:
        """The exploration of one seed."""
        return EpsilonGreedy(
            schedule=LinearSchedule(
                start=self.epsilon_start, end=self.epsilon_end, steps=self.epsilon_fraction * total_steps
            ),
            ladder=self.epsilon_ladder,
            group_weights=None if self.group_weights is None else np.asarray(self.group_weights, np.float64),
            generator=np.random.default_rng(drawn),
            advised=LinearSchedule(start=self.advised, end=0.0, steps=total_steps) if self.advised > 0 else None,
            advised_turns=self.advised_turns,
        )


def _drawn(seed: int, *purpose: int) -> np.random.SeedSequence:
    return np.random.SeedSequence(seed, spawn_key=purpose)
