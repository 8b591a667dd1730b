"""Configs and results of tiny runs on Gymnasium games."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from composing import composed
from omegaconf import DictConfig

import foreign  # noqa: F401 - makes its games known

COMMON = (
    "env=gym", "steps=1200", "num_envs=8", "log_every=100", "evaluation.every=400", "evaluation.episodes=3",
    "evaluation.final_episodes=5", "device=cpu", "progress=false",
)  # fmt: skip
LEARNS = ("agent.learning_starts=64", "agent.batch_size=16", "agent.updates_per_step=0.1", "agent.learning_rate=0.001")


def node(out: Path, *overrides: str) -> DictConfig:
    return composed(*COMMON, f"out={out}", *overrides)


def result_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "result.json").read_text())
