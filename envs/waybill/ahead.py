"""Compiles ahead of the first step what a batch of games needs, side by side in processes of its own.

The stages of a step don't depend on each other, and compiling is the work of one core for each. What is compiled lies
on disk afterwards, where the batch finds it.
"""

from __future__ import annotations

import math
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from envs.waybill.batch import Batch, Stage
from envs.waybill.maps.generate import generate_many
from envs.waybill.maps.pool import empty_pool
from envs.waybill.options import GameOptions
from groundwork.compiled_code import cache_folder, is_kept

# Seconds that each stage takes to compile on one core of a small machine, measured side by side.
STAGE_SECONDS = {"candidates": 25.0, "rules": 15.0, "maps": 11.0, "observation": 11.0, "reward": 4.0}
TAKEN_TOGETHER = 1.15  # two at once share caches and memory


class _Hollow(Batch):
    """A batch without maps: there is nothing to play on, but its stages can be compiled."""

    def use_maps(self, seeds: np.ndarray) -> None:
        self.pool = empty_pool(self._record, len(seeds))
        self.table = np.zeros((len(seeds), self.level.side**2, 1), np.float32)

    def stages(self) -> dict[str, Stage]:
        """With the maps, which a batch makes before its first step."""
        return {
            "maps": Stage((generate_many,), lambda: Batch.use_maps(self, np.zeros(1, np.uint64))),
            **super().stages(),
        }


def compile_ahead(
    options: GameOptions, *, cores: int, seats: Sequence[int] = (0,), say: Callable[[str], None] = lambda line: None,
    tick: Callable[[float], None] = lambda share: None,
) -> None:  # fmt: skip
    """Compile what a batch of these options still lacks, if several cores and a place for code make it worth while.

    ``say`` is told what is compiled and for how long, ``tick`` again and again the share that is probably done. What
    goes wrong there goes wrong again, and is told, where the batch itself is used.
    """
    missing = missing_stages(options, seats)
    if not missing:
        return
    shares = _shared_out(missing, cores if cache_folder() is not None else 1)
    seconds = max(sum(STAGE_SECONDS[name] for name in share) for share in shares)
    seconds *= TAKEN_TOGETHER if len(shares) > 1 else 1.0
    at_once = f" on {len(shares)} cores" if len(shares) > 1 else ""
    say(f"compiling the engine: {', '.join(missing)} (first time only, about {seconds:.0f} s{at_once})…")
    if len(shares) == 1:
        return  # the first step does it
    code = "from envs.waybill.ahead import work; work()"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    workers = [
        subprocess.Popen(
            [sys.executable, "-P", "-c", code], stdin=subprocess.PIPE, env=environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        for _ in shares
    ]  # fmt: skip
    try:
        for worker, share in zip(workers, shares, strict=True):
            assert worker.stdin is not None
            worker.stdin.write(pickle.dumps((options, tuple(seats), share)))
            worker.stdin.close()
        began = time.monotonic()
        while any(worker.poll() is None for worker in workers):
            tick(share_done((time.monotonic() - began) / seconds))
            time.sleep(0.1)
    finally:
        for worker in workers:
            worker.kill()


def share_done(time_taken: float) -> float:
    """The share that is probably done after that share of the time that it should take: ever slower near the end.

    So the time left, as a progress bar counts it, doesn't come to nothing long before a busy machine is through.
    """
    return time_taken if time_taken < 0.8 else min(0.99, 1.0 - 0.2 * math.exp(4.0 - 5.0 * time_taken))


def missing_stages(options: GameOptions, seats: Sequence[int] = (0,)) -> list[str]:
    """The stages of which no code is on disk as the sources are now, those that take longest first."""
    stages = _Hollow(options, num_envs=1, seats=seats).stages()
    missing = [name for name, stage in stages.items() if not all(map(is_kept, stage.functions))]
    return sorted(missing, key=lambda name: -STAGE_SECONDS[name])


def _shared_out(names: Sequence[str], workers: int) -> list[list[str]]:
    """The stages for each worker, so that all take about as long: the longest first to whoever has least."""
    shares: list[list[str]] = [[] for _ in range(min(workers, len(names)))]
    for name in names:
        min(shares, key=lambda share: sum(STAGE_SECONDS[own] for own in share)).append(name)
    return shares


def work() -> None:
    """A worker: compile the stages that come in on stdin."""
    given: Any = pickle.load(sys.stdin.buffer)  # from the process that began this one
    options, seats, names = given
    stages = _Hollow(options, num_envs=1, seats=seats).stages()
    for name in names:
        stages[name].compile()
