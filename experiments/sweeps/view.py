"""Shows a sweep on the screen: how far it is while it runs, and a table at its end."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from experiments.sweeps.manifest import Job, Sweep
from experiments.sweeps.process import DONE, FAILED, LOG, RUNNING, STATUSES
from experiments.sweeps.states import State, last_line, step_of

_COLOURS = {DONE: "green", FAILED: "red", RUNNING: "cyan"}
ROWS = 200  # of a table on the screen
_LOOK_SECONDS = 1.0  # between two looks at how far the running jobs are


class SweepProgress:
    """Shows counts of jobs, and a line for each that runs: a bar on a terminal, elsewhere a line when a job ends.

    Use it in a ``with`` statement.
    """

    def __init__(self, sweep: Sweep, jobs: Sequence[Job], *, enabled: bool, console: Console | None = None) -> None:
        self.sweep, self.enabled, self._total = sweep, enabled, len(jobs)
        self.console = Console() if console is None else console
        self._counts = dict.fromkeys(STATUSES, 0)
        self._running: dict[int, Job] = {}
        self._bar = Progress(
            TextColumn("[bold]{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[text]}")
        )
        self._task = self._bar.add_task("sweep", total=self._total, text="")
        self._live: Live | None = None
        self._next = 0.0

    def __enter__(self) -> SweepProgress:
        if self.enabled and self.console.is_terminal:
            self._live = Live(self._screen(), console=self.console, auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._live is not None:
            self._live.stop()

    def begins(self, job: Job, how: str = "") -> None:
        """Note that a job has started."""
        self._running[job.number] = job
        self._say(job, f"{how or 'starts'}, log {self.sweep.folder_of(job) / LOG}")

    def ends(self, job: Job, state: State, more: str = "") -> None:
        """Note that a job has ended; ``more`` says what comes next, such as being tried again."""
        self._running.pop(job.number, None)
        if not more:
            self._counts[state.status] += 1
        score = "" if state.score is None else f", score {state.score:,.1f}"
        error = "" if state.error is None else f": {state.error}"
        took = "" if state.seconds is None else f", {state.seconds:,.0f} s"
        self._say(job, f"{state.status}{error}{score}{took}{more}  ({self.counts()})")

    def counts(self) -> str:
        """How many jobs have ended in which way, in words."""
        counts = [f"{number} {status}" for status, number in self._counts.items() if number]
        return ", ".join([*counts, f"{self._total} in all"])

    @property
    def complete(self) -> bool:
        """True if all jobs of the launch have ended by themselves."""
        return self._counts[DONE] + self._counts[FAILED] == self._total

    def look(self) -> None:
        """Show how far the running ones are, if the last look is long enough ago."""
        now = time.monotonic()
        if self._live is not None and now >= self._next:
            self._next = now + _LOOK_SECONDS
            self._live.update(self._screen(), refresh=True)

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        self.console.print(escape(line), highlight=False, soft_wrap=True)

    def _say(self, job: Job, what: str) -> None:
        if self._live is not None:
            self._live.update(self._screen())
        if self.enabled:
            self.say(f"{time.strftime('%H:%M:%S')}  job {job.number} {job.title}: {what}")

    def _screen(self) -> Table:
        ended = sum(self._counts.values())
        self._bar.update(self._task, completed=ended, text=f"{len(self._running)} running, {self.counts()}")
        grid = Table.grid()
        grid.add_row(self._bar)
        for job in self._running.values():
            done = _steps(step_of(self.sweep, job), job)
            grid.add_row(escape(f"  job {job.number} {job.title}" + (f": {done} steps" if done else "")))
        return grid


def _steps(step: int | None, job: Job) -> str:
    return "" if step is None else f"{min(step, job.steps):,} of {job.steps:,}"


def table_of(sweep: Sweep, states: Mapping[int, State]) -> Table:
    """A table with a row for each job."""
    keys = list(dict.fromkeys(key for job in sweep.jobs for key in job.values))
    table = Table()
    for name in ("job", *keys, "status", "steps", "score", "seconds"):
        table.add_column(name, justify="left" if name in (*keys, "status") else "right", overflow="fold")
    for job in sweep.jobs[:ROWS]:
        state = states[job.number]
        score = "" if state.score is None else f"{state.score:,.1f}"
        seconds = "" if state.seconds is None else f"{state.seconds:,.0f}"
        colour = _COLOURS.get(state.status)
        status = f"[{colour}]{state.status}[/]" if colour else state.status
        values = (escape(job.values.get(key, "")) for key in keys)
        table.add_row(str(job.number), *values, status, _steps(state.step, job), score, seconds)
    return table


def show_sweep(sweep: Sweep, states: Mapping[int, State], console: Console | None = None) -> None:
    """Print a table of the jobs, and below it why some failed and where their logs are."""
    console = Console() if console is None else console
    console.print(table_of(sweep, states))
    lines = [f"(and {len(sweep.jobs) - ROWS:,} more jobs)"] if len(sweep.jobs) > ROWS else []
    for job in sweep.jobs:
        state = states[job.number]
        if state.status == FAILED:
            lines += _failure(sweep, job, state)
    for line in lines:
        console.print(escape(line), highlight=False, soft_wrap=True)


def _failure(sweep: Sweep, job: Job, state: State) -> list[str]:
    log = sweep.folder_of(job) / LOG
    lines = [f"job {job.number} {job.title} failed: {state.error or 'for an unknown reason'}"]
    said = None if job.error is not None else last_line(log)
    if said is not None and state.error is not None and state.error not in said:
        lines.append(f"  last line: {said}")
    return [*lines, f"  log: {log}"]


def counted(states: Mapping[int, State]) -> str:
    """How many jobs there are of each status, in words."""
    found = [state.status for state in states.values()]
    counts = [f"{found.count(status)} {status}" for status in STATUSES if status in found]
    return f"{len(found)} jobs: {', '.join(counts)}"
