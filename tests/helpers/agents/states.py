"""Random states for the tests of networks, several seeds' networks, and what has to hold for their hidden units."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor

from agents.networks.base import Layout, QNetwork, Units
from agents.networks.weights import stack

LAYOUT = Layout(globals=3, entities=5, entity_features=4, candidates=6, candidate_features=7)


def observations(seed: int, *, seeds: int = 1, rows: int = 9, layout: Layout = LAYOUT) -> tuple[Tensor, Tensor]:
    """Random obs [S, B, D] whose absent rows are 0, and mask [S, B, K] of the present candidates, one at least.

    Pointers, if the layout has any, name entities that are present, or none.
    """
    rng = torch.Generator().manual_seed(seed)
    parts, present, there = [torch.rand(seeds, rows, layout.globals, generator=rng)], torch.zeros(0), list[Tensor]()
    for count, features in ((layout.entities, layout.entity_features), (layout.candidates, layout.candidate_features)):
        sets = torch.rand(seeds, rows, count, features, generator=rng)
        present = (torch.rand(seeds, rows, count, generator=rng) < 0.6).float()
        present[:, :, 0] = 1
        sets[..., 0] = 1
        parts.append((sets * present.unsqueeze(3)).flatten(2))
        there.append(present)
    if layout.pointers:
        shape = (seeds, rows, layout.entities + layout.candidates, layout.pointers)
        named = torch.randint(0, layout.entities + 1, shape, generator=rng)
        present_or_none = torch.cat([torch.ones(seeds, rows, 1), there[0]], dim=2)
        named = named * present_or_none.gather(2, named.flatten(2)).view(shape) * torch.cat(there, 2).unsqueeze(3)
        parts.append(named.flatten(2))
    return torch.cat(parts, 2), present.bool()


def last_legal(mask: Tensor) -> Tensor:
    """An action [S, B] of mask [S, B, A]; 0 where none is legal."""
    numbers = torch.arange(mask.shape[2])
    return torch.where(mask, numbers, 0).amax(2)


def several(make: Callable[[], QNetwork], seeds: int) -> tuple[QNetwork, list[QNetwork]]:
    """A network of several seeds, and one network for each of them."""
    torch.manual_seed(0)
    singles = [make() for _ in range(seeds)]
    return stack(copy.deepcopy(singles)), singles


def gradients(network: QNetwork, value: Tensor) -> dict[str, Tensor]:
    """Of a scalar in each parameter, by name; 0 where it does not count."""
    names = dict(network.named_parameters())
    found = torch.autograd.grad(value, list(names.values()), allow_unused=True)
    return {name: torch.zeros_like(p) if g is None else g for (name, p), g in zip(names.items(), found, strict=True)}


@torch.no_grad()
def check_units(network: QNetwork, obs: Tensor, mask: Tensor) -> list[str]:
    """What ``units()`` says of each layer: cut off from what they act on, units may be anything; otherwise not.

    Every second unit is cut off at its outgoing weights; then its incoming weights are changed, which must change no
    output (so no outgoing weight is missing). The units left must go on acting: changing theirs changes the output.
    """
    names = []
    for number, units in enumerate(network.units()):
        width = units.incoming[0].weight.shape[2]
        cut = torch.arange(width) % 2 == 0
        for chosen, changes in ((cut, False), (~cut, True)):
            own = copy.deepcopy(network)
            _cut_off(own.units()[number], cut)
            before = torch.where(mask.unsqueeze(3), own(obs, mask), 0.0)
            _change(own.units()[number], chosen)
            after = torch.where(mask.unsqueeze(3), own(obs, mask), 0.0)
            assert torch.equal(before, after) != changes, units.name
        names.append(units.name)
    return names


def _cut_off(units: Units, cut: Tensor) -> None:
    for layer, first, before, after in units.outgoing:
        block = layer.weight[:, first : first + before * len(cut) * after]
        block.unflatten(1, (before, len(cut), after))[:, :, cut] = 0  # a view


def _change(units: Units, chosen: Tensor) -> None:
    for layer in units.incoming:
        for parameter in layer.parameters():
            parameter[:, :, chosen] += 0.5
