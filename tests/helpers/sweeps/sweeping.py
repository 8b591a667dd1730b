"""Sweeps of jobs of seconds, as a user types them, for the tests of launchers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import forking

HELPERS = Path(__file__).resolve().parents[1]
ROOT = HELPERS.parents[1]
TINY = (
    "env=gym", "env.id=trouble:tests/Trouble-v0", "+env.kwargs.number=${seed}", "agent=dqn", "steps=400", "num_envs=4",
    "log_every=100", "evaluation.every=200", "evaluation.episodes=2", "evaluation.final_episodes=3", "device=cpu",
    "agent.learning_starts=64", "agent.batch_size=16", "agent.updates_per_step=0.1", "agent.memory_capacity=600",
    "network.width=[16]",
)  # fmt: skip


def words(out: Path, *more: str) -> list[str]:
    """A sweep's command, with tiny jobs that find their trouble in ``out``."""
    return ["train.py", "-m", *TINY, f"+env.kwargs.folder={out}", f"out={out}", *more]


def start(command: list[str], *, cwd: Path, **variables: str) -> subprocess.Popen[str]:
    """Start a command of the project."""
    return subprocess.Popen(
        [sys.executable, *_found(command)], cwd=cwd, env=_environment(variables), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def done(command: list[str], *, cwd: Path, timeout: float = 240, **variables: str) -> subprocess.CompletedProcess[str]:
    """A command's end."""
    return forking.run(_found(command), cwd=cwd, environment=_environment(variables), timeout=timeout)


def _found(command: list[str]) -> list[str]:
    return [str(ROOT / command[0]), *command[1:]] if command[0].endswith(".py") else command


def _environment(variables: dict[str, str]) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(HELPERS / "runs"), str(ROOT)]), **variables}


def until(ready: Callable[[], Any], what: str, seconds: float = 120) -> Any:
    """Wait for something; returns what ``ready`` does."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        found = ready()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"waited {seconds:g} s for {what}")


def read(path: Path) -> dict[str, Any]:
    """A JSON file; empty if it isn't there (yet)."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return {}


def only(out: Path) -> Path:
    """The only sweep's folder in ``out``."""
    (found,) = out.glob("*_*/sweep.json")
    return found.parent


def jobs(folder: Path) -> dict[int, Path]:
    """Number → folder of a sweep's jobs."""
    return {job["number"]: folder / job["name"] for job in read(folder / "sweep.json")["jobs"]}


CHAINED = """# @package _global_
arms:
  taker: ['transfer.from=${hydra.sweep.dir}/source']
  source: []
hydra:
  sweep:
    subdir: ${arm}
"""


def chained(out: Path, *more: str) -> list[str]:
    """A sweep of two jobs, the first of which takes from the second's run: it has to wait for it."""
    study = out / "conf" / "experiment" / "chained.yaml"
    study.parent.mkdir(parents=True)
    study.write_text(CHAINED)
    door, *given = words(out, "+experiment=chained", *more)
    return [door, "--config-dir", str(out / "conf"), *given]
