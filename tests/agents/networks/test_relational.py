"""The relational network: what points to what, and that without it it is the candidate network."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from states import check_units, gradients, last_legal, observations, several
from torch import Tensor

from agents.networks.base import Layout
from agents.networks.candidates import CandidateSettings
from agents.networks.relational import RelationalNetwork, RelationalSettings
from agents.networks.weights import load_weights

LAYOUT = Layout(globals=3, entities=5, entity_features=4, candidates=6, candidate_features=7, pointers=3)
SWITCHES = pytest.mark.parametrize(
    "options", [{}, {"dueling": True}, {"attention": 1}, {"attention": 2, "outputs": 3}],
    ids=["plain", "dueling", "attention", "two blocks"],
)  # fmt: skip


def make(layout: Layout = LAYOUT, attention: int = 0, layer_norm: bool = True, **options: Any) -> RelationalNetwork:
    settings = RelationalSettings(width=16, attention=attention, layer_norm=layer_norm)
    return settings.build(layout=layout, n_actions=layout.candidates, **options)


def network(**options: Any) -> RelationalNetwork:
    torch.manual_seed(0)
    return make(**options)


def values(net: RelationalNetwork, obs: Tensor, mask: Tensor) -> Tensor:
    return torch.where(mask.unsqueeze(3), net(obs, mask), 0.0)


@SWITCHES
@pytest.mark.parametrize("seeds", [1, 3])
def test_both_ways_give_the_same_numbers(seeds: int, options: dict[str, Any]) -> None:
    net, _ = several(lambda: make(**options), seeds)
    assert isinstance(net, RelationalNetwork)
    obs, mask = observations(1, seeds=seeds, layout=LAYOUT)
    mask[0, 3] = False
    mask[-1, :, 3:] = False
    found = []
    for net.packs in (True, False):
        taken = net.of(obs, mask, last_legal(mask)) * mask.any(2, keepdim=True)
        legal = values(net, obs, mask)
        slope = torch.randn(legal.shape, generator=torch.Generator().manual_seed(1))
        found.append((legal, taken, gradients(net, (legal * slope).sum() + taken.square().sum())))
    for packed, dense in zip(*found, strict=True):
        torch.testing.assert_close(packed, dense)


@SWITCHES
def test_several_seeds_are_several_networks(options: dict[str, Any]) -> None:
    big, singles = several(lambda: make(**options), 3)
    obs, mask = observations(1, seeds=3, layout=LAYOUT)
    mask[1, 3] = False
    assert isinstance(big, RelationalNetwork)
    together = values(big, obs, mask)
    for s, single in enumerate(singles):
        assert isinstance(single, RelationalNetwork)
        torch.testing.assert_close(together[s], values(single, obs[s : s + 1], mask[s : s + 1])[0])


@SWITCHES
def test_of_is_the_taken_candidate_of_forward(options: dict[str, Any]) -> None:
    net = network(**options)
    obs, mask = observations(2, layout=LAYOUT)
    a = last_legal(mask)
    wanted = net(obs, mask).gather(2, a[..., None, None].expand(-1, -1, 1, net.outputs)).squeeze(2)
    torch.testing.assert_close(net.of(obs, mask, a), wanted)


@pytest.mark.parametrize("attention", [0, 1])
def test_with_a_candidate_networks_weights_it_acts_as_that(attention: int) -> None:
    """So a run may go on from the candidate network's, and what relates entities is learnt from there."""
    torch.manual_seed(3)
    plain = CandidateSettings(width=16).build(layout=LAYOUT, n_actions=6)
    net = network(attention=attention)
    load_weights(net, net.adopt(plain.state_dict()))
    obs, mask = observations(3, layout=LAYOUT)
    assert torch.equal(values(net, obs, mask), torch.where(mask.unsqueeze(3), plain(obs, mask), 0.0))
    slopes = gradients(net, values(net, obs, mask).square().sum())
    assert slopes["named.weight"].abs().max() > 0
    if attention:
        assert slopes["blocks.0.out.weight"].abs().max() > 0


def test_weights_of_another_network_are_not_made_up() -> None:
    """Only what a candidate network lacks is filled in."""
    saved = network().state_dict()
    del saved["candidate.weight"]
    assert "candidate.weight" not in network().adopt(saved)


@pytest.mark.parametrize("kind", [CandidateSettings, RelationalSettings])
@pytest.mark.parametrize("seeds", [1, 2])
def test_weights_for_rows_with_fewer_columns_mean_the_same(kind: Any, seeds: int) -> None:
    """Whatever stands in the columns behind those that the weights were learnt for."""
    narrow, _ = several(lambda: kind(width=16).build(layout=LAYOUT, n_actions=6), seeds)
    longer = LAYOUT._replace(entity_features=6, candidate_features=8)
    torch.manual_seed(7)
    net, _ = several(lambda: kind(width=16).build(layout=longer, n_actions=6), seeds)
    load_weights(net, net.adopt(narrow.state_dict()))
    obs, mask = observations(1, seeds=seeds, layout=longer)
    split = [LAYOUT.globals, longer.entities * longer.entity_features, longer.candidates * longer.candidate_features]
    start, entities, candidates, pointers = obs.split([*split, obs.shape[2] - sum(split)], dim=2)
    rows = [x.unflatten(2, (n, -1)) for x, n in ((entities, LAYOUT.entities), (candidates, LAYOUT.candidates))]
    assert all(row[..., -1].any() for row in rows)
    fewer = [rows[0][..., :4].flatten(2), rows[1][..., :7].flatten(2)]
    before = values(narrow, torch.cat([start, *fewer, pointers], dim=2), mask)
    torch.testing.assert_close(values(net, obs, mask), before)


