"""Networks of one observation: seeds, masks, dueling, images, and which weights belong to which unit."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from states import LAYOUT, check_units, gradients, last_legal, observations, several
from torch import Tensor
from torch.nn import functional

from agents.networks.base import Layout, QNetwork, dueling
from agents.networks.mlp import MLP, ImageSettings, MLPSettings

IMAGE = Layout(10 * 9 * 4, 0, 0, 0, 0, image=(10, 9, 4))
IMAGE_SETTINGS = ImageSettings(channels=[5, 3], kernel=2, stride=2, width=[8])


def mlp(n_actions: int = 6, **options: Any) -> MLP:
    """A network of one seed with new weights."""
    changes = {name: options.pop(name) for name in ("width", "layer_norm") if name in options}
    settings = MLPSettings(**({"width": [16, 8]} | changes))
    return settings.build(layout=LAYOUT, n_actions=n_actions, **options)


def image(**options: Any) -> MLP:
    changes = {name: options.pop(name) for name in ("layer_norm",) if name in options}
    settings = ImageSettings(channels=[5, 3], kernel=2, stride=2, width=[8], **changes)
    return settings.build(layout=IMAGE, n_actions=6, **options)


def pictures(seed: int, seeds: int = 1, rows: int = 4) -> tuple[Tensor, Tensor]:
    obs = torch.rand(seeds, rows, IMAGE.size, generator=torch.Generator().manual_seed(seed))
    return obs, observations(seed, seeds=seeds, rows=rows)[1]


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_layout_size() -> None:
    assert LAYOUT.size == 3 + 5 * 4 + 6 * 7


def test_outputs_are_those_of_plain_products() -> None:
    """Layer by layer as in a textbook, with and without normalisation; the Z numbers of an action lie side by side."""
    torch.manual_seed(0)
    obs, mask = observations(1)
    for norm in (False, True):
        net = mlp(outputs=3, layer_norm=norm)
        x, weights = obs[0], dict(net.named_parameters())
        for i in range(2):
            x = x @ weights[f"body.{i}.0.weight"][0] + weights[f"body.{i}.0.bias"][0, 0]
            x = (functional.layer_norm(x, x.shape[-1:]) if norm else x).clamp(min=0)
        expected = x @ weights["head.weight"][0] + weights["head.bias"][0, 0]
        torch.testing.assert_close(net(obs, mask)[0], expected.view(9, 6, 3))


@pytest.mark.parametrize("options", [{}, {"dueling": True}, {"outputs": 3}, {"layer_norm": False, "dueling": True}])
@pytest.mark.parametrize("make", [mlp, image])
def test_several_seeds_are_several_networks(make: Any, options: dict[str, Any]) -> None:
    """Outputs of both calls, and gradients."""
    big, singles = several(lambda: make(**options), 3)
    obs, mask = observations(1, seeds=3) if make is mlp else pictures(1, seeds=3)
    mask[1, 3] = False  # a game that has ended
    a_tm1 = last_legal(mask)
    outputs, taken = big(obs, mask), big.of(obs, mask, a_tm1)
    slope = random(*outputs.shape)
    found = gradients(big, (outputs * slope).sum() + taken.square().sum())
    for s, single in enumerate(singles):
        own = slice(s, s + 1)
        theirs, theirs_taken = single(obs[own], mask[own]), single.of(obs[own], mask[own], a_tm1[own])
        torch.testing.assert_close(outputs[own], theirs)
        torch.testing.assert_close(taken[own], theirs_taken)
        for name, value in gradients(single, (theirs * slope[own]).sum() + theirs_taken.square().sum()).items():
            torch.testing.assert_close(found[name][own], value, msg=name)


@pytest.mark.parametrize("small", [0, 4096])
@pytest.mark.parametrize("options", [{}, {"outputs": 3}, {"dueling": True}, {"noisy": True}])
def test_of_is_the_taken_row_of_forward(options: dict[str, Any], small: int) -> None:
    """Also where only the wanted rows of the last layer are read, and with their gradients."""
    net, _ = several(lambda: mlp(**options), 2)
    assert isinstance(net, MLP)
    net.SMALL = small  # type: ignore[misc]
    if net.noisy:
        net.head.set_noise(random(2, net.head.noise_size))  # type: ignore[attr-defined, operator]
    obs, mask = observations(2, seeds=2)
    a_tm1 = last_legal(mask)
    index = a_tm1[:, :, None, None].expand(-1, -1, 1, net.outputs)
    taken, expected = net.of(obs, mask, a_tm1), net(obs, mask).gather(2, index).squeeze(2)
    torch.testing.assert_close(taken, expected)
    theirs = gradients(net, expected.square().sum())
    for name, value in gradients(net, taken.square().sum()).items():
        torch.testing.assert_close(value, theirs[name], msg=name)


@pytest.mark.parametrize("make", [mlp, image])
def test_observations_in_half_precision_or_bytes_give_full_precision_values(make: Any) -> None:
    net = make()
    obs, mask = observations(3) if make is mlp else pictures(3)
    for stored in (obs.half(), (obs * 255).to(torch.uint8)):
        outputs = net(stored, mask)
        assert outputs.dtype == torch.float32
        torch.testing.assert_close(outputs, net(stored.float(), mask))


@pytest.mark.parametrize("make", [mlp, image])
def test_every_parameter_learns_from_both_calls(make: Any) -> None:
    torch.manual_seed(0)
    net: QNetwork = make(dueling=True)
    obs, mask = observations(4) if make is mlp else pictures(4)
    for value in (net(obs, mask)[mask].square().sum(), net.of(obs, mask, last_legal(mask)).square().sum()):
        for name, gradient in gradients(net, value).items():
            assert torch.isfinite(gradient).all()
            assert gradient.any(), name


def test_dueling_by_loops() -> None:
    """Value plus advantage less the mean of the legal advantages; a row without legal actions stays finite."""
    value, advantage, mask = random(2, 4, 3), random(2, 4, 5, 3, seed=1), random(2, 4, 5, seed=2) > 0
    mask[0, 1] = False
    mask[1, 2] = True
    outputs = dueling(value, advantage, mask)
    for s in range(2):
        for b in range(4):
            legal = [a for a in range(5) if mask[s, b, a]]
            for z in range(3):
                mean = sum(advantage[s, b, a, z].item() for a in legal) / max(len(legal), 1)
                for a in range(5):
                    expected = value[s, b, z].item() + advantage[s, b, a, z].item() - mean
                    assert outputs[s, b, a, z].item() == pytest.approx(expected, abs=1e-5)


def test_illegal_actions_do_not_change_the_legal_ones() -> None:
    """However many there are and whatever they hold; legal values are the value on average."""
    value, advantage = random(1, 4, 1), random(1, 4, 5, 1, seed=1)
    mask = torch.tensor([[True, False, True, True, False]]).expand(1, 4, 5)
    few = dueling(value, advantage, mask)
    rubbish = torch.cat([advantage, 1e6 * random(1, 4, 7, 1, seed=2)], 2)
    rubbish[:, :, 1] = torch.inf
    more = dueling(value, rubbish, torch.cat([mask, torch.zeros(1, 4, 7, dtype=torch.bool)], 2))
    torch.testing.assert_close(more[:, :, [0, 2, 3]], few[:, :, [0, 2, 3]])
    torch.testing.assert_close(few[:, :, [0, 2, 3]].mean(2), value)


@pytest.mark.parametrize(
    ("kernel", "stride", "parts"),
    [(3, 1, [(3, 1), (3, 1)]), (3, 2, [(3, 2), (3, 2)]), ([4, 2], [2, 1.0], [(4, 2), (2, 1)])],
)
def test_convolutions_are_those_of_torch(kernel: Any, stride: Any, parts: list[tuple[int, int]]) -> None:
    """Two layers on an image that is no square, rows by columns by channels; the same without gradients."""
    torch.manual_seed(0)
    settings = ImageSettings(channels=[5, 3], kernel=kernel, stride=stride, width=[8], layer_norm=False)
    net = settings.build(layout=IMAGE, n_actions=6)
    obs, mask = pictures(5)
    x, weights = obs[0].view(4, 10, 9, 4).permute(0, 3, 1, 2), dict(net.named_parameters())
    for i, (channels, before, (side, step)) in enumerate(((5, 4, parts[0]), (3, 5, parts[1]))):
        filters = weights[f"see.{i}.inner.0.weight"][0].T.reshape(channels, before, side, side)
        x = functional.conv2d(x, filters, weights[f"see.{i}.inner.0.bias"][0, 0], stride=step).clamp(min=0)
    x = x.permute(0, 2, 3, 1).flatten(1)  # the dense layer reads rows by columns by channels
    x = (x @ weights["body.0.0.weight"][0] + weights["body.0.0.bias"][0, 0]).clamp(min=0)
    expected = x @ weights["head.weight"][0] + weights["head.bias"][0, 0]
    torch.testing.assert_close(net(obs, mask)[0, :, :, 0], expected)
    with torch.inference_mode():
        torch.testing.assert_close(net(obs, mask)[0, :, :, 0], expected.detach())
        torch.testing.assert_close(net((obs * 3).to(torch.uint8), mask), net((obs * 3).floor(), mask))


def test_an_image_is_needed_and_must_hold_the_kernel() -> None:
    with pytest.raises(ValueError, match="network=image needs a game that shows images; here network=mlp fits"):
        IMAGE_SETTINGS.build(layout=LAYOUT, n_actions=6)
    with pytest.raises(ValueError, match="network.kernel=3 is larger than an image of 1 x 1"):
        ImageSettings(channels=[2, 2, 2], kernel=3, stride=3).build(layout=IMAGE, n_actions=6)
    flat = MLPSettings(width=[4]).build(layout=IMAGE, n_actions=6)
    assert flat.body[0][0].weight.shape == (1, 360, 4)  # type: ignore[index]


@pytest.mark.parametrize("dueling", [False, True])
def test_units_name_all_that_the_units_act_on(dueling: bool) -> None:
    """Dense to dense, convolution to convolution, convolution to dense, into both streams."""
    big, _ = several(lambda: mlp(layer_norm=False, dueling=dueling), 2)
    obs, mask = observations(6, seeds=2)
    assert check_units(big, obs, mask) == ["layer0", "layer1"]
    seeing, _ = several(lambda: image(layer_norm=False, dueling=dueling), 2)
    assert check_units(seeing, *pictures(7, seeds=2)) == ["layer0", "layer1", "layer2"]


@pytest.mark.parametrize("make", [mlp, image])
def test_the_units_module_gives_their_activation(make: Any) -> None:
    """The last layer's activation times the head's weights is the output; every layer has its own width."""
    torch.manual_seed(0)
    net = make()
    obs, mask = observations(8) if make is mlp else pictures(8)
    seen: list[Tensor] = []
    for units in net.units():
        units.module.register_forward_hook(lambda _, inputs, output: seen.append(output))
    outputs = net(obs, mask)
    assert [x.shape[-1] for x in seen] == ([16, 8] if make is mlp else [5, 3, 8])
    torch.testing.assert_close(net.head(seen[-1]), outputs.squeeze(3))


def test_a_huge_action_space() -> None:
    net = MLPSettings(width=[4]).build(layout=Layout(8, 0, 0, 0, 0), n_actions=187_201)
    obs = torch.rand(1, 2, 8, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(1, 1, 1, dtype=torch.bool).expand(1, 2, 187_201)
    a_tm1 = torch.tensor([[187_200, 7]])
    outputs = net(obs, mask)
    assert outputs.shape == (1, 2, 187_201, 1)
    torch.testing.assert_close(net.of(obs, mask, a_tm1)[0, :, 0], outputs[0, [0, 1], [187_200, 7], 0])


@pytest.mark.parametrize(
    ("settings", "values", "message"),
    [
        (MLPSettings, {"width": [0]}, r"network.width=\[0\] needs 1 to 16 widths, each in 1..8192"),
        (MLPSettings, {"width": []}, r"network.width=\[\] needs 1 to 16 widths"),
        (MLPSettings, {"width": [8] * 17}, "needs 1 to 16 widths"),
        (ImageSettings, {"channels": [9000]}, r"network.channels=\[9000\] needs 1 to 16 widths"),
        (ImageSettings, {"width": []}, r"network.width=\[\] needs"),
        (ImageSettings, {"kernel": 0}, "network.kernel=0 is not allowed, it must be a whole number in 1..64"),
        (ImageSettings, {"stride": 65}, "network.stride=65 is not allowed, it must be a whole number in 1..64"),
        (ImageSettings, {"kernel": float("inf")}, "network.kernel=inf is not allowed, it must be a whole number"),
    ],
)
def test_settings_check_ranges(settings: type, values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        settings(**values)
    assert "\n" not in str(error.value)
