"""The relational network: the candidate network, in which rows see the entities that they speak of.

A cart sees the source and the target that it drives between, a candidate the entities of its source, its target and
its cart; the observation says which these are (pointers). Blocks of attention among all entities are an option.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from agents.networks.base import Layout, Outgoing, Units
from agents.networks.candidates import CandidateNetwork, CandidateSettings, Tokens, check_scored
from agents.networks.layers import SeedLinear, SeedNorm, hidden
from agents.networks.packing import Packing
from agents.ranges import check_ranges
from groundwork.errors import WaybillError

ENTITY_POINTERS = 2  # of an entity row: source and target


class AttentionBlock(nn.Module):
    """Self-attention among the entities of a state, then a hidden layer, each added to what was there.

    Scaled dot-product attention with several heads (Vaswani et al. 2017, eq. 1), normalised before it and rectified
    after it: rows stay at least 0, as pooling wants them, and a block whose last layers are 0 changes nothing.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm, self.norm_hidden = SeedNorm(width), SeedNorm(width)
        self.qkv = SeedLinear(width, 3 * width, bias=False)
        self.out = SeedLinear(width, width)
        self.hidden = hidden(width, width, layer_norm=False)
        self.out_hidden = SeedLinear(width, width)

    def forward(self, rows: Tensor, present: Tensor) -> Tensor:
        """Rows [S, B * E, H] from rows and present [S, B, E]; what comes for absent rows means nothing."""
        seeds, states, entities = present.shape
        qkv = self.qkv(self.norm(rows)).view(seeds * states, entities, 3, self.heads, -1)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # [S * B, heads, E, H / heads] each
        itself = torch.eye(entities, dtype=torch.bool, device=rows.device)
        sees = present.view(-1, 1, 1, entities) | itself  # absent rows see themselves: no softmax over nothing
        mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=sees)
        rows = functional.relu(rows + self.out(mixed.transpose(1, 2).reshape(rows.shape)))
        return functional.relu(rows + self.out_hidden(self.hidden(self.norm_hidden(rows))))

    def units(self, name: str) -> Units:
        """The hidden layer's."""
        first = self.hidden[0]
        assert isinstance(first, SeedLinear)
        return Units(name, self.hidden, (first,), (Outgoing(self.out_hidden),))


