"""The pretence itself: what a GPU would refuse is refused, and graphs do again just what was recorded."""

from __future__ import annotations

import pytest
import torch
from pretended import pretended_gpus
from pretended_world import place_of

from agents.gpu.captured import Captured
from agents.gpu.sending import send


def test_tensors_are_where_they_are_said_to_be() -> None:
    with pretended_gpus() as world:
        device = torch.device("cuda", 1)
        x = torch.zeros(3, device=device)
        assert [x.device, (x + 1).device, x.cpu().device] == [device, device, torch.device("cpu")]
        assert torch.nn.Linear(2, 2).to(device).weight.device == device
        assert place_of(torch.zeros_like(x)) == 1
        with pytest.raises(RuntimeError, match="expected all tensors to be on the same device"):
            x + torch.ones(3)
        with pytest.raises(RuntimeError, match="expected all tensors to be on the same device"):
            x + torch.ones(3, device="cuda")
        with pytest.raises(TypeError, match="can't convert a GPU's tensor to numpy"):
            x.numpy()
        assert world.counts["copies from a device"] == 1
        assert world.counts["waits"] == 0
        assert float(x.sum()) == 0
        assert x.nonzero().numel() == 0
        assert world.counts["waits"] == 2
        x.copy_(torch.ones(3))
        assert world.counts["unpinned copies to a device"] >= 1
    assert not torch.cuda.is_available() or torch.cuda.device_count() > 0
    assert torch.zeros(2).numpy().tolist() == [0, 0]  # all is as it was


def test_what_is_sent_is_what_comes_and_in_one_copy() -> None:
    rng = torch.Generator().manual_seed(0)
    arrays = [
        torch.rand(3, 5, generator=rng).numpy(), torch.tensor([[True], [False]]).numpy(), torch.arange(7).numpy(),
        torch.tensor([250, 3, 4], dtype=torch.uint8).numpy(), torch.zeros(0, 4).numpy(), torch.tensor(2.5).numpy(),
    ]  # fmt: skip
    with pretended_gpus() as world:
        there = send(torch.device("cuda", 0), *arrays)
        assert world.counts["copies to a device"] == 1
        assert world.counts["unpinned copies to a device"] == world.counts["waits"] == 0
        for array, tensor in zip(arrays, there, strict=True):
            assert tensor.device == torch.device("cuda", 0)
            assert tensor.shape == array.shape
            assert tensor.cpu().tolist() == array.tolist()
    here = send(torch.device("cpu"), *arrays)
    assert here[0].data_ptr() == arrays[0].ctypes.data


def test_a_graph_does_again_what_was_recorded_with_numbers_as_they_were() -> None:
    """Sums go on, random numbers are new, and a Python number stays what it was when recorded."""
    with pretended_gpus() as world:
        device = torch.device("cuda", 1)
        total, generator = torch.zeros((), device=device), torch.Generator(device).manual_seed(3)
        baked = [0]

        def function(x: torch.Tensor) -> torch.Tensor:
            total.add_(x.sum())
            return x * 2 + baked[0] + torch.rand(2, generator=generator, device=device) / 100

        call, found = Captured(function, device, [generator]), []
        for number in range(7):
            baked[0] = 10 * number
            found.append(call(torch.full((2,), float(number), device=device)).cpu())
        assert [x.round().tolist() for x in found] == [[12.0 * k] * 2 for k in range(4)] + [
            [2.0 * k + 30] * 2 for k in range(4, 7)
        ]
        assert float(total) == 2 * sum(range(7))
        assert len({x.frac()[0].item() for x in found}) == 7
        assert (world.counts["recordings"], world.counts["replays"]) == (1, 4)
        waiting, x = Captured(lambda x: x * float(x.sum()), device), torch.ones(2, device=device)
        for _ in range(3):
            waiting(x)
        with pytest.raises(RuntimeError, match="not permitted when stream is capturing: waits"):
            waiting(x)
