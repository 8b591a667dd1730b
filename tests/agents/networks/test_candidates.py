"""The candidate network: sets, seeds, two ways of computing them, weights that do not depend on the level's sizes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from states import LAYOUT, check_units, gradients, last_legal, observations, several
from torch import Tensor

from agents.networks.base import Layout
from agents.networks.candidates import CandidateNetwork, CandidateSettings
from agents.networks.packing import Packing, _SetPool

WAYS = pytest.mark.parametrize("packs", [True, False], ids=["packed", "dense"])
SWITCHES = pytest.mark.parametrize(
    "options", [{}, {"dueling": True}, {"outputs": 3}, {"layer_norm": False}], ids=["plain", "dueling", "three", "bare"]
)


def make(layout: Layout = LAYOUT, width: int = 16, layer_norm: bool = True, **options: Any) -> CandidateNetwork:
    settings = CandidateSettings(width=width, layer_norm=layer_norm)
    return settings.build(layout=layout, n_actions=layout.candidates, **options)


def network(packs: bool | None = None, **options: Any) -> CandidateNetwork:
    torch.manual_seed(0)
    net = make(**options)
    net.packs = packs
    return net


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def values(net: CandidateNetwork, obs: Tensor, mask: Tensor) -> Tensor:
    """Outputs of the legal candidates [S, B, K, Z]; 0 elsewhere, where they mean nothing."""
    return torch.where(mask.unsqueeze(3), net(obs, mask), 0.0)


def loss(net: CandidateNetwork, obs: Tensor, mask: Tensor) -> Tensor:
    """A scalar of what both calls give."""
    legal, taken = values(net, obs, mask), net.of(obs, mask, last_legal(mask)) * mask.any(2, keepdim=True)
    return (legal * random(*legal.shape)).sum() + taken.square().sum()


@SWITCHES
@pytest.mark.parametrize("seeds", [1, 3])
def test_both_ways_give_the_same_numbers(seeds: int, options: dict[str, Any]) -> None:
    """Outputs and gradients, with games that have ended and seeds with different numbers of candidates."""
    net, _ = several(lambda: make(**options), seeds)
    assert isinstance(net, CandidateNetwork)
    obs, mask = observations(1, seeds=seeds)
    mask[0, 3] = False
    mask[-1, :, 3:] = False
    found = []
    for net.packs in (True, False):
        taken = net.of(obs, mask, last_legal(mask)) * mask.any(2, keepdim=True)  # what is illegal means nothing
        found.append((values(net, obs, mask), taken, gradients(net, loss(net, obs, mask))))
    for packed, dense in zip(*found, strict=True):
        torch.testing.assert_close(packed, dense)


@WAYS
@SWITCHES
def test_several_seeds_are_several_networks(packs: bool, options: dict[str, Any]) -> None:
    big, singles = several(lambda: make(**options), 3)
    obs, mask = observations(1, seeds=3)
    mask[1, 3] = False
    mask[2, :, 2:] = False
    assert isinstance(big, CandidateNetwork)
    big.packs = packs
    slope = random(*values(big, obs, mask).shape)
    outputs, taken = values(big, obs, mask), big.of(obs, mask, last_legal(mask))
    found = gradients(big, (outputs * slope).sum() + taken[:, 4:].square().sum())
    for s, single in enumerate(singles):
        assert isinstance(single, CandidateNetwork)
        own, single.packs = slice(s, s + 1), packs
        theirs = values(single, obs[own], mask[own])
        theirs_taken = single.of(obs[own], mask[own], last_legal(mask[own]))
        torch.testing.assert_close(outputs[own], theirs)
        torch.testing.assert_close(taken[own][mask[own].any(2)], theirs_taken[mask[own].any(2)])
        for name, value in gradients(single, (theirs * slope[own]).sum() + theirs_taken[:, 4:].square().sum()).items():
            torch.testing.assert_close(found[name][own], value, msg=name)


@WAYS
@SWITCHES
@pytest.mark.parametrize("seeds", [1, 2])
def test_of_is_the_taken_row_of_forward(packs: bool, seeds: int, options: dict[str, Any]) -> None:
    net, _ = several(lambda: make(**options), seeds)
    assert isinstance(net, CandidateNetwork)
    net.packs = packs
    obs, mask = observations(2, seeds=seeds)
    a_tm1 = last_legal(mask)
    index = a_tm1[:, :, None, None].expand(-1, -1, 1, net.outputs)
    torch.testing.assert_close(net.of(obs, mask, a_tm1), net(obs, mask).gather(2, index).squeeze(2))


@WAYS
def test_illegal_candidates_do_not_change_the_others(packs: bool) -> None:
    net = network(packs, dueling=True)
    obs, mask = observations(3)
    fewer = mask.clone()
    fewer[:, :, 4:] = False
    rubbish = obs.clone()
    rubbish[:, :, -2 * 7 :] = 50.0
    torch.testing.assert_close(values(net, rubbish, fewer), values(net, obs, fewer))
    assert not torch.allclose(values(net, obs, fewer)[:, :, :4], values(net, obs, mask)[:, :, :4], atol=1e-4)


@WAYS
def test_nothing_legal_anywhere_is_finite(packs: bool) -> None:
    for seeds in (1, 2):
        net, _ = several(lambda: make(dueling=True), seeds)
        assert isinstance(net, CandidateNetwork)
        net.packs = packs
        obs, mask = observations(4, seeds=seeds)
        assert torch.isfinite(net(obs, torch.zeros_like(mask))).all()


@WAYS
@pytest.mark.parametrize("dtype", [torch.float16, torch.uint8])
def test_stored_observations_give_full_precision_values(packs: bool, dtype: torch.dtype) -> None:
    net = network(packs)
    obs, mask = observations(3)
    stored = (obs * 3).round().to(dtype)
    outputs = values(net, stored, mask)
    assert outputs.dtype == torch.float32
    torch.testing.assert_close(outputs, values(net, stored.float(), mask))


@WAYS
def test_every_parameter_learns_from_both_calls(packs: bool) -> None:
    net = network(packs, dueling=True)
    obs, mask = observations(4)
    for value in (values(net, obs, mask).square().sum(), net.of(obs, mask, last_legal(mask)).square().sum()):
        for name, gradient in gradients(net, value).items():
            assert torch.isfinite(gradient).all()
            assert gradient.any(), name


@WAYS
def test_permuting_candidates_permutes_their_values(packs: bool) -> None:
    obs, mask = observations(5)
    order = torch.tensor([4, 2, 0, 5, 1, 3])
    permuted = obs.clone()
    permuted[:, :, 23:] = obs[:, :, 23:].view(1, 9, 6, 7)[:, :, order].flatten(2)
    net = network(packs)
    torch.testing.assert_close(values(net, permuted, mask[:, :, order]), values(net, obs, mask)[:, :, order])


@WAYS
def test_permuting_entities_changes_nothing(packs: bool) -> None:
    obs, mask = observations(6)
    permuted = obs.clone()
    permuted[:, :, 3:23] = obs[:, :, 3:23].view(1, 9, 5, 4)[:, :, [3, 1, 4, 0, 2]].flatten(2)
    net = network(packs)
    torch.testing.assert_close(values(net, permuted, mask), values(net, obs, mask))


@WAYS
def test_the_same_weights_play_a_level_of_other_sizes(packs: bool) -> None:
    """Padding a state with absent entities and candidates changes no value."""
    larger = Layout(globals=3, entities=9, entity_features=4, candidates=11, candidate_features=7)
    small, large = network(packs), network(packs, layout=larger)
    for p in large.parameters():
        torch.nn.init.zeros_(p)
    large.load_state_dict(small.state_dict())
    obs, mask = observations(7)
    padded = torch.cat([obs[:, :, :23], torch.zeros(1, 9, 4 * 4), obs[:, :, 23:], torch.zeros(1, 9, 5 * 7)], 2)
    padded_mask = torch.cat([mask, torch.zeros(1, 9, 5, dtype=torch.bool)], 2)
    torch.testing.assert_close(values(large, padded, padded_mask)[:, :, :6], values(small, obs, mask))


@WAYS
def test_absent_entities_do_not_count_whatever_they_hold(packs: bool) -> None:
    obs, mask = observations(8)
    rubbish = obs.clone()
    rows = rubbish[:, :, 3:23].view(9, 5, 4)
    rows[:, :, 1:] += 100 * (rows[:, :, :1] == 0)
    net = network(packs)
    torch.testing.assert_close(values(net, rubbish, mask), values(net, obs, mask))


@WAYS
def test_a_state_without_entities_is_fine(packs: bool) -> None:
    layout = Layout(globals=2, entities=3, entity_features=4, candidates=2, candidate_features=2)
    net = network(packs, layout=layout)
    assert torch.isfinite(net(torch.zeros(1, 1, layout.size), torch.ones(1, 1, 2, dtype=torch.bool))).all()


@WAYS
def test_the_mean_counts_present_entities_only(packs: bool) -> None:
    """With the identity as entity layer, mean and largest of the rows (1, 2) and (1, 6) are (1, 4) and (1, 6)."""
    layout = Layout(globals=0, entities=3, entity_features=2, candidates=1, candidate_features=1)
    net = network(packs, layout=layout, width=2, layer_norm=False)
    seen: list[Tensor] = []
    net.entity[0].weight.data = torch.eye(2).unsqueeze(0)  # type: ignore[union-attr]
    net.state.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    net.embed(torch.tensor([[[1.0, 2, 0, 0, 1, 6, 1]]]))
    assert seen[0].tolist() == [[[1, 4, 1, 6]]]


def test_pooling_and_its_gradient_are_those_of_sum_and_amax() -> None:
    """Four sets of 0 to 3 rows, against one set at a time; an empty set pools to 0."""
    hidden = torch.rand(6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    row = torch.tensor([0, 0, 1, 3, 3, 3])
    total, largest = _SetPool.apply(hidden, row, 4)
    assert total[2].tolist() == largest[2].tolist() == [0.0] * 5
    sets = [hidden[row == i] for i in (0, 1, 3)]
    torch.testing.assert_close(total[[0, 1, 3]], torch.stack([rows.sum(0) for rows in sets]))
    torch.testing.assert_close(largest[[0, 1, 3]], torch.stack([rows.amax(0) for rows in sets]))
    ours = torch.autograd.grad((2 * total + 3 * largest).sum(), hidden)[0]
    theirs = torch.autograd.grad(sum((2 * rows.sum(0) + 3 * rows.amax(0)).sum() for rows in sets), hidden)[0]  # type: ignore[arg-type]
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("seeds", [1, 3])
def test_packing_takes_the_chosen_and_puts_them_back(seeds: int) -> None:
    """Against loops; entries that were not chosen come back as 0, padding goes nowhere."""
    chosen, rows = random(seeds, 8, seed=1) > 0.3, random(seeds, 8, 2)
    packing = Packing(chosen)
    packed = packing.take(rows)
    assert packed.shape == (seeds, int(chosen.sum(1).max()), 2)
    for s in range(seeds):
        places = [m for m in range(8) if chosen[s, m]]
        assert packing.place[s, : len(places)].tolist() == places
        assert (packing.place[s, len(places) :] == 8).all()
        assert torch.equal(packed[s, : len(places)], rows[s, places])
    assert torch.equal(packing.put(packed), torch.where(chosen.unsqueeze(2), rows, 0.0))


@WAYS
@pytest.mark.parametrize("dueling", [False, True])
def test_units_name_all_that_the_units_act_on(packs: bool, dueling: bool) -> None:
    net, _ = several(lambda: make(layer_norm=False, dueling=dueling), 2)
    assert isinstance(net, CandidateNetwork)
    net.packs = packs
    assert check_units(net, *observations(9, seeds=2)) == ["entity", "state", "meet", "scorer"]


def test_candidates_need_a_reducer() -> None:
    layout = Layout(globals=3, entities=5, entity_features=4, candidates=0, candidate_features=0)
    with pytest.raises(ValueError, match="network=candidates needs a reducer: actions=heuristic or random_k") as error:
        CandidateSettings().build(layout=layout, n_actions=187_201)
    assert "\n" not in str(error.value)
    assert "with actions=full, masked or buckets" in str(error.value)
    with pytest.raises(ValueError, match="scores 6 candidates, not 7 actions"):
        CandidateSettings().build(layout=LAYOUT, n_actions=7)


@pytest.mark.parametrize("width", [-1, 0, 8193])
def test_settings_check_ranges(width: int) -> None:
    with pytest.raises(ValueError, match=f"network.width={width} is not in 1..8192"):
        CandidateSettings(width=width)