class RelationalNetwork(CandidateNetwork):
    """Q(s, a) as of ``CandidateNetwork``, and from the entities that carts and the candidate point to.

    As there the weights depend on neither the number of entities nor that of candidates. A network whose weights of
    ``relate``, ``named`` and the last layers of ``blocks`` are 0 is a ``CandidateNetwork``.
    """

    encoder = ("entity", "relate", "blocks", "state")

    def __init__(
        self, *, layout: Layout, width: int, layer_norm: bool, attention: int, heads: int, outputs: int = 1,
        dueling: bool = False, noisy: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(
            layout=layout, width=width, layer_norm=layer_norm, outputs=outputs, dueling=dueling, noisy=noisy
        )
        self.relate = SeedLinear(ENTITY_POINTERS * layout.entity_features, width, bias=False)
        self.named = SeedLinear(layout.pointers * width, width, bias=False)
        self.blocks = nn.ModuleList(AttentionBlock(width, heads) for _ in range(attention))
        self.rectify = nn.Sequential(nn.ReLU())

    def _pointers(self, obs: Tensor, rows: slice, used: int) -> Tensor:
        """Entities 0..B * E - 1 that the first ``used`` pointers of rows name, [S, B * rows, used]; none: B * E."""
        states, entities = obs.shape[1], self.layout.entities
        of_all = obs[:, :, self.layout.pointers_at :].unflatten(2, (-1, self.layout.pointers))
        given = of_all[:, :, rows, :used].long()
        first = torch.arange(states, device=obs.device).view(1, states, 1, 1) * entities - 1
        return torch.where(given > 0, given + first, states * entities).flatten(1, 2)

    def _tokens(self, obs: Tensor, entities: Tensor, present: Tensor, packing: Packing | None) -> Tensor:
        pointers = self._pointers(obs, slice(self.layout.entities), ENTITY_POINTERS)
        before = self.entity[0]((entities if packing is None else packing.take(entities)).to(self.dtype))
        if packing is None:
            before = before + self.relate(self._related(entities, pointers))
        else:
            pointing = Packing((pointers < entities.shape[1]).any(2) & present)
            related = self.relate(self._related(entities, pointing.take(pointers)))
            before = packing.add(before, related, pointing)
        each: Tensor = self.rectify(before)
        return each if len(self.blocks) == 0 else self._attend(each, present.unflatten(1, (obs.shape[1], -1)), packing)

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights."""
        return self.named.weight.dtype

    def _related(self, entities: Tensor, pointers: Tensor) -> Tensor:
        """Rows [S, L, 2 · Fe] that pointers [S, L, 2] name among entities [S, B * E, Fe]; 0 where they name none."""
        index, none = pointers.flatten(1, 2), pointers.unsqueeze(3) == entities.shape[1]
        rows = _rows_of(entities, index.clamp(max=entities.shape[1] - 1)).to(self.dtype)
        return rows.unflatten(1, pointers.shape[1:]).masked_fill(none, 0.0).flatten(2)

    def _attend(self, each: Tensor, present: Tensor, packing: Packing | None) -> Tensor:
        rows = each if packing is None else packing.put(each)
        for block in self.blocks:
            rows = block(rows, present)
        return rows if packing is None else packing.take(rows)

    def _features(self, obs: Tensor, rows: Tensor, place: Tensor | None, tokens: Tokens) -> Tensor:
        pointers = self._pointers(obs, slice(self.layout.entities, None), self.layout.pointers)  # [S, B * K, 3]
        if place is not None:
            place = place.clamp(max=pointers.shape[1] - 1)
            pointers = pointers.gather(1, place.unsqueeze(2).expand(-1, -1, pointers.shape[2]))
        index, each = pointers.flatten(1, 2), tokens.each
        if tokens.packing is not None:
            index = tokens.packing.columns().gather(1, index)
        nothing = each.new_zeros(len(each), 1, each.shape[2])
        named = _rows_of(torch.cat([each, nothing], dim=1), index).unflatten(1, pointers.shape[1:])
        return super()._features(obs, rows, place, tokens) + self.named(named.flatten(2))

    def adopt(self, saved: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See ``QNetwork``: a candidate network's weights, and what relates entities at 0 (Chen et al. 2016)."""
        adopted = super().adopt(saved)
        for name, parameter in self.named_parameters():
            if name not in saved and name.startswith(("relate", "named", "blocks")):
                is_last = not name.startswith("blocks") or ".out" in name
                adopted[name] = torch.zeros_like(parameter) if is_last else parameter.detach().clone()
        return adopted

    def _rows_read(self) -> dict[str, int]:
        return super()._rows_read() | {"relate.weight": ENTITY_POINTERS}

    def units(self) -> list[Units]:
        """As of ``CandidateNetwork``, and a block's hidden layer in place of entities, to which blocks add."""
        entity, *others = super().units()
        if len(self.blocks) > 0:
            blocks = [block for block in self.blocks if isinstance(block, AttentionBlock)]
            return [*(block.units(f"block.{i}") for i, block in enumerate(blocks)), *others]
        width = self.named.weight.shape[2]
        outgoing = [*entity.outgoing, *(Outgoing(self.named, i * width) for i in range(self.layout.pointers))]
        return [Units("entity", self.rectify, (*entity.incoming, self.relate), tuple(outgoing)), *others]


def _rows_of(rows: Tensor, index: Tensor) -> Tensor:
    """[S, L, F] from rows [S, M, F] and index [S, L]."""
    if len(rows) == 1:
        return rows[0].index_select(0, index[0]).unsqueeze(0)
    return rows.gather(1, index.unsqueeze(2).expand(-1, -1, rows.shape[2]))


@dataclass
class RelationalSettings:
    """Settings of ``RelationalNetwork``.

    Raises:
        WaybillError: in one line, when a number is out of range.
    """

    points: ClassVar[bool] = True  # observations must have pointers
    adopts_columns: ClassVar[bool] = True
    widens: ClassVar[type] = CandidateSettings  # weights of such networks may be begun with

    width: int = 128
    layer_norm: bool = True
    attention: int = 0  # blocks
    heads: int = 4

    def __post_init__(self) -> None:
        check_ranges(self, "network", {"width": (1, 8192), "attention": (0, 64), "heads": (1, 256)})
        if self.width % self.heads:
            raise WaybillError(f"network.heads={self.heads} is not allowed, it must divide network.width={self.width}")

    def build(
        self, *, layout: Layout, n_actions: int, outputs: int = 1, dueling: bool = False, noisy: bool = False
    ) -> RelationalNetwork:
        """A network for observations of that layout.

        Raises:
            WaybillError: if there are no candidates to score, or not one for each action, or no pointers.
        """
        layout = Layout(*layout)
        check_scored("relational", layout, n_actions)
        if layout.pointers == 0 or layout.entities == 0:
            raise WaybillError("network=relational needs observations with entities and pointers=True")
        return RelationalNetwork(
            layout=layout, width=self.width, layer_norm=self.layer_norm, attention=self.attention, heads=self.heads,
            outputs=outputs, dueling=dueling, noisy=noisy,
        )  # fmt: skip
