"""A network's layers over training: what sleeps, how many directions are used, what moves, what they know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from agents.acting.policy import QPolicy
from agents.learning.plasticity import DORMANT
from agents.probing import attribution, information
from agents.probing.layers import activations, dormant_share, effective_rank, relative_change
from experiments.diagnostics.visited import Visited

LAYER_STATES, ATTRIBUTED_STATES, CHURN_STATES = 512, 48, 256
RETURN_GROUPS = 8  # of like return: three bits


class Seen(NamedTuple):
    """What a network shows of some of the visited states."""

    visited: Visited
    rows: dict[str, Tensor]  # activity of each layer, [R, H]; R is a row a state where a layer sees whole states

    def of_states(self) -> dict[str, Tensor]:
        """The layers that have a row for each state."""
        return {name: rows for name, rows in self.rows.items() if len(rows) == len(self.visited.a)}


def look_into(policy: QPolicy, visited: Visited) -> Seen:
    """The activity of a policy's network in the visited states, for the actions taken there."""
    obs, mask, a = tensors(policy, visited)
    return Seen(visited, activations(policy.network, obs, mask, a))


def layer_scalars(policy: QPolicy, seen: Seen, gradients: Mapping[str, float]) -> dict[str, float]:
    """Dormant share and effective rank of each layer, weight and gradient norms of each part, by tag."""
    found: dict[str, float] = {}
    for name, rows in seen.rows.items():
        if len(rows):
            found[f"layers/{name}/dormant"] = dormant_share(rows, DORMANT)
            found[f"layers/{name}/rank"] = float(effective_rank(rows))
    for part, norm in _weight_norms(policy).items():
        found[f"layers/weights/{part}"] = norm
    return found | {f"layers/gradient/{part}": norm for part, norm in gradients.items()}


def _weight_norms(policy: QPolicy) -> dict[str, float]:
    squares: dict[str, float] = {}
    for name, parameter in policy.network.named_parameters():
        part = name.partition(".")[0]
        squares[part] = squares.get(part, 0.0) + float(parameter.detach().square().sum())
    return {part: square**0.5 for part, square in squares.items()}


def information_of(seen: Seen) -> dict[str, tuple[float, float]]:
    """Bits of the state, and of the return that came, in each layer that sees whole states."""
    groups = information.equal_groups(torch.from_numpy(seen.visited.returned), RETURN_GROUPS)
    return {name: information.information(rows.cpu(), groups) for name, rows in seen.of_states().items()}


def attributions(policy: QPolicy, visited: Visited, layout: Any) -> np.ndarray:
    """What each number of the visited states' observations adds to the Q-value of the action taken, [K, D]."""
    obs, mask, a = tensors(policy, visited)
    found = attribution.integrated_gradients(
        policy.network, policy.head.mean, obs=obs, mask=mask, a=a, layout=layout, steps=12
    )
    return found.cpu().numpy()


class Churn:
    """What one gradient update does to greedy choices and to the layers' activity in states of before."""

    def __init__(self, policy: QPolicy, visited: Visited) -> None:
        self.visited = visited
        self._chosen = policy.greedy(visited.obs, visited.mask)
        self._seen = look_into(policy, visited)

    def after(self, policy: QPolicy) -> dict[str, float]:
        """The share of greedy choices that ``policy`` makes otherwise, and how far each layer has moved, by tag."""
        changed = policy.greedy(self.visited.obs, self.visited.mask) != self._chosen
        moved = relative_change(self._seen.rows, look_into(policy, self.visited).rows)
        found = {"layers/churn": float(changed.mean()), "at_a_glance/4_churn": float(changed.mean())}
        return found | {f"layers/{name}/moved": share for name, share in moved.items()}


def tensors(policy: QPolicy, visited: Visited) -> tuple[Tensor, Tensor, Tensor]:
    """Observations [1, K, D], masks [1, K, A] bool and actions [1, K] of visited states, where the policy computes."""
    device = policy.device
    obs = torch.from_numpy(visited.obs).to(device).unsqueeze(0)
    mask = torch.from_numpy(visited.mask != 0).to(device).unsqueeze(0)
    return obs, mask, torch.from_numpy(visited.a).to(device).unsqueeze(0)
