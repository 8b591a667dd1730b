"""Counts how often a launcher has started each job, and says what becomes of one that has ended."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.sweeps.launchers.stopping import StopCounter
from experiments.sweeps.manifest import Job, Sweep
from experiments.sweeps.order import Dependencies
from experiments.sweeps.states import state_of
from experiments.sweeps.view import SweepProgress


class Attempts:
    """The attempts of a launch: a job that dies or raises may be tried again ``retry`` times."""

    def __init__(
        self, sweep: Sweep, jobs: Sequence[Job], *, retry: int, shown: SweepProgress, stop: StopCounter
    ) -> None:
        self._sweep, self._retry, self._shown, self._stop = sweep, retry, shown, stop
        self._dependencies = Dependencies(jobs)
        self._begun: dict[int, int] = {}  # number of a job → how often it was started

    def may_begin(self, job: Job) -> bool:
        """True if all jobs that it takes from have ended."""
        return self._dependencies.may_begin(job)

    def begin(self, job: Job) -> None:
        """Count one more attempt."""
        self._begun[job.number] = self._begun.get(job.number, 0) + 1

    def end(self, job: Job, *, may_try_again: bool) -> bool:
        """Show that an attempt has ended; True if the job is to be started again."""
        left = self._retry + 1 - self._begun[job.number]
        again = may_try_again and left > 0 and not self._stop.count
        more = f", is tried again ({left} times more)" if again else ""
        self._shown.ends(job, state_of(self._sweep, job), more)
        if not again:
            self._dependencies.end(job)
        return again
