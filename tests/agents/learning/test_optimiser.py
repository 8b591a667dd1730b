"""AdamW over flat parameters against torch's, for each seed by itself; the compiled way against the tensor way."""

from __future__ import annotations

import copy
import io
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from agents.kernels.adamw import NEGLIGIBLE
from agents.learning.optimiser import FlatAdamW
from agents.networks.layers import SeedLinear, SeedNorm
from agents.networks.weights import FlatParameters

SIZE = 4 * 5 + 5 + 5 + 5 + 5 * 2 + 2


def network(seeds: int) -> nn.Module:
    torch.manual_seed(0)
    net = nn.Sequential(SeedLinear(4, 5), SeedNorm(5), SeedLinear(5, 2))
    for p in net.parameters():
        p.data = torch.randn(seeds, *p.shape[1:], generator=torch.Generator().manual_seed(p.numel()))
    return net


def make(seeds: int, weight_decay: float = 0.01, max_grad_norm: float = 2.0) -> tuple[FlatAdamW, FlatParameters]:
    flat = FlatParameters(network(seeds))
    return FlatAdamW(flat, weight_decay=weight_decay, max_grad_norm=max_grad_norm), flat


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def fill(flat: FlatParameters, step: int) -> None:
    """Gradients some of which are clipped: their norm is about 0.6 to 13."""
    assert flat.gradients is not None
    scale = torch.tensor([0.1, 0.5, 2.0])[: len(flat.gradients), None] * (1 + step % 2)
    flat.gradients.copy_(random(*flat.gradients.shape, seed=step) * scale)


def take(optimiser: FlatAdamW, learning_rate: float, way: str, target: Tensor | None = None, share: float = 0) -> None:
    """One step, compiled or in tensor operations."""
    optimiser.begin(learning_rate)
    if way == "compiled":
        optimiser.step(target, share)
        return
    if not hasattr(optimiser, "_rates"):  # as on a GPU
        kept = optimiser._since
        optimiser._prepare_tensors()
        if kept is not None:
            optimiser._since = kept
    optimiser._send()
    optimiser.tensor_step(target, share)


def test_parameters_and_gradients_are_views() -> None:
    """Writing to the flat array changes the network; names, places and values stay."""
    net = network(3)
    before, x = copy.deepcopy(net), random(3, 6, 4)
    flat = FlatParameters(net)
    assert flat.values.shape == (3, SIZE)
    assert torch.equal(net(x), before(x))
    flat.differentiate(net(x).square().sum())
    before(x).square().sum().backward()
    for name, p in before.named_parameters():
        assert torch.equal(flat.gradient_views[name], p.grad)
        assert flat.gradients is not None
        assert torch.equal(flat.gradients[:, flat.slices[name]], p.grad.flatten(1))  # type: ignore[union-attr]
        assert torch.equal(flat.values[:, flat.slices[name]], p.flatten(1))
    flat.values.zero_()
    assert not net(x).any()


def test_without_gradients_nothing_is_differentiated() -> None:
    net = network(2)
    flat = FlatParameters(net, gradients=False)
    assert flat.gradients is None
    assert not any(p.requires_grad for p in net.parameters())


@pytest.mark.parametrize("way", ["compiled", "tensors"])
@pytest.mark.parametrize("weight_decay", [0.0, 0.01])
def test_steps_are_those_of_torch_for_each_seed(way: str, weight_decay: float) -> None:
    """Three seeds, each with AdamW and gradient clipping of its own, over 60 steps at a falling rate.

    Weights decay; biases, gains and shifts don't.
    """
    optimiser, flat = make(3, weight_decay)
    decayed = [name in ("0.weight", "2.weight") for name, _ in network(1).named_parameters()]
    twins = [nn.ParameterList([p[s : s + 1].clone() for p in network(3).parameters()]) for s in range(3)]
    theirs = [
        torch.optim.AdamW(
            [
                {"params": [p], "weight_decay": weight_decay if decays else 0.0}
                for p, decays in zip(twin, decayed, strict=True)
            ]
        )
        for twin in twins
    ]
    clipped = 0
    for step in range(60):
        rate = 1e-2 * (1 - step / 80)
        fill(flat, step)
        for s, (twin, adam) in enumerate(zip(twins, theirs, strict=True)):
            for p, gradient in zip(twin, flat.gradient_views.values(), strict=True):
                p.grad = gradient[s : s + 1].clone()
            norm = nn.utils.clip_grad_norm_(twin.parameters(), 2.0)
            clipped += int(norm > 2)
            for group in adam.param_groups:
                group["lr"] = rate
            adam.step()
        norms = flat.gradients.norm(dim=1)  # type: ignore[union-attr]
        take(optimiser, rate, way)
        torch.testing.assert_close(optimiser.grad_norm, norms)
        for s, twin in enumerate(twins):
            flattened = torch.cat([p.detach().flatten() for p in twin])
            torch.testing.assert_close(flat.values[s], flattened, rtol=1e-5, atol=2e-6)
    assert 60 < clipped < 150  # one seed always, one never, one now and then


