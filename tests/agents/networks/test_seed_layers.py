"""Layers of several seeds against one layer of torch.nn for each seed."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from agents.networks.layers import NoisyLinear, SeedLinear, SeedNorm, draw_noise, hidden, is_noisy, remove_noise


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def seeds_of(make: Any, seeds: int) -> Any:
    """A layer whose parameters are those of several layers of one seed."""
    torch.manual_seed(1)
    first, *others = (make() for _ in range(seeds))
    for name, parameter in first.named_parameters():
        parameter.data = torch.cat([parameter.data] + [dict(other.named_parameters())[name].data for other in others])
    return first


def generators(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


@pytest.mark.parametrize("bias", [True, False])
def test_seed_linear_is_a_linear_layer_for_each_seed(bias: bool) -> None:
    """Outputs and all gradients; no seed sees anything of another."""
    layer = seeds_of(lambda: SeedLinear(5, 4, bias=bias), 3)
    x, slope = random(3, 7, 5).requires_grad_(), random(3, 7, 4, seed=1)
    y = layer(x)
    (y * slope).sum().backward()
    for s in range(3):
        twin, own = nn.Linear(5, 4, bias=bias), x[s].detach().requires_grad_()
        twin.weight.data = layer.weight[s].detach().T.clone()
        if bias:
            twin.bias.data = layer.bias[s, 0].detach().clone()
        theirs = twin(own)
        (theirs * slope[s]).sum().backward()
        torch.testing.assert_close(y[s], theirs)
        torch.testing.assert_close(x.grad[s], own.grad)  # type: ignore[index]
        torch.testing.assert_close(layer.weight.grad[s], twin.weight.grad.T)  # type: ignore[union-attr]
        if bias:
            torch.testing.assert_close(layer.bias.grad[s, 0], twin.bias.grad)


def test_weights_start_like_those_of_a_linear_layer() -> None:
    """Uniform up to 1 / sqrt(inputs), biases too."""
    torch.manual_seed(0)
    layer = SeedLinear(16, 4_000)
    assert layer.bias is not None
    for values in (layer.weight, layer.bias):
        assert values.abs().max() <= 0.25
        assert values.abs().max() > 0.249
        assert values.std().item() == pytest.approx(0.25 / 3**0.5, rel=0.03)


def test_seed_norm_is_a_layer_norm_for_each_seed() -> None:
    layer, x = seeds_of(lambda: SeedNorm(6), 2), (random(2, 5, 6) * 3 + 1).requires_grad_()
    layer.gain.data, layer.bias.data = random(2, 1, 6, seed=1), random(2, 1, 6, seed=2)
    y = layer(x)
    y.square().sum().backward()
    for s in range(2):
        twin, own = nn.LayerNorm(6), x[s].detach().requires_grad_()
        twin.weight.data, twin.bias.data = layer.gain[s, 0].detach().clone(), layer.bias[s, 0].detach().clone()
        theirs = twin(own)
        theirs.square().sum().backward()
        torch.testing.assert_close(y[s], theirs)
        torch.testing.assert_close(x.grad[s], own.grad)  # type: ignore[index]
        torch.testing.assert_close(layer.gain.grad[s, 0], twin.weight.grad)


def test_hidden_is_linear_norm_and_rectifier() -> None:
    x = random(1, 5, 3)
    for norm in (False, True):
        layer = hidden(3, 4, layer_norm=norm)
        before = layer[0](x)
        expected = nn.functional.layer_norm(before, (4,)) if norm else before
        torch.testing.assert_close(layer(x), expected.clamp(min=0))
        assert len(layer) == 2 + norm


def test_without_noise_the_means_act() -> None:
    torch.manual_seed(0)
    layer, x = NoisyLinear(5, 4), random(1, 7, 5)
    plain = SeedLinear(5, 4)
    plain.load_state_dict({"weight": layer.weight, "bias": layer.bias})
    assert torch.equal(layer(x), plain(x))
    draw_noise(layer, generators(0))
    assert not torch.allclose(layer(x), plain(x), atol=1e-3)
    remove_noise(layer)
    assert torch.equal(layer(x), plain(x))


def test_noise_is_factorised() -> None:
    """By loops over eq. 10 and 11: w = mu + sigma f(e_i) f(e_j), f(x) = sign(x) sqrt(|x|); sigma is 0.5 / sqrt(in)."""
    torch.manual_seed(0)
    layer, normal = NoisyLinear(4, 3), random(1, 7, seed=3)
    assert layer.noise_size == 7
    assert set(layer.weight_sigma.flatten().tolist()) == {0.25}
    layer.set_noise(normal)
    weight, bias = layer.effective()
    assert bias is not None
    assert layer.bias is not None
    shaped = [(1 if x > 0 else -1) * abs(x) ** 0.5 for x in normal[0].tolist()]
    for o in range(3):
        assert bias[0, 0, o].item() == pytest.approx(layer.bias[0, 0, o].item() + 0.25 * shaped[4 + o], abs=1e-6)
        for i in range(4):
            expected = layer.weight[0, i, o].item() + 0.25 * shaped[i] * shaped[4 + o]
            assert weight[0, i, o].item() == pytest.approx(expected, abs=1e-6)


def test_sigmas_learn_only_under_noise() -> None:
    layer, x = NoisyLinear(4, 3), random(1, 6, 4)
    layer.set_noise(random(1, 7, seed=1))
    layer(x).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().min() > 0 for p in layer.parameters())
    layer.zero_grad()
    layer.set_noise(None)
    layer(x).square().sum().backward()
    assert layer.weight_sigma.grad is None
    assert layer.weight.grad is not None


def test_noise_without_bias() -> None:
    layer, x = NoisyLinear(4, 3, bias=False), random(1, 6, 4)
    layer.set_noise(random(1, 7, seed=1))
    weight, bias = layer.effective()
    assert bias is None
    assert {name for name, _ in layer.named_parameters()} == {"weight", "weight_sigma"}
    torch.testing.assert_close(layer(x), x @ weight)


def two_noisy_layers() -> nn.Module:
    return nn.Sequential(NoisyLinear(4, 5), nn.ReLU(), SeedLinear(5, 5), NoisyLinear(5, 2))


def test_each_seed_draws_from_its_own_generator() -> None:
    """The noise of seed s among others is that of s alone, and goes on from draw to draw."""
    network, x = seeds_of(two_noisy_layers, 3), random(3, 6, 4)
    drawn = generators(5, 6, 7)
    outputs = []
    for _ in range(2):
        draw_noise(network, drawn)
        outputs.append(network(x))
    assert not torch.allclose(*outputs, atol=1e-3)
    for s in range(3):
        single, own = two_noisy_layers(), generators(5 + s)
        single.load_state_dict({name: value[s : s + 1] for name, value in network.state_dict().items()})
        for y in outputs:
            draw_noise(single, own)
            torch.testing.assert_close(single(x[s : s + 1])[0], y[s])


def test_the_layers_of_a_network_get_noise_of_their_own() -> None:
    network = nn.ModuleList([NoisyLinear(4, 4) for _ in range(3)])
    for layer in network:
        layer.load_state_dict(network[0].state_dict())
    draw_noise(network, generators(0))
    weights = [layer.effective()[0] for layer in network]  # type: ignore[operator]
    assert all(not torch.allclose(a, b, atol=1e-3) for a, b in ((weights[0], weights[1]), (weights[1], weights[2])))


def test_is_noisy() -> None:
    assert is_noisy(two_noisy_layers())
    assert not is_noisy(nn.Sequential(SeedLinear(2, 2)))
