"""A teacher: a frozen policy that helps at the start of training and fades out, by a loss and by choosing actions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from agents import losses
from agents.acting.exploration import LinearSchedule
from agents.acting.policy import QPolicy
from agents.networks.layers import remove_noise
from agents.networks.weights import load_weights


class TeacherSettings(NamedTuple):
    """How much a teacher counts: its loss and its share of the actions fall linearly to 0 over ``steps``."""

    weight: float  # of its loss beside the TD loss, at first
    temperature: float  # of both policies, in units of Q
    acting: float  # share of the actions that are the teacher's own, at first
    steps: int  # environment steps


class Teacher:
    """The policies of S seeds, frozen: a loss draws their students towards them, and they choose some of the actions.

    The loss is that of QDagger (Agarwal et al. 2022, "Reincarnating Reinforcement Learning", sec. 4), with a weight
    that falls by steps in place of the student's success. Acting is a guided start in the spirit of Jump-Start RL
    (Uchendu et al. 2023), there by the episode's first turns, here by a share of all turns.
    """

    def __init__(
        self, *, policy: QPolicy, settings: TeacherSettings, generators: Sequence[np.random.Generator]
    ) -> None:
        self.policy, self.settings, self.generators = policy, settings, generators
        self._share = LinearSchedule(start=1.0, end=0.0, steps=settings.steps)
        for parameter in policy.network.parameters():
            parameter.requires_grad_(False)
        remove_noise(policy.network)

    def weight(self, env_step: int) -> float:
        """Weight of the teacher's loss at that step."""
        return self.settings.weight * self._share(env_step)

    def loss(self, q: Tensor, obs: Tensor, mask: Tensor) -> Tensor:
        """Cross-entropy [S, B] of the student's values q [S, B, A] in the states obs [S, B, D], mask [S, B, A]."""
        with torch.no_grad():
            q_teacher = self.policy.head.mean(self.policy.network(obs, mask))
        return losses.distillation(q, q_teacher, mask, self.settings.temperature)

    def replace_actions(
        self, actions: np.ndarray, obs: np.ndarray, mask: np.ndarray | None, env_step: int
    ) -> np.ndarray:
        """Replace a random share of the ``actions`` [S * N] by the teacher's best ones for obs [S * N, D].

        Returns which, bool [S * N].
        """
        share = self.settings.acting * self._share(env_step)
        if share == 0:
            return np.zeros(len(actions), np.bool_)
        games = len(actions) // len(self.generators)
        replaced = np.concatenate([generator.random(games) < share for generator in self.generators])
        if replaced.any():
            actions[replaced] = self.policy.best(obs, mask)[replaced]
        return replaced

    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Take over weights [S, ...].

        Raises:
            WaybillError: in one line, if they belong to a network of another shape.
        """
        load_weights(self.policy.network, dict(weights))

    def state_dict(self) -> dict[str, Any]:
        """Weights and generators, so that a run can go on without the folder that the weights came from."""
        network = {name: value.clone() for name, value in self.policy.network.state_dict().items()}
        return {"network": network, "generators": [dict(x.bit_generator.state) for x in self.generators]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from that state."""
        self.load(state["network"])
        for generator, kept in zip(self.generators, state["generators"], strict=True):
            generator.bit_generator.state = kept
