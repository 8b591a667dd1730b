"""Dormant units by hand, recycling and restarting: what changes, what stays, what the optimiser forgets."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from states import observations, several
from torch import Tensor

from agents.learning.learner import QLearner
from agents.learning.plasticity import Plasticity, activity, recycle, restart
from agents.memory.transitions import TransitionBuffers
from agents.networks.base import Layout, QNetwork
from agents.networks.candidates import CandidateSettings
from agents.networks.heads import ScalarHead
from agents.networks.mlp import ImageSettings, MLPSettings

LAYOUT = Layout(globals=3, entities=5, entity_features=4, candidates=6, candidate_features=7)
IMAGE = Layout(65, 0, 0, 0, 0, image=(5, 13, 1))  # as long as the other one
SETTINGS: dict[str, Any] = {
    "mlp": MLPSettings(width=[8, 6], layer_norm=False),
    "image": ImageSettings(channels=[5, 4], kernel=2, width=[6], layer_norm=False),
    "candidates": CandidateSettings(width=8, layer_norm=False),
}
Named = dict[str, Tensor]
KINDS = pytest.mark.parametrize("kind", SETTINGS)
DUELING = pytest.mark.parametrize("dueling", [False, True])


def make_network(kind: str, seed: int = 0, **options: Any) -> QNetwork:
    torch.manual_seed(seed)
    layout = IMAGE if kind == "image" else LAYOUT
    return several(lambda: SETTINGS[kind].build(layout=layout, n_actions=6, **options), 2)[0]


def make_learner(network: QNetwork) -> QLearner:
    return QLearner(
        network=network, target_network=copy.deepcopy(network), head=ScalarHead(1.0), learning_rate=lambda step: 1e-2,
        weight_decay=0.0, max_grad_norm=10.0, double=True, target_every=1_000, tau=None, batch_size=16,
    )  # fmt: skip


def make_buffers(seed: int = 0) -> TransitionBuffers:
    """A random batch of two seeds."""
    buffers = TransitionBuffers(seeds=2, batch_size=16, obs_size=LAYOUT.size, n_actions=6, stores_masks=True)
    obs, mask = observations(seed, seeds=2, rows=32)
    buffers.obs.copy_(obs)
    buffers.mask.copy_(mask)
    buffers.r.copy_(torch.randn(2, 16, generator=torch.Generator().manual_seed(seed)))
    buffers.discount.fill_(0.9)
    return buffers


def trained(kind: str, **options: Any) -> tuple[QLearner, TransitionBuffers]:
    """A learner whose optimiser has moments everywhere."""
    learner, buffers = make_learner(make_network(kind, **options)), make_buffers()
    for _ in range(3):
        learner.update(buffers.batch, 0)
    return learner, buffers


def outputs(learner: QLearner, buffers: TransitionBuffers) -> Tensor:
    """Of the states by which units are judged."""
    batch = buffers.batch
    with torch.no_grad():
        q = learner.network(batch.obs_tm1, batch.mask_tm1)
    return torch.where(batch.mask_tm1.unsqueeze(3), q, 0.0)


@torch.no_grad()
def kill(network: QNetwork, seed: int, unit: int) -> None:
    """Let one unit of every layer of one seed be silent whatever it sees: no input, or negative ones, reach it."""
    for units in network.units():
        for layer in units.incoming:
            layer.weight[seed, :, unit] = 0
            if layer.bias is not None:
                layer.bias[seed, 0, unit] = -1


def test_scores_by_hand() -> None:
    """An input of 1, 2 or -3, three units with weights 1, -2 and 0: means of 1, 2 and 0, of the layer's mean 1."""
    network = MLPSettings(width=[3], layer_norm=False).build(layout=Layout(1, 0, 0, 0, 0), n_actions=2)
    layer: Any = network.body[0]
    layer[0].weight.data = torch.tensor([[[1.0, -2.0, 0.0]]])
    layer[0].bias.data.zero_()
    buffers = TransitionBuffers(seeds=1, batch_size=3, obs_size=1, n_actions=2, stores_masks=False)
    buffers.obs[0, :, 0] = torch.tensor([1.0, 2.0, -3.0, 99.0, 99.0, 99.0])  # the first half, tm1, counts
    ((units, score),) = activity(network, buffers.batch)
    assert units.name == "layer0"
    assert score.tolist() == [[1.0, 2.0, 0.0]]


def plasticity(**changes: Any) -> Plasticity:
    values: dict[str, Any] = {
        "make_fresh": lambda number: make_network("mlp", seed=number), "redo_every": None, "redo_threshold": 0.0,
        "reset_every": None, "reset_share": 1.0, "last_reset": 100,
    }  # fmt: skip
    return Plasticity(**(values | changes))


def test_the_dormant_share_is_counted_over_all_layers() -> None:
    """Of 14 units two are dead in seed 0 and none in seed 1, with positive weights; nothing without a batch."""
    network = make_network("mlp")
    for p in network.parameters():
        p.data.abs_()
    kill(network, seed=0, unit=2)
    batch = make_buffers().batch
    assert plasticity().metrics(network, batch) == [{"dormant": pytest.approx(2 / 14)}, {"dormant": 0.0}]
    assert plasticity().metrics(network, None) == [{}, {}]