def test_both_ways_are_the_same_over_many_steps() -> None:
    """Values, moments, norms and a moving target."""
    states = []
    for way in ("compiled", "tensors"):
        optimiser, flat = make(2)
        target = torch.zeros_like(flat.values)
        for step in range(100):
            fill(flat, step)
            take(optimiser, 3e-3, way, target, 0.05)
        states.append((flat.values, optimiser.mean, optimiser.square, optimiser.grad_norm, target))
    for compiled, tensors in zip(*states, strict=True):
        torch.testing.assert_close(compiled, tensors, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("way", ["compiled", "tensors"])
def test_the_target_moves_by_its_share(way: str) -> None:
    """After the step, towards the new values; share 0 leaves it, share 1 copies."""
    for share in (0.0, 0.25, 1.0):
        optimiser, flat = make(2)
        target = random(2, SIZE, seed=9)
        before = target.clone()
        fill(flat, 0)
        take(optimiser, 1e-2, way, target, share)
        torch.testing.assert_close(target, before + share * (flat.values - before))


@pytest.mark.parametrize("way", ["compiled", "tensors"])
def test_no_gradient_no_step_but_weight_decay(way: str) -> None:
    optimiser, flat = make(2, weight_decay=0.5)
    before = flat.values.clone()
    take(optimiser, 0.1, way)
    left = torch.ones(SIZE)
    left[:20] = left[35:45] = 0.95  # the weights of both layers
    torch.testing.assert_close(flat.values, before * left)
    assert optimiser.grad_norm.tolist() == [0, 0]


def test_forgotten_parameters_start_without_moments() -> None:
    """Those of one seed only; the others keep theirs."""
    optimiser, flat = make(2)
    for step in range(5):
        fill(flat, step)
        take(optimiser, 1e-2, "compiled")
    restarted = torch.zeros_like(flat.values, dtype=torch.bool)
    restarted[1, 3:7] = True
    before = [x.clone() for x in (optimiser.mean, optimiser.square)]
    optimiser.forget(restarted)
    for now, then in zip((optimiser.mean, optimiser.square), before, strict=True):
        assert now[1, 3:7].tolist() == [0] * 4
        assert then[1, 3:7].abs().min() > 0
        assert torch.equal(now[~restarted], then[~restarted])


@pytest.mark.parametrize("way", ["compiled", "tensors"])
@pytest.mark.parametrize("part", [slice(None), slice(3, 30)], ids=["all", "some"])
def test_what_is_restarted_moves_as_if_it_were_new(way: str, part: slice) -> None:
    """From the first step on: after 400 steps without corrections it would move several times too far."""
    old, flat = make(2, max_grad_norm=1e9)
    for step in range(400):
        fill(flat, step)
        take(old, 1e-3, way)
    restarted = torch.zeros_like(flat.values, dtype=torch.bool)
    restarted[1, part] = True
    old.forget(restarted)
    new, fresh = make(2, max_grad_norm=1e9)
    for step in range(12):
        befores = [x.values.clone() for x in (flat, fresh)]
        for one, own in ((old, flat), (new, fresh)):
            fill(own, step)
            take(one, 1e-3, way)
        moved, wanted = ((x.values - before)[restarted] for x, before in zip((flat, fresh), befores, strict=True))
        torch.testing.assert_close(moved, wanted, rtol=2e-3, atol=1e-6)  # values differ, and so does what they lose
        assert moved.abs().max() < 1.2e-3


def test_old_restarts_need_no_correction() -> None:
    """Once the moments are as good as corrected, the short way gives the very same steps."""
    optimiser, flat = make(1)
    fill(flat, 0)
    take(optimiser, 1e-3, "compiled")
    optimiser.forget(torch.ones_like(flat.values, dtype=torch.bool))
    optimiser.steps = NEGLIGIBLE
    states = []
    for steps in (NEGLIGIBLE, NEGLIGIBLE + 1):
        twin, own = make(1)
        twin.load_state_dict(optimiser.state_dict())
        twin.steps = steps
        fill(own, 1)
        take(twin, 1e-3, "compiled")
        assert (twin._since is None) == (steps > NEGLIGIBLE)
        states.append(own.values.clone())
    torch.testing.assert_close(*states, rtol=0, atol=1e-8)


def test_round_trip_goes_on_bit_for_bit() -> None:
    """The state is a copy: what comes after does not change it."""
    optimiser, flat = make(2)
    for step in range(5):
        fill(flat, step)
        take(optimiser, 1e-2, "compiled")
        if step == 2:
            optimiser.forget(flat.values > 0)
    torch.save(optimiser.state_dict(), file := io.BytesIO())
    kept, values = optimiser.state_dict(), flat.values.clone()
    results: list[dict[str, Any]] = []
    for state in (None, kept, torch.load(io.BytesIO(file.getvalue()), weights_only=True)):
        if state is not None:
            optimiser, flat = make(2)
            optimiser.load_state_dict(state)
            flat.values.copy_(values)
        for step in range(5, 9):
            fill(flat, step)
            take(optimiser, 1e-2, "compiled")
        results.append(optimiser.state_dict() | {"values": flat.values.clone()})
    for other in results[1:]:
        assert other["steps"] == results[0]["steps"] == 9
        assert all(torch.equal(other[name], results[0][name]) for name in ("mean", "square", "since", "values"))


def test_moments_that_die_out_end_at_zero() -> None:
    """As those of units that no longer act: subnormal numbers would make each step several times slower.

    Weights are those of torch's own AdamW.
    """
    optimiser, flat = make(1)
    theirs = [nn.Parameter(flat.values.clone())]
    other = torch.optim.AdamW(theirs, lr=1e-3, weight_decay=0.0)
    optimiser.weight_decay = 0.0
    assert flat.gradients is not None
    for step in range(3_000):
        flat.gradients.copy_(random(*flat.gradients.shape, seed=1) * 0.1 if step == 0 else torch.zeros(()))
        theirs[0].grad = flat.gradients.clone()
        take(optimiser, 1e-3, "compiled")
        other.step()
    assert (optimiser.mean == 0).all()
    assert (optimiser.square > 0).all()  # they fall a hundred times slower
    torch.testing.assert_close(flat.values, theirs[0].data)
    flat.gradients.fill_(1e-17)  # its square is beyond the smallest float32
    take(optimiser, 1e-3, "compiled")
    for moment in (optimiser.mean, optimiser.square):
        assert (moment.abs()[moment != 0] > 1e-30).all()
