"""``launcher=slurm``: all jobs of a sweep as one job array, through submitit. The command returns at once. Jobs that
take from others' runs are an array of their own that begins after those have ended.

When a job's time is nearly over SLURM signals it (``--signal``), it saves, is queued again and goes on from last.pt. If
it is pushed aside by others (preempted), SLURM ends it with SIGTERM: it saves as well and is queued again. After a
machine died SLURM queues it again by itself.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

from experiments.config.errors import need, need_within
from experiments.config.keys import file_name, shell_command
from experiments.sweeps.launchers import slurm_queue
from experiments.sweeps.launchers.slurm_work import Work
from experiments.sweeps.manifest import Job, Sweep
from experiments.sweeps.order import waves
from experiments.sweeps.process import places
from groundwork.errors import WaybillError

FOLDER = "slurm"  # in the sweep's: submitit's files and what the jobs' wrappers print
_RANGES = {
    "time": (1, 525_600), "cpus": (1, 1024), "gpus": (0, 64), "at_once": (1, 100_000), "retry": (0, 1000),
    "requeue": (0, 100_000),
}  # fmt: skip


@dataclass
class SlurmLauncher:
    """Submits jobs to SLURM and leaves; the settings are explained in ``conf/launcher/slurm.yaml``."""

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
        need_within(self, "launcher", _RANGES)
        limit = min(65535, 60 * self.time - 1)
        allowed = f"1..{limit} (less than launcher.time)"
        need(1 <= self.save_seconds <= limit, "launcher.save_seconds", self.save_seconds, allowed)
        if self.mem is not None:
            need(0.0 < self.mem <= 1e6, "launcher.mem", self.mem, "above 0 gigabytes")

    def check(self) -> None:
        """Refuse a sweep on a machine without SLURM's commands.

        Raises:
            WaybillError: in one line.
        """
        for name in ("sbatch", "srun", "squeue", "scontrol"):
            if shutil.which(name) is None:
                raise WaybillError(f"launcher=slurm: there is no {name} on this machine, is it one of a SLURM cluster?")

    def launch(self, sweep: Sweep, jobs: Sequence[Job], *, progress: bool) -> bool:
        """Submit these jobs; they run on without this process."""
        folder = sweep.folder.resolve()
        known = slurm_queue.submitted(sweep.folder)
        known = {number: known[number] for number in slurm_queue.queued(sweep)}
        for wave in waves(jobs):
            works = [
                Work(str(folder / job.name), os.getcwd(), self.cpus, self.keep_last, self.retry, self.save_seconds)
                for job in wave
            ]
            before = sorted({known[number] for job in wave for number in job.after if number in known})
            ids = self._submit(folder / FOLDER, file_name(sweep.folder.name), works, before)
            submitted = {job.number: id for job, id in zip(wave, ids, strict=True)}
            slurm_queue.note(sweep.folder, submitted)
            known |= submitted
        ids = [known[job.number] for job in jobs]
        arrays = " ".join(dict.fromkeys(id.split("_")[0] for id in ids))
        print(
            f"submitted {len(jobs)} jobs as {arrays}: {', '.join(ids[:8])}{', …' if len(ids) > 8 else ''}\n"
            f"how far:  {shell_command('python', '-m', 'experiments.sweeps', 'status', sweep.folder)}\n"
            f"figures:  {shell_command('python', '-m', 'experiments.sweeps', 'collect', sweep.folder)}\n"
            f"end them: scancel {arrays}\n"
            f"the same command again submits what is neither done nor queued",
            flush=True,
        )
        return False

    def queued(self, sweep: Sweep) -> dict[int, str]:
        """Jobs that SLURM still lists."""
        return slurm_queue.queued(sweep)

    def how_to_end(self, sweep: Sweep) -> str | None:
        """``scancel`` with the job arrays of those that SLURM still lists."""
        ids = slurm_queue.submitted(sweep.folder)
        arrays = dict.fromkeys(ids[number].split("_")[0] for number in self.queued(sweep))
        return f"scancel {' '.join(arrays)}" if arrays else None

    def _submit(self, folder: Path, name: str, works: Sequence[Work], before: Sequence[str]) -> list[str]:
        """Ids at SLURM, in the order of the works, which begin once the jobs ``before`` have ended."""
        import submitit

        executor = submitit.SlurmExecutor(folder=folder, max_num_timeout=self.requeue)
        try:
            executor.update_parameters(**self._parameters(name, before))
            with redirect_stderr(StringIO()), executor.batch():  # it prints what sbatch says, and raises it, too
                submitted = [executor.submit(work) for work in works]
        except (submitit.core.utils.FailedJobError, ValueError, RuntimeError) as error:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            said = next((line for line in lines if "error:" in line), lines[-1] if lines else type(error).__name__)
            raise WaybillError(f"launcher=slurm: SLURM refused the jobs ({said})") from None
        return [str(job.job_id) for job in submitted]

    def _parameters(self, name: str, before: Sequence[str] = ()) -> dict[str, Any]:
        # afterany: a job whose source failed says so itself, and isn't left in the queue for ever
        order = {"dependency": f"afterany:{':'.join(before)}"} if before else {}
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
            "setup": [*(f"export {key}={shlex.quote(text)}" for key, text in places(os.environ).items()), *self.setup],
            "additional_parameters": {"requeue": True, **order, **self.options},
        }
        return {key: value for key, value in found.items() if value is not None}
