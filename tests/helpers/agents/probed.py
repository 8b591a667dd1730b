"""States of a small made-up game, for those who look into networks."""

from __future__ import annotations

import torch

from agents.networks.base import Layout

torch.set_num_threads(1)  # threads that wait for each other are slow on a busy machine

LAYOUT = Layout(globals=3, entities=4, entity_features=5, candidates=6, candidate_features=7)


def states(count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Observations with two entities and three candidates each, masks, and actions that are legal."""
    drawn = torch.randn(1, count, LAYOUT.size, generator=torch.Generator().manual_seed(1))
    entities = drawn[:, :, 3:23].view(1, count, 4, 5)
    entities[:, :, 2:] = 0.0
    entities[:, :, :2, 0] = 1.0
    candidates = drawn[:, :, 23:].view(1, count, 6, 7)
    candidates[:, :, 3:] = 0.0
    candidates[:, :, :3, 0] = 1.0
    mask = torch.zeros(1, count, 6, dtype=torch.bool)
    mask[:, :, :3] = True
    return drawn, mask, torch.arange(count).remainder(3).unsqueeze(0)
