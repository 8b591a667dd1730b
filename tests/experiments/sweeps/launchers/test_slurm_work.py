"""What stands between a job and SLURM, without SLURM (with it: test_launch_slurm)."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiments.sweeps.launchers.slurm_work import Work
from experiments.sweeps.process import read_record

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"


def work(folder: Path, *, save_seconds: int = 10, retry: int = 0, pid: int | None = None) -> Work:
    return Work(str(folder), str(folder), 1, True, retry, save_seconds, pid)


def test_a_failed_job_is_noted_and_fails_at_slurm_too(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=f"the job ended with exit code 2, see {tmp_path}/log.txt"):
        work(tmp_path, retry=3)()
    record = read_record(tmp_path)
    assert (record["state"], record["attempts"]) == ("failed", 1)  # a mistake is not tried again
    assert "frozen.yaml" in record["error"]
    assert record["where"] == "SLURM job ? on ?"
    assert (tmp_path / "log.txt").read_text().splitlines()[-1].startswith("job: error: ")


def test_a_process_that_cannot_save_in_time_is_ended(tmp_path: Path) -> None:
    deaf = subprocess.Popen([sys.executable, "-c", DEAF], stdout=subprocess.PIPE)
    assert deaf.stdout is not None
    assert deaf.stdout.readline() == b"ready\n"
    begun = time.monotonic()
    again = work(tmp_path, save_seconds=2, pid=deaf.pid).checkpoint()
    assert 1.6 <= time.monotonic() - begun < 30
    assert deaf.wait() == -signal.SIGKILL
    assert again.function == work(tmp_path, save_seconds=2)


def test_without_a_process_there_is_nothing_to_wait_for(tmp_path: Path) -> None:
    assert work(tmp_path).checkpoint().function == work(tmp_path)
