"""How a job of a sweep is started as a process (``experiments.sweeps.job``), and the record that is kept of it.

This loads nothing heavy: beside each job's process waits another one that needs no more than this.
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
from experiments.config.keys import CONFIG_DIR
from groundwork.blame import ROOT

RECORD, LOG, LOCK = "job.json", "log.txt", ".lock"  # in each job's folder
WAITING, RUNNING, DONE, FAILED, STOPPED = STATUSES = ("waiting", "running", "done", "failed", "stopped")
STOPPED_CODES = (INTERRUPTED, 128 + signal.SIGTERM, -signal.SIGINT, -signal.SIGTERM)  # the latter: before it began
THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS",
)  # fmt: skip


def command(folder: Path, *, threads: int, keep_last: bool, where: str) -> list[str]:
    """The words of a job's command, to be started as a child of the calling process; its output belongs into
    ``log.txt`` in the job's folder.
    """
    words = [sys.executable, "-P", "-m", "experiments.sweeps.job", str(folder.resolve()), "--threads", str(threads)]
    words += ["--where", where, "--parent", str(os.getpid())]
    return words if keep_last else [*words, "--drop-last"]


def environment(given: Mapping[str, str], *, threads: int) -> dict[str, str]:
    """The environment of a job's process: the package is found, and no library takes more threads than it may."""
    return {**given, **places(given), **dict.fromkeys(THREAD_VARIABLES, str(threads))}


def places(given: Mapping[str, str]) -> dict[str, str]:
    """The variables by which a process on any machine finds the package and the user's own config folders."""
    found = {"PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [given.get("PYTHONPATH")])])}
    return found | ({CONFIG_DIR: given[CONFIG_DIR]} if given.get(CONFIG_DIR) else {})


def settle_job(folder: Path, code: int) -> bool:
    """Note how a job's process ended, if it couldn't do so itself; True if it may be tried again.

    ``code`` is the exit code; negative: ended by that signal.
    """
    if read_record(folder).get("state") in (None, WAITING, RUNNING) and not locks.is_held(folder / LOCK):
        how = f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        state = STOPPED if code in STOPPED_CODES else FAILED
        write_record(folder, state=state, error=how, seconds=seconds_of(folder))
    return code not in (0, MISTAKEN, *STOPPED_CODES)


def read_record(folder: Path) -> dict[str, Any]:
    """What was noted of a job: state, attempts, pid, host, where, began, seconds, error. Empty at first."""
    try:
        found = json.loads((folder / RECORD).read_text())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {key: value for key, value in found.items() if isinstance(value, _NOTED.get(key, object))}


_NOTED: dict[str, Any] = {  # of which kind a field is; what is none was not noted by us
    "state": str, "attempts": int, "pid": int, "host": str, "where": str, "began": int | float,
    "seconds": int | float, "error": str | None,
}  # fmt: skip


def write_record(folder: Path, **changes: Any) -> None:
    """Change some fields of what is noted of a job."""
    text = json.dumps(read_record(folder) | changes, indent=1) + "\n"
    write_whole(folder / RECORD, lambda temporary: temporary.write_text(text))


def seconds_of(folder: Path) -> float:
    """Seconds that all attempts of a job took together, the one that ends now included."""
    record = read_record(folder)
    return record.get("seconds", 0.0) + max(0.0, time.time() - record.get("began", time.time()))
