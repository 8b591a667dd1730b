"""What runs on Ray's machines: a task that starts a job's process, and asks it to stop when the sweep is stopped.

This loads nothing heavy.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from experiments.common.stopping import INTERRUPTED
from experiments.sweeps.process import LOG, command, environment

_POLL_SECONDS = 0.5


def ray_task(folder: str, cwd: str, threads: int, keep_last: bool, stop_file: str) -> int:
    """Run a job's process to its end and return its exit code; it is asked to stop when ``stop_file`` appears."""
    if Path(stop_file).exists():
        return INTERRUPTED
    import ray

    where = f"Ray node {ray.get_runtime_context().get_node_id()[:8]}"
    words = command(Path(folder), threads=threads, keep_last=keep_last, where=where)
    variables = environment(os.environ, threads=threads)
    with (Path(folder) / LOG).open("ab") as log:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=variables, cwd=cwd, start_new_session=True
        )
    asked = False
    while process.poll() is None:
        time.sleep(_POLL_SECONDS)
        if not asked and Path(stop_file).exists():
            asked = True
            process.send_signal(signal.SIGINT)
    return process.returncode
