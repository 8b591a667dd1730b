"""The greedy way to play: each turn the candidate with the best return on investment by ``forecasts/estimates.py``."""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.waybill.core.jit import jit
from envs.waybill.rules.tick import upkeep_of

# A style is (least return, patience, value power, upkeep turns): the profit per coin of outlay below which it passes;
# the share of a chain's outlay that must be in cash before it starts; 0 for return on investment alone to 1 for profit
# alone; the turns of upkeep that must stay in cash on top.
GREEDY_STYLE = (0.3, 1.0, 0.0, 10.0)


@jit
def greedy_choice(me: Any, lv: Any, worth: Any, n: Any, style: Any) -> Any:
    """Index of the best candidate by a style; 0 (PASS) if none is worth its outlay."""
    best, choice = 0.0, 0
    cash = np.float64(me.cash) - style[3] * np.float64(upkeep_of(me, lv))
    for j in range(1, n):
        value, outlay = np.float64(worth[j, 0]), np.float64(worth[j, 1])
        if value <= style[0] * outlay or value <= 1.0 or (outlay > 0.0 and cash < style[1] * outlay):
            continue
        merit = value / (outlay + 5.0) ** (1.0 - style[2])
        if merit > best:
            best, choice = merit, j
    return choice
