"""The fused update against the general one by autograd: two learners side by side."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from agents.acting.policy import QPolicy
from agents.fused.mlp import can_fuse_mlp
from agents.learning.fitter import QFitter
from agents.learning.learner import MunchausenSettings, QLearner
from agents.memory.transitions import TransitionBuffers
from agents.networks.base import Layout, QNetwork
from agents.networks.candidates import CandidateSettings
from agents.networks.heads import Head, QuantileHead, ScalarHead
from agents.networks.mlp import ImageSettings, MLPSettings
from agents.networks.weights import stack

ROWS = 16
SHAPES = {  # inputs, hidden layers, actions: up to 8 and above 8 take different ways, 256 inputs may be sparse
    "narrow": (4, [12, 8], 3), "wide": (20, [12, 16], 11), "one_layer": (20, [6], 2), "waist": (8, [16, 5, 12], 9),
    "dense": (256, [10], 3), "sparse": (300, [10, 9], 3), "image": (8 * 7 * 3, [10], 3),
}  # fmt: skip
ZEROS = {"sparse": 0.95, "image": 0.7}  # their share in the observations


def make_network(shape: str, seeds: int = 1, layer_norm: bool = True, **options: Any) -> QNetwork:
    inputs, width, actions = SHAPES[shape]
    torch.manual_seed(0)
    settings: Any = MLPSettings(width=width, layer_norm=layer_norm)
    if shape == "image":
        settings = ImageSettings(channels=[5], kernel=3, stride=2, width=width, layer_norm=layer_norm)
    layout = Layout(inputs, 0, 0, 0, 0, image=(8, 7, 3))
    return stack([settings.build(layout=layout, n_actions=actions, **options) for _ in range(seeds)])


def make_learner(network: QNetwork, fused_update: bool, head: Head | None = None, **changes: Any) -> QLearner:
    values: dict[str, Any] = {
        "learning_rate": lambda step: 1e-3, "weight_decay": 0.01, "max_grad_norm": 0.5, "double": True,
        "target_every": 7, "tau": None, "batch_size": ROWS,
    }  # fmt: skip
    return QLearner(
        network=copy.deepcopy(network), target_network=copy.deepcopy(network),
        head=ScalarHead(1.0) if head is None else head, fused_update=fused_update, **(values | changes),
    )  # fmt: skip


def make_buffers(shape: str, seeds: int = 1, stores_masks: bool = True) -> TransitionBuffers:
    inputs, _, actions = SHAPES[shape]
    return TransitionBuffers(
        seeds=seeds, batch_size=ROWS, obs_size=inputs, n_actions=actions, stores_masks=stores_masks
    )


def fill(buffers: TransitionBuffers, number: int, zeros: float = 0.0) -> None:
    """A random batch: a fifth of the rows ended, errors on both sides of Huber's border, weights, illegal actions."""
    rng = torch.Generator().manual_seed(number)
    kept = torch.rand(buffers.obs.shape, generator=rng) >= zeros
    buffers.obs.copy_(torch.randn(buffers.obs.shape, generator=rng) * kept)
    if buffers.batch.mask_tm1.stride(0) > 0:
        buffers.mask.copy_(torch.rand(buffers.mask.shape, generator=rng) < 0.6)
        buffers.mask[:, :, 1] = True
        chances = buffers.batch.mask_tm1.float()
    else:
        chances = torch.ones(buffers.batch.mask_tm1.shape)
    buffers.a.copy_(torch.multinomial(chances.flatten(0, 1), 1, generator=rng).view(buffers.a.shape))
    buffers.r.copy_(torch.randn(buffers.r.shape, generator=rng) * 2)
    buffers.discount.copy_((torch.rand(buffers.r.shape, generator=rng) < 0.8) * 0.9)
    buffers.weights.copy_(torch.rand(buffers.r.shape, generator=rng))


