"""States and candidates as a network sees them, as files for TensorBoard's projector."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch

from agents.acting.policy import QPolicy
from agents.probing.layers import activations
from experiments.diagnostics.layers import Seen, tensors
from experiments.diagnostics.visited import Visited

CANDIDATE_STATES = 64  # whose candidates are embedded
PROJECTOR = "projector_config.pbtxt"


class Embedding(NamedTuple):
    """Points of a layer, and what is known of each."""

    points: np.ndarray  # float32 [R, H]
    labels: Mapping[str, Sequence[object]]  # heading → a value for each point


def state_embedding(seen: Seen, q: np.ndarray) -> Embedding | None:
    """The first layer that sees whole states; ``q`` [K] of the actions taken there. None if there is none."""
    layers, visited = seen.of_states(), seen.visited
    if not layers:
        return None
    labels = {"game": visited.game, "turn": visited.turn, "Q": q.round(3), "return": visited.returned.round(3)}
    return Embedding(next(iter(layers.values())).cpu().numpy(), {name: own.tolist() for name, own in labels.items()})


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
    labels = {
        "game": few.game[state], "turn": few.turn[state], "action": action, "Q": q.round(3),
        "chosen": (few.a[state] == action).astype(int),
    }  # fmt: skip
    return Embedding(layers[-1].cpu().numpy(), {name: own.tolist() for name, own in labels.items()})


def points_file(points: np.ndarray) -> bytes:
    """Points [R, H] as the projector reads them: a line each, numbers between tabs."""
    out = io.StringIO()
    np.savetxt(out, points, fmt="%.4g", delimiter="\t")
    return out.getvalue().encode()


def labels_file(labels: Mapping[str, Sequence[object]]) -> bytes:
    """Labels as the projector reads them: the headings, then a line for each point."""
    lines = ["\t".join(labels), *("\t".join(map(str, row)) for row in zip(*labels.values(), strict=True))]
    return ("\n".join(lines) + "\n").encode()


def config_file(names: Sequence[str]) -> bytes:
    """What tells the projector which embeddings there are: ``projector/NAME.tsv`` and ``NAME_labels.tsv`` beside it."""
    parts = [
        f'embeddings {{\n  tensor_name: "{name}"\n  tensor_path: "projector/{name}.tsv"\n'
        f'  metadata_path: "projector/{name}_labels.tsv"\n}}\n'
        for name in names
    ]
    return "".join(parts).encode()
