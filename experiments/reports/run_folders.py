"""Finds runs: every run folder below some folders, finished, unfinished or broken, whatever put it there."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from omegaconf import OmegaConf

from experiments.config.errors import first_line
from experiments.config.reading import CONFIG, notes_of
from experiments.config.saved import saved_config
from experiments.reports.learning_curves import points_of
from experiments.runs import commands, results
from experiments.sweeps import manifest
from groundwork.errors import WaybillError
from groundwork.limits import read_text, refuse_control
from groundwork.nearest import meant_path


@dataclass(frozen=True, eq=False)
class Run:
    """A run of one seed. ``config`` is nested as in its file; ``result`` is None where it isn't finished."""

    folder: Path
    config: dict[str, Any]
    commands: list[str]
    result: dict[str, Any] | None

    @property
    def seed(self) -> int:
        """The seed of its training and its games."""
        return int(self.config["seed"])

    @property
    def learns(self) -> bool:
        """True for an agent that learns; a player's games are the same whatever the seed."""
        return "player" not in self.config["agent"]

    @property
    def scores(self) -> dict[str, dict[str, Any]]:
        """The result's row of each player on the held-out games, the agent's own among them."""
        assert self.result is not None
        return self.result["scores"]

    @property
    def own(self) -> dict[str, Any]:
        """The agent's own row of ``scores``."""
        return self.scores[self.config["agent"]["name"]]

    @property
    def score(self) -> float:
        """The agent's mean score over the held-out games."""
        return float(self.own["mean"])

    @property
    def normalised(self) -> float | None:
        """The score on a scale from the random player's (0) to the planner's (1); None where there is no such scale."""
        share = self.own.get("normalised")
        return None if share is None or share["mean"] is None else float(share["mean"])

    @cached_property
    def curve(self) -> np.ndarray | None:
        """Validation scores [P, 2] of (environment step, score); None if none were kept, as for players."""
        curve = (self.result or {}).get("curve")
        return points_of(curve) if curve else None


class FoundRuns(NamedTuple):
    """The runs below some folders, and those that a sweep still has to begin there.

    ``broken`` says in a line each what cannot be read or run, and why.
    """

    finished: list[Run]
    unfinished: list[Run]
    broken: list[str]


def find_runs(folders: Sequence[Path]) -> FoundRuns:
    """All runs at any depth below the folders, each once; hidden folders are left out.

    Raises:
        WaybillError: in one line, if a folder doesn't exist or holds no runs at all.
    """
    for folder in folders:
        if not folder.is_dir():
            raise WaybillError(
                f"{str(folder)!r} is no folder{meant_path(folder)}; folders with runs (made by train.py) are needed"
            )
    found, seen = FoundRuns([], [], []), set()
    for folder in _with_files(folders):
        if (path := folder.resolve()) not in seen:
            seen.add(path)
            if manifest.is_sweep(folder):
                _add_jobs_not_begun(folder, found)
            if (folder / CONFIG).is_file():
                _add_run(folder, found)
    if not any(found):
        where = ", ".join(repr(str(folder)) for folder in folders)
        raise WaybillError(f"{where}: no runs in there, no folder holds a {CONFIG} (train.py writes one for each run)")
    return found


def _with_files(folders: Sequence[Path]) -> Iterator[Path]:
    for top in folders:
        for name, inner, files in os.walk(top):
            inner[:] = sorted((one for one in inner if not one.startswith(".")), key=natural)
            if CONFIG in files or manifest.MANIFEST in files:
                yield Path(name)


def _add_jobs_not_begun(folder: Path, found: FoundRuns) -> None:
    """Add the jobs of a sweep that left no config: they never ran, or died too early."""
    try:
        sweep = manifest.read_sweep(folder)
        for job in sweep.jobs:
            own = sweep.folder_of(job)
            if job.error is not None:
                found.broken.append(f"{own}: its job cannot run, {job.error}")
            elif not (own / CONFIG).is_file():
                config = manifest.read_frozen(own)
                for run, seed in zip(sweep.runs_of(job), job.seeds, strict=True):
                    found.unfinished.append(Run(run, {**config, "seed": seed, "seeds": 1}, [], None))
    except WaybillError as error:
        found.broken.append(str(error))


def natural(name: str) -> list[int | str]:
    """A key that sorts names as people do: 2 before 10."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


def _add_run(folder: Path, found: FoundRuns) -> None:
    """Add the run in a folder with a config, or its seeds' runs that aren't begun if it is a group."""
    try:
        config = _config_of(folder / CONFIG)
    except Exception as error:  # whatever a damaged file makes of itself
        found.broken.append(f"{folder / CONFIG}: {first_line(error)}")
        return
    lines, seeds, first = commands.commands_in(notes_of(folder)), int(config.get("seeds", 1)), int(config["seed"])
    if seeds > 1:  # a group: each seed's own folder says how it is, those that aren't there yet are not begun
        for seed in range(first, first + seeds):
            own = folder / f"seed{seed}"
            if not (own / CONFIG).is_file():
                found.unfinished.append(Run(own, {**config, "seed": seed, "seeds": 1}, lines, None))
        return
    if not (folder / results.RESULT).is_file():
        found.unfinished.append(Run(folder, config, lines, None))
        return
    try:
        result = json.loads(read_text(folder / results.RESULT))
        refuse_control(result)
        _check_result(config, result)
    except Exception as error:
        found.broken.append(f"{folder / results.RESULT}: {_why(error)}")
        return
    found.finished.append(Run(folder, config, lines, result))


def _config_of(path: Path) -> dict[str, Any]:
    """A run's config as plain data. It isn't checked against today's schema: runs from before are to be read, too."""
    config: Any = OmegaConf.to_container(saved_config(path))
    agent = config.get("agent")
    if not isinstance(agent, dict) or not isinstance(agent.get("name"), str) or not isinstance(config.get("seed"), int):
        raise WaybillError("it is no run's config, it lacks agent.name or seed")
    return config


def _why(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it lacks {error.args[0]!r}"
    if isinstance(error, json.JSONDecodeError):
        return f"it is no JSON ({error})"
    return first_line(error)


def _check_result(config: Mapping[str, Any], result: Any) -> None:
    """Refuse a result that lacks something a report reads, or isn't the config's.

    Raises:
        ValueError, KeyError, TypeError: naming what is wrong.
    """
    results.check_result(result)
    if int(result["seed"]) != int(config["seed"]):
        raise WaybillError(f"it is of seed {result['seed']}, {CONFIG} of seed {config['seed']}")
    for name, row in result["scores"].items():
        games = np.asarray(row["by_map"] if "by_map" in row else row["by_seed"], np.float64)  # null becomes nan
        mean = math.nan if row["mean"] is None else float(row["mean"])
        if not math.isfinite(mean) or games.ndim != 1 or not np.isfinite(games).all():
            raise WaybillError(f"the scores of {name} are no finite numbers")
    result["scores"][config["agent"]["name"]]
    if result.get("curve"):
        points_of(result["curve"])


def game_scores(row: Mapping[str, Any]) -> np.ndarray:
    """The score of each held-out game [G], in the order of maps or seeds."""
    return np.asarray(row["by_map"] if "by_map" in row else row["by_seed"], np.float64)
