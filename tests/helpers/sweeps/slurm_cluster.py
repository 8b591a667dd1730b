"""A real SLURM of one machine for the tests: munged, slurmctld and slurmd from Debian's packages, on loopback, with all
files in one folder. Nothing of the machine's own configuration is used.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "sinfo")
SEARCHED = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
START_SECONDS = 30
DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG, prctl(2): a test that is killed leaves no SLURM behind
CONF = """
ClusterName=tests
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.sock,cred_expire=5
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/none
MpiDefault=none
SwitchType=switch/none
SchedulerParameters=sched_interval=2,batch_sched_delay=1
SlurmdParameters=config_overrides
KillWait=10
ReturnToService=2
NodeName=node1 NodeHostname=localhost NodeAddr=127.0.0.1 CPUs=4 RealMemory=2000 State=UNKNOWN
PartitionName=main Nodes=node1 Default=YES MaxTime=INFINITE State=UP
"""


class NoSlurm(Exception):
    """It cannot start here; the message says why."""


class SlurmCluster:
    """A cluster that runs from ``start`` to ``stop``; ``variables`` is what its clients need."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.variables = folder, {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": SEARCHED}
        self._programs: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start it, and wait until it takes jobs."""
        if os.geteuid() != 0:
            raise NoSlurm("only root can start it")
        for name in PROGRAMS:
            if shutil.which(name, path=SEARCHED) is None:
                raise NoSlurm(f"there is no {name} (Debian: slurmd slurmctld slurm-client munge)")
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o600)
        (self.folder / "slurm.conf").write_text(CONF.format(folder=self.folder, ports=_free_ports(2)))
        here = {name: f"{self.folder}/munge{end}" for name, end in (("key", ".key"), ("socket", ".sock"))}
        files = [f"--{name}-file={self.folder}/munged.{name}" for name in ("pid", "log", "seed")]
        options = [f"--key-file={here['key']}", f"--socket={here['socket']}", *files]
        self._run("munged", "--foreground", "--force", *options)
        self._wait(lambda: (self.folder / "munge.sock").exists(), "munged")
        self._run("slurmctld", "-D", "-c", "-f", str(self.folder / "slurm.conf"))
        self._run("slurmd", "-D", "-N", "node1", "-f", str(self.folder / "slurm.conf"))
        self._wait(lambda: self.ask("sinfo", "--noheader", "--format=%T") == "idle", "slurmctld and slurmd")

    def _run(self, *words: str) -> None:
        path = shutil.which(words[0], path=SEARCHED)
        assert path is not None
        with (self.folder / f"{words[0]}.out").open("wb") as log:
            environment = {**os.environ, **self.variables}
            self._programs.append(
                subprocess.Popen(
                    [path, *words[1:]], env=environment, stdout=log, stderr=log, start_new_session=True,
                    preexec_fn=lambda: ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGTERM),
                )
            )  # fmt: skip

    def _wait(self, ready: object, what: str) -> None:
        ends = time.monotonic() + START_SECONDS
        while time.monotonic() < ends and all(program.poll() is None for program in self._programs):
            if ready():  # type: ignore[operator]
                return
            time.sleep(0.2)
        raise NoSlurm(f"{what} did not start: {self._said()}")

    def _said(self) -> str:
        logs = [path.read_text(errors="replace") for path in (*self.folder.glob("*.out"), *self.folder.glob("*.log"))]
        wrong = [line for text in logs for line in text.splitlines() if "error" in line.lower()]
        return wrong[-1] if wrong else "it said nothing"

    def ask(self, *words: str) -> str:
        """What a client of it prints."""
        done = subprocess.run(
            words, env={**os.environ, **self.variables}, capture_output=True, text=True, timeout=30, check=False
        )
        return done.stdout.strip()

    def stop(self) -> None:
        """End all jobs and the cluster."""
        if len(self._programs) == 3:
            self.ask("scancel", "--me")
            ends = time.monotonic() + 20
            while self.ask("squeue", "--noheader") and time.monotonic() < ends:
                time.sleep(0.5)
        for program in reversed(self._programs):
            program.send_signal(signal.SIGTERM)
            try:
                program.wait(15)
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on just now."""
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in taken]
    for one in taken:
        one.close()
    return ports
