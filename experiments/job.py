"""One job of a sweep, in a process of its own: ``python -m experiments.job SWEEP/JOB [--threads N] …``.

It runs the frozen config in its folder from the start, or goes on from last.pt. How it fares stands in ``job.json``;
what it prints goes to ``log.txt``: whoever starts it leads its output there. Two processes never work on one job, and
none outlives the one that started it by more than it takes to save.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from experiments import locks
from experiments.door import INTERRUPTED, MISTAKEN, Interrupted, door, one_line

ROOT = Path(__file__).resolve().parents[1]
STOPPED_CODES = (INTERRUPTED, 128 + signal.SIGTERM, -signal.SIGINT, -signal.SIGTERM)  # the latter: before it began
WAIT_SECONDS = 120.0  # for the lock of a predecessor that is saving, or whose machine the file system gives up
ORPHAN_SECONDS = 1.0  # between two looks at whether the parent is alive
THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS",
)  # fmt: skip


# --- for those who start it -------------------------------------------------------------------------------------------
def command(folder: Path, *, threads: int, keep_last: bool, where: str) -> list[str]:
    """What to start, as a child of the calling process."""
    words = [sys.executable, "-m", "experiments.job", str(folder.resolve()), "--threads", str(threads)]
    words += ["--where", where, "--parent", str(os.getpid())]
    return words if keep_last else [*words, "--drop-last"]


def environment(given: Mapping[str, str], *, threads: int) -> dict[str, str]:
    """The variables to start it with: the package is found, and no library takes more threads than it may."""
    paths = [str(ROOT), *filter(None, [given.get("PYTHONPATH")])]
    return {**given, "PYTHONPATH": os.pathsep.join(paths), **dict.fromkeys(THREAD_VARIABLES, str(threads))}


def settle(folder: Path, code: int) -> bool:
    """After its process has ended with ``code`` (negative: by a signal): note how, if it couldn't. True if it may be
    tried again.
    """
    from experiments import job_states

    if job_states.read_record(folder).get("state") in (None, job_states.WAITING, job_states.RUNNING):
        state = job_states.STOPPED if code in STOPPED_CODES else job_states.FAILED
        how = f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        job_states.write_record(folder, state=state, error=how, seconds=_seconds(folder))
    return code not in (0, MISTAKEN, *STOPPED_CODES)


# --- the process ------------------------------------------------------------------------------------------------------
def run(folder: Path, *, threads: int, keep_last: bool, where: str) -> None:
    """Do what is left to do of the job.

    Raises:
        ValueError: in one line, if its config or files are no good, or another process is at it.
        Interrupted: after saving, if asked to stop.
    """
    from experiments import job_states
    from experiments.sweeps import LOCK

    try:
        with locks.hold(folder / LOCK, wait_seconds=WAIT_SECONDS):
            _note_start(folder, where)
            try:
                _train(folder, threads)
            except KeyboardInterrupt:
                _note_end(folder, job_states.STOPPED, None)
                raise
            except BaseException as error:
                _note_end(folder, job_states.FAILED, one_line(error))
                raise
            _note_end(folder, job_states.DONE, None)
            if not keep_last:
                (folder / job_states.LAST).unlink(missing_ok=True)
    except locks.Held as error:
        raise ValueError(f"{folder}: {error} is at work there") from None


def _train(folder: Path, threads: int) -> None:
    from omegaconf import OmegaConf

    from experiments import results, runs
    from experiments.job_states import can_go_on
    from experiments.sweeps import frozen, runs_of

    config = frozen(folder)
    if all(results.read(own) is not None for own in runs_of(folder, config)):
        return
    if config.get("threads") is None:
        config["threads"] = threads
    if can_go_on(folder):
        runs.resume(folder, overrides=[f"threads={config['threads']}"])
        return
    _clear(folder)
    runs.start(OmegaConf.create(config), folder=folder)


def _clear(folder: Path) -> None:
    """Take away what a process left that ended before it saved anything to go on from."""
    from experiments import job_states, sweeps

    for result in folder.rglob("result*.json"):
        raise ValueError(f"{result} is there, but no last.pt to go on from: move it away to run the job anew")
    kept = {sweeps.FROZEN, sweeps.LOCK, sweeps.LOG, job_states.RECORD}
    for path in folder.iterdir():
        if path.name not in kept:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _note_start(folder: Path, where: str) -> None:
    from experiments import job_states

    attempts = job_states.read_record(folder).get("attempts", 0) + 1
    now = {"pid": os.getpid(), "host": socket.gethostname(), "where": where, "began": time.time()}
    job_states.write_record(folder, state=job_states.RUNNING, attempts=attempts, error=None, **now)
    print(f"--- attempt {attempts}, {time.strftime('%Y-%m-%d %H:%M:%S')}, {where}", flush=True)


def _note_end(folder: Path, state: str, error: str | None) -> None:
    from experiments import job_states

    job_states.write_record(folder, state=state, error=error, seconds=_seconds(folder))


def _seconds(folder: Path) -> float:
    """Seconds of all its attempts, the one that ends now included."""
    from experiments import job_states

    record = job_states.read_record(folder)
    return record.get("seconds", 0.0) + max(0.0, time.time() - record.get("began", time.time()))


def _watch(parent: int) -> None:
    """Ask this process to stop once its parent is gone: nobody would know of it."""

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(ORPHAN_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=look, daemon=True).start()


def _arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="experiments.job", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="SWEEP/JOB")
    parser.add_argument("--threads", type=int, default=1, help="where its config leaves them open")
    parser.add_argument("--drop-last", action="store_true", help="remove last.pt when it is done")
    parser.add_argument("--where", default=socket.gethostname(), help="what to note as the place where it runs")
    parser.add_argument("--parent", type=int, help="stop when this process, the parent, is gone")
    return parser.parse_args(words)


@door("job")
def main() -> None:
    """The command."""
    arguments = _arguments(sys.argv[1:])
    signal.signal(signal.SIGINT, signal.default_int_handler)  # it may have been started with the signal ignored
    signal.signal(signal.SIGTERM, _stop)
    if arguments.parent is not None:
        _watch(arguments.parent)
    run(arguments.folder, threads=arguments.threads, keep_last=not arguments.drop_last, where=arguments.where)


def _stop(number: int, frame: object) -> None:
    raise Interrupted("stopped", exit_code=128 + number)


if __name__ == "__main__":
    main()