def assert_equal_over_updates(
    general: QLearner, fused: QLearner, buffers: TransitionBuffers, zeros: float = 0.0
) -> None:
    """TD errors at each update; weights, target weights and metrics in the end."""
    assert general.fused is None
    assert fused.fused is not None
    start = general.flat.values.clone()
    for number in range(30):
        fill(buffers, number, zeros if number % 5 else 0.0)  # now and then without zeros
        theirs = general.update(buffers.batch, 0)
        torch.testing.assert_close(fused.update(buffers.batch, 0), theirs, rtol=1e-4, atol=2e-5)
    for ours, theirs in ((fused.flat, general.flat), (fused.target_flat, general.target_flat)):
        torch.testing.assert_close(ours.values, theirs.values, rtol=1e-4, atol=2e-5)
    assert (general.flat.values - start).abs().amax(1).min() > 5e-3  # every seed has learnt
    for own, other in zip(fused.metrics(), general.metrics(), strict=True):
        assert own == pytest.approx(other, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("layer_norm", [False, True], ids=["bare", "norm"])
@pytest.mark.parametrize("dueling", [False, True], ids=["single", "dueling"])
@pytest.mark.parametrize("double", [False, True], ids=["plain", "double"])
@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_the_general_update(shape: str, double: bool, dueling: bool, layer_norm: bool, seeds: int) -> None:
    network = make_network(shape, seeds, layer_norm, dueling=dueling)
    learners = [make_learner(network, fused, double=double) for fused in (False, True)]
    assert_equal_over_updates(*learners, make_buffers(shape, seeds), ZEROS.get(shape, 0.0))


@pytest.mark.parametrize("changes", [{"tau": 0.02}, {"tau": None, "target_every": 1}, {"max_grad_norm": 1e-3}])
@pytest.mark.parametrize("stores_masks", [False, True])
def test_targets_clipping_and_constant_masks(changes: dict[str, Any], stores_masks: bool) -> None:
    network = make_network("narrow", 2, dueling=True)
    learners = [make_learner(network, fused, **changes) for fused in (False, True)]
    assert_equal_over_updates(*learners, make_buffers("narrow", 2, stores_masks))


def test_huber_delta_counts() -> None:
    network = make_network("narrow")
    found = []
    for delta in (0.1, 100.0):
        learners = [make_learner(network, fused, ScalarHead(delta)) for fused in (False, True)]
        assert_equal_over_updates(*learners, make_buffers("narrow"))
        found.append(learners[1].flat.values)
    assert not torch.allclose(*found, atol=1e-3)


def one_update(fused: bool, change: Any, double: bool = True) -> tuple[Tensor, Tensor]:
    learner, buffers = make_learner(make_network("wide"), fused, double=double), make_buffers("wide")
    fill(buffers, 0)
    change(buffers)
    td_error = learner.update(buffers.batch, 0).clone()
    assert learner.flat.gradients is not None
    return td_error, learner.flat.gradients.clone()


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("double", [False, True])
def test_what_follows_an_end_does_not_count(fused: bool, double: bool) -> None:
    """Not even if it is no number."""

    def spoil(buffers: TransitionBuffers) -> None:
        ended = buffers.discount == 0
        assert 0 < ended.sum() < ROWS
        buffers.batch.obs_t[ended] = torch.nan

    for plain, spoilt in zip(one_update(fused, lambda b: None, double), one_update(fused, spoil, double), strict=True):
        assert torch.equal(plain, spoilt)


@pytest.mark.parametrize("fused", [False, True])
def test_weights_scale_the_slope_and_not_the_td_error(fused: bool) -> None:
    """Rows of weight 0 teach nothing; weight 2 is worth two rows (the gradient is below the clipping here)."""

    def only(row: int, weight: float) -> Any:
        def change(buffers: TransitionBuffers) -> None:
            buffers.weights.zero_()
            buffers.weights[0, row] = weight

        return change

    td_once, once = one_update(fused, only(3, 0.01))
    td_twice, twice = one_update(fused, only(3, 0.02))
    assert torch.equal(td_once, td_twice)
    torch.testing.assert_close(twice, 2 * once)
    assert once.any()
    assert not one_update(fused, lambda b: b.weights.zero_())[1].any()


def test_what_has_no_fused_way_is_not_fused() -> None:
    network = make_network("narrow")
    assert make_learner(network, True).fused is not None
    settings = MunchausenSettings(alpha=0.9, temperature=0.03, lowest=-1.0, corrected=True)
    assert make_learner(network, True, munchausen=settings).fused is None
    several = make_network("narrow", outputs=5)
    assert make_learner(several, True, QuantileHead(5, 1.0)).fused is None
    image, candidates = Layout(108, 0, 0, 0, 0, image=(6, 6, 3)), Layout(3, 2, 2, 4, 2)
    for other in (
        several,
        make_network("narrow", noisy=True),
        ImageSettings(channels=[4, 4], width=[4]).build(layout=image, n_actions=3),
        CandidateSettings(width=8).build(layout=candidates, n_actions=4),
        MLPSettings(width=[4]).build(layout=candidates, n_actions=4097),
    ):
        assert not can_fuse_mlp(other)
    assert can_fuse_mlp(MLPSettings(width=[4]).build(layout=candidates, n_actions=4096))
    assert can_fuse_mlp(ImageSettings(channels=[4], width=[4]).build(layout=image, n_actions=3))


@pytest.mark.parametrize("shape", ["narrow", "sparse", "image"])
def test_acting_is_that_of_the_network(shape: str) -> None:
    """In buffers for as many rows as there are, which may change; what was given before stays."""
    network = make_network(shape, 2, dueling=True)
    learner, rng = make_learner(network, True), np.random.default_rng(0)
    policy = QPolicy(network=learner.network, head=ScalarHead(1.0), n_actions=3, device=torch.device("cpu"))
    slow = QPolicy(network=copy.deepcopy(network), head=ScalarHead(1.0), n_actions=3, device=torch.device("cpu"))
    policy.flat = learner.flat
    assert policy.is_fused
    assert not slow.is_fused
    earlier: list[tuple[np.ndarray, np.ndarray]] = []
    for rows in (6, 6, 10, 2):
        inputs = SHAPES[shape][0]
        obs = (rng.normal(size=(rows, inputs)) * (rng.random((rows, inputs)) < 0.1)).astype(np.float32)
        mask = rng.random((rows, 3)) < 0.6
        for legal in (mask, None):
            q = policy.q_values(obs, legal)
            np.testing.assert_allclose(q, slow.q_values(obs, legal), rtol=1e-4, atol=1e-5)
            assert (policy.greedy(obs, legal) == slow.greedy(obs, legal)).all()
            earlier.append((q, q.copy()))
    assert all((np.array_equal(q, kept)) for q, kept in earlier)


def as_fitting(buffers: TransitionBuffers, stores_masks: bool) -> dict[str, Tensor]:
    """The first half of a batch, with its rewards as targets."""
    batch = {"obs": buffers.batch.obs_tm1, "a": buffers.a, "target": buffers.r, "weights": buffers.weights}
    return batch | ({"mask": buffers.batch.mask_tm1} if stores_masks else {})


@pytest.mark.parametrize("shape", ["narrow", "sparse", "image"])
@pytest.mark.parametrize("stores_masks", [False, True])
def test_fitting_is_the_general_fitting(shape: str, stores_masks: bool) -> None:
    """Over 30 updates of batches of two sizes; read on the way, saved and loaded."""
    network, fitters = make_network(shape, 2, dueling=True), []
    for fused_update in (False, True):
        fitters.append(QFitter(
            network=copy.deepcopy(network), head=ScalarHead(1.0), learning_rate=lambda step: 1e-3, weight_decay=0.01,
            max_grad_norm=0.5, n_actions=3, fused_update=fused_update,
        ))  # fmt: skip
    general, fused = fitters
    buffers, start = make_buffers(shape, 2, stores_masks), general.flat.values.clone()
    for number in range(30):
        fill(buffers, number, ZEROS.get(shape, 0.0))
        batch = as_fitting(buffers, stores_masks)
        for fitter in fitters:
            fitter.update({name: x[:, : 8 + number // 10] for name, x in batch.items()}, 0)
        if number in (4, 25):
            for own, other in zip(fused.metrics(), general.metrics(), strict=True):
                assert own == pytest.approx(other, rel=1e-4, abs=1e-5)
            fused.load_state_dict(fused.state_dict())
    assert general.fused is None
    assert fused.fused is not None
    torch.testing.assert_close(fused.flat.values, general.flat.values, rtol=1e-4, atol=2e-5)
    assert (general.flat.values - start).abs().amax(1).min() > 5e-3
    for own, other in zip(fused.metrics(), general.metrics(), strict=True):
        assert own == pytest.approx(other, rel=1e-4, abs=1e-5)


def test_a_fitter_that_loads_a_state_forgets_its_own_sums() -> None:
    fitters, buffers = [], make_buffers("narrow")
    for _ in range(2):
        fitters.append(QFitter(
            network=make_network("narrow"), head=ScalarHead(1.0), learning_rate=lambda step: 1e-3, weight_decay=0.0,
            max_grad_norm=1.0, n_actions=3,
        ))  # fmt: skip
    for number, fitter in ((0, fitters[0]), (1, fitters[1]), (2, fitters[1])):
        fill(buffers, number)
        fitter.update(as_fitting(buffers, True), 0)
    fitters[1].load_state_dict(fitters[0].state_dict())
    assert fitters[1].metrics() == fitters[0].metrics()


def test_metrics_are_means_and_are_kept_in_the_state() -> None:
    """What is saved between two reads counts once, in the copy as in the original; a reader begins anew."""
    learner, other = (make_learner(make_network("narrow", 2), True) for _ in range(2))
    buffers, slopes = make_buffers("narrow", 2), []
    assert learner.metrics() == [{}, {}]
    for number in range(4):
        fill(buffers, number)
        slopes.append(learner.update(buffers.batch, 0).abs().mean(1))
        other.update(buffers.batch, 0)
    fill(buffers, 9)
    other.update(buffers.batch, 0)  # more that is not read
    other.load_state_dict(learner.state_dict())
    means = learner.metrics()
    assert [row["td_error_abs"] for row in means] == pytest.approx(torch.stack(slopes).mean(0).tolist())
    assert other.metrics() == means
    assert learner.metrics() == [{}, {}]
