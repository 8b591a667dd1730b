"""A sweep's folder made without running anything, for tests of what reads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from experiments.sweeps import manifest
from experiments.sweeps.manifest import Job, Planned

JOBS = [
    Planned(Job(0, "0_seed-0", ["seed=0", "seeds=2"], {"seed": "0"}, [0, 1], 100), {"seed": 0, "seeds": 2}),
    Planned(Job(1, "1_seed-9", ["seed=9", "seeds=1"], {"seed": "9"}, [9], 100), {"seed": 9, "seeds": 1}),
    Planned(Job(2, "2_seed--1", ["seed=-1"], {"seed": "-1"}, [], 100, "seed=-1 is not allowed"), {"seed": -1}),
]  # fmt: skip


def made(folder: Path, planned: list[Planned] = JOBS) -> manifest.Sweep:
    manifest.create(folder, planned, command="python train.py -m", begun="today", commit=None)
    return manifest.read_sweep(folder)


def put_result(folder: Path, mean: float, **more: Any) -> None:
    folder.mkdir(exist_ok=True)
    result = {"choices": {"agent": "dqn"}, "scores": {"dqn": {"mean": mean}}, "env_steps": 128, **more}
    (folder / "result.json").write_text(json.dumps(result))
