"""``launcher=local``: each job a process of its own on this machine, so many at once, with a share of its cores."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from experiments.common.machine import cores
from experiments.config.errors import need, need_within
from experiments.sweeps.launchers.attempts import Attempts
from experiments.sweeps.launchers.stopping import StopCounter
from experiments.sweeps.manifest import Job, Sweep, read_frozen
from experiments.sweeps.process import LOG, command, environment, settle_job
from experiments.sweeps.states import can_go_on
from experiments.sweeps.view import SweepProgress

_POLL_SECONDS = 0.1


@dataclass
class LocalLauncher:
    """Starts jobs on this machine and waits for them; the settings are explained in ``conf/launcher/local.yaml``."""

    n_jobs: int = 1
    threads: int | None = None
    retry: int = 0
    keep_last: bool = True

    def __post_init__(self) -> None:
        need_within(self, "launcher", {"n_jobs": (1, 1024), "retry": (0, 1000)})
        if self.threads is not None:
            need(1 <= self.threads <= 1024, "launcher.threads", self.threads, "1..1024 or null for cores / n_jobs")

    def check(self) -> None:
        """Refuse nothing: this machine is there."""

    def launch(self, sweep: Sweep, jobs: Sequence[Job], *, progress: bool) -> bool:
        """Do these jobs and wait for their end.

        Raises:
            Interrupted: if asked to stop, once they have saved their work.
        """
        with SweepProgress(sweep, jobs, enabled=progress) as shown, StopCounter() as stop:
            _Pool(self, sweep, jobs, shown, stop).run()
            stop.raise_if_asked(sweep, shown)
        return True

    def queued(self, sweep: Sweep) -> dict[int, str]:
        """No job: none outlives the command."""
        return {}

    def how_to_end(self, sweep: Sweep) -> None:
        """Nothing to type."""

    def threads_each(self) -> int:
        """Number of threads of each job."""
        return max(1, cores() // self.n_jobs) if self.threads is None else self.threads


def visible_gpus() -> list[str]:
    """Names of this machine's GPUs for ``CUDA_VISIBLE_DEVICES``: those that it names already, if it is set."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name.strip() for name in given.split(",") if name.strip() not in ("", "-1", "NoDevFiles")]
    import torch

    return [str(number) for number in range(torch.cuda.device_count())]


@dataclass
class _Slot:
    """A place in which one job at a time runs, always on the same GPU."""

    gpu: str | None
    process: subprocess.Popen | None = None
    job: Job | None = None


@dataclass
class _Pool:
    """The jobs of a launch, waiting and running."""

    settings: LocalLauncher
    sweep: Sweep
    jobs: Sequence[Job]
    shown: SweepProgress
    stop: StopCounter
    asked: int = 0  # how often the running jobs were asked to stop

    def __post_init__(self) -> None:
        retry = self.settings.retry
        self.attempts = Attempts(self.sweep, self.jobs, retry=retry, shown=self.shown, stop=self.stop)

    def run(self) -> None:
        """Until all have ended."""
        gpus: Sequence[str | None] = visible_gpus() or [None]
        slots = [_Slot(gpu) for gpu in itertools.islice(itertools.cycle(gpus), self.settings.n_jobs)]
        waiting = deque(self.jobs)
        try:
            while waiting or any(slot.job for slot in slots):
                if self.stop.count > self.asked:
                    waiting.clear()
                    self._ask_to_stop(slots)
                for slot in slots:
                    if slot.process is not None and slot.process.poll() is not None:
                        self._end(slot, waiting)
                    free = None if slot.process else next(filter(self.attempts.may_begin, waiting), None)
                    if free is not None:
                        waiting.remove(free)
                        self._begin(slot, free)
                self.shown.look()
                time.sleep(_POLL_SECONDS)
        finally:  # after an error here nobody would know of them
            for slot in slots:
                if slot.process is not None:
                    slot.process.terminate()

    def _begin(self, slot: _Slot, job: Job) -> None:
        folder, threads = self.sweep.folder_of(job), self.settings.threads_each()
        variables = environment(os.environ, threads=threads)
        if slot.gpu is not None and ":" not in str(read_frozen(folder).get("device")):  # cuda:1 counts all of them
            variables["CUDA_VISIBLE_DEVICES"] = slot.gpu
        words = command(folder, threads=threads, keep_last=self.settings.keep_last, where=socket.gethostname())
        with (folder / LOG).open("ab") as log:
            # a session of its own: Ctrl-C in the terminal reaches this process only, which asks each job once
            slot.process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=variables, start_new_session=True
            )
        slot.job = job
        self.attempts.begin(job)
        self.shown.begins(job, "goes on" if can_go_on(folder) else "starts")

    def _end(self, slot: _Slot, waiting: deque[Job]) -> None:
        job, process = slot.job, slot.process
        assert job is not None
        assert process is not None
        slot.job = slot.process = None
        if self.attempts.end(job, may_try_again=settle_job(self.sweep.folder_of(job), process.returncode)):
            waiting.append(job)

    def _ask_to_stop(self, slots: Sequence[_Slot]) -> None:
        """Pass it on: the first time jobs save and end, the second they end at once, the third they are ended."""
        self.asked += 1
        running = [slot.process for slot in slots if slot.process is not None]
        for process in running:
            if self.asked <= 2:
                process.send_signal(signal.SIGINT)
            else:
                process.kill()
        if self.asked == 1:
            self.shown.say(f"stopping {len(running)} running jobs, which save first (once more to stop at once)")
