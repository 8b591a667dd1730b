"""For whoever starts the jobs of a sweep: a job's process (``experiments.sweeps.job``), and what is noted of it.

Loads nothing heavy: beside each job's process waits one of this.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.common import locks
from experiments.common.files import write_whole
from experiments.common.stopping import INTERRUPTED, MISTAKEN

ROOT = Path(__file__).resolve().parents[2]
RECORD, LOG, LOCK = "job.json", "log.txt", ".lock"  # in each job's folder
WAITING, RUNNING, DONE, FAILED, STOPPED = STATUSES = ("waiting", "running", "done", "failed", "stopped")
STOPPED_CODES = (INTERRUPTED, 128 + signal.SIGTERM, -signal.SIGINT, -signal.SIGTERM)  # the latter: before it began
THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS",
)  # fmt: skip


def command(folder: Path, *, threads: int, keep_last: bool, where: str) -> list[str]:
    """What to start, as a child of the calling process; its output belongs into ``log.txt`` in the job's folder."""
    words = [sys.executable, "-m", "experiments.sweeps.job", str(folder.resolve()), "--threads", str(threads)]
    words += ["--where", where, "--parent", str(os.getpid())]
    return words if keep_last else [*words, "--drop-last"]


def environment(given: Mapping[str, str], *, threads: int) -> dict[str, str]:
    """The variables to start it with: the package is found, and no library takes more threads than it may."""
    return {**given, "PYTHONPATH": search_path(given), **dict.fromkeys(THREAD_VARIABLES, str(threads))}


def search_path(given: Mapping[str, str]) -> str:
    """``PYTHONPATH`` with which the package is found."""
    return os.pathsep.join([str(ROOT), *filter(None, [given.get("PYTHONPATH")])])


def settle(folder: Path, code: int) -> bool:
    """After its process has ended with ``code`` (negative: by a signal): note how, if it couldn't. True if it may be
    tried again.
    """
    if read_record(folder).get("state") in (None, WAITING, RUNNING) and not locks.is_held(folder / LOCK):
        how = f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        state = STOPPED if code in STOPPED_CODES else FAILED
        write_record(folder, state=state, error=how, seconds=seconds_of(folder))
    return code not in (0, MISTAKEN, *STOPPED_CODES)


def read_record(folder: Path) -> dict[str, Any]:
    """What was noted of a job: state, attempts, pid, host, where, began, seconds, error. Empty at first."""
    try:
        return json.loads((folder / RECORD).read_text())
    except (OSError, ValueError):
        return {}


def write_record(folder: Path, **changes: Any) -> None:
    """Change some of it."""
    text = json.dumps(read_record(folder) | changes, indent=1) + "\n"
    write_whole(folder / RECORD, lambda temporary: temporary.write_text(text))


def seconds_of(folder: Path) -> float:
    """Seconds of all attempts, the one that ends now included."""
    record = read_record(folder)
    return record.get("seconds", 0.0) + max(0.0, time.time() - record.get("began", time.time()))
