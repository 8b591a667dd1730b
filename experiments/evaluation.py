"""Measuring a policy: greedy games on given maps, one a map, beside the players on the same maps."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from envs.waybill import jit, players
from envs.waybill.levels import LevelConfig
from experiments.checkpoints import write_whole
from experiments.config import Setup
from experiments.environments import batch_env
from experiments.progress import ProgressReport

BATCH = 128
PLAYER_SEED = 0
ActGreedily = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Measured(NamedTuple):
    """Games of one player, one a map, in the order of the maps."""

    score: np.ndarray  # int64 [N], raw profit in coins
    bankrupt: np.ndarray  # bool [N]
    reward: np.ndarray  # float64 [N], sum of the training reward; zeros for the players
    length: np.ndarray  # int64 [N], turns


class Evaluator:
    """Plays a policy on the maps ``first_map`` .. ``first_map + maps - 1``; made once, used often."""

    def __init__(self, *, setup: Setup, first_map: int, maps: int, level: LevelConfig | None = None) -> None:
        self._parts = []
        for start in range(0, maps, BATCH):
            count = min(BATCH, maps - start)
            part = (first_map + start, count)
            self._parts.append(batch_env(setup, num_envs=count, maps=part, level=level, in_order=True))

    @property
    def env(self) -> Any:
        """One of the environments, for its sizes."""
        return self._parts[0]

    def __call__(self, policy: ActGreedily) -> Measured:
        """One game a map; ``policy`` gives actions int64 [N] from obs [N, D] and mask [N, A]."""
        games = [_play_batch(env, policy) for env in self._parts]
        return Measured(*(np.concatenate(columns) for columns in zip(*games, strict=True)))


def _play_batch(env: Any, policy: ActGreedily) -> Measured:
    obs, infos = env.reset(seed=0)
    count = len(obs)
    games = Measured(np.zeros(count, np.int64), np.zeros(count, np.bool_), np.zeros(count), np.zeros(count, np.int64))
    running = np.ones(count, np.bool_)
    while running.any():
        obs, _, terminated, truncated, infos = env.step(policy(obs, infos["action_mask"]))
        ended = running & (terminated | truncated)
        if ended.any():
            games.score[ended] = infos["score"][ended]
            games.bankrupt[ended] = infos["bankrupt"][ended]
            games.reward[ended] = infos["episode"]["r"][ended]
            games.length[ended] = infos["episode"]["l"][ended]
            running &= ~ended
    return games


def evaluate_player(
    name: str,
    *,
    level: LevelConfig,
    first_map: int,
    maps: int,
    cache: Path | None,
    seed: int = PLAYER_SEED,
    progress: bool = True,
) -> Measured:
    """Games of ``random``, ``greedy`` or ``planner``; kept in ``cache`` under the engine's and the level's numbers.

    Raises:
        ValueError: for an unknown player.
    """
    file = None if cache is None else cache / f"{name}_{_key(name, level, first_map, maps, seed)}.npz"
    if file is not None and file.is_file():
        games = _read(file)
        if games is not None:
            return games
    seeds = np.arange(first_map, first_map + maps, dtype=np.uint64)
    with ProgressReport(title=f"{name} plays", total=maps, enabled=progress) as report:
        played = players.play(name, level, seeds, seed, lambda done, _: report.update(done))
    games = Measured(played.score, played.bankrupt, np.zeros(maps), played.length)
    if file is not None:
        _write(file, games)
    return games


def evaluate_players(
    *, level: LevelConfig, first_map: int, maps: int, cache: Path | None, seed: int = PLAYER_SEED, progress: bool = True
) -> dict[str, Measured]:
    """All players on the same maps: what a policy is compared with."""
    return {
        name: evaluate_player(
            name, level=level, first_map=first_map, maps=maps, cache=cache, seed=seed, progress=progress
        )
        for name in players.PLAYERS
    }


def _key(name: str, level: LevelConfig, first_map: int, maps: int, seed: int) -> str:
    described = [name, seed, dataclasses.asdict(level), first_map, maps, jit.fingerprint()]
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:24]


def _read(file: Path) -> Measured | None:
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return Measured(*(arrays[name] for name in Measured._fields))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None  # damaged: played anew


def _write(file: Path, games: Measured) -> None:
    def write(temporary: Path) -> None:
        with temporary.open("wb") as stream:
            np.savez(stream, **games._asdict())

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, write)
    except OSError:
        return  # a cache that cannot be written saves no time, and that is all
