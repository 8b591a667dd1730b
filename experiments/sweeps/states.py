"""How far the jobs of a sweep are, read from their folders: nobody has to be running for that."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from experiments.common import locks
from experiments.common.progress import STEPS
from experiments.runs import results
from experiments.runs.checkpoints import LAST
from experiments.sweeps.manifest import Job, Sweep
from experiments.sweeps.process import DONE, FAILED, LOCK, RUNNING, WAITING, read_record

ENDED_SILENTLY = "it ended without a word"  # killed together with what had started it


class State(NamedTuple):
    """How far a job is.

    ``score`` is the mean over held-out games, and over its seeds, of a job that is done; ``seconds`` all its attempts
    took together; ``step`` is of the last report, None where there was none; ``error`` says why it failed.
    """

    status: str
    score: float | None = None
    seconds: float | None = None
    step: int | None = None
    error: str | None = None


def state_of(sweep: Sweep, job: Job, queued: Mapping[int, str] | None = None) -> State:
    """How far a job is; ``queued`` are jobs that launchers have, by number: waiting or running."""
    folder = sweep.folder_of(job)
    record = read_record(folder)
    seconds = record.get("seconds")
    found = [results.read_result(own) for own in sweep.runs_of(job)]
    if job.error is not None:
        return State(FAILED, error=job.error)
    running = locks.is_held(folder / LOCK)
    if all(result is not None for result in found) and not running:
        means = [score_of(result)["mean"] for result in found if result is not None]
        return State(DONE, sum(means) / len(means), seconds, found[0]["env_steps"] if found[0] else None)
    step = step_of(sweep, job)
    if running:
        return State(RUNNING, None, seconds, step)
    if job.number in (queued or {}):
        assert queued is not None
        return State(queued[job.number], None, seconds, step)
    noted = record.get("state", WAITING)
    if noted == RUNNING:
        return State(FAILED, None, seconds, step, ENDED_SILENTLY)
    if noted == DONE:  # its result was taken away
        return State(WAITING)
    return State(noted, None, seconds, step, record.get("error"))


def step_of(sweep: Sweep, job: Job) -> int | None:
    """Environment steps (of each seed) at the job's last report; None if there was none."""
    try:
        return int(json.loads((sweep.runs_of(job)[0] / STEPS).read_text())["env_step"])
    except (OSError, ValueError, KeyError):
        return None


def score_of(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """The policy's row in a result."""
    return result["scores"][result["choices"]["agent"]]


def can_go_on(folder: Path) -> bool:
    """True if a job has saved something to go on from; ``folder`` is the job's."""
    return (folder / LAST).is_file()


def last_line(log: Path) -> str | None:
    """The last line of a log that isn't empty; None if there is none."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - 8192))
            lines = stream.read().decode(errors="replace").splitlines()
    except OSError:
        return None
    return next((line.strip() for line in reversed(lines) if line.strip()), None)
