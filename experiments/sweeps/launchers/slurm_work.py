"""What runs on SLURM's machines: a small process that starts a job's own and stands between it and SLURM.

submitit pickles and unpickles it, so this loads nothing heavy.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from experiments.sweeps.process import LOG, STOPPED_CODES, command, environment, settle_job

_POLL_SECONDS = 0.2
SAVE_SHARE = 0.8  # of the seconds left, for saving; the rest is for being queued again
END_SECONDS = 600.0  # a job that asked to be queued again waits so long for SLURM to end it


@dataclass
class Work:
    """One task of SLURM's array: it starts a job's own process and stands between it and SLURM.

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
        """Run the job until it is done, or queued again.

        Raises:
            RuntimeError: if it failed, so that SLURM knows, too.
        """
        for left in reversed(range(self.retry + 1)):
            code = self._run()
            if code in STOPPED_CODES:
                self._come_back()
            if not settle_job(Path(self.folder), code) or not left:
                break
        if code != 0:
            raise RuntimeError(f"the job ended with exit code {code}, see {Path(self.folder) / LOG}")

    def _run(self) -> int:
        where = f"SLURM job {_own_id()} on {os.environ.get('SLURMD_NODENAME', '?')}"
        words = command(Path(self.folder), threads=self.threads, keep_last=self.keep_last, where=where)
        variables = environment(os.environ, threads=self.threads)
        with (Path(self.folder) / LOG).open("ab") as log:
            # SLURM may signal all processes of a job: this one answers, the other one is asked by it
            process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=variables, cwd=self.cwd,
                preexec_fn=lambda: signal.signal(signal.SIGUSR2, signal.SIG_IGN),
            )  # fmt: skip
        self.pid = process.pid
        while not _has_ended(process.pid):
            time.sleep(_POLL_SECONDS)
        self.pid = None
        return process.wait()

    def checkpoint(self) -> Any:
        """Let the job save and end, and return what to do after the next start; submitit's signal handler calls it."""
        import submitit

        if self.pid is not None:
            os.kill(self.pid, signal.SIGTERM)
            ends = time.monotonic() + SAVE_SHARE * self.save_seconds
            while not _has_ended(self.pid):  # not Popen.wait: the handler may have interrupted that
                time.sleep(_POLL_SECONDS)
                if time.monotonic() > ends:  # in the middle of something long; it will go on from an older last.pt
                    os.kill(self.pid, signal.SIGKILL)
        return submitit.helpers.DelayedSubmission(replace(self, pid=None))

    def _come_back(self) -> None:
        """Queue the job again after it saved and ended by a signal of SLURM's: others need its place.

        Not if it was cancelled, or SLURM queues it itself: then SLURM doesn't list it as running any more.
        """
        id = _own_id()
        if listed().get(id) != "RUNNING":
            return
        subprocess.run(["scontrol", "requeue", id], check=True, timeout=60)
        time.sleep(END_SECONDS)  # SLURM ends this process


def listed() -> dict[str, str]:
    """Id → state in SLURM's words, of all this user's jobs that it lists; what has ended soon leaves the list."""
    words = ["squeue", "--noheader", "--array", "--me", "--format=%i|%T"]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    return dict(line.strip().partition("|")[::2] for line in done.stdout.splitlines() if "|" in line)


def _own_id() -> str:
    array, number = (os.environ.get(f"SLURM_ARRAY_{name}_ID") for name in ("JOB", "TASK"))
    return f"{array}_{number}" if array else os.environ.get("SLURM_JOB_ID", "?")


def _has_ended(pid: int) -> bool:
    """True if a child has ended; its exit status can still be fetched then."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
