"""What is harmed: two runs of seconds, shared policies, a sweep and a search; all that is read of each afterwards."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from composing import composed
from omegaconf import OmegaConf
from pages import ROOT
from rich.console import Console
from shrunk import made, sizes

from envs.waybill.record import load_game, replay_states
from experiments.common.tensors import load_tensors, save_tensors
from experiments.config.reading import read_composed, read_run
from experiments.reports.run_folders import find_runs
from experiments.runs.checkpoints import load_last
from experiments.runs.policies import load_policy
from experiments.runs.results import read_result
from experiments.sweeps import manifest
from experiments.sweeps.states import state_of
from experiments.sweeps.view import show_sweep
from experiments.tuning.settings import SearchSettings
from experiments.tuning.trials import begin

Read = Callable[[], object]


class Subjects:
    """Honest folders to be copied and harmed, made once in ``place``."""

    def __init__(self, place: Path) -> None:
        place.mkdir()
        self.run = made(place, "run", "python", "train.py", "level=haul")
        self.other = made(place, "other", "python", "train.py", "level=haul", "network=mlp", "actions=masked")
        self._plain, self._setups = composed("level=haul", *sizes(composed("level=haul"))), dict[str, Any]()
        self.policies = [ROOT / "policies" / name for name in ("haul", "refine", "rivals")]
        self.sweep, self.search = place / "sweep", place / "search"
        jobs = [
            manifest.Planned(
                manifest.Job(k, f"{k}_seed={k}", [f"seed={k}"], {"seed": str(k)}, [k], 240), self._config(k)
            )
            for k in range(2)
        ]
        manifest.create(self.sweep, jobs, command="train.py -m seed=0,1", begun="2026-01-01", commit=None)
        shutil.copytree(self.run, self.sweep / "0_seed=0", dirs_exist_ok=True)
        job = {"state": "done", "attempts": 1, "error": None, "pid": 1, "host": "x", "where": "here", "began": 1.0}
        (self.sweep / "0_seed=0" / "job.json").write_text(json.dumps(job | {"seconds": 3.0}))
        self._settings = SearchSettings(name="x", space={"agent.gamma": {"choices": [0.9, 0.95]}}, trials=3)
        self._searched = read_composed(self._plain).plain
        study = begin(self._settings, self._searched, self.search).study()
        for value in (1.0, 2.0):
            study.tell(study.ask(), value)

    def _config(self, seed: int) -> dict[str, Any]:
        found: dict[str, Any] = OmegaConf.to_container(self._plain, resolve=True)  # type: ignore[assignment]
        return found | {"seed": seed}

    def _honest(self, folder: Path) -> Any:
        if folder.name not in self._setups:
            self._setups[folder.name] = read_run(folder)
        return self._setups[folder.name]

    # --- what is read -------------------------------------------------------------------------------------------------
    def record(self, path: Path) -> Read:
        """A game, replayed to its end."""
        return lambda: [None for _ in replay_states(load_game(path))]

    def config(self, folder: Path) -> Read:
        """A run's or a policy's config."""
        return lambda: read_run(folder)

    def policy(self, folder: Path, honest: Path | None = None) -> Read:
        """A policy that acts once; ``honest`` is the run whose config the folder has, if it was not harmed."""
        from experiments.games.waybill.environments import batch_env

        def act() -> None:
            setup = read_run(folder) if honest is None else self._honest(honest)
            env = batch_env(setup, num_envs=2, maps=(0, 2))
            policy = load_policy(setup, folder, env=env, device=torch.device("cpu"))
            obs, infos = env.reset(seed=0)
            actions = policy.greedy(obs, infos["action_mask"])
            assert np.isin(actions, range(env.single_action_space.n)).all()

        return act

    def last(self, folder: Path) -> Read:
        """What a run goes on from."""
        return lambda: load_last(folder)

    def all_of(self, folder: Path) -> Read:
        """All that reports read of a run's folder, and its policy."""

        def read() -> None:
            find_runs([folder])
            read_result(folder)
            self.policy(folder)()

        return read

    def states(self, folder: Path) -> Read:
        """A sweep's jobs and how far they are."""

        def read() -> None:
            sweep = manifest.read_sweep(folder)
            states = {job.number: state_of(sweep, job) for job in sweep.jobs}
            show_sweep(sweep, states, Console(file=io.StringIO()))
            for job in sweep.jobs:
                manifest.read_frozen(sweep.folder_of(job))
            find_runs([folder])

        return read

    def trials(self, folder: Path) -> Read:
        """A search that goes on."""
        return lambda: begin(self._settings, self._searched, folder).study().trials


def harmed_tensors(path: Path, harm: Callable[[Any], Any]) -> None:
    """Harm what a policy's file says beside its tensors, and give it a checksum that fits."""
    content = load_tensors(path)
    changed = harm(content)
    try:
        save_tensors(path, changed)
    except (TypeError, ValueError, AttributeError, KeyError):  # not to be written: leave something else out
        content.pop(next(iter(content)))
        save_tensors(path, content)


def harmed_checkpoint(path: Path, harm: Callable[[Any], Any]) -> None:
    """Harm a checkpoint's plain data; it is a whole archive again."""
    torch.save(harm(torch.load(path, weights_only=True)), path)