def points_to(obs: Tensor) -> Tensor:
    """Pointers [B, E + K, 3] of obs [1, B, D]."""
    return obs[0, :, LAYOUT.pointers_at :].long().unflatten(1, (-1, 3))


@pytest.mark.parametrize("packs", [True, False], ids=["packed", "dense"])
def test_a_candidate_sees_the_entities_that_it_names_and_those_that_they_name(packs: bool) -> None:
    """With the pooled state cut off, changing an entity changes the candidates that point to it, also by a cart."""
    net = network()
    net.packs = packs
    with torch.no_grad():
        net.state_to_scorer.weight.zero_()
    obs, mask = observations(4, rows=40, layout=LAYOUT)
    pointers, before = points_to(obs), values(net, obs, mask)
    assert bool((pointers[:, 5:] > 0).any())
    for entity in range(LAYOUT.entities):
        changed = obs.clone()
        at = LAYOUT.globals + entity * LAYOUT.entity_features
        is_there = changed[0, :, at] == 1
        changed[0, is_there, at + 1 : at + 4] += 1.0
        names = pointers == entity + 1  # [B, E + K, 3]
        by_entities = names[:, :5, :2].any(2) & (obs[0, :, 3:23:4] == 1)  # [B, E]: source or target of such an entity
        told = torch.cat([torch.zeros(40, 1, dtype=torch.bool), by_entities], dim=1)  # by pointer; 0 is none
        wanted = names[:, 5:].any(2) | told.gather(1, pointers[:, 5:].flatten(1)).view(40, 6, 3).any(2)
        differs = (values(net, changed, mask) != before)[0, :, :, 0]
        assert torch.equal(differs, wanted & is_there.unsqueeze(1) & mask[0]), entity


@SWITCHES
def test_the_order_of_entities_does_not_count(options: dict[str, Any]) -> None:
    net = network(**options)
    obs, mask = observations(5, layout=LAYOUT)
    order = torch.tensor([3, 0, 4, 1, 2])
    moved = obs.clone()
    rows = obs[:, :, 3:23].unflatten(2, (5, 4))
    moved[:, :, 3:23] = rows[:, :, order].flatten(2)
    pointers = obs[:, :, LAYOUT.pointers_at :].unflatten(2, (11, 3)).clone()
    pointers[:, :, :5] = pointers[:, :, order]
    place = torch.cat([torch.zeros(1), 1.0 + order.argsort()])
    moved[:, :, LAYOUT.pointers_at :] = place[pointers.long()].flatten(2)
    torch.testing.assert_close(values(net, moved, mask), values(net, obs, mask))


def test_the_same_weights_fit_other_sizes() -> None:
    larger = LAYOUT._replace(entities=9, candidates=11)
    wide = make(larger)
    load_weights(wide, network().state_dict())
    obs, mask = observations(6, layout=larger)
    assert wide(obs, mask).shape == (1, 9, 11, 1)


@pytest.mark.parametrize("seeds", [1, 2])
def test_where_no_row_points_anywhere_all_weights_have_gradients(seeds: int) -> None:
    """As on the first turn, before there are carts: autograd must find every weight used."""
    net, _ = several(make, seeds)
    obs, mask = observations(8, seeds=seeds, layout=LAYOUT)
    obs[:, :, LAYOUT.pointers_at :] = 0
    slopes = torch.autograd.grad(net(obs, mask).square().sum(), list(net.parameters()))
    by_name = dict(zip(dict(net.named_parameters()), slopes, strict=True))
    assert not by_name["relate.weight"].any()
    assert not by_name["named.weight"].any()
    assert by_name["entity.0.weight"].any()


def test_units() -> None:
    obs, mask = observations(7, rows=20, layout=LAYOUT)
    assert check_units(network(layer_norm=False), obs, mask) == ["entity", "state", "meet", "scorer"]
    names = check_units(network(layer_norm=False, attention=2), obs, mask)
    assert names == ["block.0", "block.1", "state", "meet", "scorer"]


def test_what_it_needs() -> None:
    with pytest.raises(ValueError, match="network=relational needs observations with entities and pointers=True"):
        make(LAYOUT._replace(pointers=0))
    with pytest.raises(ValueError, match="network=relational needs a reducer"):
        make(LAYOUT._replace(candidates=0))
    with pytest.raises(ValueError, match=r"network.heads=3 is not allowed, it must divide network.width=16"):
        RelationalSettings(width=16, heads=3)
