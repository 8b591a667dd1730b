"""A small game that brings trouble on demand, for tests of sweeps: it raises, or waits to be killed.

What it does is decided by its ``number`` and by files in ``folder``: ``raise5`` makes number 5 raise, ``wait5`` makes
it wait for as long as the file is there, ``slow5`` makes each step slow. It notes what it finds around it in
``seen5.json``.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from foreign import Stairs

SEEN = ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS")
PATIENCE_SECONDS = 120
SLOW_SECONDS = 0.2


class Trouble(Stairs):
    """Stairs that break, or are closed for a while."""

    def __init__(self, number: int, folder: str) -> None:
        super().__init__()
        self._number, self._folder = number, Path(folder)
        (self._folder / f"seen{number}.json").write_text(json.dumps({name: os.environ.get(name) for name in SEEN}))

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        if (self._folder / f"raise{self._number}").exists():
            raise RuntimeError(f"stairs {self._number} are broken")
        ends = time.monotonic() + PATIENCE_SECONDS
        while (self._folder / f"wait{self._number}").exists() and time.monotonic() < ends:
            time.sleep(0.05)
        return super().reset(seed=seed, options=options)

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        if (self._folder / f"slow{self._number}").exists():
            time.sleep(SLOW_SECONDS)
        return super().step(action)


gymnasium.register(id="tests/Trouble-v0", entry_point=Trouble, max_episode_steps=6)
