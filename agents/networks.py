"""Q-networks over one flat observation: globals | entity rows | candidate rows (see ``Layout``).

Every network offers ``forward(obs [B, D], mask [B, A] bool) -> q [B, A]`` with illegal entries at ``finfo.min`` and
``q_of(obs, mask, a_tm1 [B]) -> q [B]``, which scores the taken action alone. Observations may come in half precision
(as the memory stores them); a network converts only what it reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional


class Layout(NamedTuple):
    """How a flat observation is cut: ``globals | entities x entity_features | candidates x candidate_features``.

    Feature 0 of an entity or candidate row is 1 when the row is present; an absent row is 0 throughout.
    """

    globals: int
    entities: int
    entity_features: int
    candidates: int
    candidate_features: int

    @property
    def size(self) -> int:
        """Length D of the flat observation."""
        return self.globals + self.entities * self.entity_features + self.candidates * self.candidate_features


class QNetwork(nn.Module):
    """What every network offers: values of all actions, and of the taken action alone."""

    def forward(self, obs: Tensor, mask: Tensor) -> Tensor:
        """q [B, A] from obs [B, D] and mask [B, A] bool; ``finfo.min`` where illegal."""
        raise NotImplementedError

    def q_of(self, obs: Tensor, mask: Tensor, a_tm1: Tensor) -> Tensor:
        """q [B] of the taken actions a_tm1 [B]."""
        raise NotImplementedError


class NetworkSettings(Protocol):
    """What every network's settings offer."""

    def build(self, *, layout: Layout, n_actions: int) -> QNetwork:
        """A network for observations of that layout and that many actions."""


def _hidden(inputs: int, width: int, layer_norm: bool) -> nn.Sequential:
    norm = [nn.LayerNorm(width)] if layer_norm else []
    return nn.Sequential(nn.Linear(inputs, width), *norm, nn.ReLU())


class MLP(QNetwork):
    """Q(s, a) for all actions from the flattened observation."""

    def __init__(self, *, obs_size: int, n_actions: int, width: int, layers: int, layer_norm: bool) -> None:
        super().__init__()
        sizes = [obs_size] + [width] * layers
        self.body = nn.Sequential(*(_hidden(a, b, layer_norm) for a, b in pairwise(sizes)))
        self.head = nn.Linear(width, n_actions)

    def forward(self, obs: Tensor, mask: Tensor) -> Tensor:
        """q [B, A] from obs [B, D] and mask [B, A] bool."""
        q = self.head(self.body(obs.to(self.head.weight.dtype)))  # [B, A]
        return torch.where(mask, q, torch.finfo(q.dtype).min)

    def q_of(self, obs: Tensor, mask: Tensor, a_tm1: Tensor) -> Tensor:
        """q [B] of the taken actions a_tm1 [B]: only their rows of the last layer are read."""
        hidden = self.body(obs.to(self.head.weight.dtype))  # [B, H]
        return (hidden * self.head.weight[a_tm1]).sum(1) + self.head.bias[a_tm1]  # [B]


