"""The candidate network: Q(s, a) by one scorer that all candidates share, on top of a state embedding computed once.

Sets come in two ways: packed, where only rows that are present are computed (on a CPU), or whole, with absent rows
masked out (on a GPU, where shapes must not depend on the data so that a CUDA graph can replay an update). Both give
the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from agents.networks.base import Layout, Outgoing, QNetwork, Units, dueling, taken
from agents.networks.layers import SeedLinear, SeedNorm, hidden, linear
from agents.networks.packing import Packing, pool_sets
from agents.ranges import check_ranges
from groundwork.errors import WaybillError


class Tokens(NamedTuple):
    """The embedded entity rows of a batch: those that are present, side by side, or all."""

    each: Tensor  # [S, P, H]
    packing: Packing | None  # None: all rows, P = B · E


class CandidateNetwork(QNetwork):
    """Q(s, a) from a state embedding and the candidate's features.

    The entity rows form a set: a shared layer, then mean and max over the present rows (Deep Sets, Zaheer et al. 2017,
    theorem 2; max pooling as in PointNet, Qi et al. 2017, eq. 1). The weights depend on neither the number of entities
    nor that of candidates, so one network plays every level.
    """

    encoder: ClassVar[tuple[str, ...]] = ("entity", "state")

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

    def embed(self, obs: Tensor) -> tuple[Tensor, Tokens]:
        """State embedding [S, B, H] and embedded entities from obs [S, B, D]."""
        n_globals, n_entities, n_features = self.layout[:3]
        dtype, (seeds, rows, _) = self.candidate.weight.dtype, obs.shape
        entities = obs[:, :, n_globals : self.layout.candidates_at].reshape(seeds, rows * n_entities, n_features)
        present = entities[:, :, 0] > 0.5  # [S, B * E]
        packing = Packing(present) if self._packed(obs) else None
        each = self._tokens(obs, entities, present, packing)  # [S, P, H]
        if packing is not None:
            total, largest = pool_sets(each, packing.place.div(n_entities, rounding_mode="floor"), rows)
        else:
            sets = each.mul(present.unsqueeze(2)).unflatten(1, (rows, n_entities))
            total, largest = sets.sum(2), sets.amax(2)  # rectified: absent rows change neither
        count = present.unflatten(1, (rows, n_entities)).sum(2, keepdim=True).clamp(min=1)
        state = self.state(torch.cat([obs[:, :, :n_globals].to(dtype), total / count, largest], dim=2))
        return state, Tokens(each, packing)

    def _tokens(self, obs: Tensor, entities: Tensor, present: Tensor, packing: Packing | None) -> Tensor:
        """Embedded entities [S, P, H], not negative, from rows [S, B * E, Fe] and which are present [S, B * E]."""
        rows = entities if packing is None else packing.take(entities)
        return self.entity(rows.to(self.candidate.weight.dtype))

    def _features(self, obs: Tensor, rows: Tensor, place: Tensor | None, tokens: Tokens) -> Tensor:
        """What a candidate is for itself [S, L, H], from candidate rows [S, L, Fc] and where [S, L] they lie in B * K.

        ``place`` is None for all rows in turn.
        """
        return self.candidate(rows.to(self.candidate.weight.dtype))

    def _packed(self, obs: Tensor) -> bool:
        return obs.device.type == "cpu" if self.packs is None else self.packs

    def _candidates(self, obs: Tensor) -> Tensor:
        """Candidate rows [S, B * K, Fc] of obs [S, B, D]."""
        rows = obs[:, :, self.layout.candidates_at : self.layout.pointers_at]
        return rows.reshape(len(obs), obs.shape[1] * self.layout.candidates, self.layout.candidate_features)

    def forward(self, obs: Tensor, mask: Tensor) -> Tensor:
        """[S, B, K, Z] from obs [S, B, D] and mask [S, B, K] bool; 0 for illegal candidates unless dueling."""
        count = self.layout.candidates
        state, tokens = self.embed(obs)  # [S, B, H]
        shift = self.state_to_scorer(state)
        if self._packed(obs):
            packing = Packing(mask.flatten(1))
            row = packing.place.div(count, rounding_mode="floor").clamp(max=obs.shape[1] - 1)  # [S, L]
            shifts = shift.gather(1, row.unsqueeze(2).expand(-1, -1, shift.shape[2]))
            features = self._features(obs, packing.take(self._candidates(obs)), packing.place, tokens)
            scores = packing.put(self.head(self.scorer(self.meet(features + shifts))))  # [S, B * K, Z]
        else:
            features = self._features(obs, self._candidates(obs), None, tokens)
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
        state, tokens = self.embed(obs)
        features = self._features(obs, chosen, rows, tokens)
        return self.head(self.scorer(self.meet(features + self.state_to_scorer(state))))

    def adopt(self, saved: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See ``QNetwork``: weights for rows with fewer columns, those of the columns behind them at 0."""
        adopted = dict(saved)
        for name, rows in self._rows_read().items():
            if name in saved:
                adopted[name] = widened(saved[name], self.get_parameter(name), rows)
        return adopted

    def _rows_read(self) -> dict[str, int]:
        """The weights that read rows of the observation, and how many rows side by side."""
        return {"entity.0.weight": 1, "candidate.weight": 1}

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


def widened(saved: Tensor, own: Tensor, rows: int) -> Tensor:
    """Weights [S, I, H] for ``rows`` rows with fewer columns, put into own [S, J, H]: further columns count nothing."""
    fewer, more = saved.shape[1] // rows, own.shape[1] // rows
    if fewer >= more:
        return saved
    parts = saved.unflatten(1, (rows, fewer))
    return torch.cat([parts, parts.new_zeros(len(saved), rows, more - fewer, saved.shape[2])], dim=2).flatten(1, 2)


@dataclass
class CandidateSettings:
    """Settings of ``CandidateNetwork``: ``width`` units in every layer.

    Raises:
        WaybillError: in one line, when a number is out of range.
    """

    adopts_columns: ClassVar[bool] = True  # weights for rows with fewer columns may be begun with

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
        check_scored("candidates", layout, n_actions)
        return CandidateNetwork(
            layout=layout, width=self.width, layer_norm=self.layer_norm, outputs=outputs, dueling=dueling, noisy=noisy
        )


def check_scored(network: str, layout: Layout, n_actions: int) -> None:
    """Refuse observations without candidates for a network that scores them.

    Raises:
        WaybillError: in one line, if there are none, or not one for each action.
    """
    if layout.candidates == 0:
        raise WaybillError(
            f"network={network} needs a reducer: actions=heuristic or random_k; "
            "with actions=full, masked or buckets and with env=gym use network=mlp"
        )
    if n_actions != layout.candidates:
        raise WaybillError(f"network={network} scores {layout.candidates} candidates, not {n_actions} actions")
