"""``launcher=slurm``: all jobs of a sweep as one job array, through submitit. The command returns at once.

When a job's time is nearly over SLURM signals it (``--signal``), it saves, is queued again and goes on from last.pt. If
it is pushed aside by others (preempted), SLURM ends it with SIGTERM: it saves as well and is queued again. After a
machine died SLURM queues it again by itself.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments import job as processes
from experiments import slurm_queue
from experiments.config_groups import need
from experiments.sweep_names import file_name
from experiments.sweeps import LOG, Job, Sweep

FOLDER = "slurm"  # in the sweep's: submitit's files and what the jobs' wrappers print
POLL_SECONDS = 0.2
END_SECONDS = 600.0  # a job that asked to be queued again waits so long for SLURM to end it


@dataclass
class SlurmLauncher:
    """Settings, see ``conf/launcher/slurm.yaml``."""

    partition: str | None = None
    time: int = 60
    cpus: int = 2
    gpus: int = 0
    mem: float | None = None
    at_once: int = 256
    retry: int = 0
    requeue: int = 100
    save_seconds: int = 90
    keep_last: bool = True
    setup: list[str] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, low, high in (
            ("time", 1, 525_600), ("cpus", 1, 1024), ("gpus", 0, 64), ("at_once", 1, 100_000), ("retry", 0, 1000),
            ("requeue", 0, 100_000),
        ):  # fmt: skip
            need(low <= getattr(self, name) <= high, f"launcher.{name}", getattr(self, name), f"{low}..{high}")
        limit = min(65535, 60 * self.time - 1)
        allowed = f"1..{limit} (less than launcher.time)"
        need(1 <= self.save_seconds <= limit, "launcher.save_seconds", self.save_seconds, allowed)
        if self.mem is not None:
            need(0.0 < self.mem <= 1e6, "launcher.mem", self.mem, "above 0 gigabytes")

    def check(self) -> None:
        """SLURM's commands are there."""
        for name in ("sbatch", "srun", "squeue", "scontrol"):
            if shutil.which(name) is None:
                raise ValueError(f"launcher=slurm: there is no {name} on this machine, is it one of a SLURM cluster?")

    def launch(self, sweep: Sweep, jobs: Sequence[Job], *, progress: bool) -> bool:
        """Submit these jobs; they run on without this process."""
        folder = sweep.folder.resolve()
        works = [
            Work(str(folder / job.name), os.getcwd(), self.cpus, self.keep_last, self.retry, self.save_seconds)
            for job in jobs
        ]
        ids = self._submit(folder / FOLDER, file_name(sweep.folder.name), works)
        slurm_queue.note(sweep.folder, {job.number: id for job, id in zip(jobs, ids, strict=True)})
        arrays = " ".join(dict.fromkeys(id.split("_")[0] for id in ids))
        print(
            f"submitted {len(jobs)} jobs as {arrays}: {', '.join(ids[:8])}{', …' if len(ids) > 8 else ''}\n"
            f"how far:  python -m experiments.sweep status {sweep.folder}\n"
            f"figures:  python -m experiments.sweep collect {sweep.folder}\n"
            f"end them: scancel {arrays}\n"
            f"the same command again submits what is neither done nor queued",
            flush=True,
        )
        return False

    def _submit(self, folder: Path, name: str, works: Sequence[Work]) -> list[str]:
        """Ids at SLURM, in the order of the works."""
        import submitit

        executor = submitit.SlurmExecutor(folder=folder, max_num_timeout=self.requeue)
        try:
            executor.update_parameters(**self._parameters(name))
            with executor.batch():
                submitted = [executor.submit(work) for work in works]
        except (submitit.core.utils.FailedJobError, ValueError, RuntimeError) as error:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            said = next((line for line in lines if "error:" in line), lines[-1] if lines else type(error).__name__)
            raise ValueError(f"launcher=slurm: SLURM refused the jobs ({said})") from None
        return [str(job.job_id) for job in submitted]

    def _parameters(self, name: str) -> dict[str, Any]:
        paths = shlex.quote(os.pathsep.join([str(processes.ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]))
        found = {
            "job_name": name,
            "partition": self.partition,
            "time": self.time,
            "cpus_per_task": self.cpus,
            "gpus_per_node": self.gpus or None,
            "mem": None if self.mem is None else f"{round(1024 * self.mem)}M",
            "array_parallelism": self.at_once,
            "signal_delay_s": self.save_seconds,
            "stderr_to_stdout": True,
            "srun_args": [f"--cpus-per-task={self.cpus}"],  # since 22.05 srun doesn't take it from sbatch
            "setup": [f"export PYTHONPATH={paths}", *self.setup],
            "additional_parameters": {"requeue": True, **self.options},
        }
        return {key: value for key, value in found.items() if value is not None}


@dataclass
class Work:
    """What a job of the array does: it starts the job's own process and stands between it and SLURM.

    submitit calls it, and ``checkpoint`` when the time is nearly over.
    """

    folder: str
    cwd: str
    threads: int
    keep_last: bool
    retry: int
    save_seconds: int
    pid: int | None = None

    def __call__(self) -> None:
        """Until the job is done.

        Raises:
            RuntimeError: if it failed, so that SLURM knows, too.
        """
        for left in reversed(range(self.retry + 1)):
            code = self._run()
            if code in processes.STOPPED_CODES:
                self._come_back()
            if not processes.settle(Path(self.folder), code) or not left:
                break
        if code != 0:
            raise RuntimeError(f"the job ended with exit code {code}, see {Path(self.folder) / LOG}")

    def _run(self) -> int:
        where = f"SLURM job {_own_id()} on {os.environ.get('SLURMD_NODENAME', '?')}"
        words = processes.command(Path(self.folder), threads=self.threads, keep_last=self.keep_last, where=where)
        environment = processes.environment(os.environ, threads=self.threads)
        with (Path(self.folder) / LOG).open("ab") as log:
            # SLURM may signal all processes of a job: this one answers, the other one is asked by it
            process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd=self.cwd,
                preexec_fn=lambda: signal.signal(signal.SIGUSR2, signal.SIG_IGN),
            )  # fmt: skip
        self.pid = process.pid
        while not _has_ended(process.pid):
            time.sleep(POLL_SECONDS)
        self.pid = None
        return process.wait()

    def checkpoint(self) -> Any:
        """Asked by submitit in a signal handler: let the job save and end. Returns what to do after the next start."""
        import submitit

        if self.pid is not None:
            os.kill(self.pid, signal.SIGTERM)
            while not _has_ended(self.pid):  # not Popen.wait: the handler may have interrupted that
                time.sleep(POLL_SECONDS)
        again = Work(self.folder, self.cwd, self.threads, self.keep_last, self.retry, self.save_seconds)
        return submitit.helpers.DelayedSubmission(again)

    def _come_back(self) -> None:
        """The job saved and ended by a signal that this process didn't send: others need its place, so queue it again.
        Not if it was cancelled, or SLURM does so itself: then it isn't running any more.
        """
        id = _own_id()
        if slurm_queue.states().get(id) != "RUNNING":
            return
        subprocess.run(["scontrol", "requeue", id], check=True, timeout=60)
        time.sleep(END_SECONDS)  # SLURM ends this process


def _own_id() -> str:
    array, number = (os.environ.get(f"SLURM_ARRAY_{name}_ID") for name in ("JOB", "TASK"))
    return f"{array}_{number}" if array else os.environ.get("SLURM_JOB_ID", "?")


def _has_ended(pid: int) -> bool:
    """Whether a child has ended; its exit status stays to be fetched."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
