"""How far the jobs of a sweep are, read from their folders: nobody has to be running for that."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from experiments.common import locks
from experiments.common.progress import STEPS
from experiments.runs import results
from experiments.runs.checkpoints import is_begun
from experiments.sweeps.manifest import Job, Sweep
from experiments.sweeps.process import DONE, FAILED, LOCK, RUNNING, WAITING, read_record
from groundwork.errors import WaybillError
from groundwork.limits import read_text

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
    """How far a job is; ``queued`` are jobs that launchers have, by number: waiting or running.

    A job whose result cannot be read has failed, and says so: that of others is shown all the same.
    """
    folder = sweep.folder_of(job)
    record = read_record(folder)
    seconds = record.get("seconds")
    if job.error is not None:
        return State(FAILED, error=job.error)
    step = step_of(sweep, job)
    if locks.is_held(folder / LOCK):
        return State(RUNNING, None, seconds, step)
    try:
        found = [finished_run(own) for own in sweep.runs_of(job)]
    except (WaybillError, OSError) as error:
        return State(FAILED, None, seconds, step, str(error))
    runs = [own for own in found if own is not None]
    if len(runs) == len(found):
        means = [row["mean"] for _, row in runs]
        score = None if None in means else sum(means) / len(means)
        return State(DONE, score, seconds, runs[0][0]["env_steps"])
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
        return int(json.loads(read_text(sweep.runs_of(job)[0] / STEPS))["env_step"])
    except (OSError, ValueError, LookupError, TypeError, ArithmeticError, RecursionError):
        return None


def finished_run(folder: Path) -> tuple[dict[str, Any], Mapping[str, Any]] | None:
    """The result of a finished run, and its policy's row there; None if there is none (yet).

    Raises:
        WaybillError: in one line, if the file is damaged.
        OSError: if it cannot be read.
    """
    result = results.read_result(folder)
    if result is None:
        return None
    try:
        row = result["scores"][result["choices"]["agent"]]
        mean = row["mean"]
    except (KeyError, TypeError):
        mean = "missing"
    if not (mean is None or isinstance(mean, int | float)):  # null is a score that is not finite
        raise WaybillError(f"{folder / results.RESULT} is damaged or not one of ours (it lacks its policy's score)")
    return result, row


def can_go_on(folder: Path) -> bool:
    """True if a job has saved something to go on from; ``folder`` is the job's."""
    return is_begun(folder)


def last_line(log: Path) -> str | None:
    """The last line of a log that isn't empty; None if there is none."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - 8192))
            lines = stream.read().decode(errors="replace").splitlines()
    except OSError:
        return None
    return next((line.strip() for line in reversed(lines) if line.strip()), None)
