"""Games played for hours: python tests/helpers/soak/soak.py steps=10000000 (make soak).

All levels with random, greedy and a trained policy's play, and beside them an agent that acts, remembers and learns.
After a warm-up memory, open files, threads and temporary files must stay where they are, and in every look no invariant
of the game may be broken.
"""

from __future__ import annotations

import gc
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve()
ROOT = HERE.parents[3]
sys.path[:0] = [str(ROOT), *(str(folder) for folder in sorted(HERE.parents[1].iterdir()) if folder.is_dir())]

import numpy as np  # noqa: E402 - found by the lines above
import torch  # noqa: E402
from invariants import broken  # noqa: E402

from envs.waybill.core.levels import ladder, load_level  # noqa: E402
from envs.waybill.vector_env import WaybillVectorEnv  # noqa: E402
from experiments.config.reading import read_run  # noqa: E402
from experiments.games.waybill.environments import batch_env  # noqa: E402
from experiments.runs.loop import BatchLoop  # noqa: E402
from experiments.runs.policies import load_policy  # noqa: E402
from tiny import DQN, tiny_setup  # noqa: E402

GAMES, MAPS, BATCH_STEPS = 128, 64, 50  # of a batch; the pool is refilled again and again
WARM_UP = 0.1  # of the steps, and two rounds at least
MORE_BYTES = 48 * 2**20  # that the resident memory may grow after the warm-up


class Footprint(NamedTuple):
    """What the process holds."""

    resident_bytes: int
    files: int
    threads: int
    temporary: int  # files in the folders for temporary ones


def footprint() -> Footprint:
    """That of now."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    there = sum(len(list(Path(folder).iterdir())) for folder in (tempfile.gettempdir(), "/dev/shm"))
    counts = [len(os.listdir(f"/proc/self/{kind}")) for kind in ("fd", "task")]
    return Footprint(pages * os.sysconf("SC_PAGE_SIZE"), counts[0], counts[1], there)


class Played:
    """A batch of games of a level, played on and on in one manner."""

    def __init__(self, name: str, env: Any, choose: Callable[[np.ndarray, dict[str, Any]], np.ndarray]) -> None:
        self.name, self.env, self._choose = name, env, choose
        self._obs, self._infos = env.reset(seed=1)
        self.finished = 0

    def play(self, batch_steps: int) -> int:
        """Play on; returns the steps of all games."""
        for _ in range(batch_steps):
            self._obs, _, _, _, self._infos = self.env.step(self._choose(self._obs, self._infos))
            self.finished += int(self._infos.get("_finished", np.zeros(1)).sum())
        return batch_steps * len(self._obs)

    def faults(self) -> list[str]:
        """Invariants that do not hold now."""
        found = broken(self.env.level, self.env.batch.pool, self.env.batch.states)
        return [f"{self.name}: {fault}" for fault in found]


def at_random(obs: np.ndarray, infos: dict[str, Any]) -> np.ndarray:
    """A legal action for each game, a third of them PASS."""
    mask = infos["action_mask"]
    scores = np.random.default_rng(int(infos["score"].sum()) % 2**32).random(mask.shape) * mask
    scores[: len(mask) // 3] = 0.0
    return scores.argmax(1)


def greedily(obs: np.ndarray, infos: dict[str, Any]) -> np.ndarray:
    """The rule's advice."""
    advice: np.ndarray = infos["advice"]
    return advice


def batches(levels: list[str]) -> Iterator[Played]:
    """All levels in all manners."""
    for level in levels:
        for name, choose in (("random", at_random), ("greedy", greedily)):
            env = WaybillVectorEnv(level=load_level(level), num_envs=GAMES, maps=(0, MAPS))
            yield Played(f"{level}, {name}", env, choose)
        folder = ROOT / "policies" / level
        setup = read_run(folder)
        env = batch_env(setup, num_envs=GAMES, maps=(0, MAPS), level=load_level(level))
        act = load_policy(setup, folder, env=env, device=torch.device("cpu")).greedy
        yield Played(f"{level}, policy", env, lambda obs, infos, act=act: act(obs, infos["action_mask"]))


class Learner:
    """An agent on ``haul`` that acts, remembers and learns, its memory full after the warm-up."""

    name = "haul, learning"

    def __init__(self, place: Path) -> None:
        sizes = ("num_envs=64", "agent.memory_capacity=8000", "steps=1e9")
        setup = tiny_setup(place, *DQN, *sizes)
        self._loop, self._step = BatchLoop(setup=setup, validation=setup.domain.validation(setup)), 0

    def play(self, batch_steps: int) -> int:
        """Train on; returns the steps of all games."""
        before = self._step
        for _ in range(batch_steps):
            self._step += self._loop._step(self._step)
        return self._step - before

    def faults(self) -> list[str]:
        """Invariants that do not hold now in its games."""
        batch = self._loop.games[0].batch
        return [f"{self.name}: {fault}" for fault in broken(batch.level, batch.pool, batch.states)]


def soak(steps: int, levels: list[str], place: Path, *, told: bool = False) -> list[str]:
    """What went wrong in so many steps, an empty list if nothing did."""
    parts: list[Any] = [*batches(levels), Learner(place)]
    done, rounds, start, faults = 0, 0, time.perf_counter(), []
    warm: Footprint | None = None
    now = most = footprint()
    while done < steps or rounds < 4:
        done, rounds = done + sum(part.play(BATCH_STEPS) for part in parts), rounds + 1
        faults += [fault for part in parts for fault in part.faults()]
        now = footprint()
        if warm is None and done >= WARM_UP * steps and rounds >= 2:
            warm = most = now
        most = Footprint(*(max(pair) for pair in zip(most, now, strict=True)))
        if told and rounds % 10 == 0:
            print(f"{done:,} steps, {done / (time.perf_counter() - start):,.0f} a second: {_line(now)}", flush=True)
        if len(faults) > 20:
            break
    assert warm is not None
    faults += _grown(warm, most)
    if told:
        games = sum(getattr(part, "finished", 0) for part in parts)
        seconds = time.perf_counter() - start
        print(f"{done:,} steps of {len(parts)} batches, {games:,} games to their end, in {seconds:,.0f} s")
        print(f"after the warm-up: {_line(warm)}\nat most since:     {_line(most)}\nat the end:        {_line(now)}")
    return faults


def _grown(warm: Footprint, most: Footprint) -> list[str]:
    bounds = (MORE_BYTES, 0, 0, 0)
    what = [
        f"{name} grew from {before:,} to {after:,}, allowed are {more:,} more"
        for name, before, after, more in zip(Footprint._fields, warm, most, bounds, strict=True)
        if after > before + more
    ]
    return what


def _line(found: Footprint) -> str:
    mib = found.resident_bytes / 2**20
    return f"{mib:,.0f} MiB, {found.files} files, {found.threads} threads, {found.temporary} temporary files"


def main() -> int:
    """The command: ``steps=N levels=a,b``."""
    given = dict(word.split("=", 1) for word in sys.argv[1:])
    levels = given["levels"].split(",") if "levels" in given else ladder()
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder  # other programs' files are not counted
        faults = soak(int(float(given.get("steps", "1e7"))), levels, Path(folder), told=True)
    print("\n".join(faults) or "no invariant was broken, and nothing grew")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
