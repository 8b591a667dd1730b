"""Runs of seconds for the tests: a small level, few games, a narrow network."""

from __future__ import annotations

from pathlib import Path

import torch
from composing import composed
from omegaconf import DictConfig

from experiments.config.reading import Setup, read_setup

torch.set_num_threads(1)  # threads that wait for each other are slow on a busy machine
COMMON = (
    "level=haul",
    "level.horizon=20",
    "steps=1200",
    "num_envs=8",
    "train_maps=8",
    "log_every=100",
    "checkpoint_every=500",
    "evaluation.every=400",
    "evaluation.maps=4",
    "evaluation.final_maps=6",
    "threads=1",
    "device=cpu",
    "progress=false",
    "diagnostics.pictures=false",
)
DQN = (
    "network.width=16",
    "agent.learning_starts=64",
    "agent.batch_size=16",
    "agent.updates_per_step=0.1",
    "agent.target_every=20",
    "agent.memory_capacity=600",
)


def tiny_node(out: Path, *overrides: str) -> DictConfig:
    """The composed config of a tiny run with its folders in ``out``."""
    return composed(*COMMON, f"out={out}", *overrides)


def tiny_setup(out: Path, *overrides: str) -> Setup:
    """The same, checked."""
    return read_setup(tiny_node(out, *overrides))
