"""States and candidates as a network sees them, for TensorBoard's projector; see ``projector`` for its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch

from agents.acting.policy import QPolicy
from agents.probing.layers import activations
from experiments.diagnostics.layers import Seen, tensors
from experiments.diagnostics.visited import Visited

CANDIDATE_STATES = 64  # whose candidates are embedded


class Embedding(NamedTuple):
    """Points of a layer, and what is known of each; first in words, which the projector shows beside a point."""

    points: np.ndarray  # float32 [R, H]
    labels: Mapping[str, Sequence[str]]  # heading → a value for each point


def state_embedding(seen: Seen, q: np.ndarray) -> Embedding | None:
    """The first layer that sees whole states; ``q`` [K] of the actions taken there. None if there is none."""
    layers, visited = seen.of_states(), seen.visited
    if not layers:
        return None
    game, turn, values, returned = _told(visited.game, visited.turn, q, visited.returned)
    each = zip(game, turn, values, returned, strict=True)
    labels = {
        "state": [f"game {g}, turn {t}: Q {v}, return {r}" for g, t, v, r in each],
        "game": game, "turn": turn, "Q": values, "return": returned,
    }  # fmt: skip
    return Embedding(next(iter(layers.values())).cpu().numpy(), labels)


@torch.no_grad()
def candidate_embedding(policy: QPolicy, visited: Visited) -> Embedding | None:
    """All legal actions of some states, in the last layer that has a row for each; None if no layer has."""
    few = visited.thinned(CANDIDATE_STATES)
    state, action = np.nonzero(few.mask)
    if not len(state):
        return None
    every = Visited(*(column[state] for column in few))._replace(a=action)
    obs, mask, a = tensors(policy, every)
    rows = activations(policy.network, obs, mask, a)
    q = policy.q_values(few.obs, few.mask)[state, action]
    layers = [own for own in rows.values() if len(own) == len(action)]
    if len(layers) < 2:
        return None
    game, turn, actions, values = _told(few.game[state], few.turn[state], action, q)
    chosen = ["yes" if own else "no" for own in few.a[state] == action]
    each = zip(game, turn, actions, values, chosen, strict=True)
    labels = {
        "candidate": [
            f"game {g}, turn {t}, action {a}: Q {v}" + ", chosen" * (c == "yes") for g, t, a, v, c in each
        ],
        "game": game, "turn": turn, "action": actions, "Q": values, "chosen": chosen,
    }  # fmt: skip
    return Embedding(layers[-1].cpu().numpy(), labels)


def _told(*columns: np.ndarray) -> list[list[str]]:
    """Numbers as they are read, with three digits after the point where they are not whole."""
    return [[f"{number:.3f}" if own.dtype.kind == "f" else str(number) for number in own] for own in columns]
