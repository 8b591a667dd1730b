"""Batches of games for tests, and actions for them."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from envs.waybill.batch import Batch
from envs.waybill.maps.pool import TRAIN_SEEDS
from envs.waybill.options import read_options
from envs.waybill.vector_env import WaybillVectorEnv

MAPS = (TRAIN_SEEDS, 8)


def make_batch(**choices: Any) -> Batch:
    """``Batch`` with its own arguments and the game's options side by side; ``level`` may be a name."""
    own = {name: choices.pop(name) for name in set(inspect.signature(Batch).parameters) & set(choices)}
    return Batch(read_options(choices, Batch), **own)


def make_games(num_envs: int = 4, **changed: Any) -> WaybillVectorEnv:
    """A few games of ``haul``."""
    return WaybillVectorEnv(**{"num_envs": num_envs, "level": "haul", "maps": MAPS, "candidates": 8, **changed})


def choose_or_pass(rng: np.random.Generator, masks: np.ndarray) -> np.ndarray:
    """A legal action for each game, PASS half of the time: masks [N, A] → [N]."""
    scores = rng.random(masks.shape) * masks
    return np.where(rng.random(len(masks)) < 0.5, 0, scores.argmax(1))
