"""How far a long job is: a bar on a terminal, now and then a line elsewhere, nothing for short jobs."""

from __future__ import annotations

import json
import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from experiments.common.files import write_whole

QUIET_SECONDS = 5.0
LINE_SECONDS = 10.0
STEPS = "progress.json"
STEPS_SECONDS = 1.0


class ProgressReport:
    """Reports ``done`` of ``total``; call ``close`` at the end (or use it in a ``with`` statement)."""

    def __init__(self, *, title: str, total: int, enabled: bool = True, console: Console | None = None) -> None:
        self.title, self.total, self.enabled = title, total, enabled
        self._console = Console() if console is None else console
        self._start = time.monotonic()
        self._first: int | None = None  # done at the first update: a resumed run doesn't begin at 0
        self._next = self._start + QUIET_SECONDS
        self._told = -1  # done in the last line
        self._pause = LINE_SECONDS
        self._bar: Progress | None = None

    @property
    def due(self) -> bool:
        """True when the next update would be shown; the first always counts, it is where the job begins."""
        return self._first is None or (self.enabled and time.monotonic() >= self._next)

    def update(self, done: int, text: str = "") -> None:
        """Show where the job is, if it is time to."""
        self._first = done if self._first is None else self._first
        now = time.monotonic()
        if not self.enabled or now < self._next:
            return
        if self._console.is_terminal:
            self._next = now + 0.2
            self._show_bar(done, text)
        else:
            self._pause = LINE_SECONDS if done != self._told else 2 * self._pause  # the same again is seldom told
            self._next, self._told = now + self._pause, done
            print(f"{self.title}: {done:,} of {self.total:,}  {text}{self._left(done, now)}", flush=True)

    def _left(self, done: int, now: float) -> str:
        """An estimate of the time left, once two of many are done: the first may have waited for what is compiled."""
        first = self._first or 0
        if done - first < 2:
            return ""
        return f"  {_clock((self.total - done) * (now - self._start) / (done - first))} left"

    def _show_bar(self, done: int, text: str) -> None:
        if self._bar is None:
            columns = ("[bold]{task.description}", "{task.completed:,} of {task.total:,}", "{task.fields[text]}")
            first, amount, last = (TextColumn(column) for column in columns)
            self._bar = Progress(first, BarColumn(), amount, last, TimeRemainingColumn(), console=self._console)
            self._bar.add_task(self.title, total=self.total, text=text)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=done, text=text)

    def close(self) -> None:
        """Take the bar down."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def __enter__(self) -> ProgressReport:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class StepsFile:
    """Tells other processes how far a run is, in ``progress.json`` in its folder."""

    def __init__(self, folder: Path, *, total: int) -> None:
        self._path, self._total, self._next = folder / STEPS, total, 0.0

    def update(self, env_step: int) -> None:
        """Write it down, if the last time is long enough ago."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + STEPS_SECONDS
            text = json.dumps({"env_step": env_step, "steps": self._total})
            write_whole(self._path, lambda temporary: temporary.write_text(text), lasting=False)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
