"""Does the learner do what it should? Figures that have one right value, whatever is learnt."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from agents.memory.transitions import Transitions


def wrong_masks(batch: Transitions, layout: Any) -> float | None:
    """The share of a batch's states, before and after, whose mask isn't that of their own candidates; should be 0.

    A candidate that is there says so in its first number, see ``Layout``. None where actions are no candidates.
    """
    if not layout.candidates:
        return None
    wrong = []
    for obs, mask in ((batch.obs_tm1, batch.mask_tm1), (batch.obs_t, batch.mask_t)):
        there = obs[:, layout.candidates_at : layout.pointers_at : layout.candidate_features] > 0.5  # [B, K]
        wrong.append((there != mask).any(1).float().mean().item())
    return float(np.mean(wrong))


def moved(before: Tensor | None, now: Tensor) -> float | None:
    """How far weights [P] have moved, as a share of their norm: of a target network never 0. None without a before."""
    return None if before is None else float((now - before).norm() / now.norm().clamp(min=1e-9))


class ShapingCheck:
    """Is what a reward adds to the raw one γΦ(s') − Φ(s)? A line through the origin is fitted to all turns."""

    def __init__(self, gamma: float) -> None:
        self._gamma = gamma
        self._due: list[np.ndarray] = []
        self._added: list[np.ndarray] = []

    def add(self, *, added: np.ndarray, potential_tm1: np.ndarray, potential_t: np.ndarray) -> None:
        """Take in one turn of M games: the training reward less the raw one, and the potentials around it [M]."""
        self._due.append(self._gamma * potential_t - potential_tm1)
        self._added.append(added)

    def scalars(self) -> dict[str, float]:
        """The slope, which should be 1, and the share of the variation that it explains, which should be 1, too.

        Nothing where no potential ever differed from 0: nothing is shaped there.
        """
        due, added = (np.concatenate(parts) if parts else np.zeros(0) for parts in (self._due, self._added))
        square = float(due @ due)
        if square == 0:
            return {}
        slope = float(due @ added) / square
        rest, whole = float(np.square(added - slope * due).sum()), float(added @ added)
        explained = 1.0 - rest / whole if whole > 0 else 0.0
        return {"checks/shaping_slope": slope, "checks/shaping_explained": explained}
