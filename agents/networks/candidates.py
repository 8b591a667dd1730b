"""The candidate network: Q(s, a) by one scorer that all candidates share, on top of a state embedding computed once.

Sets come in two ways: packed, where only rows that are present are computed (on a CPU), or whole, with absent rows
masked out (on a GPU, where shapes must not depend on the data so that a CUDA graph can replay an update). Both give
the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from agents.networks.base import Layout, Outgoing, QNetwork, Units, dueling, taken
from agents.networks.layers import SeedLinear, SeedNorm, hidden, linear
from agents.ranges import check_ranges
from groundwork.errors import WaybillError


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


class Packing:
    """The chosen entries of a mask [S, M], side by side: P columns, the most that any seed has.

    With one seed nothing is padded; with several, seeds with fewer entries end in a few that lie in set ``size``.
    """

    def __init__(self, chosen: Tensor) -> None:
        seeds, self.size = chosen.shape
        seed, place = chosen.nonzero(as_tuple=True)  # [L], [L]
        self.place = place.unsqueeze(0)  # [S, P], index into M
        self.padded = seeds > 1
        if self.padded:
            counts = chosen.sum(1)
            column = torch.arange(len(seed), device=seed.device) - (counts.cumsum(0) - counts)[seed]
            self.place = place.new_full((seeds, int(counts.max())), self.size)
            self.place[seed, column] = place

    def take(self, rows: Tensor) -> Tensor:
        """[S, P, F] from rows [S, M, F]; padding repeats the last row."""
        place = self.place.clamp(max=self.size - 1) if self.padded else self.place
        if len(rows) == 1:
            return rows[0].index_select(0, place[0]).unsqueeze(0)
        return rows.gather(1, place.unsqueeze(2).expand(-1, -1, rows.shape[2]))

    def put(self, packed: Tensor) -> Tensor:
        """[S, M, Z] from packed [S, P, Z]; 0 where nothing was chosen."""
        room = packed.new_zeros(len(packed), self.size + 1, packed.shape[2])
        return room.scatter(1, self.place.unsqueeze(2).expand_as(packed), packed)[:, : self.size]


class CandidateNetwork(QNetwork):
    """Q(s, a) from a state embedding and the candidate's features.

    The entity rows form a set: a shared layer, then mean and max over the present rows (Deep Sets, Zaheer et al. 2017,
    theorem 2; max pooling as in PointNet, Qi et al. 2017, eq. 1). The weights depend on neither the number of entities
    nor that of candidates, so one network plays every level.
    """

    encoder = ("entity", "state")

    def __init__(
        self, *, layout: Layout, width: int, layer_norm: bool, outputs: int = 1, dueling: bool = False,
        noisy: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.layout, self.outputs, self.layer_norm, self.noisy = layout, outputs, layer_norm, noisy
        self.packs: bool | None = None  # None: on a CPU
        # No bias: the presence flag (feature 0) is one.
        self.entity = nn.Sequential(SeedLinear(layout.entity_features, width, bias=False), nn.ReLU())
        self.state = hidden(layout.globals + 2 * width, width, layer_norm=layer_norm)
        self.state_to_scorer = SeedLinear(width, width, bias=False)
        self.candidate = SeedLinear(layout.candidate_features, width)
        norm = [SeedNorm(width)] if layer_norm else []
        self.meet = nn.Sequential(*norm, nn.ReLU())
        self.scorer = hidden(width, width, layer_norm=False, noisy=noisy)
        self.head = linear(width, outputs, noisy=noisy)
        self.value = linear(width, outputs, noisy=noisy) if dueling else None

    def embed(self, obs: Tensor) -> Tensor:
        """State embedding [S, B, H] from obs [S, B, D]."""
        n_globals, n_entities, n_features = self.layout[:3]
        dtype, (seeds, rows, _) = self.candidate.weight.dtype, obs.shape
        entities = obs[:, :, n_globals : n_globals + n_entities * n_features]
        entities = entities.reshape(seeds, rows * n_entities, n_features)
        present = entities[:, :, 0] > 0.5  # [S, B * E]
        if self._packed(obs):
            packing = Packing(present)
            each = self.entity(packing.take(entities).to(dtype))  # [S, P, H]
            total, largest = self._pool(each, packing.place.div(n_entities, rounding_mode="floor"), rows)
        else:
            each = self.entity(entities.to(dtype)).mul(present.unsqueeze(2)).unflatten(1, (rows, n_entities))
            total, largest = each.sum(2), each.amax(2)  # no bias and rectified: absent rows are 0 anyway
        count = present.unflatten(1, (rows, n_entities)).sum(2, keepdim=True).clamp(min=1)
        return self.state(torch.cat([obs[:, :, :n_globals].to(dtype), total / count, largest], dim=2))

    def _pool(self, each: Tensor, row: Tensor, rows: int) -> tuple[Tensor, Tensor]:
        """Sum and maximum [S, B, H] of the packed rows [S, P, H] of each state; row B of a seed takes the padding."""
        seeds = len(each)
        if seeds == 1:
            total, largest = _SetPool.apply(each[0], row[0], rows)
            return total.unsqueeze(0), largest.unsqueeze(0)
        sets = row + torch.arange(seeds, device=row.device).unsqueeze(1) * (rows + 1)
        pooled = _SetPool.apply(each.flatten(0, 1), sets.flatten(), seeds * (rows + 1))
        total, largest = (x.unflatten(0, (seeds, rows + 1))[:, :rows] for x in pooled)
        return total, largest

    def _packed(self, obs: Tensor) -> bool:
        return obs.device.type == "cpu" if self.packs is None else self.packs

    def _candidates(self, obs: Tensor) -> Tensor:
        """Candidate rows [S, B * K, Fc] of obs [S, B, D]."""
        count, features = self.layout.candidates, self.layout.candidate_features
        rows = obs[:, :, self.layout.size - count * features :]
        return rows.reshape(len(obs), obs.shape[1] * count, features)

    def forward(self, obs: Tensor, mask: Tensor) -> Tensor:
        """[S, B, K, Z] from obs [S, B, D] and mask [S, B, K] bool; 0 for illegal candidates unless dueling."""
        count, dtype = self.layout.candidates, self.candidate.weight.dtype
        state = self.embed(obs)  # [S, B, H]
        shift = self.state_to_scorer(state)
        if self._packed(obs):
            packing = Packing(mask.flatten(1))
            row = packing.place.div(count, rounding_mode="floor").clamp(max=obs.shape[1] - 1)  # [S, L]
            shifts = shift.gather(1, row.unsqueeze(2).expand(-1, -1, shift.shape[2]))
            features = self.candidate(packing.take(self._candidates(obs)).to(dtype))
            scores = packing.put(self.head(self.scorer(self.meet(features + shifts))))  # [S, B * K, Z]
        else:
            features = self.candidate(self._candidates(obs).to(dtype))
            scores = self.head(self.scorer(self.meet(features + shift.repeat_interleave(count, 1))))
        scores = scores.unflatten(1, (obs.shape[1], count))
        return scores if self.value is None else dueling(self.value(state), scores, mask)

    def of(self, obs: Tensor, mask: Tensor, a_tm1: Tensor) -> Tensor:
        """[S, B, Z] of the taken candidates a_tm1 [S, B]: they alone are scored, unless dueling needs the others."""
        if self.value is not None:
            return taken(self(obs, mask), a_tm1)
        rows = torch.arange(obs.shape[1], device=obs.device) * self.layout.candidates + a_tm1  # [S, B]
        candidates = self._candidates(obs)
        chosen = candidates.gather(1, rows.unsqueeze(2).expand(-1, -1, candidates.shape[2]))
        features = self.candidate(chosen.to(self.candidate.weight.dtype))
        return self.head(self.scorer(self.meet(features + self.state_to_scorer(self.embed(obs)))))

    def units(self) -> list[Units]:
        """Layers of entities, of the state, of a candidate in its state (``meet``), and of the scorer."""
        width, n_globals = self.head.weight.shape[1], self.layout.globals
        entity, state, scorer = (list[Any](part)[0] for part in (self.entity, self.state, self.scorer))
        heads = [self.state_to_scorer] if self.value is None else [self.state_to_scorer, self.value]
        pooled = (Outgoing(state, n_globals), Outgoing(state, n_globals + width))
        meeting = (self.candidate, self.state_to_scorer)
        return [
            Units("entity", self.entity, (entity,), pooled),
            Units("state", self.state, (state,), tuple(Outgoing(head) for head in heads)),
            Units("meet", self.meet, meeting, (Outgoing(scorer),)),
            Units("scorer", self.scorer, (scorer,), (Outgoing(self.head),)),
        ]


@dataclass
class CandidateSettings:
    """Settings of ``CandidateNetwork``: ``width`` units in every layer.

    Raises:
        WaybillError: in one line, when a number is out of range.
    """

    width: int = 128
    layer_norm: bool = True

    def __post_init__(self) -> None:
        check_ranges(self, "network", {"width": (1, 8192)})

    def build(
        self, *, layout: Layout, n_actions: int, outputs: int = 1, dueling: bool = False, noisy: bool = False
    ) -> CandidateNetwork:
        """A network for observations of that layout.

        Raises:
            WaybillError: if there are no candidates to score, or not one for each action.
        """
        layout = Layout(*layout)
        if layout.candidates == 0:
            raise WaybillError(
                "network=candidates needs a reducer: actions=heuristic or random_k; "
                "with actions=full, masked or buckets and with env=gym use network=mlp"
            )
        if n_actions != layout.candidates:
            raise WaybillError(f"network=candidates scores {layout.candidates} candidates, not {n_actions} actions")
        return CandidateNetwork(
            layout=layout, width=self.width, layer_norm=self.layer_norm, outputs=outputs, dueling=dueling, noisy=noisy
        )
