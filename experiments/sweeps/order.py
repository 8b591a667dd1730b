"""The order of a sweep's jobs: those that take from others' runs (``transfer.from``, ``rivals``) wait for them.

Nobody declares it: a path into another job's folder says so. An experiment writes it as ``${hydra.sweep.dir}/NAME``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiments.sweeps import manifest, states
from experiments.sweeps.manifest import Job, Planned
from experiments.sweeps.process import DONE
from groundwork.errors import WaybillError


def in_order(planned: Sequence[Planned], folder: Path) -> list[Planned]:
    """The jobs of a sweep in ``folder``, each with the numbers of those that it comes ``after``.

    Raises:
        WaybillError: in one line, if jobs take from one another.
    """
    by_folder = {(folder / one.job.name).resolve(): one.job.number for one in planned}
    found = [replace(one, job=replace(one.job, after=_taken(one.config, by_folder))) for one in planned]
    waves([one.job for one in found])
    return found


def _taken(config: Mapping[str, Any], by_folder: Mapping[Path, int]) -> list[int]:
    """Numbers of the jobs whose folders a config names."""
    transfer, rivals = config.get("transfer"), config.get("rivals")
    given = [transfer.get("from")] if isinstance(transfer, Mapping) else []
    given += rivals if isinstance(rivals, list) else []
    paths = [Path(text).resolve() for text in given if isinstance(text, str)]
    numbers = {by_folder[own] for path in paths for own in (path, *path.parents) if own in by_folder}
    return sorted(numbers)


def waves(jobs: Sequence[Job]) -> list[list[Job]]:
    """Jobs that may run side by side, wave after wave; those that aren't among ``jobs`` are waited for by nobody.

    Raises:
        WaybillError: in one line, if jobs take from one another.
    """
    left, found = list(jobs), []
    while left:
        numbers = {job.number for job in left}
        free = [job for job in left if numbers.isdisjoint(job.after)]
        if not free:
            names = ", ".join(job.name for job in left[:5])
            raise WaybillError(f"jobs take from their own runs or from one another's, so none can begin: {names}")
        found.append(free)
        left = [job for job in left if not numbers.isdisjoint(job.after)]
    return found


class Dependencies:
    """Which jobs of a launch may begin: those whose sources have ended."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._open = {job.number for job in jobs}

    def end(self, job: Job) -> None:
        """A job has ended for good, well or not."""
        self._open.discard(job.number)

    def may_begin(self, job: Job) -> bool:
        """True if all jobs that it takes from have ended; if one of them isn't done, the job itself fails."""
        return self._open.isdisjoint(job.after)


def refuse_early(folder: Path) -> None:
    """Refuse a job whose sources are not done: a half trained one is none. ``folder`` is the job's.

    Raises:
        WaybillError: in one line.
    """
    found = manifest.find_job(folder)
    if found is None:
        return
    sweep, job = found
    for other in sweep.jobs:
        if other.number in job.after and states.state_of(sweep, other).status != DONE:
            raise WaybillError(f"job {other.number} {other.title}, whose run this one takes from, is not done")