def naive_recycle(learner: QLearner, fresh: QNetwork, dead: list[Tensor]) -> tuple[Named, Named]:
    """Weights by name after recycling, unit by unit, and which of them are new."""
    names = {id(p): name for name, p in learner.network.named_parameters()}
    weights = {name: p.detach().clone() for name, p in learner.network.named_parameters()}
    touched = {name: torch.zeros_like(w, dtype=torch.bool) for name, w in weights.items()}
    new = {name: p.detach() for name, p in fresh.named_parameters()}
    for units, silent in zip(learner.network.units(), dead, strict=True):
        for s, unit in silent.nonzero().tolist():
            for layer in units.incoming:
                for name in [names[id(p)] for p in layer.parameters()]:
                    weights[name][s, :, unit] = new[name][s, :, unit]
                    touched[name][s, :, unit] = True
            for layer, first, before, after in units.outgoing:
                name = names[id(layer.weight)]
                for i in range(before):
                    begin = first + (i * silent.shape[1] + unit) * after
                    weights[name][s, begin : begin + after] = 0
                    touched[name][s, begin : begin + after] = True
    return weights, touched


@KINDS
@DUELING
def test_dead_units_are_recycled_and_the_function_stays(kind: str, dueling: bool) -> None:
    """By loops: new weights before them, zeros behind; all else stays. Of these weights alone the moments are gone."""
    learner, buffers = trained(kind, dueling=dueling)
    fresh = make_network(kind, seed=1, dueling=dueling)
    kill(learner.network, seed=1, unit=2)
    dead = [score <= 0 for _, score in activity(learner.network, buffers.batch)]
    assert all(silent[1, 2] for silent in dead)
    before, (weights, touched) = outputs(learner, buffers), naive_recycle(learner, fresh, dead)
    moments = learner.optimizer.mean.clone(), learner.optimizer.square.clone()
    count = recycle(learner, buffers.batch, fresh, 0.0)
    assert count.tolist() == torch.cat(dead, 1).sum(1).tolist()
    torch.testing.assert_close(outputs(learner, buffers), before)
    for name, p in learner.network.named_parameters():
        assert torch.equal(p, weights[name]), name
    chosen = torch.cat([x.flatten(1) for x in touched.values()], 1)
    assert 0 < chosen.sum() < chosen.numel()
    for now, then in zip((learner.optimizer.mean, learner.optimizer.square), moments, strict=True):
        assert not now[chosen].any()
        assert torch.equal(now[~chosen], then[~chosen])
        assert then[chosen].any()


@KINDS
def test_live_units_are_left_alone(kind: str) -> None:
    """With positive weights before every unit on observations that are not negative none is silent."""
    learner, buffers = trained(kind)
    for units in learner.network.units():
        for layer in units.incoming:
            layer.weight.data.abs_()
    before, moments = learner.flat.values.clone(), learner.optimizer.square.clone()
    assert recycle(learner, buffers.batch, make_network(kind, seed=1), 0.0).tolist() == [0, 0]
    assert torch.equal(learner.flat.values, before)
    assert torch.equal(learner.optimizer.square, moments)


def test_the_threshold_is_a_share_of_the_layers_mean() -> None:
    learner, buffers = trained("mlp")
    scores = torch.cat([score for _, score in activity(learner.network, buffers.batch)], 1)
    for threshold in (0.0, 0.5, 1.0, 100.0):
        twin = make_learner(copy.deepcopy(learner.network))
        count = recycle(twin, buffers.batch, make_network("mlp", seed=1), threshold)
        assert count.tolist() == (scores <= threshold).sum(1).tolist()
    assert count.tolist() == [14, 14]


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_a_restart_moves_all_weights(share: float) -> None:
    """All the way or half of it; the target network is a copy, the optimiser begins anew."""
    learner, _ = trained("mlp", dueling=True)
    fresh = make_network("mlp", seed=1, dueling=True)
    old = {name: p.detach().clone() for name, p in learner.network.named_parameters()}
    restart(learner, fresh, share)
    for name, p in fresh.named_parameters():
        torch.testing.assert_close(dict(learner.network.named_parameters())[name], share * p + (1 - share) * old[name])
    assert torch.equal(learner.target_flat.values, learner.flat.values)
    assert not learner.optimizer.mean.any()
    assert not learner.optimizer.square.any()


def test_what_is_due_is_done() -> None:
    """Resets at updates 3 and 6 (9 is too late), each with fresh weights of its own, before and after a round trip."""
    learner, buffers = make_learner(make_network("mlp")), make_buffers()
    part = plasticity(reset_every=3, last_reset=8)
    for update in range(1, 10):
        learner.update(buffers.batch, 0)
        before = learner.flat.values.clone()
        part.after_update(learner, buffers.batch)
        if update in (3, 6):
            fresh = torch.cat([p.flatten(1) for p in make_network("mlp", seed=update // 3).parameters()], 1)
            assert torch.equal(learner.flat.values, fresh)
            state, part = part.state_dict(), plasticity(reset_every=3, last_reset=8)
            part.load_state_dict(state)
        else:
            assert torch.equal(learner.flat.values, before)
    assert part.drawn == 2


def test_recycling_comes_every_so_many_updates() -> None:
    learner, buffers = make_learner(make_network("mlp")), make_buffers()
    part, changed = plasticity(redo_every=2, redo_threshold=0.5), []
    for update in range(1, 7):
        learner.update(buffers.batch, 0)
        before = learner.flat.values.clone()
        part.after_update(learner, buffers.batch)
        if not torch.equal(learner.flat.values, before):
            changed.append(update)
    assert changed == [2, 4, 6]
    assert part.drawn == 3
