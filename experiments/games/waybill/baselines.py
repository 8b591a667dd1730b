"""What a policy is compared with: the players' games, one a map, kept on disk because the planner takes its time.

A game depends on player, level, engine, map and seed alone, so games are kept map by map: measuring on more maps, or
going on after a stop, plays only those that are missing.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from functools import partial
from pathlib import Path

import numpy as np

from envs.waybill.core.levels import LevelConfig
from envs.waybill.players import play
from experiments.common.compiling import announce_compilation
from experiments.common.files import write_whole
from experiments.common.progress import ProgressReport
from experiments.games.waybill.evaluation import MapGames
from groundwork.sources import hash_of_module

PLAYER_SEED = 0
DEFAULT_LEVEL = "refine"  # where a player plays that no run gives a level
MAPS_AT_ONCE = 16  # maps played between two savings
GameRow = tuple[int, ...]  # score, bankrupt, length, won, then the units made of each good


def evaluate_player(
    name: str,
    *,
    level: LevelConfig,
    first_map: int,
    maps: int,
    cache: Path | None,
    seed: int = PLAYER_SEED,
    threads: int = 2,
    progress: bool = True,
) -> MapGames:
    """Games of ``random``, ``greedy`` or ``planner``, from ``cache`` (a folder) as far as they are there.

    Raises:
        WaybillError: for an unknown player.
    """
    announce_compilation()
    file = None if cache is None else cache / f"{name}_{level.name}_{_key(name, level, seed)}.npz"
    kept = {} if file is None else _read_games(file, len(level.goods))
    wanted = range(first_map, first_map + maps)
    missing = [number for number in wanted if number not in kept]
    with ProgressReport(title=f"{name} plays", total=len(missing), enabled=progress) as report:
        report.update(0)
        for start in range(0, len(missing), MAPS_AT_ONCE):
            part = missing[start : start + MAPS_AT_ONCE]
            kept |= _play_maps(name, level, part, seed, threads, report, start)
            if file is not None:
                _write_games(file, kept)
    score, bankrupt, length, won, *made = np.array([kept[number] for number in wanted], np.int64).T
    units = dict(zip(level.goods, made, strict=True))
    return MapGames(score, bankrupt != 0, np.zeros(maps), length, won != 0, bool(level.rivals), units)


def _play_maps(
    name: str, level: LevelConfig, maps: list[int], seed: int, threads: int, report: ProgressReport, before: int
) -> dict[int, GameRow]:
    """A player's games by map. Each draws from its map's seed, so that its neighbours don't matter."""
    rows: dict[int, GameRow] = {}
    for run in np.split(np.array(maps), np.flatnonzero(np.diff(maps) != 1) + 1):  # maps without gaps
        played = play.play_games(
            name,
            level,
            run.astype(np.uint64),
            seed=seed + int(run[0]),
            threads=threads,
            progress=partial(_report, report, before + len(rows)),
        )
        columns = (played.score, played.bankrupt, played.length, played.won, *played.made.T)
        games = zip(*(column.tolist() for column in columns), strict=True)
        rows |= dict(zip(run.tolist(), games, strict=True))
    return rows


def _report(report: ProgressReport, before: int, done: int, _: int) -> None:
    report.update(before + done)


def _key(name: str, level: LevelConfig, seed: int) -> str:
    described = [name, level.numbers(), seed, hash_of_module("envs.waybill.players.play")]
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:24]


def _read_games(file: Path, goods: int) -> dict[int, GameRow]:
    try:
        with np.load(file, allow_pickle=False) as arrays:
            table = arrays["games"].reshape(-1, 5 + goods)
            return {row[0]: tuple(row[1:]) for row in table.tolist()}
    except (OSError, ValueError, KeyError, EOFError, IndexError, zipfile.BadZipFile):
        return {}  # absent or damaged: played anew


def _write_games(file: Path, kept: dict[int, GameRow]) -> None:
    table = np.array([(number, *row) for number, row in sorted(kept.items())], np.int64)  # [games, 5 + goods]

    def write(temporary: Path) -> None:
        with temporary.open("wb") as stream:
            np.savez(stream, games=table)

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, write)
    except OSError:
        return  # a cache that cannot be written saves no time, and that is all