class _SetPool(torch.autograd.Function):
    """Sum and largest value of each feature over each set: rows [P, H] >= 0 and set numbers [P] -> [B, H], [B, H].

    Autograd's own way through the maximum counts ties in integers and takes several more arrays: then it is the
    costliest part of an update. Here equal largest values each get the whole gradient.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, row: Tensor, n_sets: int) -> tuple[Tensor, Tensor]:
        total = hidden.new_zeros(n_sets, hidden.shape[1]).index_add_(0, row, hidden)
        largest = torch.zeros_like(total).scatter_reduce_(0, row.unsqueeze(1).expand_as(hidden), hidden, "amax")
        ctx.save_for_backward(hidden, row, largest)
        return total, largest

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_total: Tensor, grad_largest: Tensor) -> tuple[Tensor, None, None]:
        hidden, row, largest = ctx.saved_tensors
        is_largest = (hidden - largest.index_select(0, row)).sign_().add_(1)  # [P, H], 1 or 0
        grad = is_largest.mul_(grad_largest.index_select(0, row)).add_(grad_total.index_select(0, row))
        return grad, None, None


class CandidateNetwork(QNetwork):
    """Q(s, a) by one scorer that all candidates share, on top of a state embedding computed once.

    The entity rows form a set: a shared layer, then mean and max over the present rows (Deep Sets, Zaheer et al. 2017,
    theorem 2; max pooling as in PointNet, Qi et al. 2017, eq. 1). The weights depend on neither the number of entities
    nor that of candidates, so one network plays every level.
    """

    def __init__(self, *, layout: Layout, width: int, layer_norm: bool) -> None:
        super().__init__()
        self.layout = layout
        # No bias: the presence flag (feature 0) is one.
        self.entity = nn.Linear(layout.entity_features, width, bias=False)
        self.state = _hidden(layout.globals + 2 * width, width, layer_norm)
        self.state_to_scorer = nn.Linear(width, width, bias=False)
        self.candidate = nn.Linear(layout.candidate_features, width)
        norm = [nn.LayerNorm(width)] if layer_norm else []
        self.scorer = nn.Sequential(*norm, nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))

    def embed(self, obs: Tensor) -> Tensor:
        """State embedding [B, H] from obs [B, D]; only the P present entities are computed."""
        n_globals, n_entities, n_features, _, _ = self.layout
        dtype = self.candidate.weight.dtype
        entities = obs[:, n_globals : n_globals + n_entities * n_features].unflatten(1, (n_entities, n_features))
        present = entities[:, :, 0] > 0.5  # [B, E]
        row, slot = present.nonzero(as_tuple=True)  # [P], [P]
        hidden = functional.relu(self.entity(entities[row, slot].to(dtype)), inplace=True)  # [P, H]
        total, largest = _SetPool.apply(hidden, row, len(obs))  # [B, H], [B, H]
        mean = total / present.sum(1, keepdim=True).clamp(min=1)
        return self.state(torch.cat([obs[:, :n_globals].to(dtype), mean, largest], dim=1))

    def _candidates(self, obs: Tensor) -> Tensor:
        """Candidate rows [B, K, Fc], a view of obs [B, D]."""
        size = self.layout.candidates * self.layout.candidate_features
        return obs[:, self.layout.size - size :].unflatten(1, (self.layout.candidates, self.layout.candidate_features))

    def forward(self, obs: Tensor, mask: Tensor) -> Tensor:
        """q [B, K] from obs [B, D] and mask [B, K] bool; only the L legal candidates are scored."""
        row, slot = mask.nonzero(as_tuple=True)  # [L], [L]
        features = self._candidates(obs)[row, slot].to(self.candidate.weight.dtype)  # [L, Fc]
        state = self.state_to_scorer(self.embed(obs))  # [B, H]
        q_legal = self.scorer(self.candidate(features) + state[row]).squeeze(1)  # [L]
        q = q_legal.new_full(mask.shape, torch.finfo(q_legal.dtype).min)  # [B, K]
        return q.index_put((row, slot), q_legal)

    def q_of(self, obs: Tensor, mask: Tensor, a_tm1: Tensor) -> Tensor:
        """q [B] of the taken candidates a_tm1 [B]."""
        row = torch.arange(len(obs), device=obs.device)
        features = self._candidates(obs)[row, a_tm1].to(self.candidate.weight.dtype)  # [B, Fc]
        return self.scorer(self.candidate(features) + self.state_to_scorer(self.embed(obs))).squeeze(1)


@dataclass
class MLPSettings:
    """Settings of ``MLP``: ``layers`` hidden layers of ``width`` units.

    Raises:
        ValueError: in one line, when a number is out of range.
    """

    width: int = 256
    layers: int = 2
    layer_norm: bool = True

    def __post_init__(self) -> None:
        _check_width(self.width)
        if not 1 <= self.layers <= 16:
            raise ValueError(f"network.layers={self.layers} is not in 1..16")

    def build(self, *, layout: Layout, n_actions: int) -> MLP:
        """A network for observations of that layout."""
        obs_size = Layout(*layout).size
        return MLP(
            obs_size=obs_size, n_actions=n_actions, width=self.width, layers=self.layers, layer_norm=self.layer_norm
        )


@dataclass
class CandidateSettings:
    """Settings of ``CandidateNetwork``: ``width`` units in every layer.

    Raises:
        ValueError: in one line, when a number is out of range.
    """

    width: int = 128
    layer_norm: bool = True

    def __post_init__(self) -> None:
        _check_width(self.width)

    def build(self, *, layout: Layout, n_actions: int) -> CandidateNetwork:
        """A network for observations of that layout.

        Raises:
            ValueError: if there are no candidates to score, or not one for each action.
        """
        layout = Layout(*layout)
        if layout.candidates == 0:
            raise ValueError(
                "network=candidates needs a reducer: actions=heuristic or random_k; "
                "with actions=full or masked use network=mlp"
            )
        if n_actions != layout.candidates:
            raise ValueError(f"network=candidates scores {layout.candidates} candidates, not {n_actions} actions")
        return CandidateNetwork(layout=layout, width=self.width, layer_norm=self.layer_norm)


def _check_width(width: int) -> None:
    if not 1 <= width <= 8192:
        raise ValueError(f"network.width={width} is not in 1..8192")
