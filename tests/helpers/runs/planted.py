"""Faults that are planted in a learner, to see whether its diagnosis finds them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from agents.memory.ring import SequentialMemory
from envs.waybill.core.jit import kernel
from envs.waybill.rewards import functions
from envs.waybill.rewards.functions import final_profit
from envs.waybill.rewards.potential import potential_of


@kernel
def punishes_progress(
    states: Any,
    views: Any,
    pool: Any,
    level: Any,
    numbers: Any,
    potential: Any,
    raw: Any,
    reward: Any,
    low: Any,
    high: Any,
) -> None:
    """``shaped`` with Φ(s) − γΦ(s') in place of γΦ(s') − Φ(s)."""
    for i in range(low, high):
        s = states[views[i, 0]]
        me = s.companies[views[i, 1]]
        phi_t = potential_of(s, me, level[0])
        raw[i] = final_profit(s, me, level[0])
        reward[i] = raw[i] - numbers.gamma * phi_t + potential[i] if s.turn > 0 else np.float64(0.0)
        potential[i] = phi_t


def wrong_sign_of_shaping(patch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """``reward=shaped`` punishes progress; returns no overrides."""
    punishes_progress.part_name = "shaped"
    patch.setattr(functions, "shaped", punishes_progress)
    return ()


def target_never_updated(patch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """The target network keeps the weights that it began with, by overrides."""
    return ("agent.tau=null", "agent.target_every=1000000")


def mask_of_the_wrong_step(patch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """Targets look for the next state's best action among those that were legal before; returns no overrides."""
    read = SequentialMemory.read

    def wrong(*given: Any) -> None:
        read(*given)
        rows = given[-1].batch
        rows.mask_t.copy_(rows.mask_tm1)

    patch.setattr(SequentialMemory, "read", wrong)
    return ()
