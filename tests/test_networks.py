"""Networks: masks, sets, candidates, and weights that do not depend on the level's sizes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from agents.networks import (
    CandidateNetwork,
    CandidateSettings,
    Layout,
    MLPSettings,
    NetworkSettings,
    QNetwork,
    _SetPool,
)

LAYOUT = Layout(globals=3, entities=5, entity_features=4, candidates=6, candidate_features=7)
WORST = torch.finfo(torch.float32).min


def observations(layout: Layout, batch: int, seed: int) -> tuple[Tensor, Tensor]:
    """Random obs [B, D] whose absent rows are 0, and mask [B, K] of the present candidates."""
    rng = torch.Generator().manual_seed(seed)
    head = torch.rand(batch, layout.globals, generator=rng)
    parts = [head]
    present = torch.zeros(batch, 0)
    for count, features in ((layout.entities, layout.entity_features), (layout.candidates, layout.candidate_features)):
        rows = torch.rand(batch, count, features, generator=rng)
        present = (torch.rand(batch, count, generator=rng) < 0.6).float()
        present[:, 0] = 1
        rows[:, :, 0] = 1
        parts.append((rows * present.unsqueeze(2)).flatten(1))
    return torch.cat(parts, 1), present.bool()


def network(kind: str, layout: Layout = LAYOUT) -> QNetwork:
    torch.manual_seed(0)
    settings: NetworkSettings = MLPSettings(width=16) if kind == "mlp" else CandidateSettings(width=16)
    return settings.build(layout=layout, n_actions=layout.candidates)


def test_layout_size() -> None:
    assert LAYOUT.size == 3 + 5 * 4 + 6 * 7


@pytest.mark.parametrize("kind", ["mlp", "candidates"])
def test_illegal_actions_are_at_the_minimum_and_legal_ones_finite(kind: str) -> None:
    obs, mask = observations(LAYOUT, 9, seed=1)
    mask[3] = False  # a game that has ended
    q = network(kind)(obs, mask)
    assert q.shape == (9, 6)
    assert torch.isfinite(q).all()
    assert (q[~mask] == WORST).all()
    assert (q[mask].abs() < 100).all()


@pytest.mark.parametrize("kind", ["mlp", "candidates"])
def test_q_of_is_the_taken_column_of_forward(kind: str) -> None:
    obs, mask = observations(LAYOUT, 9, seed=2)
    net = network(kind)
    a_tm1 = torch.tensor([int(torch.nonzero(row)[-1]) for row in mask])
    torch.testing.assert_close(net.q_of(obs, mask, a_tm1), net(obs, mask).gather(1, a_tm1.unsqueeze(1)).squeeze(1))


@pytest.mark.parametrize("kind", ["mlp", "candidates"])
def test_half_precision_observations_give_full_precision_values(kind: str) -> None:
    obs, mask = observations(LAYOUT, 4, seed=3)
    net = network(kind)
    q = net(obs.half(), mask)
    assert q.dtype == torch.float32
    torch.testing.assert_close(q, net(obs.half().float(), mask))


@pytest.mark.parametrize("kind", ["mlp", "candidates"])
def test_every_parameter_learns_from_both_calls(kind: str) -> None:
    obs, mask = observations(LAYOUT, 8, seed=4)
    net = network(kind)
    for value in (net(obs, mask)[mask].sum(), net.q_of(obs, mask, mask.int().argmax(1)).sum()):
        net.zero_grad()
        value.backward()
        assert all(p.grad is not None and torch.isfinite(p.grad).all() and p.grad.any() for p in net.parameters())


def test_permuting_candidates_permutes_q() -> None:
    obs, mask = observations(LAYOUT, 5, seed=5)
    order = torch.tensor([4, 2, 0, 5, 1, 3])
    start = LAYOUT.size - 6 * 7
    permuted = obs.clone()
    permuted[:, start:] = obs[:, start:].view(5, 6, 7)[:, order].flatten(1)
    net = network("candidates")
    torch.testing.assert_close(net(permuted, mask[:, order]), net(obs, mask)[:, order])


def test_permuting_entities_leaves_q_alone() -> None:
    obs, mask = observations(LAYOUT, 5, seed=6)
    permuted = obs.clone()
    permuted[:, 3:23] = obs[:, 3:23].view(5, 5, 4)[:, [3, 1, 4, 0, 2]].flatten(1)
    net = network("candidates")
    torch.testing.assert_close(net(permuted, mask), net(obs, mask))


def test_the_same_weights_play_a_level_of_other_sizes() -> None:
    """Padding a state with absent entities and candidates changes no value."""
    larger = Layout(globals=3, entities=9, entity_features=4, candidates=11, candidate_features=7)
    small, large = network("candidates"), network("candidates", larger)
    for p in large.parameters():
        torch.nn.init.zeros_(p)
    large.load_state_dict(small.state_dict())
    obs, mask = observations(LAYOUT, 5, seed=7)
    padded = torch.cat([obs[:, :23], torch.zeros(5, 4 * 4), obs[:, 23:], torch.zeros(5, 5 * 7)], 1)
    padded_mask = torch.cat([mask, torch.zeros(5, 5, dtype=torch.bool)], 1)
    torch.testing.assert_close(large(padded, padded_mask)[:, :6], small(obs, mask))
    assert (large(padded, padded_mask)[:, 6:] == WORST).all()


def test_absent_entities_do_not_count_whatever_they_hold() -> None:
    obs, mask = observations(LAYOUT, 5, seed=8)
    rubbish = obs.clone()
    rows = rubbish[:, 3:23].view(5, 5, 4)
    rows[:, :, 1:] += 100 * (rows[:, :, :1] == 0)
    net = network("candidates")
    torch.testing.assert_close(net(rubbish, mask), net(obs, mask))


def test_a_state_without_entities_is_fine() -> None:
    layout = Layout(globals=2, entities=3, entity_features=4, candidates=2, candidate_features=2)
    obs = torch.zeros(1, layout.size)
    assert torch.isfinite(network("candidates", layout)(obs, torch.ones(1, 2, dtype=torch.bool))).all()


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


def test_the_mean_counts_present_entities_only() -> None:
    """With the identity as entity layer, mean and largest of the rows (1, 2) and (1, 6) are (1, 4) and (1, 6)."""
    layout = Layout(globals=0, entities=3, entity_features=2, candidates=1, candidate_features=1)
    net = CandidateSettings(width=2, layer_norm=False).build(layout=layout, n_actions=1)
    assert isinstance(net, CandidateNetwork)
    seen: list[Tensor] = []
    net.entity.weight.data = torch.eye(2)
    net.state.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    net.embed(torch.tensor([[1.0, 2, 0, 0, 1, 6, 1]]))
    assert seen[0].tolist() == [[1, 4, 1, 6]]


def test_candidates_need_a_reducer() -> None:
    layout = Layout(globals=3, entities=5, entity_features=4, candidates=0, candidate_features=0)
    with pytest.raises(ValueError, match="network=candidates needs a reducer: actions=heuristic or random_k") as error:
        CandidateSettings().build(layout=layout, n_actions=187_201)
    assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match="scores 6 candidates, not 7 actions"):
        CandidateSettings().build(layout=LAYOUT, n_actions=7)


def test_mlp_takes_a_huge_action_space() -> None:
    net = MLPSettings(width=4, layers=1).build(layout=Layout(8, 0, 0, 0, 0), n_actions=187_201)
    mask = torch.zeros(2, 187_201, dtype=torch.bool)
    mask[:, 187_200] = True
    obs = torch.rand(2, 8, generator=torch.Generator().manual_seed(0))
    assert net(obs, mask).argmax(1).tolist() == [187_200, 187_200]


@pytest.mark.parametrize(
    ("settings", "values", "message"),
    [
        (MLPSettings, {"width": 0}, "network.width=0 is not in 1..8192"),
        (MLPSettings, {"layers": 0}, "network.layers=0 is not in 1..16"),
        (CandidateSettings, {"width": -1}, "network.width=-1 is not in 1..8192"),
    ],
)
def test_settings_check_ranges(settings: type, values: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        settings(**values)
