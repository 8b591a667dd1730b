"""A run of S ≥ 1 seeds: its single runs, where each is kept, and their games as one batch.

Every seed's games, agent and curves are those of a run of that seed alone. The rows of a batch are the first seed's
games, then the second's, and so on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from experiments.config.reading import Setup
from experiments.runs.domain import GameBatch
from groundwork.errors import WaybillError
from groundwork.limits import need_memory

SHARED = ("action_mask", "reset", "action_group", "advice")  # infos that the loop reads for all seeds at once


def split(setup: Setup) -> list[Setup]:
    """The S runs of one seed that a run stands for."""
    config, plain = setup.config, setup.plain
    seeds = range(config.seed, config.seed + config.seeds)
    return [
        replace(setup, config=replace(config, seed=seed, seeds=1), plain={**plain, "seed": seed, "seeds": 1})
        for seed in seeds
    ]


def folders(folder: Path, setup: Setup) -> list[Path]:
    """Where each seed of a run is kept: the run's ``folder`` itself, or ``seedK`` below it if there are several."""
    config = setup.config
    if config.seeds == 1:
        return [folder]
    return [folder / f"seed{seed}" for seed in range(config.seed, config.seed + config.seeds)]


def only_folder(folder: Path, setup: Setup) -> Path:
    """The folder of a run's one seed.

    Raises:
        WaybillError: in one line, if it has several.
    """
    own = folders(folder, setup)
    if len(own) > 1:
        raise WaybillError(f"{str(folder)!r} holds {len(own)} seeds: name one, {str(own[0])!r}")
    return own[0]


class SeedGames:
    """The games of all seeds as one batch; ``infos["parts"]`` holds each seed's own infos."""

    def __init__(self, parts: Sequence[GameBatch]) -> None:
        self.parts, first = list(parts), parts[0]
        self.num_envs = sum(part.num_envs for part in parts)
        self.layout, self.single_action_space = first.layout, first.single_action_space
        self.mask_is_constant, self.action_groups = first.mask_is_constant, first.action_groups

    def reset(self, *, seed: int) -> tuple[np.ndarray, dict[str, Any]]:
        """New games: the k-th seed's as a run of seed + k begins them."""
        return _together([part.reset(seed=seed + k) for k, part in enumerate(self.parts)])

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """One step of all games."""
        own = np.split(actions, len(self.parts))
        *columns, infos = zip(*(part.step(a) for part, a in zip(self.parts, own, strict=True)), strict=True)
        obs, r, terminated, truncated = (_joined(column) for column in columns)
        return obs, r, terminated, truncated, _shared(infos)

    def state_dict(self) -> dict[str, Any]:
        """What the games need to go on; empty if they cannot."""
        states = [part.state_dict() for part in self.parts]
        return {"parts": states} if all(states) else {}

    def load_state_dict(self, saved: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
        """Go on with those games, or begin new ones."""
        states = saved["parts"] if saved else [{} for _ in self.parts]
        return _together([part.load_state_dict(state) for part, state in zip(self.parts, states, strict=True)])


def _together(begun: Sequence[tuple[np.ndarray, dict[str, Any]]]) -> tuple[np.ndarray, dict[str, Any]]:
    return _joined([obs for obs, _ in begun]), _shared([infos for _, infos in begun])


def _shared(infos: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    names = [name for name in SHARED if name in infos[0]]
    return {name: _joined([part[name] for part in infos]) for name in names} | {"parts": list(infos)}


def _joined(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """All rows below one another, without a copy where there is nothing to join."""
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def check_room(setups: Sequence[Setup]) -> None:
    """Refuse games of so many seeds that this machine has no memory for, before any is made.

    Raises:
        WaybillError: in one line.
    """
    of_one = getattr(setups[0].domain, "training_bytes", None)  # what others' games take is not known
    if of_one is not None:
        config = setups[0].config
        what = f"the games of seeds={len(setups)}, num_envs={config.num_envs} on train_maps={config.train_maps}"
        need_memory(len(setups) * of_one(setups[0]), what)
