"""``launcher=ray``: each job a task of Ray, on this machine or a cluster of several that see the same files.

The sweep's folder, the code and the Python environment must be found under the same paths on all of them. The command
waits for the end. A job whose worker or machine died is started again elsewhere by Ray and goes on from last.pt.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from experiments.common import locks
from experiments.config.errors import need_within
from experiments.sweeps.launchers.attempts import Attempts
from experiments.sweeps.launchers.ray_work import ray_task
from experiments.sweeps.launchers.stopping import StopCounter
from experiments.sweeps.manifest import Job, Sweep
from experiments.sweeps.process import FAILED, LOCK, places, read_record, settle_job, write_record
from experiments.sweeps.view import SweepProgress
from groundwork.errors import WaybillError

STOP = "stop"  # a file in the sweep's folder: jobs that see it save and end
_POLL_SECONDS = 0.5
_LOOK_SECONDS = 2.0  # between two looks at which jobs have begun
CONNECT_SECONDS = 10.0
_GIVEN_UP = -1  # in place of an exit code: Ray gave the job up
_RANGES = {"cpus": (1, 1024), "gpus": (0, 64), "retry": (0, 1000), "max_retries": (0, 1000)}


@dataclass
class RayLauncher:
    """Gives jobs to Ray and waits for them; the settings are explained in ``conf/launcher/ray.yaml``."""

    address: str | None = None
    cpus: int = 1
    gpus: float = 0.0
    retry: int = 0
    max_retries: int = 3
    keep_last: bool = True

    def __post_init__(self) -> None:
        need_within(self, "launcher", _RANGES)

    def check(self) -> None:
        """Refuse a sweep without Ray, or where nobody answers at the address: Ray would try for minutes.

        Raises:
            WaybillError: in one line.
        """
        if importlib.util.find_spec("ray") is None:
            raise WaybillError('launcher=ray: Ray is not installed, it comes with: pip install -e ".[ray]"')
        host, colon, port = (self.address or "").removeprefix("ray://").rpartition(":")
        if colon:
            try:
                socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
            except (OSError, ValueError) as error:
                raise WaybillError(f"launcher.address={self.address}: cannot connect to Ray ({error})") from None

    def launch(self, sweep: Sweep, jobs: Sequence[Job], *, progress: bool) -> bool:
        """Do these jobs and wait for their end.

        Raises:
            WaybillError: in one line, if there is no such cluster, or none of its machines is large enough for a job.
            Interrupted: if asked to stop, once the jobs have saved their work.
        """
        with _cluster(self.address) as ray:
            self._refuse_too_large(ray)
            with SweepProgress(sweep, jobs, enabled=progress) as shown, StopCounter() as stop:
                _Tasks(self, ray, sweep, shown, stop).run(jobs)
                stop.raise_if_asked(sweep, shown)
        return True

    def queued(self, sweep: Sweep) -> dict[int, str]:
        """No job: they end with the command."""
        return {}

    def how_to_end(self, sweep: Sweep) -> None:
        """Nothing to type."""

    def _refuse_too_large(self, ray: Any) -> None:
        """Refuse jobs that no machine has room for: they would wait for ever."""
        machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        if not any(one.get("CPU", 0) >= self.cpus and one.get("GPU", 0) >= self.gpus for one in machines):
            there = "; ".join(f"{one.get('CPU', 0):g} CPUs, {one.get('GPU', 0):g} GPUs" for one in machines)
            asked = f"launcher.cpus={self.cpus} launcher.gpus={self.gpus:g}"
            raise WaybillError(f"{asked}: no machine of the cluster has that ({there})")


@contextmanager
def _cluster(address: str | None) -> Iterator[Any]:
    """Ray, connected."""
    import ray

    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": True}
    try:
        if address is None:
            ray.init(address="local", include_dashboard=False, **quiet)
        else:
            ray.init(address=address, **quiet)
    except (ConnectionError, ValueError, RuntimeError) as error:
        said = " ".join(str(error).split())[:200]
        raise WaybillError(f"launcher.address={address}: cannot connect to Ray ({said})") from None
    try:
        yield ray
    finally:
        ray.shutdown()


class _Tasks:
    """The jobs of a launch, at Ray."""

    def __init__(self, settings: RayLauncher, ray: Any, sweep: Sweep, shown: SweepProgress, stop: StopCounter) -> None:
        self.settings, self.ray, self.sweep, self.shown, self.stop = settings, ray, sweep, shown, stop
        self.stop_file = sweep.folder.resolve() / STOP
        self.refs: dict[Any, Job] = {}
        self.waiting: list[Job] = []
        needs = {"num_cpus": settings.cpus, "num_gpus": settings.gpus, "max_retries": settings.max_retries}
        self.task = ray.remote(**needs)(ray_task)

    def run(self, jobs: Sequence[Job]) -> None:
        """Until all have ended."""
        self.stop_file.unlink(missing_ok=True)
        begun: set[int] = set()
        look = 0.0
        self.waiting = list(jobs)
        self.attempts = Attempts(self.sweep, jobs, retry=self.settings.retry, shown=self.shown, stop=self.stop)
        while self.refs or self.waiting:
            if self.stop.count:
                self._ask_to_stop()
            for job in filter(self.attempts.may_begin, list(self.waiting)):
                self.waiting.remove(job)
                self._submit(job)
            ended, _ = self.ray.wait(list(self.refs), timeout=_POLL_SECONDS)
            if time.monotonic() >= look:
                look = time.monotonic() + _LOOK_SECONDS
                self._note_begun(begun)
            for ref in ended:
                job = self.refs.pop(ref)
                begun.discard(job.number)
                self._end(job, ref)
            self.shown.look()
        self.stop_file.unlink(missing_ok=True)

    def _note_begun(self, begun: set[int]) -> None:
        """Show which jobs have begun, as their locks tell: Ray doesn't."""
        for job in self.refs.values():
            folder = self.sweep.folder_of(job)
            if job.number not in begun and locks.is_held(folder / LOCK):
                begun.add(job.number)
                self.shown.begins(job, f"runs on {read_record(folder).get('where')}")

    def _submit(self, job: Job) -> None:
        folder, settings = self.sweep.folder_of(job).resolve(), self.settings
        self.attempts.begin(job)
        task = self.task.options(name=f"job {job.number}", runtime_env={"env_vars": places(os.environ)})
        ref = task.remote(str(folder), os.getcwd(), settings.cpus, settings.keep_last, str(self.stop_file))
        self.refs[ref] = job

    def _end(self, job: Job, ref: Any) -> None:
        folder = self.sweep.folder_of(job)
        try:
            code = self.ray.get(ref)
        except self.ray.exceptions.RayError as error:
            code = _GIVEN_UP
            said = " ".join(str(error).split())[:200]
            write_record(folder, state=FAILED, error=f"Ray lost it ({said})")
        if self.attempts.end(job, may_try_again=code != _GIVEN_UP and settle_job(folder, code)):
            self._submit(job)

    def _ask_to_stop(self) -> None:
        self.waiting.clear()
        if not self.stop_file.exists():
            self.stop_file.touch()
            self.shown.say("stopping the jobs, which save first (a second time to leave them at once)")
        if self.stop.count > 1:  # their workers end with this command, and they with their workers
            self.refs.clear()
